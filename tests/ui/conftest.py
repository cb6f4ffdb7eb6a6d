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
from tests.ui.servers import Lab, jupyterlab

# "package", not "session": while Playwright is there, an event loop runs in this thread, which
# other tests need for themselves.


MEASURED: list[str] = []
"""Lines on what was measured, for the end of the run; nothing is asserted of absolute times."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in MEASURED:
        terminalreporter.write_line(line)


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a profile of its own, which nobody has used."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    with chromium(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running


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


@pytest.fixture(scope="module")
def open_tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """open_tab(width=1200): a page that remembers what went wrong on it."""
    with ExitStack() as stack:

        def opened(width: int = 1200) -> Tab:
            page = browser.new_page()
            stack.callback(page.close)
            page.set_viewport_size({"width": width, "height": 900})
            return Tab(page)

        yield opened
