"""The explorer of a table on disk shows what that of the same table in memory does."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, get_native_id
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb import ExplorerState
from sat_nb.table.parquet.by_method import copied_by_method
from sat_nb.table.parquet.opened import open_table
from sat_nb.toy import toy
from sat_nb.widgets import data_on_disk
from sat_nb.widgets.choices import checked
from sat_nb.widgets.data import Data
from sat_nb.widgets.data_on_disk import DataOnDisk
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.snapshot import Snapshot


def labelled() -> pd.DataFrame:
    """Two models and methods, three classes, scores, patients."""
    table = sat.build(*toy(16))
    number = table["image_id"].str[-2:].astype(int)
    table = table.assign(
        label=(number % 3).astype("Int64"),
        predicted=(number % 3 * (number > 4)).astype("Int64"),
        target=(number % 3).astype("Int64"),
        score=(table["mask_px"].astype(float) * (number + 1)) % 7 / 7,
        patient="p" + (number // 2).astype(str),
    )
    other = table.assign(model="other", rank=table["n_segments"] + 1 - table["rank"])
    return pd.concat([table, other], ignore_index=True)


@pytest.fixture(scope="module", params=["as it is", "copied"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Data, DataOnDisk]]:
    """The data in memory and on disk, where large tables are copied."""
    folder = tmp_path_factory.mktemp("table")
    table = labelled()
    for part in np.array_split(table["image_id"].unique(), 3):
        sat.write_table(table[table["image_id"].isin(part)], folder, partition_by=("label",))
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "copied":
            patch.setattr(data_on_disk, "MANY", 1)
        on_disk = DataOnDisk(folder)
        if on_disk.copy is not None:
            on_disk.copy.wait()
            assert on_disk.copy.found is not None
        yield Data(sat.read_table(folder)), on_disk


STATES = {
    "bars": ExplorerState(),
    "bars, certain": ExplorerState(how="absolute", intervals=False, value="abs_mean_attribution"),
    "bars of all": ExplorerState(label="all", methods=("noisy", "sharp"), versus="other"),
    "bars by class": ExplorerState(label="all", classes="correct", intervals=False),
    "bars by patient": ExplorerState(label="all", unit="patient", value="mean_attribution"),
    "bars, filtered": ExplorerState(
        label="all", hidden=("eyes",), min_score=0.3, max_fraction=0.5, correct=True, min_images=2
    ),
    "median": ExplorerState(label="all", how="median", intervals=False),
    "diagram": ExplorerState(view="diagram", label="all"),
    "diagram, complete": ExplorerState(view="diagram", label="all", missing="complete"),
    "distribution": ExplorerState(view="distribution", label="all", hidden=("nose",)),
    "agreement": ExplorerState(view="agreement", label="all"),
    "difference": ExplorerState(view="difference", label="all", versus="other"),
    "photos": ExplorerState(view="images", label="all", segment="ears"),
    "photos against": ExplorerState(view="images", label="all", segment="eyes", order="against"),
    "photos of all": ExplorerState(view="images", label="all", segment=None),
    "a photo": ExplorerState(view="image", label="all", image_id="image_05"),
    "table": ExplorerState(view="table", label="all", intervals=False),
    "unusual": ExplorerState(view="unusual", label="all", methods=("noisy", "sharp")),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.filterwarnings("ignore:.*units .* are few")
@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning", "ignore::sat_nb.TooFewWarning")
def test_views_show_what_they_do_in_memory(both: tuple[Data, DataOnDisk], name: str) -> None:
    state = replace(STATES[name], outlines="none")
    tables = [Snapshot(data, checked(state, data.offer)).table() for data in both]
    expected, found = tables
    if name == "photos of all":
        expected, found = (t.sort_values("image_id", ignore_index=True) for t in tables)
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-12)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"positions": ("bottom-centre", "top-centre")},
        {"hidden": ("nose", "eyes")},
        {"correct": True},
        {"label": 1},
        {"min_fraction": 0.01},
        {"min_images": 8},
    ],
    ids=lambda filters: next(iter(filters), "all"),
)
def test_the_first_photos_and_how_many_there_are(
    both: tuple[Data, DataOnDisk], filters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_on_disk, "MOST_SHOWN", 2)
    state = ExplorerState(view="images", segment="ears", outlines="none")
    state = checked(replace(state, **{"label": "all", **filters}), both[1].offer)
    panel = Panel(state.methods, (state.model,))
    rows = both[0].table
    rows = rows[rows["method"].isin(state.methods) & (rows["model"] == state.model)]
    if state.label != "all":
        rows = rows[rows["label"] == state.label]
    if state.correct:
        rows = rows[rows["label"] == rows["predicted"]]
    rows = rows[rows["segment"] == "ears"]
    if state.positions:
        rows = rows[rows["position"].isin(state.positions)]
    rows = rows[rows["mask_fraction"] >= state.min_fraction]
    n = len(rows) * (len(rows) >= state.min_images) * ("ears" not in state.hidden)
    assert n > 2
    with pytest.warns(UserWarning, match=f"the first 2 of {n} are shown"):
        found = both[1].best(state, panel)
    first = rows.sort_values(["rank", "image_id"]).head(2)[list(found)]
    pd.testing.assert_frame_equal(found, first.reset_index(drop=True), check_dtype=False)


def test_no_photo_is_shown_where_none_passes(both: tuple[Data, DataOnDisk]) -> None:
    state = checked(ExplorerState(view="images", label="all", segment="ears"), both[1].offer)
    state = replace(state, hidden=("ears",))
    panel = Panel(state.methods, (state.model,))
    assert len(both[1].best(state, panel)) == 0


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose table counts as large, and so is copied."""
    sat.write_table(labelled(), tmp_path / "table")
    monkeypatch.setattr(data_on_disk, "MANY", 1)
    return tmp_path / "table"


