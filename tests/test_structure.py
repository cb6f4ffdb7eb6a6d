"""The house: a room imports only rooms below it, and nothing imports in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx
import pytest

import sat_nb

ROOT = Path(sat_nb.__file__).parent
FLOORS = (
    *("segments", "models", "saliency", "agnostic", "table", "interventions", "stats", "plots"),
    *("widgets", "reports", "reproduction", "cli"),
)
"""The rooms, from the ground up; every other file of the package is the ground itself."""
GROUND = {"photos"}
"""Folders of the ground."""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(ROOT.rglob("*.py"))}


def imported_by(module: str) -> Iterator[str]:
    """The modules that a module imports: anywhere in it, for types only, and as text to be run."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in FILES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


IMPORTS: dict[str, set[str]] = {
    module: {name for name in imported_by(module) if name in FILES} - {module, "sat_nb"}
    for module in FILES
}


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    graph = networkx.DiGraph([(a, b) for a, others in imports.items() for b in others])
    return [
        sorted(found) for found in networkx.strongly_connected_components(graph) if len(found) > 1
    ]


def within(folder: str) -> dict[str, set[str]]:
    """What the files and folders in a folder import of each other, a folder being one thing."""
    depth = folder.count(".") + 2

    def part(module: str) -> str | None:
        inside = module.startswith(f"{folder}.")
        return ".".join(module.split(".")[:depth]) if inside else None

    found: dict[str, set[str]] = {}
    for module, others in IMPORTS.items():
        here = part(module)
        if here is not None:
            parts = {part(other) for other in others} - {None, here}
            found.setdefault(here, set()).update(parts)  # type: ignore[arg-type]
    return found


def test_no_file_is_in_an_import_circle() -> None:
    assert circles(IMPORTS) == []


@pytest.mark.parametrize(
    "folder", sorted({m.rpartition(".")[0] for m in FILES if "." in m}), ids=str
)
def test_no_folder_is_in_an_import_circle(folder: str) -> None:
    assert circles(within(folder)) == []


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("module", sorted(FILES), ids=str)
def test_a_room_imports_only_rooms_below_it(module: str) -> None:
    def floor(name: str) -> int:
        room = name.split(".")[1] if "." in name else ""
        return FLOORS.index(room) if room in FLOORS else -1

    above = {other for other in IMPORTS[module] if floor(other) > floor(module)}
    assert above == set() or module == "sat_nb.toy"


def test_every_folder_has_a_floor() -> None:
    rooms = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}
    assert rooms == set(FLOORS) | GROUND


def test_only_the_command_line_imports_the_reproduction_and_only_when_asked() -> None:
    users = {
        module
        for module, others in IMPORTS.items()
        if any(other.startswith("sat_nb.reproduction") for other in others)
    }
    assert all(user.startswith(("sat_nb.reproduction", "sat_nb.cli")) for user in users)
    for user in (user for user in users if user.startswith("sat_nb.cli")):
        tree = ast.parse(FILES[user].read_text(encoding="utf-8"))
        at_top = [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
        assert not any(name.startswith("sat_nb.reproduction") for name in at_top)
