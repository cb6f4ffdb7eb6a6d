"""The commands in the README, run unchanged."""

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


@pytest.fixture(scope="module")
def user_folder(toy_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all commands: maps that one of them has made, the next one finds."""
    return Path(shutil.copytree(toy_folder, tmp_path_factory.mktemp("readme") / "user"))


@pytest.fixture
def in_folder(user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(user_folder)
    return user_folder


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs_unchanged(code: str, in_folder: Path) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_command_lines_run_unchanged(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    server = SimpleNamespace(start=lambda: started.append("the explorer"))
    monkeypatch.setattr("sat_nb.widgets.serve._page", lambda *_: server)  # serves until Ctrl-C
    lines = [line for line in COMMANDS if line.startswith("sat-nb")]
    assert len(lines) == 6
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line)[1:], catch_exceptions=False)
        assert result.exit_code == 0, f"{line}: {result.output}"
    assert started == ["the explorer"]
    assert (in_folder / "sat.parquet").exists()
    assert len(list((in_folder / "figures").iterdir())) == 8


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {line.split()[1] for line in COMMANDS if line.startswith("make ")}
    named |= set(re.findall(r"`make (\w+)`", README))
    assert {"figures", "test", "lab"} <= named <= targets


def test_linked_files_and_pictures_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", README):
        link = "".join(link)
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link
