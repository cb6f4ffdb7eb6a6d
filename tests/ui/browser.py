"""Chromium, driven by Playwright, and a tab that records errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat

from tests.ui.servers import LOOPBACK, Lab

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 30_000  # ms, on a machine that does other things
THEMES = ("JupyterLab Light", "JupyterLab Dark")


@contextmanager
def chromium(program: str, profile: Path) -> Iterator[Any]:
    """The browser, as a context in which pages are opened."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=list(FLAGS), headless=True
        )
        context.set_default_timeout(PATIENCE / 3)
        context.set_default_navigation_timeout(PATIENCE)
        try:
            yield context
        finally:
            context.close()


class Tab:
    """A page, and what went wrong on it.

    ``errors`` are lines of the console, uncaught exceptions and refused requests; ``dialogs``
    the messages of ``alert`` and its like; ``abroad`` requested addresses outside this computer.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.abroad: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("response", self._response)

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} ({message.location['url']})")

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != LOOPBACK:
            self.abroad.append(request.url)

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status}: {response.url}")

    def run(self, lab: Lab, name: str, *cells: str) -> None:
        """Write a notebook of these cells and run it in JupyterLab."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, lab.folder / name)
        self.run_file(lab, name)

    def run_file(self, lab: Lab, name: str) -> None:
        """Open a notebook of JupyterLab's folder and run its cells."""
        self.page.goto(lab.address(name))
        self.page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'",
            timeout=PATIENCE,
        )
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def theme(self, name: str) -> None:
        """Switch JupyterLab to one of THEMES."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")
