"""The report in a browser: quiet, within the width of the page, and printable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import sat_nb as sat
from tests.ui import data
from tests.ui.browser import Tab

MAX_BYTES = 5_000_000


@pytest.fixture(scope="module")
def file(explored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on two models and six methods."""
    given = data.load(explored)
    return sat.report(
        given.table,
        images=given.images,
        maps=given.maps,
        segments=given.segments,
        classes="pool",
        out=tmp_path_factory.mktemp("report") / "report.html",
    )


@pytest.fixture(scope="module")
def page(file: Path, open_tab: Callable[[], Tab]) -> Tab:
    opened = open_tab()
    opened.page.goto(file.as_uri())
    return opened


def test_it_is_small_and_asks_for_nothing(page: Tab, file: Path) -> None:
    assert file.stat().st_size < MAX_BYTES
    assert page.errors == page.abroad == page.dialogs == []
    assert page.page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    )


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_page(page: Tab, width: int, scheme: str) -> None:
    page.page.set_viewport_size({"width": width, "height": 900})
    page.page.emulate_media(color_scheme=scheme)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = page.page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert ink != paper


def test_it_prints(page: Tab) -> None:
    pdf = page.page.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") > 3
