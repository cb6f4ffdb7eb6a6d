"""From a segment to its photos, from a photo to its own table, and back; each by one click."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.ui.explorer_page import ExplorerPage

MARKED = {"methods": ("lrp.z",), "label": 1}


def rows_of(given: dict[str, Any], image_id: str, method: str = "lrp.z") -> pd.DataFrame:
    table = given["table"].query("model == 'half_marked' and method == @method")
    return table[table["image_id"] == image_id].sort_values("rank")


def test_segment_to_photos_to_table_and_back(explorer: ExplorerPage, given: dict[str, Any]) -> None:
    explorer.show("bars", **MARKED)
    explorer.click(".sat-main .sat-drill-segment", "watermark", timed="segment to photos")
    assert explorer.state()["segment"] == "watermark"
    marked = given["table"].query("model == 'half_marked' and method == 'lrp.z' and label == 1")
    marked = marked[marked["segment"] == "watermark"].sort_values(["rank", "image_id"])
    assert explorer.texts(".sat-card:visible button") == list(marked["image_id"][:12])
    assert f"{len(marked)} photos with watermark" in explorer.text()
    said = explorer.texts(".sat-card:visible")[0]
    assert f"rank {marked['rank'].iloc[0]:g}" in said

    third = marked["image_id"].iloc[2]
    explorer.click(".sat-main .sat-drill-image:visible", third, timed="photo to its table")
    assert (explorer.state()["view"], explorer.state()["image_id"]) == ("image", third)
    for name, rank in rows_of(given, third)[["segment", "rank"]].itertuples(index=False):
        assert name in explorer.text(), rank

    explorer.click(".sat-tab-images", timed="view images")
    assert explorer.texts(".sat-card:visible button")[2] == third
    explorer.click(".sat-tab-bars", timed="view bars")
    assert explorer.main.locator(".sat-picture svg").count() == 1


def test_from_the_unusual_to_its_photo_and_its_photos(explorer: ExplorerPage) -> None:
    explorer.show("unusual", **MARKED)
    photo = explorer.texts(".sat-lead .sat-drill-image")[0]
    explorer.click(".sat-lead .sat-drill-image")
    assert (explorer.state()["view"], explorer.state()["image_id"]) == ("image", photo)
    explorer.show("unusual", **MARKED)
    segment = explorer.texts(".sat-lead .sat-drill-segment")[0]
    explorer.click(".sat-lead .sat-drill-segment")
    assert (explorer.state()["view"], explorer.state()["segment"]) == ("images", segment)
    assert f"photos with {segment}" in explorer.text()


def test_methods_that_disagree_are_offered(explorer: ExplorerPage) -> None:
    explorer.show("unusual", methods=("lrp.z", "lrp.epsilon", "gradient"))
    said = explorer.text()
    assert "Methods that disagree" in said
    assert "gradient, lrp" in said


def test_from_a_row_of_the_table_to_its_photo(explorer: ExplorerPage) -> None:
    explorer.show("table", rows="images", **MARKED)
    photo = explorer.texts(".sat-drill-image:visible")[1]
    explorer.click(".sat-main .sat-drill-image:visible", photo)
    assert (explorer.state()["view"], explorer.state()["image_id"]) == ("image", photo)
