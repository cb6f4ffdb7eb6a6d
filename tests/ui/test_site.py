"""The site in a browser, as files in a folder and with the network off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ui.browser import Tab
from tests.ui.servers import ROOT

pytest.importorskip("myst_nb", reason="the site is built with the extra 'docs'")

DOCS = ROOT / "docs"
KINDS = {
    "first page": "docs/index.html",
    "start": "docs/start.html",
    "road": "docs/roads/keras.html",
    "how-to": "docs/how_to/masks.html",
    "explanation": "docs/explain/what_a_sat_is.html",
    "notebook": "notebooks/00_quickstart.html",
    "list of notebooks": "notebooks/README.html",
    "gallery": "docs/gallery/index.html",
    "picture": "docs/gallery/made/overview.html",
    "list of names": "docs/reference/index.html",
    "room": "docs/reference/table.html",
    "function": "docs/reference/stats/compare.html",
    "class": "docs/reference/segments/segmentation.html",
    "registry": "docs/reference/table/aggregations.html",
    "claims": "docs/reproduction.html",
    "benchmarks": "benchmarks/README.html",
    "changelog": "CHANGELOG.html",
    "files": "docs/files/figures.html",
    "index": "genindex.html",
}
LEAST_CONTRAST = 7  # WCAG 2.2, AAA
CONTRAST = """() => {
    const style = getComputedStyle(document.body);
    const light = color => color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const [a, b] = [light(style.color), light(style.backgroundColor)].sort();
    return (b + 0.05) / (a + 0.05);
}"""


@pytest.fixture(scope="module")
def site() -> Path:
    """The folder of the site, built as `make docs` builds it."""
    folder = DOCS / "_build" / "html"
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-c", DOCS]
    command += ["-d", DOCS / "_build" / "doctrees", ROOT, folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def tab(site: Path, open_tab: Callable[[], Tab]) -> Iterator[Tab]:
    """A tab without a network. ``abroad`` also holds files outside of the site."""
    opened = open_tab()

    def note(request: object) -> None:
        if not request.url.startswith((f"{site.as_uri()}/", "data:")):  # type: ignore[attr-defined]
            opened.abroad.append(request.url)  # type: ignore[attr-defined]

    opened.page.on("request", note)
    opened.page.context.set_offline(True)
    yield opened
    opened.page.context.set_offline(False)


@pytest.fixture
def page(tab: Tab) -> Iterator[Tab]:
    """The tab; after a test nothing has gone wrong on it, and nothing was asked for abroad."""
    tab.page.set_viewport_size({"width": 1200, "height": 900})
    tab.page.emulate_media(color_scheme="light")
    yield tab
    assert tab.errors == tab.abroad == tab.dialogs == []


def show(page: Tab, site: Path, name: str, *, query: str = "") -> None:
    page.page.goto(f"{(site / name).as_uri()}{query}")


def overflow(page: Tab) -> int:
    """By how many pixels the page is wider than its window."""
    return page.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_and_can_be_read(
    page: Tab, site: Path, kind: str, width: int, scheme: str
) -> None:
    page.page.set_viewport_size({"width": width, "height": 900})
    page.page.emulate_media(color_scheme=scheme)
    show(page, site, KINDS[kind])
    assert overflow(page) <= 0
    assert page.page.locator("h1").first.is_visible()
    assert page.page.evaluate(CONTRAST) >= LEAST_CONTRAST
    dark = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400])
def test_what_is_found_fits_and_can_be_read(page: Tab, site: Path, width: int, scheme: str) -> None:
    page.page.set_viewport_size({"width": width, "height": 900})
    page.page.emulate_media(color_scheme=scheme)
    show(page, site, "search.html", query="?q=watermark")
    page.page.locator("#search-results li").first.wait_for()
    assert overflow(page) <= 0
    assert page.page.evaluate(CONTRAST) >= LEAST_CONTRAST


def test_no_page_is_wider_than_a_phone(page: Tab, site: Path) -> None:
    page.page.set_viewport_size({"width": 400, "height": 900})
    files = {file for file in site.rglob("*.html") if "_static" not in file.parts}
    wide = []
    for file in sorted(files - {site / "index.html"}):  # which leads on to another
        page.page.goto(file.as_uri(), wait_until="domcontentloaded")
        if overflow(page) > 0:
            wide.append(file.name)
    assert len(files) > 100
    assert wide == []


def test_pictures_are_there(page: Tab, site: Path) -> None:
    for kind in ("first page", "notebook", "gallery", "picture"):
        show(page, site, KINDS[kind])
        seen = page.page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
        assert seen, kind
        assert all(seen), kind


def test_the_folder_itself_leads_to_the_first_page(page: Tab, site: Path) -> None:
    show(page, site, "index.html")
    page.page.wait_for_url(f"**/{KINDS['first page']}")


def found(page: Tab, words: str) -> list[str]:
    """What the search shows for words typed into the field of the side bar."""
    field = page.page.locator(".sidebar-search").first
    field.fill(words)
    field.press("Enter")
    page.page.wait_for_function(
        "document.querySelector('#search-results p.search-summary')?.textContent.match(/\\w/)"
        " && !document.querySelector('#search-progress')?.textContent"
    )
    return page.page.locator("#search-results li a").all_inner_texts()


def test_search_finds_a_name_and_leads_to_it(page: Tab, site: Path) -> None:
    show(page, site, KINDS["first page"])
    assert "sat_nb.plot_critical_difference" in found(page, "plot_critical_difference")
    page.page.get_by_role("link", name="sat_nb.plot_critical_difference", exact=True).click()
    page.page.wait_for_url("**/docs/reference/plots/critical_difference.html**")
    assert page.page.locator("[id='sat_nb.plot_critical_difference']").is_visible()


def test_search_finds_words_of_pages_and_notebooks(page: Tab, site: Path) -> None:
    show(page, site, KINDS["road"])
    titles = found(page, "watermark")
    assert any("at the watermark?" in title for title in titles)
    assert "Changelog" in titles


def test_search_says_that_there_is_nothing(page: Tab, site: Path) -> None:
    show(page, site, KINDS["first page"])
    assert found(page, "xylophone") == []


def test_the_theme_can_be_chosen(page: Tab, site: Path) -> None:
    show(page, site, KINDS["start"])
    shown = set()
    for _ in range(3):
        page.page.locator(".theme-toggle:visible").first.click()
        shown.add(page.page.locator("body").get_attribute("data-theme"))
    assert shown == {"auto", "light", "dark"}


def test_a_phone_opens_the_navigation(page: Tab, site: Path) -> None:
    page.page.set_viewport_size({"width": 400, "height": 900})
    show(page, site, KINDS["start"])
    entry = page.page.locator(".sidebar-tree").get_by_role("link", name="Gallery", exact=True)
    assert not entry.is_visible() or entry.bounding_box()["x"] < 0
    page.page.locator("label.nav-overlay-icon").click()
    page.page.wait_for_function(
        "document.querySelector('.sidebar-drawer').getBoundingClientRect().x >= 0"
    )
    entry.click()
    page.page.wait_for_url(f"**/{KINDS['gallery']}")


def test_tables_of_notebooks_are_tables_of_the_site(page: Tab, site: Path) -> None:
    show(page, site, KINDS["notebook"])
    cell = page.page.locator("table.dataframe td").first
    assert cell.evaluate("e => getComputedStyle(e).textAlign") == "right"
