"""What one Python writes, another reads: the same numbers, to the last bit, both ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(sys.prefix)


def other_python() -> str:
    """The Python of the environment beside this one; the test is skipped where there is none."""
    for name in (".venv-latest", ".venv"):
        program = ROOT / name / "bin" / "python"
        if program.exists() and program.parents[1].resolve() != HERE.resolve():
            return str(program)
    pytest.skip(f"no other Python: neither .venv nor .venv-latest in {ROOT}, besides {HERE}")


def ran(python: str, *commands: str | Path) -> list[dict[str, Any]]:
    """What these commands of ``tests.distribution.exchange`` found, one after the other."""
    program = [python, "-m", "tests.distribution.exchange", *map(str, commands)]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_one_python_writes_the_other_reads_to_the_last_bit(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    other = other_python()
    ran(sys.executable, "write", here)
    _, found_there = ran(other, "write", there, "read", here)
    found_here, own = ran(sys.executable, "read", there, "read", here)
    for what, expected in own.items():
        assert found_there[what] == expected, f"{what}, written here and read there"
        assert found_here[what] == expected, f"{what}, written there and read here"
    assert found_there.keys() == found_here.keys() == own.keys()
    for dtype in ("float32", "float16"):
        assert own[dtype]["nothing is made again"]
        assert own[dtype]["maps"] == own[dtype]["again"]
