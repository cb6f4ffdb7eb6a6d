"""The same seeds give the same files: rendered, trained, explained and measured twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sat_nb.reproduction import does_it_hold, quickstart
from sat_nb.reproduction.studies import run_study


def test_two_runs_in_fresh_folders_write_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smallest = replace(quickstart.SETTINGS["tiny"], n_train=12, n_test=6, px=48, epochs=3)
    monkeypatch.setitem(quickstart.SETTINGS, "tiny", smallest)
    settings = does_it_hold.Settings(6, 3, 1, (0,), 10, ("lrp.z", "smoothgrad", "random"))
    monkeypatch.setitem(does_it_hold.SETTINGS, "tiny", settings)
    written = []
    for turn in ("first", "second"):
        work, out = tmp_path / turn / "work", tmp_path / turn / "figures"
        files, _ = run_study("does_it_hold", size="tiny", work=work, out=out)
        numbers = {f.name: f.read_bytes() for f in files if f.suffix in (".csv", ".json", ".svg")}
        written.append(numbers)
    assert len(written[0]) == 10
    assert written[0] == written[1]
