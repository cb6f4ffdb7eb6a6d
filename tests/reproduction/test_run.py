"""What all studies share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sat_nb as sat
from sat_nb.reproduction import cnn
from sat_nb.reproduction import studies as run


def test_the_environment_overrides_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAT_NB_SIZE", "tiny")
    assert run.chosen_size("full") == "tiny"
    monkeypatch.delenv("SAT_NB_SIZE")
    assert run.chosen_size() == "small"
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'larg'"):
        run.chosen_size("larg")


def test_data_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAT_NB_PAPER_DATA", raising=False)
    with pytest.raises(sat.FileMissing, match="SAT_NB_PAPER_DATA.*not set. Get it"):
        run.paper_data("bar", "Get it there.")
    monkeypatch.setenv("SAT_NB_PAPER_DATA", str(tmp_path))
    with pytest.raises(sat.FileMissing, match="bar' is no folder. Get it there"):
        run.paper_data("bar", "Get it there.")
    (tmp_path / "bar").mkdir()
    assert run.paper_data("bar", "") == tmp_path / "bar"


def test_what_is_kept_is_named_by_what_decides_it() -> None:
    first = run.kept_folder("work", "model", {"seed": 0, "share": 0.5})
    assert first == run.kept_folder("work", "model", {"share": 0.5, "seed": 0})
    assert first != run.kept_folder("work", "model", {"seed": 1, "share": 0.5})
    assert first != run.kept_folder("work", "model", {"seed": 0, "share": 0.5}, cnn)


def test_a_record_is_the_same_each_time(tmp_path: Path) -> None:
    file = run.write_record(tmp_path, "study", "tiny", {"seeds": (0, 1)})
    text = file.read_text()
    assert run.write_record(tmp_path, "study", "tiny", {"seeds": (0, 1)}).read_text() == text
    record = json.loads(text)
    assert record["settings"] == {"seeds": [0, 1]}
    assert set(run.PACKAGES) < set(record["versions"])
