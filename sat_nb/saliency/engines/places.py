"""Where an engine is installed, and which one explains a model.

An engine is looked for in three places: the Python that its environment variable names
(SAT_NB_ENGINE_KERAS), this Python, and the environment that ``sat-nb engines add`` made. Another
Python is asked about itself before it is used: its protocol and the version of its numbers must be
those of this one.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sat_nb
from sat_nb.errors import EngineMissing, InvalidInput, unknown_name
from sat_nb.reading import plain_json
from sat_nb.saliency.engines.entries import ENGINES, EngineEntry
from sat_nb.saliency.process.messages import PROTOCOL
from sat_nb.saliency.process.worker import Program

FOLDER_VARIABLE = "SAT_NB_ENGINES"
"""The environment variable that names the folder of engines' environments."""

_ASK = (
    "import sys, json; _, name = json.loads(sys.argv[1]); "
    "from sat_nb.saliency.engines.places import tell; tell(name)"
)
_ASK_SECONDS = 120  # a cold disk on a cluster; 0.3 s otherwise
_MARK = "sat_nb engine: "


@dataclass(frozen=True)
class Facts:
    """What a Python says about an engine in it.

    ``packages`` are the versions of those that the engine needs, None for one that is missing;
    ``problems`` says what is wrong with them, after "there is".
    """

    protocol: int
    numbers: int
    sat_nb: str
    python: str
    packages: Mapping[str, str | None]
    problems: Sequence[str]


@dataclass(frozen=True)
class Place:
    """An engine that is installed: in this Python (``python`` None) or in another one."""

    entry: EngineEntry
    python: str | None
    facts: Facts

    @property
    def program(self) -> Program:
        """What its workers run."""
        return Program(self.entry.module, self.python)

    @property
    def versions(self) -> dict[str, str]:
        """The versions that decide maps: of this sat_nb, and of the engine's packages."""
        packages = {name: found or "" for name, found in self.facts.packages.items()}
        return {"sat_nb": sat_nb.__version__, **packages}


def engine_of(path: Path, engine: str | None = None) -> Place:
    """The engine that explains the model at ``path``: the named one, or the first that fits.

    Raises InvalidInput for an unknown name, and where no engine fits; EngineMissing, which says how
    to install it, where none of those that fit is there.
    """
    if engine is not None:
        if not isinstance(engine, str) or engine not in ENGINES:
            raise unknown_name("engine", engine, ENGINES)
        if not ENGINES[engine].fits(path):
            raise InvalidInput(
                f"engine: {engine!r} explains {ENGINES[engine].explains}, which "
                f"{str(path)!r} is not; leave engine out."
            )
        return find(ENGINES[engine])
    fitting = [entry for entry in ENGINES.values() if entry.fits(path)]
    if not fitting:
        all_kinds = "; ".join(f"{entry.name}: {entry.explains}" for entry in ENGINES.values())
        raise InvalidInput(f"model: no engine explains {str(path)!r}. There are {all_kinds}.")
    errors: list[EngineMissing] = []
    for entry in fitting:
        try:
            return find(entry)
        except EngineMissing as error:
            errors.append(error)
    raise errors[0]


def find(entry: EngineEntry) -> Place:
    """Where the engine is installed; EngineMissing where it is not."""
    named = os.environ.get(entry.variable)
    if named:
        return _place(entry, named, f"{entry.variable} names {named!r}")
    here = facts_here(entry.name)
    if not here.problems:
        return Place(entry, None, here)
    added = added_python(entry.name)
    if added is not None:
        return added_place(entry, added)
    raise EngineMissing(
        f"engine: {entry.name!r} ({entry.explains}) is not installed: in this Python {here.python} "
        f"there is {' and '.join(here.problems)}; {entry.remedy}."
    )


def added_place(entry: EngineEntry, python: Path) -> Place:
    """The engine in an environment that ``sat-nb engines add`` made; EngineMissing if useless."""
    log = engines_folder() / f"{entry.name}.log"
    where = f"its environment is {str(python.parent.parent)!r} (log: {str(log)!r})"
    return _place(entry, str(python), where)


def engines_folder() -> Path:
    """The folder of engines' environments: SAT_NB_ENGINES, or one of the user's data."""
    import platformdirs

    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_path("sat_nb")) / "engines"


def added_python(name: str) -> Path | None:
    """The Python of the environment that ``sat-nb engines add`` made; None where it made none.

    A file beside the environment names it, and is written once all is installed.
    """
    try:
        content = plain_json((engines_folder() / f"{name}.json").read_bytes())
        return Path(content["python"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def facts_here(name: str) -> Facts:
    """What this Python says about an engine; nothing of it is imported."""
    entry = ENGINES[name]
    return Facts(
        protocol=PROTOCOL,
        numbers=entry.numbers,
        sat_nb=sat_nb.__version__,
        python=platform.python_version(),
        packages={package.name: package.installed() for package in entry.packages},
        problems=[problem for p in entry.packages if (problem := p.problem()) is not None],
    )


def tell(name: str) -> None:
    """Print what this Python says about an engine, for the one that asks."""
    print(_MARK + json.dumps(vars(facts_here(name))))


_known: dict[tuple[str, str], Facts] = {}


def ask(python: str, name: str) -> Facts:
    """What another Python says about an engine in it; ValueError where it says nothing of use."""
    if (python, name) not in _known:
        _known[python, name] = _ask(python, name)
    return _known[python, name]


def _ask(python: str, name: str) -> Facts:
    command = Program("", python).command(_ASK, [name])
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=_ASK_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"it cannot be started: {error}") from error
    lines = done.stdout.decode(errors="replace").splitlines()
    told = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if not told:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it prints nothing"]
        raise ValueError(f"its sat_nb cannot be used ({said[-1][:300]})")
    try:
        return Facts(**plain_json(told[-1].encode()))
    except TypeError as error:
        raise ValueError("its sat_nb is of another version") from error


def _place(entry: EngineEntry, python: str, where: str) -> Place:
    """The engine in another Python, which must be of use; ``where`` says how it was found."""
    try:
        facts = ask(python, entry.name)
    except ValueError as error:
        raise _useless(entry, where, str(error)) from error
    ours, theirs = (PROTOCOL, entry.numbers), (facts.protocol, facts.numbers)
    if facts.problems:
        raise _useless(entry, where, f"there is {' and '.join(facts.problems)}")
    if ours != theirs:
        versions = f"its sat_nb {facts.sat_nb} has protocol and numbers {theirs}, this one {ours}"
        raise _useless(entry, where, versions)
    return Place(entry, python, facts)


def _useless(entry: EngineEntry, where: str, why: str) -> EngineMissing:
    return EngineMissing(f"engine: {entry.name!r}: {where}, but {why}; {entry.remedy}.")