def test_a_copy_that_cannot_be_made_costs_nothing_but_time(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise sat.CannotWrite("TMPDIR: no space is left.")

    monkeypatch.setattr(data_on_disk, "copied_by_method", no_space)
    data = DataOnDisk(large)
    assert data.copy is not None
    data.copy.wait()
    assert data.copy.found is None
    state = checked(ExplorerState(label="all"), data.offer)
    expected = Snapshot(Data(sat.read_table(large)), state).table()
    pd.testing.assert_frame_equal(Snapshot(data, state).table(), expected, rtol=1e-12)


def test_nobody_waits_for_a_copy_that_is_not_needed_any_longer(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = Event(), Event()

    def long(_table: object, _columns: object, cursor: Any) -> None:
        begun.set()
        try:
            cursor.execute("SELECT sum(hash(range)) FROM range(1_000_000_000_000)")
        finally:
            ended.set()

    monkeypatch.setattr(data_on_disk, "copied_by_method", long)
    data = DataOnDisk(large)
    assert begun.wait(60)
    assert not ended.is_set()
    del data
    gc.collect()
    assert ended.wait(60)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux only")
def test_the_copy_gives_way_to_questions_and_slows_none_down(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, get_native_id())

    seen = []
    table = open_table(large)
    with table.cursor() as cursor:

        class Noting:
            def execute(self, sql: str, *given: Any) -> Any:
                seen.extend([priority()] if sql.startswith("COPY") else [])
                return cursor.execute(sql, *given)

        before = priority()
        copied_by_method(table, ["rank"], Noting())
    assert seen == [19]
    assert priority() == before < 19


def test_what_a_copy_fails_of_is_raised(large: Path) -> None:
    table = open_table(large)
    with table.cursor() as cursor:
        cursor.execute("SET temp_directory = ''")
        with pytest.raises(sat.SatError, match="no such column|not readable"):
            copied_by_method(table, ["no such column"], cursor)
