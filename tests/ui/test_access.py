"""Access: by keyboard, by screen reader, with enough contrast, and on narrow pages."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sat_nb.widgets.controls import CONTROLS
from tests.entries import OF_ANY_TABLE
from tests.ui.browser import THEMES
from tests.ui.explorer_page import ExplorerPage

MARKED = {"methods": ("lrp.z", "gradient"), "label": 1, "segment": "watermark"}
HELD = "document.activeElement"
PARTS = {
    "textbox": "text",
    "combobox": "list",
    "spinbutton": "number",
    "button": "button",
}

CONTRAST = """
root => {
  const parse = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const under = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.9) return colour;
    }
    return [255, 255, 255];
  };
  const without = 'style, title, metadata, :disabled, .sat-on-white';
  const found = [];
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    const text = walk.currentNode.textContent.trim();
    if (!/[\\p{L}\\d]/u.test(text) || element.closest(without)) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(ink), light(under(element))].sort((x, y) => y - x);
    found.push([text.slice(0, 40), (a + 0.05) / (b + 0.05)]);
  }
  return found;
}
"""


FOLLOW = """
root => {
  const note = event => {
    const classes = [];
    for (let e = event.target; e; e = e.parentElement) classes.push(...e.classList);
    window.satFocused.push(
      {inside: root.contains(event.target), tag: event.target.tagName, classes});
  };
  if (window.satFollowed) document.removeEventListener('focusin', window.satFollowed);
  window.satFocused = [];
  window.satFollowed = note;
  document.addEventListener('focusin', note);
}
"""


def focused_by_tab(explorer: ExplorerPage) -> list[dict[str, Any]]:
    """What the Tab key reaches, from the first tab of the explorer until it leaves it: the tag of
    each element, and the classes of it and of all around it."""
    explorer.root.evaluate(FOLLOW)
    explorer.root.locator(".sat-tab").first.focus()
    found: list[dict[str, Any]] = []
    for _ in range(15):
        for _ in range(8):
            explorer.page.keyboard.press("Tab")
        found = explorer.page.evaluate("window.satFocused")
        if not all(element["inside"] for element in found):
            break
    return list(itertools.takewhile(lambda element: element["inside"], found))


@pytest.mark.parametrize("view", ["bars", "diagram", "table", "images"])
def test_tab_reaches_everything(view: str, explorer: ExplorerPage) -> None:
    explorer.show(view, **MARKED)
    shown = {name for name in CONTROLS if explorer.control(name).is_visible()}
    buttons = explorer.root.locator("button:visible:enabled").count()
    found = focused_by_tab(explorer)
    classes = {css for element in found for css in element["classes"]}
    assert {name for name in CONTROLS if f"sat-control-{name}" in classes} == shown
    assert sum(element["tag"] == "BUTTON" for element in found) == buttons


def test_keys_do_what_clicks_do(explorer: ExplorerPage) -> None:
    keyboard = explorer.page.keyboard
    explorer.show("bars", **MARKED)
    explorer.control("methods").locator("button", has_text="smoothgrad").focus()
    explorer.does(lambda: keyboard.press("Space"), timed="methods")
    assert "smoothgrad" in explorer.state()["methods"]
    explorer.control("how").locator("select").focus()
    for key in ("Space", "ArrowDown"):  # arrows on a closed list lead JupyterLab to another cell
        keyboard.press(key)
        explorer.page.wait_for_timeout(100)
    explorer.does(lambda: keyboard.press("Enter"), timed="how")
    assert explorer.state()["how"] == "absolute"
    explorer.root.locator(".sat-tab-table").focus()
    explorer.does(lambda: keyboard.press("Enter"), timed="view table")
    assert explorer.state()["view"] == "table"
    explorer.control("min_images").locator("input").focus()
    explorer.does(lambda: (keyboard.press("ArrowUp"), keyboard.press("Enter")), timed="min_images")
    assert explorer.state()["min_images"] == 2
    explorer.root.locator(".sat-drill-segment:visible").first.focus()
    explorer.does(lambda: keyboard.press("Enter"), timed="view images")
    assert explorer.state()["view"] == "images"


def test_the_focus_stays_and_is_seen(explorer: ExplorerPage) -> None:
    explorer.show("bars", **MARKED)
    explorer.root.locator(".sat-tab").first.focus()
    explorer.page.keyboard.press("Tab")
    ring = f"(s => [s.outlineStyle, s.outlineWidth, s.boxShadow])(getComputedStyle({HELD}))"
    style, width, shadow = explorer.page.evaluate(ring)
    assert (style != "none" and width != "0px") or shadow != "none"
    chip = explorer.control("methods").locator("button", has_text="smoothgrad")
    chip.focus()
    explorer.does(lambda: explorer.page.keyboard.press("Space"))
    assert chip.evaluate(f"chip => chip === {HELD}"), "the next key goes on from there"


@pytest.mark.parametrize("view", OF_ANY_TABLE)
def test_all_that_is_used_has_a_name(view: str, explorer: ExplorerPage) -> None:
    explorer.show(view, **MARKED, **({"image_id": "zebra/001"} if view == "image" else {}))
    page = explorer.page
    session = page.context.new_cdp_session(page)
    document = session.send("DOM.getDocument")["root"]["nodeId"]
    there = {"nodeId": document, "selector": ".sat-explorer"}
    root = session.send("DOM.querySelector", there)["nodeId"]
    nodes = session.send("Accessibility.queryAXTree", {"nodeId": root})["nodes"]
    session.detach()
    used = [node for node in nodes if node.get("role", {}).get("value") in PARTS]
    assert len(used) > 15
    nameless = [n["role"]["value"] for n in used if not n.get("name", {}).get("value")]
    assert nameless == []
    pictures = [n for n in nodes if n.get("role", {}).get("value") in ("image", "img")]
    assert all(node["name"]["value"] for node in pictures)


@pytest.mark.parametrize("name", CONTROLS)
def test_each_control_says_what_it_does(name: str, explorer: ExplorerPage) -> None:
    control = explorer.control(name)
    titles = control.evaluate(
        "c => [c, ...c.querySelectorAll('[title]')].map(e => e.title ?? '').filter(t => t)"
    )
    assert titles
    assert max(map(len, titles)) >= 15, titles


@pytest.mark.parametrize("theme", THEMES)
def test_text_stands_out_in_each_theme(theme: str, explorer: ExplorerPage) -> None:
    explorer.tab.theme(theme)
    faint = []
    for view in OF_ANY_TABLE:
        explorer.show(view, **MARKED, **({"image_id": "zebra/001"} if view == "image" else {}))
        found = explorer.root.evaluate(CONTRAST)
        assert len(found) > 10
        faint += [(view, text, round(ratio, 2)) for text, ratio in found if ratio < 4.5]
    explorer.tab.theme(THEMES[0])
    assert faint == []


def test_nothing_is_cut_off(explorer: ExplorerPage) -> None:
    over = []
    for view in OF_ANY_TABLE:
        explorer.show(view, **MARKED, **({"image_id": "zebra/001"} if view == "image" else {}))
        for width in (800, 1200):
            explorer.page.set_viewport_size({"width": width, "height": 900})
            wide, room = explorer.root.evaluate("root => [root.scrollWidth, root.clientWidth]")
            over += [(view, width, wide, room)] if wide > room else []
    assert over == []
