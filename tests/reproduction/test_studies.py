"""The registry of studies: complete entries, how one is run, and what it leaves."""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import sat_nb as sat
from sat_nb.cli import main
from sat_nb.reproduction import cnn, parity, studies
from sat_nb.reproduction.claims import Claim, all_claims
from sat_nb.reproduction.studies import SIZES, STUDIES, Study

ROOT = Path(__file__).parents[2]
REGISTERED = tuple(STUDIES)


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
    fake = Study(name="fake", title="Counting", module="fake_study", photos="photos")
    monkeypatch.setitem(STUDIES, "fake", fake)


@pytest.mark.parametrize("name", REGISTERED)
def test_an_entry_is_complete(name: str) -> None:
    study, module = STUDIES[name], STUDIES[name].load()
    assert study.title != name
    assert study.about.endswith((".", "?"))
    assert study.about[0].isupper()
    assert list(module.SETTINGS) == list(SIZES)
    on_photos = getattr(module, "ON_PHOTOS", module.SETTINGS)
    assert list(on_photos) == list(SIZES)
    for settings in (*module.SETTINGS.values(), *on_photos.values()):
        assert is_dataclass(settings)
        assert hash(settings), "frozen"
    takes = [list(inspect.signature(getattr(module, f)).parameters) for f in ("run", "draw")]
    assert takes[0][:2] == ["work", "size"]
    assert ("data" in takes[0]) == (study.photos is not None)
    assert takes[1] == ["result", "out"]
    assert list(inspect.signature(module.claims).parameters) == ["result"]
    if study.explained_twice:
        assert "settings" in takes[0]
        assert list(inspect.signature(module.parts).parameters) == ["result"]
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'huge'"):
        studies.run_study(name, size="huge", work="work", out="figures")


@pytest.mark.parametrize("name", REGISTERED)
def test_an_entry_shows_in_the_help(name: str) -> None:
    said = " ".join(run("--help").output.split())
    assert f" {name} {STUDIES[name].about}" in said


@pytest.mark.parametrize("name", REGISTERED)
def test_committed_figures_are_those_of_the_entry(name: str) -> None:
    record = json.loads((ROOT / "figures" / f"{name}.json").read_text())
    assert (record["study"], record["size"]) == (name, "small")
    settings = asdict(STUDIES[name].load().SETTINGS["small"])
    assert record["settings"] == json.loads(json.dumps(settings))
    claims = all_claims(ROOT / "figures")
    assert name in set(claims["study"])
    page = (ROOT / "docs" / "reproduction.md").read_text(encoding="utf-8")
    assert f"`sat-nb study {name}`" in page
    twice = STUDIES[name].explained_twice
    of_both = claims[(claims["study"] == name) & (claims["paper"] == parity.PAPER)]
    assert set(of_both["where"]) == ({twice} if twice else set())
    files = [ROOT / "figures" / f"parity_{name}_{kind}.csv" for kind in ("ranks", "pairs")]
    assert [file.exists() for file in files] == [twice is not None] * 2


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
    monkeypatch.setitem(STUDIES, "without", Study(name="without", module="fake_study"))
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
    monkeypatch.setitem(STUDIES, "without", Study(name="without", module="fake_study"))
    assert studies.chosen_studies("all") == tuple(STUDIES)
    able = studies.chosen_studies("all", on_real=True)
    assert "fake" in able
    assert "without" not in able


def test_the_environment_overrides_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAT_NB_SIZE", "tiny")
    assert studies.chosen_size("full") == "tiny"
    monkeypatch.delenv("SAT_NB_SIZE")
    assert studies.chosen_size() == "small"
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'larg'"):
        studies.chosen_size("larg")


def test_data_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAT_NB_PAPER_DATA", raising=False)
    with pytest.raises(sat.FileMissing, match="SAT_NB_PAPER_DATA.*not set. Get it"):
        studies.paper_data("bar", "Get it there.")
    monkeypatch.setenv("SAT_NB_PAPER_DATA", str(tmp_path))
    with pytest.raises(sat.FileMissing, match="bar' is not a folder. Get it there"):
        studies.paper_data("bar", "Get it there.")
    (tmp_path / "bar").mkdir()
    assert studies.paper_data("bar", "") == tmp_path / "bar"


def test_what_is_kept_is_named_by_what_decides_it() -> None:
    first = studies.kept_folder("work", "model", {"seed": 0, "share": 0.5})
    assert first == studies.kept_folder("work", "model", {"share": 0.5, "seed": 0})
    assert first != studies.kept_folder("work", "model", {"seed": 1, "share": 0.5})
    assert first != studies.kept_folder("work", "model", {"seed": 0, "share": 0.5}, cnn)


def test_a_record_is_the_same_each_time(tmp_path: Path) -> None:
    file = studies.write_record(tmp_path, "study", "tiny", {"seeds": (0, 1)})
    text = file.read_text()
    assert studies.write_record(tmp_path, "study", "tiny", {"seeds": (0, 1)}).read_text() == text
    record = json.loads(text)
    assert record["settings"] == {"seeds": [0, 1]}
    assert set(studies.PACKAGES) < set(record["versions"])
