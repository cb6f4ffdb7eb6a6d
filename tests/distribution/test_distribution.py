"""The wheel and the sdist: what is in them, and that the wheel works with the core alone."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

import pytest

import sat_nb as sat

ROOT = Path(__file__).parents[2]
NOT_NEEDED = (".ci/", ".pre-commit-config.yaml")
"""Tracked files that no test and no target of the Makefile needs."""
FOLDERS = (".github", "benchmarks", "docs", "notebooks", "recipe", "sat_nb", "tests")
PICTURES = (".png", ".svg")
JUNK = (".env", "notes.txt", ".venv-mine/lib/a.py", "sat_nb/__pycache__/a.pyc", "build/a.py")


class Built(NamedTuple):
    """Where the files are that were built, and what was tracked."""

    sdist: Path
    wheel: Path
    tracked: set[str]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a program says; it must end well. Python looks for modules in its own places only."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**kept, "PYTHONSAFEPATH": "1", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked_files() -> set[str]:
    """The files of the checkout, new ones in FOLDERS too; the tests are skipped outside of one."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("builds what git tracks, and this is no checkout")
    new = ("--others", "--exclude-standard", "--", *FOLDERS)
    listed = run("git", "ls-files", "-z", cwd=ROOT) + run("git", "ls-files", "-z", *new, cwd=ROOT)
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of a checkout with junk in it, and the wheel that is built from the sdist."""
    pytest.importorskip("hatchling")
    tracked = tracked_files()
    folder = tmp_path_factory.mktemp("built")
    for name in tracked:
        (folder / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "checkout" / name)
    for name in JUNK:
        (folder / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "checkout" / name).write_text("junk")
    build = (sys.executable, "-m", "hatchling", "build", "-d", folder / "dist", "-t")
    run(*build, "sdist", cwd=folder / "checkout")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    run(*build, "wheel", cwd=folder / sdist.name.removesuffix(".tar.gz"))
    (wheel,) = (folder / "dist").glob("*.whl")
    return Built(sdist, wheel, tracked)


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
    about = f"sat_nb-{sat.__version__}.dist-info/"
    files = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    package = {name for name in built.tracked if name.startswith("sat_nb/")}
    assert names == package | {about + file for file in files}


def test_the_sdist_holds_what_tests_and_make_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {Path(*Path(file.name).parts[1:]).as_posix() for file in archive if file.isfile()}
    pictures = {n for n in built.tracked if n.startswith("figures/") and n.endswith(PICTURES)}
    needed = {name for name in built.tracked if not name.startswith(NOT_NEEDED)} - pictures
    assert names == needed | {"PKG-INFO"}
    assert built.sdist.stat().st_size < 2**24, "16 MiB: it is downloaded to be built"


def test_the_metadata_say_what_the_core_needs_and_what_extras_add(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        text = archive.read(f"sat_nb-{sat.__version__}.dist-info/METADATA").decode()
    metadata = HeaderParser().parsestr(text)
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    urls = [url.split(",")[0] for url in metadata.get_all("Project-URL")]
    assert {"Repository", "Documentation", "Changelog", "Issues"} <= set(urls)
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert {"keras", "torch", "serve", "medical", "zarr"} <= set(metadata.get_all("Provides-Extra"))
    core = [r for r in metadata.get_all("Requires-Dist") if "extra ==" not in r]
    heavy = ("tensorflow", "innvestigate", "torch", "keras", "jupyterlab", "scikit-learn", "aeon")
    assert core
    assert not [requirement for requirement in core if requirement.startswith(heavy)]


@pytest.mark.parametrize(
    ("checker", "options"), [("twine", ("check", "--strict")), ("check_wheel_contents", ())]
)
def test_checkers_find_nothing(built: Built, checker: str, options: tuple[str, ...]) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    files = [built.wheel, *([built.sdist] if checker == "twine" else [])]
    run(sys.executable, "-m", checker, *options, *files, cwd=built.wheel.parent)


def test_the_wheel_works_with_what_the_core_needs_and_nothing_else(
    built: Built, tmp_path: Path
) -> None:
    """Installed into an empty environment, and used in another folder."""
    pytest.importorskip("pip")
    here, environment = Path(__file__).parent, tmp_path / "environment"
    run(sys.executable, here / "core_only.py", built.wheel, environment, cwd=tmp_path)
    (tmp_path / "work").mkdir()
    absent = ("aeon", "innvestigate", "jupyterlab", "networkx", "sklearn", "tensorflow", "torch")
    said = run(
        *(environment / "bin" / "python", "-W", "ignore", here / "use_core.py", *absent),
        cwd=tmp_path / "work",
        SAT_NB_ENGINES=str(tmp_path / "engines"),
    )
    remedies = (
        "sat-nb engines add keras",
        "'sat-nb[keras]'",
        "'sat-nb[studies]'",
        "'sat-nb[zarr]'",
    )
    for remedy in remedies:
        assert remedy in said
    assert not (tmp_path / "work" / "work").exists(), "quickstart renders nothing in vain"
    program = environment / "bin" / "sat-nb"
    version = run(program, "--version", cwd=tmp_path / "work")
    assert version.split()[-1] == sat.__version__
    options = ("--how", "absolute", "--value", "rank")
    ranks = run(program, "aggregate", "shards", *options, cwd=tmp_path / "work")
    assert "eyes" in ranks.splitlines()[1]
