"""With two models, everything that the explorer shows says whose it is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.toy import toy
from sat_nb.widgets.markup import least_width, table_html


@pytest.fixture(scope="module")
def explorer() -> Any:
    maps, segments = toy(8)
    tables = [sat.build(maps, segments, model=model) for model in ("one", "two")]
    photos = {i: np.zeros((20, 16, 3), np.uint8) for i in segments}
    table = pd.concat(tables, ignore_index=True)
    return sat.explore(table, photos, {"one": maps, "two": maps}, segments)


def shown(explorer: Any, view: str, **fields: Any) -> None:
    given = {"model": "one", "versus": "two", "methods": ("sharp",), "intervals": False}
    explorer.state = sat.ExplorerState(**{"view": view, **given, **fields})


@pytest.mark.parametrize("view", ["diagram", "distribution", "image"])
def test_panels_are_titled_by_model(explorer: Any, view: str) -> None:
    shown(explorer, view, image_id="image_01")
    figure = explorer.figure()
    assert [part.get_suptitle() for part in figure.subfigs] == ["one · sharp", "two · sharp"]
    html = explorer._screens["figures"]._figures.value
    titles = re.findall(r'class="sat-whose">([^<]*)<', html)
    assert titles == ["one · sharp", "two · sharp"]


def test_the_ranks_of_photos_are_those_of_one_model(explorer: Any) -> None:
    shown(explorer, "images", segment="eyes")
    assert set(explorer.table()["model"]) == {"one"}
    assert set(explorer.table()["method"]) == {"sharp"}
    screen = explorer._screens["photos"]
    assert "ranks of <bdi>sharp</bdi> · <bdi>one</bdi>" in screen._text.value
    assert "sharp · one: rank" in screen._cards[0]._content.value


def test_a_difference_names_the_models_of_its_ranks(explorer: Any) -> None:
    shown(explorer, "difference")
    assert explorer.table()[["model_a", "model_b"]].drop_duplicates().to_numpy().tolist() == [
        ["one", "two"]
    ]


def test_leads_name_their_model(explorer: Any) -> None:
    shown(explorer, "unusual")
    lines = [row.children[1].value for row in explorer._screens["leads"].widget.children[1:4]]
    assert all(re.search(r"sharp · (one|two): ", line) for line in lines)


def test_tables_have_room_for_their_numbers_and_words() -> None:
    table = pd.DataFrame({"mean_attribution": [-0.0001237, 123456.7], "n": [1, 2]})
    assert "−0.0001237" in table_html(table)
    assert int(least_width(table).removesuffix("px")) > 6 * (len("attribution") + len("n") + 8)


def test_pictures_on_white_are_as_wide_as_they_are_drawn(explorer: Any) -> None:
    shown(explorer, "image", image_id="image_01")
    html = explorer._screens["one_photo"]._figures._figures.value
    assert re.findall(r'sat-on-white" style="max-width: (\d+)px', html) == ["806", "806"]
