"""An environment with the core alone: ``python core_only.py WHEEL FOLDER``.

The wheel is installed there without pip fetching anything: what it depends on, and what that
depends on, is linked from the environment that runs this. Nothing else can be imported.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed_by(requires: Iterable[str]) -> dict[str, Distribution]:
    """{name: distribution} of these requirements and, in turn, of theirs."""
    found: dict[str, Distribution] = {}
    waiting = [(text, "") for text in requires]
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        there = distribution(name)
        assert requirement.specifier.contains(there.version, prereleases=True), (text, there)
        for chosen in ("", *requirement.extras):
            key = f"{name}[{chosen}]"
            if key not in found:
                found[key] = there
                waiting += [(further, chosen) for further in there.requires or ()]
    return found


def link(there: Distribution, folder: Path) -> None:
    """The distribution's folders and modules, as links."""
    for top in {file.parts[0] for file in there.files or ()} - {"..", "__pycache__"}:
        place = folder / top
        if not top.endswith(".pth") and not place.exists():
            place.symlink_to(Path(str(there.locate_file(top))))


def make(wheel: Path, folder: Path) -> None:
    """The environment."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-index", "--no-deps", "--no-compile")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python))
    subprocess.run([*pip, "install", *options, str(wheel)], check=True)
    names = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", names))
    (ours,) = Distribution.discover(name="sat_nb", path=[str(packages)])
    for there in needed_by(ours.requires or ()).values():
        link(there, packages)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]).absolute())
