"""Chromium, driven by Playwright: a tab that remembers what went wrong, and an explorer in it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
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
QUIET = 120  # ms without a change after which a picture counts as drawn

WATCH = """
() => {
  const times = {begun: null, changed: null};
  const begin = event => { if (times.begun === null) times.begun = event.timeStamp; };
  for (const kind of ['pointerdown', 'keydown', 'change'])
    document.addEventListener(kind, begin, true);
  const note = () => { times.changed = performance.now(); };
  new MutationObserver(notes => {
    const shown = note => note.target.parentElement?.closest('.sat-main')
      || note.target.closest?.('.sat-main');
    if (notes.some(shown)) note();
  }).observe(document.body, {
    subtree: true, childList: true, characterData: true, attributeFilter: ['src', 'class'],
  });
  document.addEventListener('load', note, true);
  window.satBegin = () => { times.begun = times.changed = null; };
  const pause = time => new Promise(done => setTimeout(done, time));
  const answered = async () => {  // a kernel that draws answers when it has drawn
    const shown = window.jupyterapp?.shell.currentWidget;
    const kernel = shown?.sessionContext?.session?.kernel;
    if (kernel) await kernel.requestExecute({code: '', silent: true}).done;
    await pause(40);
  };
  window.satDrawn = async (quiet, patience) => {
    const from = performance.now();
    while (performance.now() - from < patience) {
      const last = times.changed;
      if (last !== null && performance.now() - last > quiet) {
        await answered();
        if (times.changed === last) return last - (times.begun ?? from);
      }
      await pause(10);
    }
    return null;
  };
}
"""

ASK = """
async ([statements, expression]) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const asked = kernel.requestExecute({
    code: statements, silent: true, user_expressions: {asked: expression},
  });
  const reply = (await asked.done).content;
  if (reply.status !== 'ok') return 'ERROR ' + reply.evalue;
  const answer = reply.user_expressions.asked;
  return answer.status === 'ok' ? answer.data['text/plain'] : 'ERROR ' + answer.evalue;
}
"""


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

    ``errors`` are lines of the console, uncaught exceptions, failed and refused requests;
    ``dialogs`` what ``alert`` and its like said, ``abroad`` addresses outside this computer.
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

    def run(self, lab: Lab, name: str, *cells: str) -> ExplorerPage:
        """Write a notebook of these cells, open it in JupyterLab and run it to its end."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, lab.folder / name)
        return self.run_file(lab, name)

    def run_file(self, lab: Lab, name: str) -> ExplorerPage:
        """Open a notebook of JupyterLab's folder and run it to its end."""
        self.page.goto(lab.address(name))
        self.page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
            " === 'idle'",
            timeout=PATIENCE,
        )
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        return ExplorerPage(self)

    def theme(self, name: str) -> None:
        """Switch JupyterLab to "JupyterLab Light" or "JupyterLab Dark"."""
        command = "apputils:change-theme"
        self.page.evaluate(
            "([command, theme]) => window.jupyterapp.commands.execute(command, {theme})",
            [command, name],
        )
        dark = str(name.endswith("Dark")).lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light='{str(dark != 'true').lower()}']")


class ExplorerPage:
    """The explorer that a page shows, by the classes that it promises."""

    def __init__(self, tab: Tab) -> None:
        self.tab, self.page = tab, tab.page
        self.main.wait_for(timeout=2 * PATIENCE)
        self.page.evaluate(WATCH)
        self.milliseconds: dict[str, list[float]] = {}

    @property
    def main(self) -> Any:
        return self.page.locator(".sat-explorer .sat-main")

    def control(self, name: str) -> Any:
        return self.page.locator(f".sat-control-{name}")

    def wait_until_drawn(self) -> None:
        """Until nothing has changed for a while, whether or not anything has before."""
        self.page.evaluate("satBegin()")
        self.page.evaluate(f"satDrawn({QUIET}, {2 * QUIET})")

    def does(self, act: Callable[[], Any], *, timed: str | None = None) -> float:
        """Act, wait until the page has changed and come to rest; ms from the act to the change."""
        self.page.evaluate("satBegin()")
        act()
        took = self.page.evaluate(f"satDrawn({QUIET}, {PATIENCE})")
        assert took is not None, f"nothing on the page has changed ({timed or act})"
        if timed is not None:
            self.milliseconds.setdefault(timed, []).append(took)
        return took

    def show(self, view: str) -> None:
        """Turn to a view by its button."""
        if self.page.locator(f".sat-view-{view}").count() == 0:
            self.does(self.page.locator(f".sat-tab-{view}").click, timed=f"view {view}")
        self.page.locator(f".sat-view-{view}").wait_for()

    def ask(self, expression: str) -> Any:
        """The value of an expression in the notebook's kernel."""
        return ast.literal_eval(self.page.evaluate(ASK, ["", expression]))

    def tell(self, statements: str) -> None:
        """Run statements in the notebook's kernel."""
        said = self.page.evaluate(ASK, [statements, "None"])
        assert said == "None", said

    def state(self) -> dict[str, Any]:
        return self.ask("__import__('dataclasses').asdict(explorer.state)")

    def text(self) -> str:
        """All text of the view, that of pictures too."""
        return self.main.evaluate("element => element.textContent")

    def rows(self) -> list[list[str]]:
        """The cells of the first table, its head first."""
        return self.main.locator(".sat-table").first.evaluate(
            "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )

    def content(self) -> str:
        """What the view shows, pictures too."""
        return self.main.evaluate("element => element.innerHTML")

    def act(self, name: str, kind: str, label: str = "") -> float:
        """Use the control ``name``: "choose" from a list, "press" one of its buttons, "fill" in a
        text, or "click" it; timed."""
        acts = {"choose": self._choose, "press": self._press, "fill": self._fill}
        do = acts[kind](name, label) if kind in acts else self.control(name).click
        return self.does(do, timed=name)

    def _choose(self, name: str, label: str) -> Callable[[], Any]:
        return lambda: self.control(name).locator("select").select_option(label=label)

    def _press(self, name: str, chip: str) -> Callable[[], Any]:
        buttons = self.control(name).locator("button", has_text=chip)
        return lambda: buttons.first.click()

    def _fill(self, name: str, text: str) -> Callable[[], Any]:
        field = self.control(name).locator("input")
        return lambda: (field.fill(text), field.press("Enter"))

    def latencies(self) -> str:
        """Milliseconds from an act to its last change on the page, the slowest first."""
        every = sorted(ms for each in self.milliseconds.values() for ms in each)
        middle, late = every[len(every) // 2], every[int(0.95 * (len(every) - 1))]
        slowest = sorted(self.milliseconds.items(), key=lambda item: -max(item[1]))
        named = ", ".join(f"{name} {max(ms):.0f}" for name, ms in slowest[:6])
        return f"{len(every)} acts: median {middle:.0f} ms, 95 % {late:.0f} ms; slowest: {named}"
