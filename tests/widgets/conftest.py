"""Explorers of toy data, and of names that a stranger might give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.toy import toy
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
    table["score"] = np.where(table["segment"] == "rest", 0.4, 0.9)
    images = {i: np.full((40, 32, 3), 9 * k, np.uint8) for k, i in enumerate(segments)}
    return {"table": table, "images": images, "maps": both, "segments": segments}


@pytest.fixture(scope="session")
def data() -> dict[str, Any]:
    return toy_data()


@pytest.fixture
def explorer(data: dict[str, Any]) -> Explorer:
    return sat.explore(**data)


@pytest.fixture
def widgets_of() -> Callable[[Any], Iterator[Any]]:
    return walk


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
