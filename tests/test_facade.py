"""`import sat_nb` is quick, and every public name exists."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import sat_nb as sat

HEAVY = (
    "tensorflow",
    "innvestigate",
    "aeon",
    "seaborn",
    "matplotlib.pyplot",
    "ipywidgets",
    "numba",
)
HEAVY += ("pandas", "scipy", "pycocotools", "networkx", "statsmodels", "pyarrow")


def loaded_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert not loaded_after("import sat_nb").intersection(HEAVY)


def test_command_line_loads_nothing_heavy() -> None:
    assert not loaded_after("import sat_nb.cli").intersection(HEAVY)


def test_public_names_load_no_tensorflow_and_no_pyplot() -> None:
    names = "import sat_nb\nfor name in sat_nb.__all__: getattr(sat_nb, name)"
    assert not loaded_after(names).intersection(
        ("tensorflow", "innvestigate", "aeon", "seaborn", "matplotlib.pyplot", "ipywidgets")
    )


@pytest.mark.parametrize("name", sat.__all__)
def test_public_names_exist_and_are_documented(name: str) -> None:
    thing = getattr(sat, name)
    if callable(thing):
        assert thing.__doc__


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = sat.nothing


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        (sat.CannotFetch, ConnectionError),
        (sat.CannotWrite, OSError),
        (sat.FileMissing, FileNotFoundError),
        (sat.IdMismatch, LookupError),
        (sat.InvalidInput, ValueError),
        (sat.WorkerFailed, RuntimeError),
        (sat.EngineMissing, ImportError),
    ],
)
def test_every_error_is_also_a_built_in_one(error: type, built_in: type) -> None:
    assert issubclass(error, built_in)
    assert issubclass(error, sat.SatError)


def test_help_is_a_map() -> None:
    """``help(sat_nb)`` names everything that is public, and nothing else."""
    listed = str(sat.__doc__).split("All public names")[1]
    entries = re.findall(r"^    (\S.*?)(?:$|  )", listed, re.MULTILINE)
    named = [name for entry in entries for name in re.findall(r"\w+", entry)]
    assert [name for name in sat.__all__ if not re.search(rf"\b{name}\b", listed)] == []
    assert [name for name in named if name != "and" and name not in sat.__all__] == []
    assert max(Counter(name for name in named if name != "and").values()) == 1


def test_the_stub_names_what_it_imports() -> None:
    stub = ast.parse(Path(sat.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = [a.name for n in stub.body if isinstance(n, ast.ImportFrom) for a in n.names]
    assert sorted(imported) == sorted(sat.__all__)
