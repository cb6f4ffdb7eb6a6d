"""Explorers of toy data, and of names that somebody else might give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.toy import toy
from sat_nb.widgets.data import Data
from sat_nb.widgets.explorer import Explorer

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "n" * 200
MATH = "$\\frac{1}{2}$ & \"q\" 'p' </script><script>alert(2)</script>"


def toy_data(rename: dict[str, str] | None = None, method: str = "sharp") -> dict[str, Any]:
    """Two models, two methods, two classes, photos, maps and masks of 20 images."""
    maps, segments = toy()
    maps = {method: maps["sharp"], "noisy": maps["noisy"]}
    segments = {i: s.rename(rename or {}) for i, s in segments.items()}
    swapped = {method: maps["noisy"], "noisy": maps[method]}
    labels = {image_id: int(i % 2) for i, image_id in enumerate(segments)}
    both = {"one": maps, "two": swapped}
    tables = [sat.build(m, segments, labels=labels, model=name) for name, m in both.items()]
    table = pd.concat(tables, ignore_index=True)
    right = table["image_id"].str[-1] != "7"
    table["predicted"] = table["label"].where(right, 1 - table["label"])
    table["patient"] = table["image_id"].str[-1]
    table["score"] = np.where(table["segment"] == "rest", 0.4, 0.9)
    images = {i: np.full((40, 32, 3), 9 * k, np.uint8) for k, i in enumerate(segments)}
    return {"table": table, "images": images, "maps": both, "segments": segments}


def with_effects(*, n_flipped: int, flipped_to: int) -> pd.DataFrame:
    """Attribution, and effects; without the eyes the class changes in the first photos."""
    maps, segments = toy()
    attribution = sat.build({"lrp.z": maps["sharp"]}, segments)
    effects = sat.build({"without.blur": maps["noisy"], "shapley.blur": maps["sharp"]}, segments)
    first = sorted(effects["image_id"].unique())[:n_flipped]
    gone = (effects["segment"] == "eyes") & effects["image_id"].isin(first)
    gone &= effects["method"] == "without.blur"
    effects["flipped_to"] = gone.map({True: flipped_to}).astype("Int64")
    both = pd.concat([attribution, effects.assign(n_forward=6)], ignore_index=True)
    return both.assign(predicted=3, label=3)


@pytest.fixture(scope="session")
def data() -> dict[str, Any]:
    """The arguments of ``explore``."""
    return toy_data()


@pytest.fixture(scope="session")
def toy_results(data: dict[str, Any]) -> Data:
    """The same with the results that earlier tests have computed, which are kept."""
    return Data(**data)


@pytest.fixture
def explorer(toy_results: Data) -> Explorer:
    return Explorer(toy_results)


def walk(widget: Any) -> Iterator[Any]:
    """A widget and all within it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def with_class(explorer: Explorer, css: str) -> list[Any]:
    """The widgets of a CSS class that are within the explorer now."""
    found = [w for w in walk(explorer.widget) if css in getattr(w, "_dom_classes", ())]
    return [w for w in found if isinstance(w, ipywidgets.DOMWidget)]


def shown_html(explorer: Explorer) -> str:
    """All HTML that the explorer shows."""
    return "".join(w.value for w in walk(explorer.widget) if isinstance(w, ipywidgets.HTML))


def use(explorer: Explorer, name: str, value: Any) -> None:
    """Set the traits of a control's widgets, as a click or typing does."""
    field = explorer.fields[name]
    if name == "view":
        field.buttons[value].click()
    elif name in ("methods", "hidden", "positions"):
        for choice, chip in field._chips.items():
            chip.value = (choice in value) != (name == "hidden")
    elif hasattr(field, "_choices"):
        widget = next(w for w in walk(field.widget) if isinstance(w, ipywidgets.Dropdown))
        widget.value = field._choices.index(value)
    else:
        widget = next(w for w in walk(field.widget) if hasattr(w, "value"))
        widget.value = round(100 * value) if name == "opacity" else value


def click(explorer: Explorer, css: str, i: int = 0) -> None:
    with_class(explorer, css)[i].click()
