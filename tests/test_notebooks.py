"""The notebooks as a reader finds them: numbered, listed, and written for data of one's own."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
OWN = FOLDER / "01_your_own_photos.ipynb"
FACTS = ("You learn", "Time", "Size")

pytestmark = pytest.mark.skipif(not NOTEBOOKS, reason="the package is used without its notebooks")


def cells(file: Path, kind: str) -> list[str]:
    notebook: Any = nbformat.read(file, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def question(file: Path) -> str:
    return cells(file, "markdown")[0].splitlines()[0].removeprefix("# ")


def fact(file: Path, name: str) -> str:
    """What the first cell says after "- **name**: "."""
    found = re.search(rf"^- \*\*{name}\*\*: (.+)$", cells(file, "markdown")[0], re.MULTILINE)
    assert found is not None, f"{file.name}: no line '- **{name}**: ...' in the first cell"
    return found[1]


def row(file: Path) -> str:
    """The notebook's line in the list."""
    facts = " | ".join(fact(file, name) for name in FACTS)
    return f"| [{file.stem}]({file.name}) | {question(file)} | {facts} |"


def test_numbers_have_no_gap() -> None:
    numbered = [file.name for file in NOTEBOOKS if not file.name.startswith("figure_")]
    assert [name[:3] for name in numbered] == [f"{n:02d}_" for n in range(len(numbered))]


def test_the_list_names_each_with_what_it_says_of_itself() -> None:
    """To mend it, copy the rows that this test shows."""
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| [")] == [row(file) for file in NOTEBOOKS]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_cells_carry_over_to_other_data(file: Path) -> None:
    """Studies of the reproduction are for figures of the paper alone."""
    imports = [c for c in cells(file, "code") if "sat_nb.reproduction" in c]
    assert bool(imports) == file.name.startswith("figure_")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_it_ends_with_an_answer_and_is_committed_with_outputs(file: Path) -> None:
    notebook: Any = nbformat.read(file, as_version=4)
    assert any("## The answer" in text for text in cells(file, "markdown")[-2:])
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert "widgets" not in notebook.metadata, "the state of widgets shows nothing on a page"


@pytest.mark.keras
def test_three_names_make_it_a_notebook_about_my_own_photos(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder with other segments, another model: no other cell is changed."""
    monkeypatch.setenv("SAT_NB_WORK", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    mine = {"PHOTOS": "photos", "MASKS": "exports", "MODEL": "model.h5"}
    names = "\n".join(f"{name} = {str(toy_folder / file)!r}" for name, file in mine.items())
    sources = cells(OWN, "code")
    (position,) = (n for n, source in enumerate(sources) if "PHOTOS = " in source)
    assert set(re.findall(r"\b[A-Z]{4,}\b(?=[ ,=].*=)", sources[position])) >= mine.keys()
    sources[position] = f'{names}\nPREPROCESS = "unit"'
    space: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that twelve photos are few
        for source in sources:
            exec(source, space)
    out = tmp_path / "my_photos"
    table = pd.read_parquet(out / "sat.parquet")
    assert table["image_id"].nunique() == 12
    assert set(table["segment"]) == {"eyes", "nose", "mouth", "ears", "rest"}
    assert {"diagram.csv", "diagram.png", "report.html"} <= {file.name for file in out.iterdir()}
    assert "eyes" in (out / "report.html").read_text(encoding="utf-8")
