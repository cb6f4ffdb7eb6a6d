"""An explorer on a page, found by its CSS classes: what it shows, and what a user does to it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from tests.ui.browser import PATIENCE, Tab

QUIET = 60  # ms without a change after which a figure counts as drawn, if the kernel is idle

WATCH = """
() => {
  if (window.satBegin) return;
  const times = {begun: null, changed: null, shown: null};
  const begin = event => { if (times.begun === null) times.begun = event.timeStamp; };
  for (const kind of ['pointerdown', 'keydown', 'change'])
    document.addEventListener(kind, begin, true);
  const note = () => {
    times.changed = performance.now();
    requestAnimationFrame(() => setTimeout(() => { times.shown = performance.now(); }));
  };
  const shown = node => (node.closest ?? (() => null)).call(node, '.sat-main')
    || node.parentElement?.closest('.sat-main');
  new MutationObserver(notes => { if (notes.some(n => shown(n.target))) note(); }).observe(
    document.body,
    {subtree: true, childList: true, characterData: true, attributeFilter: ['src', 'class']},
  );
  document.addEventListener('load', event => { if (shown(event.target)) note(); }, true);
  window.satBegin = () => { times.begun = times.changed = times.shown = null; };
  const pause = time => new Promise(done => setTimeout(done, time));
  const answered = async () => {  // a kernel that draws answers when it has drawn
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    const ask = async () => {
      if (kernel) await kernel.requestExecute({code: '', silent: true}).done;
    };
    await ask();
    await pause(kernel ? 60 : 300);  // of several clicks, the last one's work begins meanwhile,
    await ask();  // and has ended when this is answered
    if (kernel) await pause(30);
  };
  window.satStill = async () => {  // what the kernel has sent is on the page
    let last;
    do { last = times.changed; await pause(20); } while (times.changed !== last);
  };
  window.satDrawn = async (quiet, patience) => {
    const from = performance.now();
    while (performance.now() - from < patience) {
      const last = times.changed;
      if (last !== null && performance.now() - last > quiet) {
        await answered();
        if (times.changed === last) return times.shown - (times.begun ?? from);
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


class ExplorerPage:
    """The explorer that is the notebook's variable ``name``, the ``nth`` on its page."""

    def __init__(self, tab: Tab, name: str = "explorer", nth: int = 0) -> None:
        self.tab, self.page, self.name = tab, tab.page, name
        self.root = self.page.locator(".sat-explorer").nth(nth)
        self.main = self.root.locator(".sat-main")
        self.milliseconds: dict[str, list[float]] = {}
        self.main.wait_for(timeout=2 * PATIENCE)
        self.page.evaluate(WATCH)

    # The kernel behind it.

    def ask(self, expression: str) -> Any:
        """The value of an expression in the notebook's kernel: a literal."""
        answer = self.page.evaluate(ASK, ["", expression])
        assert not answer.startswith("ERROR"), answer
        return ast.literal_eval(answer)

    def tell(self, statements: str) -> None:
        """Run statements in the notebook's kernel."""
        answer = self.page.evaluate(ASK, [statements, "None"])
        assert answer == "None", answer

    def state(self) -> dict[str, Any]:
        """The fields of the state."""
        return self.ask(f"__import__('dataclasses').asdict({self.name}.state)")

    def code(self) -> str:
        return self.ask(f"{self.name}.code()")

    def show(self, view: str = "bars", **fields: Any) -> None:
        """Set the state in the kernel; other fields have their defaults."""
        fields = {"view": view, **fields}
        self.tell(f"{self.name}.state = sat.ExplorerState(**{fields!r})")
        self.root.locator(f".sat-view-{view}").wait_for(state="attached")
        self.page.evaluate("satStill()")

    # What is on the page.

    def control(self, name: str) -> Any:
        return self.root.locator(f".sat-control-{name}")

    def content(self) -> str:
        """What the view shows, figures included, as HTML."""
        return self.main.evaluate("element => element.innerHTML")

    def text(self) -> str:
        """All text of the view, that of figures included."""
        return self.main.evaluate("element => element.textContent")

    def texts(self, css: str) -> list[str]:
        """The text of each element of the view that matches."""
        return self.main.locator(css).all_inner_texts()

    def rows(self) -> list[list[str]]:
        """The cells of the first table, its head first."""
        return self.main.locator(".sat-table").first.evaluate(
            "table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))"
        )

    # What a user does.

    def does(self, act: Callable[[], Any], *, timed: str | None = None) -> float:
        """Act and wait until the page has changed and is still.

        Returns the milliseconds from the act to the frame that shows the last change.
        """
        self.page.evaluate("satBegin()")
        act()
        took = self.page.evaluate(f"satDrawn({QUIET}, {PATIENCE / 3})")
        assert took is not None, f"nothing on the page has changed ({timed or act})"
        if timed is not None:
            self.milliseconds.setdefault(timed, []).append(took)
        return took

    def click(self, css: str, text: str | None = None, *, timed: str | None = None) -> None:
        """Click the first element that matches and wait for the change."""
        found = self.root.locator(css, has_text=text) if text else self.root.locator(css)
        self.does(found.first.click, timed=timed)

    def act(self, name: str, kind: str, label: str = "") -> float:
        """Use the control ``name``: "choose" from its list, "press" one of its buttons, "fill" in
        a text or a number, or "click" it. It is timed.
        """
        acts = {"choose": self._choose, "press": self._press, "fill": self._fill}
        control = self.control(name)
        return self.does(
            (lambda: acts[kind](control, label)) if kind in acts else control.click, timed=name
        )

    @staticmethod
    def _choose(control: Any, label: str) -> None:
        control.locator("select").select_option(label=label)

    @staticmethod
    def _press(control: Any, label: str) -> None:
        control.locator("button", has_text=label).first.click()

    @staticmethod
    def _fill(control: Any, text: str) -> None:
        field = control.locator("input")
        field.fill(text)
        field.press("Enter")

    def latencies(self) -> str:
        """Milliseconds from an act to the frame with its last change, and the slowest acts."""
        every = sorted(ms for each in self.milliseconds.values() for ms in each)
        if not every:
            return "no acts"
        middle, late = every[len(every) // 2], every[int(0.95 * (len(every) - 1))]
        slowest = sorted(self.milliseconds.items(), key=lambda item: -max(item[1]))
        named = ", ".join(f"{name} {max(ms):.0f}" for name, ms in slowest[:6])
        return f"{len(every)} acts: median {middle:.0f} ms, 95 % {late:.0f} ms; slowest: {named}"
