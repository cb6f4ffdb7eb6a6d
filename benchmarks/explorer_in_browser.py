"""From a click in the explorer to the picture on the page: JupyterLab in Chromium.

    python benchmarks/explorer_in_browser.py [--turns 60] [--images 100000] [--large-turns 24]

The states are those of ``explorer.py``, in its order. In each the smallest size of a mask is typed
into the explorer's own field, so that nothing of what follows was selected, computed or drawn
before. Measured is the page's time from the Enter key to the frame that shows the last change: the
kernel's work, the messages between browser, server and kernel, and the browser's drawing, all on
the same processors. The first three turns load libraries and are shown apart. Bounds: 150 ms at
95 % for 100 images, 6 methods and 2 models, 500 ms for 100,000 images (2 methods).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from explorer import METHODS, changes  # noqa: E402

from tests.ui.browser import Tab, chromium  # noqa: E402
from tests.ui.explorer_page import ExplorerPage  # noqa: E402
from tests.ui.servers import Lab, jupyterlab  # noqa: E402

N_FIRST = 3
CELL = f"""\
import sys

sys.path[:0] = [{str(ROOT / "benchmarks")!r}]
import sat_nb as sat
from explorer import METHODS, table_of

explorer = sat.explore(table_of(*ARGUMENTS))
explorer
"""


def main() -> None:
    """Print medians and 95 % quantiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--large-turns", type=int, default=24)
    options = parser.parse_args()
    program = shutil.which("chromium")
    if program is None:
        sys.exit("no chromium on the PATH (Debian: apt-get install chromium)")
    small = 100, METHODS, ("half_marked", "unmarked")
    large = options.images, METHODS[:2], ("half_marked",)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("profile", "lab"):
            (Path(folder) / name).mkdir()
        with (
            jupyterlab(Path(folder) / "lab") as lab,
            chromium(program, Path(folder) / "profile") as browser,
        ):
            steps = changes(N_FIRST + options.turns)
            say("100 images x 6 methods x 2 models", measured(browser, lab, small, steps), 150)
            steps = changes(
                N_FIRST + options.large_turns, ("bars", "table", "distribution"), intervals=False
            )
            say(f"{options.images:,} images x 2 methods", measured(browser, lab, large, steps), 500)


def measured(
    browser: Any, lab: Lab, arguments: tuple[Any, ...], steps: list[dict[str, Any]]
) -> list[tuple[float, str]]:
    """Milliseconds from key to picture, and the view, in each of the steps."""
    page = browser.new_page()
    page.set_viewport_size({"width": 1200, "height": 900})
    tab = Tab(page)
    tab.run(lab, f"{arguments[0]}.ipynb", CELL.replace("ARGUMENTS", repr(arguments)))
    explorer = ExplorerPage(tab)
    explorer.root.locator(".sat-filters").click()
    spent = []
    for i, step in enumerate(steps):
        before = f"explorer._change(**{step | {'min_fraction': 0.0}!r})"
        explorer.does(partial(explorer.tell, before))
        milliseconds = explorer.act("min_fraction", "fill", f"{(i + 1) / 10_000:.4f}")
        spent.append((milliseconds, step["view"]))
    page.close()
    return spent


def say(what: str, spent: list[tuple[float, str]], bound: int) -> None:
    """Print the quantiles, the slowest views and the first turns."""
    first, later = ([ms for ms, _ in part] for part in (spent[:N_FIRST], spent[N_FIRST:]))
    print(
        f"{what}: from key to picture, median {statistics.median(later):.0f} ms, "
        f"95 % {np.quantile(later, 0.95):.0f}, n = {len(later)}; bound 95 %: {bound} ms"
    )
    by_view: dict[str, list[float]] = {}
    for ms, view in spent[N_FIRST:]:
        by_view.setdefault(view, []).append(ms)
    shown = (f"{view} {statistics.median(ms):.0f}" for view, ms in by_view.items())
    print(f"  by view: {', '.join(shown)}; the first: {', '.join(f'{ms:.0f}' for ms in first)}")


if __name__ == "__main__":
    main()
