"""The explorer in JupyterLab: what each control changes on the page, and how long that takes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.grid import cell
from tests.ui import data
from tests.ui.browser import ExplorerPage, Tab
from tests.ui.conftest import MEASURED
from tests.ui.servers import Lab

CELLS = """\
import sat_nb as sat
from sat_nb.widgets.state import ExplorerState
from tests.ui.data import load

explorer = sat.explore(*load({folder!r}))
explorer
"""


@pytest.fixture(scope="module")
def tab(open_tab: Callable[..., Tab]) -> Tab:
    return open_tab()


@pytest.fixture(scope="module")
def opened(tab: Tab, lab: Lab, explored: Path) -> Iterator[ExplorerPage]:
    explorer = tab.run(lab, "explorer.ipynb", CELLS.format(folder=str(explored)))
    explorer.wait_until_drawn()
    yield explorer
    MEASURED.append(f"explorer in JupyterLab: {explorer.latencies()}")


@pytest.fixture
def explorer(opened: ExplorerPage) -> ExplorerPage:
    """The explorer as it is at first."""
    opened.tell("explorer.state = ExplorerState()")
    opened.wait_until_drawn()
    return opened


@pytest.fixture(scope="module")
def given(explored: Path) -> dict[str, Any]:
    """What the notebook gave to ``explore``, by the names that ``code`` uses."""
    names = ("table", "images", "maps", "segments")
    return dict(zip(names, data.load(explored), strict=True))


def by_public_functions(code: str, given: dict[str, Any]) -> pd.DataFrame:
    """The table that the lines of ``code`` make; its name there is ``summary`` or ``rows``."""
    found = dict(given)
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "explorer.code()", "exec"), found)
    return found["rows"] if "rows" in found else found["summary"]


def assert_page_shows(explorer: ExplorerPage, table: pd.DataFrame) -> None:
    head, *rows = explorer.rows()
    assert head == [name.replace("_", " ") for name in table.columns]
    written = zip(*([cell(value) for value in table[c]] for c in table.columns), strict=True)
    assert rows == [list(row) for row in written][: len(rows)]
    assert len(rows) == min(len(table), 20)


# --- every control --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """Something done to a control: the field's value after it, and the state before it."""

    do: tuple[str, ...]
    value: Any
    start: dict[str, Any] = field(default_factory=lambda: {"view": "table"})


TABLE = {"view": "table"}
ALL_METHODS = ("deep_taylor", "lrp.z", "lrp.epsilon", "gradient", "integrated_gradients")
ACTS: dict[str, Act] = {
    "methods": Act(("press", "lrp.z"), ("deep_taylor", "lrp.z")),
    "model": Act(("choose", "unmarked"), "unmarked"),
    "versus": Act(("choose", "unmarked"), "unmarked"),
    "label": Act(("choose", "1"), 1),
    "segment": Act(("choose", "watermark"), "watermark", {"view": "bars"}),
    "how": Act(("choose", "absolute"), "absolute"),
    "value": Act(("choose", "mean attribution"), "mean_attribution"),
    "intervals": Act(("click",), False),
    "test": Act(("choose", "nemenyi"), "nemenyi", {"view": "diagram"}),
    "alpha": Act(("fill", "0.2"), 0.2, {"view": "diagram"}),
    "missing": Act(("choose", "complete"), "complete", {"view": "diagram"}),
    "search": Act(("fill", "WATER"), "WATER"),
    "rows": Act(("choose", "one an image"), "images"),
    "hidden": Act(("press", "head"), ("head",)),
    "predicted": Act(("choose", "1"), 1),
    "correct": Act(("choose", "wrong"), False),
    "positions": Act(("press", "centre-centre"), ("centre-centre",)),
    "min_fraction": Act(("fill", "0.1"), 0.1),
    "max_fraction": Act(("fill", "0.1"), 0.1),
    "min_score": Act(("fill", "0.9"), 0.9),
    "min_images": Act(("fill", "50"), 50),
}


def test_no_control_is_forgotten() -> None:
    assert set(ACTS) == set(CONTROLS)


@pytest.mark.parametrize("name", ACTS)
def test_each_control_changes_what_is_shown(
    name: str, explorer: ExplorerPage, given: dict[str, Any]
) -> None:
    act = ACTS[name]
    explorer.tell(f"explorer.state = ExplorerState(**{act.start!r})")
    explorer.wait_until_drawn()
    before, state = explorer.content(), explorer.state()
    explorer.act(name, *act.do)
    assert explorer.content() != before
    changed = {k: v for k, v in explorer.state().items() if v != state[k]}
    assert changed.pop(name) == act.value
    assert not changed, "other fields stay as they are"
    if act.start["view"] == "table":
        assert_page_shows(explorer, by_public_functions(explorer.ask("explorer.code()"), given))
    assert explorer.tab.errors == []
