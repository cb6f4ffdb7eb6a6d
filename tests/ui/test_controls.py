"""What each control, each view and each button of the explorer changes on the page."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest

from sat_nb import TESTS
from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.markup import ROWS_PER_PAGE, cells_of
from sat_nb.widgets.views import VIEWS
from sat_nb.widgets.views.images import PHOTOS_PER_PAGE
from tests.entries import OF_ANY_TABLE
from tests.ui.explorer_page import ExplorerPage
from tests.ui.servers import Lab

MARKED = {"methods": ("lrp.z",), "label": 1, "segment": "watermark"}


def by_public_functions(code: str, given: dict[str, Any]) -> pd.DataFrame:
    """The table that the lines of ``code`` make, whatever they call it."""
    found = dict(given)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore", UserWarning)
        exec(compile(code, "explorer.code()", "exec"), found)
    return next(found[name] for name in ("photos", "shown") if name in found)


def assert_page_shows(explorer: ExplorerPage, table: pd.DataFrame, page: int = 0) -> None:
    head, *rows = explorer.rows()
    assert head == [name.replace("_", " ") for name in table.columns]
    shown = table.iloc[page * ROWS_PER_PAGE : (page + 1) * ROWS_PER_PAGE]
    written = zip(*(cells_of(shown[c]) for c in shown.columns), strict=True)
    assert rows == [list(row) for row in written]


# Every control.


@dataclass(frozen=True)
class Act:
    """Something done to a control, the value of its field after it, and the state before.

    ``says`` stands in the view afterwards and not before; ``more`` are fields that follow.
    """

    do: tuple[str, ...]
    value: Any
    view: str = "table"
    start: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    more: dict[str, Any] = field(default_factory=dict)


ACTS: dict[str, Act] = {
    "view": Act(("press", "Diagram"), "diagram", "bars", says="α = 0.05"),
    "methods": Act(("press", "lrp.z"), ("deep_taylor", "lrp.z")),
    "model": Act(("choose", "unmarked"), "unmarked"),
    "versus": Act(("choose", "unmarked"), "unmarked"),
    "label": Act(("choose", "1"), 1),
    "segment": Act(("choose", "watermark"), "watermark", "images", says="16 photos with watermark"),
    "image_id": Act(("fill", "horse/004"), "horse/004", "image", {"image_id": "horse/002"}),
    "how": Act(("choose", "absolute"), "absolute"),
    "value": Act(("choose", "mean attribution"), "mean_attribution"),
    "classes": Act(("choose", "correct"), "correct"),
    "intervals": Act(("click",), False, start={"intervals": True}),
    "unit": Act(("choose", "herd"), "herd", start={"intervals": True}),
    "test": Act(("choose", TESTS["nemenyi"].title), "nemenyi", "diagram"),
    "alpha": Act(("fill", "0.2"), 0.2, "diagram", says="α = 0.2"),
    "missing": Act(("choose", "complete"), "complete", "diagram"),
    "order": Act(("choose", "largest mask"), "size", "images", MARKED),
    "opacity": Act(("fill", "30"), 0.3, "images", MARKED),
    "outlines": Act(("choose", "of all segments"), "all", "images", MARKED),
    "search": Act(("fill", "WATER"), "WATER"),
    "rows": Act(("choose", "one per photo"), "images"),
    "hidden": Act(("press", "head"), ("head",)),
    "predicted": Act(("choose", "1"), 1),
    "correct": Act(("choose", "wrong"), False),
    "positions": Act(("press", "centre-centre"), ("centre-centre",)),
    "min_fraction": Act(("fill", "0.1"), 0.1),
    "max_fraction": Act(("fill", "0.1"), 0.1),
    "min_score": Act(("fill", "0.9"), 0.9),
    "min_images": Act(("fill", "30"), 30),
}


def test_no_control_is_forgotten() -> None:
    assert set(ACTS) == set(CONTROLS)


@pytest.mark.parametrize("name", ACTS)
def test_each_control_changes_what_is_shown(
    name: str, explorer: ExplorerPage, given: dict[str, Any]
) -> None:
    act = ACTS[name]
    explorer.show(act.view, **{"intervals": False, **act.start})
    before, text, state = explorer.content(), explorer.text(), explorer.state()
    explorer.act(name, *act.do)
    assert explorer.content() != before
    changed = {k: v for k, v in explorer.state().items() if v != state[k]}
    assert changed == {name: act.value, **act.more}
    if act.says:
        assert act.says not in text
        assert act.says in explorer.text()
    if act.view == "table":
        assert_page_shows(explorer, by_public_functions(explorer.code(), given))
    if act.view == "images":
        photos = by_public_functions(explorer.code(), given)["image_id"]
        assert explorer.texts(".sat-card:visible button") == list(photos[:PHOTOS_PER_PAGE])
    assert explorer.tab.errors == []


# Every view.


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_each_view_is_shown_by_its_tab(view: str, explorer: ExplorerPage) -> None:
    explorer.show("table" if view != "table" else "bars", **MARKED)
    explorer.click(f".sat-tab-{view}", timed=f"view {view}")
    assert explorer.state()["view"] == view
    assert explorer.root.locator(".sat-tab.sat-taken").all_inner_texts() == [VIEWS[view].title]
    assert explorer.root.locator(f".sat-main.sat-view-{view}").count() == 1
    assert explorer.main.locator(".sat-message").count() == 0
    assert len(explorer.text().split()) > 10
    if VIEWS[view].draw is not None and VIEWS[view].screen != "photos":
        box = explorer.main.locator(".sat-picture svg").first.bounding_box()
        assert min(box["width"], box["height"]) > 100
    assert explorer.tab.errors == []


# Buttons.


def test_columns_are_sorted_by_their_heads(explorer: ExplorerPage, given: dict[str, Any]) -> None:
    explorer.show("table")
    for wanted in (("rank", False), ("rank", True), ("", False)):
        explorer.click(".sat-sort", "rank", timed="sort")
        state = explorer.state()
        assert (state["sort"], state["descending"]) == wanted
        assert_page_shows(explorer, by_public_functions(explorer.code(), given))


def test_long_tables_come_page_by_page(explorer: ExplorerPage, given: dict[str, Any]) -> None:
    explorer.show("table", rows="images")
    rows = by_public_functions(explorer.code(), given)
    for button, page in ((".sat-next", 1), (".sat-next", 2), (".sat-previous", 1)):
        explorer.click(f".sat-main {button}", timed="page of rows")
        assert_page_shows(explorer, rows, page)


def test_photos_come_page_by_page(explorer: ExplorerPage) -> None:
    explorer.show("images", **MARKED)
    first = explorer.texts(".sat-card:visible button")
    explorer.click(".sat-main .sat-next", timed="page of photos")
    second = explorer.texts(".sat-card:visible button")
    assert len(first) == len(second) == PHOTOS_PER_PAGE
    assert not set(first) & set(second)
    explorer.click(".sat-main .sat-previous", timed="page of photos")
    assert explorer.texts(".sat-card:visible button") == first
    loaded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    assert explorer.main.locator("img").evaluate_all(loaded)


def test_the_code_is_shown_and_follows(explorer: ExplorerPage) -> None:
    explorer.show("table")
    explorer.click(".sat-show-code")
    assert explorer.texts(".sat-code pre") == [explorer.code()]
    explorer.act("how", "choose", "absolute")
    assert "how='absolute'" in explorer.texts(".sat-code pre")[0]
    explorer.click(".sat-show-code")


def test_pictures_and_numbers_are_saved(
    explorer: ExplorerPage, lab: Lab, given: dict[str, Any]
) -> None:
    explorer.show("table", intervals=False)
    found = by_public_functions(explorer.code(), given)
    explorer.click(".sat-tab-bars")
    for kind, begins in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("csv", b"method,segment")):
        explorer.click(f".sat-save-{kind}", timed=f"save {kind}")
        assert f".{kind}" in explorer.texts(".sat-saved")[0]
        (file,) = (lab.folder / "explorer").glob(f"*.{kind}")
        assert file.read_bytes().startswith(begins)
    pd.testing.assert_frame_equal(pd.read_csv(file), found, check_dtype=False)


def test_all_filters_are_taken_off_at_once(explorer: ExplorerPage) -> None:
    explorer.show("table", hidden=("head", "legs"), min_images=20, correct=True)
    assert "(3)" in explorer.root.locator(".sat-filters").inner_text()
    explorer.click(".sat-clear")
    state = explorer.state()
    assert (state["hidden"], state["min_images"], state["correct"]) == ((), 1, None)


# What cannot be shown.


def test_errors_are_said_in_the_explorer(explorer: ExplorerPage) -> None:
    explorer.show("diagram")
    explorer.act("min_images", "fill", "5000")
    message = explorer.main.locator(".sat-message")
    assert message.get_attribute("role") == "alert"
    assert len(message.inner_text()) > 20
    explorer.act("min_images", "fill", "1")
    assert message.count() == 0
    assert explorer.main.locator(".sat-picture svg").count() == 1


def test_choices_that_make_no_sense_are_not_offered(explorer: ExplorerPage) -> None:
    explorer.show("table", value="mean_attribution")
    explorer.act("how", "choose", CONTROLS["how"].wording("top_k"))
    assert explorer.state()["value"] == "rank"
    assert not explorer.control("value").is_visible()
    assert not explorer.control("intervals").is_visible()
    explorer.show("diagram")
    explorer.act("missing", "choose", "complete")
    options = explorer.control("test").locator("option").all_inner_texts()
    options = [text.replace("\xa0", " ") for text in options]
    assert options == [t.title for t in TESTS.values() if t.complete is not None]


def test_many_quick_clicks_end_in_what_was_clicked_last(
    explorer: ExplorerPage, given: dict[str, Any]
) -> None:
    explorer.show("table")
    chips = "[...document.querySelectorAll('.sat-control-hidden .sat-chip')].slice(0, 8)"
    explorer.does(lambda: explorer.page.evaluate(f"{chips}.forEach(chip => chip.click())"))
    assert explorer.state()["hidden"] == tuple(given["table"]["segment"].unique()[:8])
    assert_page_shows(explorer, by_public_functions(explorer.code(), given))
