"""Environments of engines: made by ``sat-nb engines add``, in a Python that the engine runs on.

In the folder of engines, ``keras.json`` names the Python of an environment that is complete,
``keras-XXXXXXXX/`` is the environment, and ``keras.log`` tells how the last one was made. The
first is written last, so a run that was killed leaves the engine as it was before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sat_nb.errors import EngineMissing, InvalidInput, unknown_name
from sat_nb.files import existing, writing, written_whole
from sat_nb.saliency.engines.entries import ENGINES, EngineEntry
from sat_nb.saliency.engines.places import Place, added_place, added_python, engines_folder
from sat_nb.saliency.engines.wheel import wheel_of_this
from sat_nb.saliency.store.documents import locked
from sat_nb.temporary import temporary_folder

INSTALLERS = ("uv", "pip")
"""What makes environments: uv is quicker, and fetches a Python where none is installed."""


@dataclass(frozen=True)
class Maker:
    """How an environment is made: ``create(folder)`` and ``install(python)`` are command lines."""

    create: Callable[[Path], list[str]]
    install: Callable[[Path], list[str]]


def add_engine(
    name: str,
    *,
    source: str | Path | None = None,
    python: str | None = None,
    installer: str | None = None,
) -> Place:
    """Make an environment with the engine and this very version of sat_nb, in place of an old one.

    ``source`` is a wheel, an sdist or a source folder of sat_nb, by default a wheel of what runs
    here. ``python`` is the Python for it, by default one that is found. ``installer`` is "uv" or
    "pip", by default uv where it is there.

    Raises InvalidInput for an unknown name or installer, FileMissing for a source that does not
    exist, EngineMissing where no Python fits or something cannot be installed (the message names
    the log), and CannotWrite.
    """
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    entry, folder = ENGINES[name], engines_folder()
    maker = _maker(entry, python, installer)
    wanted = None if source is None else existing(source, "--from").absolute()
    with locked(folder), temporary_folder() as scratch:
        _remove_leftovers(name, folder)
        wheel = wheel_of_this(scratch) if wanted is None else wanted
        with writing(folder, "engines"):
            environment = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}-"))
        try:
            return _made(entry, maker, wheel, environment, folder / f"{name}.log")
        finally:
            _remove_leftovers(name, folder)


def remove_engine(name: str) -> bool:
    """Remove the engine's environment; whether there was one."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    folder = engines_folder()
    if added_python(name) is None:
        return False
    with locked(folder), writing(folder / f"{name}.json", "engines"):
        (folder / f"{name}.json").unlink()
        _remove_leftovers(name, folder)
        (folder / f"{name}.log").unlink(missing_ok=True)
    return True


def _made(entry: EngineEntry, maker: Maker, source: Path, folder: Path, log: Path) -> Place:
    """Create, install, check, and only then name the environment as the engine's."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with writing(log, "engines"), log.open("wb") as stream:
        _run(maker.create(folder), stream, log)
        _run([*maker.install(python), _requirement(entry, source)], stream, log)
    place = added_place(entry, python)
    content = {"python": str(python), "sat_nb": place.facts.sat_nb, **place.facts.packages}
    with written_whole(folder.parent / f"{entry.name}.json", "engines") as part:
        part.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return place


def _requirement(entry: EngineEntry, source: Path) -> str:
    return f"sat-nb[{entry.extra}] @ {source.as_uri()}"


def _run(command: list[str], stream: IO[bytes], log: Path) -> None:
    stream.write(f"$ {' '.join(command)}\n".encode())
    stream.flush()
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, check=False
        )
        problem = f"exit status {done.returncode}" if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        said = log.read_text(encoding="utf-8", errors="replace").strip()[-1500:]
        raise EngineMissing(
            f"engines: `{' '.join(command[:4])} ...` failed ({problem}); its log is "
            f"{str(log)!r} and ends with:\n{said}"
        )


def _remove_leftovers(name: str, folder: Path) -> None:
    """Remove the engine's environments but the one in use; the folder must be locked."""
    used = added_python(name)
    for other in folder.glob(f"{name}-*"):
        if used is None or not used.is_relative_to(other):
            shutil.rmtree(other, ignore_errors=True)


# --- Pythons -----------------------------------------------------------------------------------


def _maker(entry: EngineEntry, python: str | None, installer: str | None) -> Maker:
    """uv where it is there, else a Python that fits with its venv and pip."""
    if installer is not None and installer not in INSTALLERS:
        raise unknown_name("--installer", installer, INSTALLERS)
    uv = shutil.which("uv") if installer in (None, "uv") else None
    if uv is not None:
        wanted = python or _first_python(entry) or entry.pythons[-1]
        return Maker(
            create=lambda folder: [uv, "venv", "--python", wanted, str(folder)],
            install=lambda own: [uv, "pip", "install", "--python", str(own)],
        )
    if installer == "uv":
        raise InvalidInput("--installer: uv is not on the PATH; install it, or give pip.")
    found = python or _first_python(entry)
    if found is None:
        versions = " or ".join(entry.pythons)
        raise EngineMissing(
            f"engines: {entry.name!r} needs a Python {versions}, and none was found; install one "
            "(uv, which fetches Pythons by itself, is enough: `pip install uv`), or name it with "
            "--python."
        )
    return Maker(
        create=lambda folder: [found, "-m", "venv", str(folder)],
        install=lambda own: [str(own), "-m", "pip", "install", "--disable-pip-version-check"],
    )


def _first_python(entry: EngineEntry) -> str | None:
    """The path of a Python that the engine runs on: this one, if it does, or one on the PATH."""
    for candidate in _candidates(entry.pythons):
        if _version_of(candidate) in entry.pythons:
            return candidate
    return None


def _candidates(versions: Iterable[str]) -> Iterable[str]:
    yield sys.executable
    for name in (*(f"python{version}" for version in versions), "python3", "python"):
        found = shutil.which(name)
        if found is not None:
            yield found


def _version_of(python: str) -> str:
    """Like "3.11"; empty for what does not run (the shims of version managers may not)."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
