"""The explorer's own notebook: run in JupyterLab, and as a web page without a kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from tests.ui.browser import PATIENCE, Tab
from tests.ui.explorer_page import ExplorerPage
from tests.ui.servers import ROOT, Lab

TOUR = ROOT / "notebooks" / "03_explorer.ipynb"
DONE = """
() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
  const codes = [...cells].filter(cell => cell.type === 'code');
  return codes.every(cell => cell.executionCount !== null && cell.executionState === 'idle');
}
"""


KEPT = """\
from tests.ui import data
kept = data.study({folder!r})
table, maps = kept.table, kept.maps_by_model
images, segments = kept.photos.marked.select(list(kept.photos.segments)), kept.photos.segments
"""
"""Maps that cost nothing: the notebook's own cells are run with the other notebooks."""


def test_the_tour_runs_in_jupyterlab(open_tab: Callable[[], Tab], lab: Lab, explored: Path) -> None:
    tab = open_tab()
    tour: Any = nbformat.read(TOUR, as_version=4)
    (made,) = (cell for cell in tour.cells if "sat.explain(" in cell.source)
    made.source = KEPT.format(folder=str(explored))
    nbformat.write(tour, lab.folder / TOUR.name)
    tab.run_file(lab, TOUR.name)
    tab.page.wait_for_function(DONE, timeout=10 * PATIENCE)
    assert tab.page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert tab.page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    explorer = ExplorerPage(tab)
    assert explorer.state()["view"] == "bars", "the tour ends where it began"
    explorer.click(".sat-main .sat-drill-segment", "watermark")
    assert "photos with watermark" in explorer.text()
    assert (tab.errors, tab.dialogs, tab.abroad) == ([], [], [])


def test_without_a_kernel_there_is_a_picture_and_a_table(
    open_tab: Callable[[], Tab], tmp_path: Path
) -> None:
    from nbconvert import HTMLExporter

    notebook: Any = nbformat.read(TOUR, as_version=4)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "vnd.jupyter.widget-view+json" not in html
    page = open_tab().page
    page.route("http**", lambda route: route.abort())  # its fonts and formulas
    (tmp_path / "tour.html").write_text(html, encoding="utf-8")
    page.goto(f"file://{tmp_path / 'tour.html'}")
    shown = page.locator(".sat-static")
    assert shown.locator("img").evaluate("image => image.complete && image.naturalWidth > 100")
    assert shown.locator("td", has_text="watermark").is_visible()
