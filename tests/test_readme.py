"""The README's own commands, run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from sat_nb.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line.split("#")[0].strip()
    for language, text in BLOCKS
    if language == ""
    for line in text.splitlines()
    if line.strip()
]


@pytest.fixture
def in_folder(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "user"
    shutil.copytree(toy_folder, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs_as_it_stands(code: str, in_folder: Path) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_command_lines_run_as_they_stand(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    server = SimpleNamespace(start=lambda: started.append("the explorer"))
    monkeypatch.setattr("sat_nb.widgets.serve._page", lambda *_: server)  # serves until Ctrl-C
    lines = [line for line in COMMANDS if line.startswith("sat-nb")]
    assert len(lines) == 4
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line)[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{line}: {result.output}"
    assert started == ["the explorer"]
    assert (in_folder / "sat.parquet").exists()
    assert len(list((in_folder / "figures").iterdir())) == 6


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {line.split()[1] for line in COMMANDS if line.startswith("make ")}
    named |= set(re.findall(r"`make (\w+)`", README))
    assert {"figures", "test", "lab"} <= named <= targets


def test_files_and_pictures_that_it_links_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", README):
        link = "".join(link)
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
