"""Names that are markup, mathematics, or 200 characters long are shown as plain text."""

from __future__ import annotations

import pytest

from tests.entries import OF_ANY_TABLE
from tests.ui.data import HARMFUL, LONG, SCRIPT
from tests.ui.explorer_page import ExplorerPage

FOREIGN = "img[src='x'], .sat-explorer b > img, .sat-main script, .MathJax:not(#mathematics *)"


def assert_nothing_came_of_it(harmful: ExplorerPage) -> None:
    assert harmful.tab.dialogs == []
    assert harmful.page.locator(FOREIGN).count() == 0
    assert harmful.tab.errors == []


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_harmful_names_do_nothing_in_any_view(view: str, harmful: ExplorerPage) -> None:
    if view == "difference":
        assert harmful.root.locator(".sat-tab-difference").count() == 0, "there is one model"
        return
    harmful.show("table", segment=SCRIPT)
    harmful.click(f".sat-tab-{view}")
    assert harmful.main.locator(".sat-message").count() == 0
    assert "<img src" in harmful.main.inner_text() + harmful.text()
    assert_nothing_came_of_it(harmful)


def test_they_are_shown_as_they_are(harmful: ExplorerPage) -> None:
    harmful.show("table")
    shown = {row[1] for row in harmful.rows()[1:]}
    assert shown == set(HARMFUL)
    assert len(LONG) == 200
    harmful.show("table", rows="images")
    assert any(SCRIPT in row[0] for row in harmful.rows()[1:])
    assert_nothing_came_of_it(harmful)


def test_they_are_chosen_like_others(harmful: ExplorerPage) -> None:
    harmful.show("bars")
    harmful.act("segment", "choose", SCRIPT)
    assert harmful.state()["segment"] == SCRIPT
    harmful.click(".sat-drill-segment", "<img src=x")
    assert (harmful.state()["view"], harmful.state()["segment"]) == ("images", SCRIPT)
    assert f"20 photos with {SCRIPT}" in harmful.text()
    harmful.click(".sat-drill-image:visible")
    assert harmful.state()["view"] == "image"
    assert SCRIPT in harmful.state()["image_id"]
    assert_nothing_came_of_it(harmful)


def test_they_are_no_mathematics_in_outputs(harmful: ExplorerPage) -> None:
    """JupyterLab typesets the HTML of outputs; the first of these shows that it does."""
    page = harmful.page
    page.wait_for_selector("#last", state="attached")
    page.wait_for_selector("#mathematics .MathJax", state="attached")
    assert_nothing_came_of_it(harmful)
    shown = page.locator(".jp-RenderedHTMLCommon").all_inner_texts()
    masks = next(text for text in shown if "$x^2$" in text and "alpha" in text)
    assert "\\(\\alpha\\)" in masks
    assert "$$\\beta$$" in masks
    assert "eye\\u202ed" in masks
    assert sum("\\frac{1}{0}" in text for text in shown) >= 2, "the static page and the table"


def test_they_widen_nothing(harmful: ExplorerPage) -> None:
    for view in ("bars", "table", "images"):
        harmful.show(view, segment=LONG)
        wide, room = harmful.root.evaluate("root => [root.scrollWidth, root.clientWidth]")
        assert wide <= room, view


def test_searched_text_is_text(harmful: ExplorerPage) -> None:
    harmful.show("table")
    harmful.act("search", "fill", "</TABLE>")
    assert [row[1] for row in harmful.rows()[1:]] == ["</table><script>alert(2)</script>"]
    harmful.act("search", "fill", "<img src=y onerror=alert(3)>")
    assert_nothing_came_of_it(harmful)
