"""Undo, the link, help, what moved, and the editor of masks, on a page."""

from __future__ import annotations

from tests.ui.explorer_page import ExplorerPage


def test_a_change_is_marked_and_undone(explorer: ExplorerPage) -> None:
    explorer.show("bars", methods=("lrp.z",), model="half_marked", label=1)
    before = explorer.state()
    explorer.act("model", "choose", "unmarked")
    (moved,) = explorer.texts(".sat-moves")
    assert "▼ watermark" in moved
    explorer.click(".sat-undo")
    assert explorer.state() == before
    (back,) = explorer.texts(".sat-moves")
    assert "▲ watermark" in back


def test_a_link_leads_back(explorer: ExplorerPage) -> None:
    explorer.show("diagram", methods=("gradient",), model="unmarked", label=1, alpha=0.01)
    explorer.root.locator(".sat-show-link").click()
    field = explorer.root.locator(".sat-link input")
    field.wait_for()
    link = explorer.ask("explorer.link()")
    assert field.input_value() == link
    explorer.show("table", label=1)
    explorer.does(lambda: (field.fill(link), field.press("Enter")))
    assert explorer.ask("explorer.link()") == link
    explorer.root.locator(".sat-show-link").click()


def test_help_names_the_keys(explorer: ExplorerPage) -> None:
    explorer.root.locator(".sat-show-help").click()
    text = explorer.root.locator(".sat-help")
    text.wait_for()
    assert "Shift+Tab" in text.inner_text()
    explorer.root.locator(".sat-show-help").click()
    text.wait_for(state="hidden")


def test_a_mask_is_made_beside_the_photo(explorer: ExplorerPage) -> None:
    explorer.show("image", methods=("lrp.z",), image_id="zebra/001", label=1)
    explorer.root.locator(".sat-edit-masks").click()
    regions = explorer.root.locator(".sat-regions select")
    regions.wait_for()
    present = explorer.root.locator(".sat-remove").count()
    explorer.does(lambda: regions.select_option(["1", "2"]))
    name = explorer.root.locator(".sat-mask-name input")
    name.fill("sky")
    name.press("Enter")
    explorer.does(explorer.root.locator(".sat-add").click)
    assert explorer.root.locator(".sat-remove").count() == present + 1
    assert "sky" in explorer.root.locator(".sat-remove").last.inner_text()
    explorer.root.locator(".sat-edit-masks").click()
