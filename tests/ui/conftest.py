"""One JupyterLab and one Chromium for all tests in a browser; skipped where Chromium is absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.ui import data
from tests.ui.browser import Tab, chromium
from tests.ui.explorer_page import ExplorerPage
from tests.ui.servers import Lab, jupyterlab

MEASURED: list[str] = []
"""Measured latencies, printed at the end of the run; no test depends on absolute times."""

CELLS = (
    """\
import sat_nb as sat
from tests.ui import data

explorer = sat.explore(*data.load({folder!r}))
explorer
""",
    """\
harmful = sat.explore(*data.harmful())
harmful
""",
    """\
from IPython.display import HTML, display

display(HTML("<p id=mathematics>$y^2$</p>"))
display(data.mathematical_masks())
display(HTML(harmful._repr_mimebundle_()["text/html"]))
display(sat.aggregate(harmful.data.table).head())
display(HTML("<p id=last>last</p>"))
""",
)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in MEASURED:
        terminalreporter.write_line(line)


# "package", not "session": while Playwright is open, its event loop runs in this thread, and other
# tests could not start their own.


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a new profile."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    with chromium(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="package")
def open_tab(browser: Any) -> Iterator[Callable[[], Tab]]:
    """open_tab(): a page, 1,200 pixels wide, that records errors."""
    with ExitStack() as stack:

        def opened() -> Tab:
            page = browser.new_page()
            stack.callback(page.close)
            page.set_viewport_size({"width": 1200, "height": 900})
            return Tab(page)

        yield opened


@pytest.fixture(scope="package")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``data.write`` fills."""
    folder = tmp_path_factory.mktemp("explored") / "data"
    data.write(folder)
    return folder


@pytest.fixture(scope="package")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="package")
def tab(open_tab: Callable[[], Tab], lab: Lab, explored: Path) -> Tab:
    """JupyterLab's page of a notebook with two explorers."""
    opened = open_tab()
    opened.run(lab, "explorer.ipynb", *(cell.format(folder=str(explored)) for cell in CELLS))
    return opened


@pytest.fixture(scope="package")
def explorer(tab: Tab) -> Iterator[ExplorerPage]:
    """The first: photos, six methods, two models; its filters open. Tests set its state."""
    opened = ExplorerPage(tab)
    opened.root.locator(".sat-filters").click()
    yield opened
    MEASURED.append(f"explorer in JupyterLab: {opened.latencies()}")


@pytest.fixture(scope="package")
def harmful(tab: Tab) -> ExplorerPage:
    """The second: its names are written to do harm."""
    return ExplorerPage(tab, "harmful", 1)


@pytest.fixture(scope="package")
def given(explored: Path) -> dict[str, Any]:
    """What the notebook gave to ``explore``, by the names that ``code`` uses."""
    names = ("table", "images", "maps", "segments")
    return dict(zip(names, data.load(explored), strict=True))
