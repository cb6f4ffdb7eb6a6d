"""The frame of the studies: found by name, run, drawn, and told claim by claim."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.reproduction import studies as registry
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.studies import STUDIES, Study


@dataclass(frozen=True)
class Settings:
    n: int


def fake_study() -> ModuleType:
    """Counts to n, on real photos to the number of files."""

    def run(work: Any, *, size: str, data: Any = None) -> tuple[str, int]:
        kept = Path(work) / "counted"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(size)
        return (
            ("embedded", module.SETTINGS[size].n)
            if data is None
            else ("photos", len(list(Path(data).iterdir())))
        )

    def draw(result: tuple[str, int], out: Any) -> list[Path]:
        file = Path(out) / "count.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"n": [result[1]]}).to_csv(file, index=False)
        return [file]

    def claims(result: tuple[str, int]) -> tuple[Claim, ...]:
        verdict = "holds" if result[1] > 3 else "does not hold"
        return (Claim("Figure 9", "more than 3", result[0], f"{result[1]}", verdict),)

    module: Any = ModuleType("fake_study")
    module.SETTINGS = {"tiny": Settings(2), "small": Settings(5)}
    module.run, module.draw, module.claims = run, draw, claims
    return module


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fake_study", fake_study())
    monkeypatch.setitem(STUDIES, "fake", Study("Counting", "fake_study", "photos"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["study", *map(str, arguments)], catch_exceptions=False)


def test_a_study_leaves_figures_claims_and_a_record(tmp_path: Path) -> None:
    out, work = tmp_path / "figures", tmp_path / "work"
    done = run("fake", "--size", "small", "--out", out, "--work", work)
    assert done.exit_code == 0, done.output
    assert "fake: Counting" in done.output
    names = sorted(file.name for file in out.iterdir())
    assert names == ["claims_fake.csv", "count.csv", "fake.json"]
    assert all(f"wrote {out / name}" in done.output for name in names)
    record = json.loads((out / "fake.json").read_text())
    assert record["size"] == "small"
    assert record["settings"] == {"n": 5}
    assert (work / "counted").read_text() == "small"


def test_size_and_work_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAT_NB_WORK", str(tmp_path / "named"))
    assert run("fake", "--out", tmp_path).exit_code == 0
    assert (tmp_path / "named" / "counted").read_text() == "tiny"


def test_claims_are_printed_from_both_folders(tmp_path: Path) -> None:
    assert run("fake", "--size", "tiny", "--out", tmp_path, "--work", tmp_path).exit_code == 0
    (tmp_path / "photos").mkdir()
    real = ["--out", tmp_path / "real", "--work", tmp_path, "--data", tmp_path]
    assert run("fake", "--size", "tiny", *real).exit_code == 0
    printed = run("claims", "--out", tmp_path).output
    assert [line.split()[2] for line in printed.splitlines()[2:4]] == ["embedded", "photos"]
    assert "2 claims: 2 does not hold" in printed


def test_what_cannot_be_run_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STUDIES, "without", Study("No photos", "fake_study"))
    for arguments, said in (
        (["fke"], "name: unknown name 'fke'. Did you mean 'fake'?"),
        (["fake", "--size", "full"], "size: unknown name 'full'. Valid: 'tiny', 'small'"),
        (["without", "--data", tmp_path], "data: 'without' has no part on real photos"),
        (["claims", "--out", tmp_path], "holds no claims_*.csv; run a study first"),
    ):
        done = run(*arguments, *(() if "--out" in arguments else ("--out", tmp_path)))
        assert done.exit_code == 1
        assert said in " ".join(done.output.split())
    assert list(tmp_path.iterdir()) == []


def test_all_means_every_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDIES, "without", Study("No photos", "fake_study"))
    assert registry.chosen_studies("all") == tuple(STUDIES)
    able = registry.chosen_studies("all", on_real=True)
    assert "fake" in able
    assert "without" not in able


@pytest.mark.parametrize("name", list(STUDIES))
def test_registered_studies_keep_the_contract(name: str) -> None:
    module = STUDIES[name].load()
    assert {"tiny", "small"} <= set(module.SETTINGS)
    assert set(module.SETTINGS) <= {"tiny", "small", "full"}
    assert all(callable(getattr(module, part)) for part in ("run", "draw", "claims"))
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'huge'"):
        registry.run_study(name, size="huge", work="work", out="figures")
