"""CONTRIBUTING.md's own examples run, in their order, in a user's folder; its paths exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import sat_nb as sat

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = ("sat_nb", "tests", "benchmarks", "docs")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def registries_are_restored() -> object:
    registries = (sat.SEGMENT_FORMATS, sat.VIEWS)
    before = [dict(entries) for entries in registries]
    yield
    for entries, old in zip(registries, before, strict=True):
        entries.clear()
        entries.update(old)


@pytest.mark.usefixtures("registries_are_restored")
def test_every_example_runs(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "user"
    shutil.copytree(toy_folder, folder)
    monkeypatch.chdir(folder)
    names: dict = {}
    assert len(EXAMPLES) == 6
    for example in EXAMPLES:
        exec(compile(example, "CONTRIBUTING.md", "exec"), names)
    assert list(names["maps"]) == ["gradient", "occlusion@1"]
    assert names["table"].attrs["sat_nb"]["pool"] == "green@1"
    assert "spread" in names["summary"]
    assert names["result"].test == "paired-t"
    assert set(names["sensitivity"]["change"]) == {"smallest_missed"}
    assert set(names["effects"]["deletion"]) == {"grey", "black@1"}
    assert names["drawn"]["image_00"].names == ("left", "right")
    explorer = names["explorer"]
    assert explorer.figure().axes
    exec(explorer.code(), {"table": names["table"]})


def test_paths_exist() -> None:
    there = [f"/{path.relative_to(ROOT)}" for top in FOLDERS for path in (ROOT / top).rglob("*")]
    named = {*re.findall(r"`((?:[a-z_]+/)*[a-z_0-9]+(?:\.py|\.pyi|\.md|\.lock|/))`", TEXT)}
    assert len(named) > 40
    wrong = [name for name in named if not any(p.endswith("/" + name.rstrip("/")) for p in there)]
    assert [name for name in wrong if not (ROOT / name).exists()] == []
