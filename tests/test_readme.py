"""The README is short, and its ten lines are a script. tests/docs runs its commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

import sat_nb as sat
from tests.docs.pages import code_of, text_of

README = text_of("README.md")


def test_it_is_short() -> None:
    assert len(README.split()) <= 700
    assert len(re.findall(r"(?<!!)\[[^\]]+\]\(", README)) == 4


def test_its_ten_lines_are_a_script(toy_folder: Path, tmp_path: Path) -> None:
    """In a Python of its own, as nobody's process: a picture and a table are left."""
    (code,) = code_of("README.md", "python")
    assert len([line for line in code.text.splitlines() if line]) <= 10
    folder = Path(shutil.copytree(toy_folder, tmp_path / "user"))
    (folder / "ten_lines.py").write_text(code.text)
    done = subprocess.run(
        [sys.executable, "ten_lines.py"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "eyes" in done.stdout
    assert sat.read_table(folder / "sat.parquet")["segment"].nunique() == 5
    with Image.open(folder / "ranks.png") as picture:
        assert min(picture.size) > 100
    assert "eyes" in (folder / "ranks.csv").read_text()
