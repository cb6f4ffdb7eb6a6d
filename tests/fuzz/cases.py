"""Cases by number: the same number is the same damage to the same file, on every run.

``python -m tests.fuzz.cases SEED FIRST LAST`` runs some of them in a process of limited memory and
says on stdout which one is running, and what went wrong. The cases of the seed ``kept`` are the
files of ``tests/fuzz/seeds/``, which escaped once.
"""

from __future__ import annotations

import base64
import gc
import json
import math
import os
import random
import resource
import sys
import tempfile
import traceback
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sat_nb.errors import LONGEST_MESSAGE, SatError
from sat_nb.saliency.store.codec import HEADER_CRC, crc_of
from sat_nb.saliency.store.documents import CRC
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import HEAVY, TARGETS, Target

KEPT = "kept"
SEEDS = Path(__file__).parent / "seeds"
MAX_BYTES = 2 * 10**9
MAX_SECONDS = 10
"""Of processor time: on a busy machine a case may last longer."""

LIGHT = "SAT_NB_FUZZ_LIGHT" in os.environ
"""Whether to pass over the cases that need what takes long to import."""

OF_MEMORY = (
    "more memory than there is",
    "MemoryError",
    "Unable to allocate",
    "malloc",
    "bad_alloc",
)

Files = dict[str, bytes]


@cache
def valid(name: str) -> Files:
    """The valid files of a target."""
    with tempfile.TemporaryDirectory() as folder:
        TARGETS[name].write(Path(folder))
        found = (p for p in sorted(Path(folder).rglob("*")) if p.is_file())
        return {
            p.relative_to(folder).as_posix(): p.read_bytes()
            for p in found
            if not p.name.startswith(".lock")
        }


def case(seed: str, number: int) -> tuple[str, Files, str | None]:
    """(target, its files with the damage, the file that becomes something else than a file)."""
    if seed == KEPT:
        kept = json.loads(seeds()[number].read_text())
        files = {name: base64.b64decode(raw) for name, raw in kept["files"].items()}
        return kept["target"], files, kept["other"]
    rng = random.Random(f"{seed}:{number}")
    name = list(TARGETS)[number % len(TARGETS)]
    files = dict(valid(name))
    chosen = rng.choice(list(files))
    if rng.random() < 0.02:
        return name, files, f"{rng.choice(['folder', 'pipe', 'loop', 'out', 'gone'])} {chosen}"
    files[chosen] = mutated(rng, chosen, files[chosen], aware=TARGETS[name].aware)
    return name, files, None


def seeds() -> list[Path]:
    """The cases that escaped once, a file each."""
    return sorted(SEEDS.glob("*.json"))


def is_run(name: str) -> bool:
    """Whether the cases of a target are run here."""
    needs = TARGETS[name].needs
    return not needs or (find_spec(needs) is not None and not (needs == HEAVY and LIGHT))


def place(files: Files, other: str | None, folder: Path) -> None:
    """Write the files of a case into a folder."""
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    if other is None:
        return
    kind, _, name = other.partition(" ")
    file = folder / name
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to(file)
    elif kind == "out":
        file.symlink_to("/etc/passwd")


def verdict(name: str, files: Files, other: str | None) -> str | None:
    """What went wrong where the files were read; None where they were read or refused."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place(files, other, Path(folder))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = target.read(Path(folder))
        except SatError as error:
            return _of_message(str(error))
        except Exception:
            return traceback.format_exc(limit=-6)
    return _of_silence(name, target, files, found) if target.sealed else None


def _of_message(message: str) -> str | None:
    if len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} characters: {message[:300]}"
    if any(words in message for words in OF_MEMORY):
        return f"too much memory was asked for: {message[:500]}"
    return None


@cache
def _whole(name: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        place(valid(name), None, Path(folder))
        return TARGETS[name].read(Path(folder))


def _of_silence(name: str, target: Target, files: Files, found: Any) -> str | None:
    """Whether damage to bytes changed what was read, without a word."""
    changed = [file for file, raw in files.items() if raw != valid(name)[file]]
    if any(_is_meant(files[file]) for file in changed):
        return None
    wrong = [key for key, value in found.items() if value != _whole(name).get(key)]
    return f"{changed} gave other {wrong} without a word" if wrong else None


def _is_meant(raw: bytes) -> bool:
    """Whether a damaged file of a store has no checksum, or ones that fit: it says what it says."""
    line, is_map, payload = raw.partition(b"\n") if b'"arrays"' in raw else (raw, b"", b"")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(content, dict):
        return False
    if is_map and content.get("crc32") != zlib.crc32(payload):
        return False
    key = HEADER_CRC if is_map else CRC
    return key not in content or content.pop(key) == crc_of(content)


@contextmanager
def little_memory() -> Iterator[None]:
    """Let this process take no more than :data:`MAX_BYTES` beside what it has."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MAX_BYTES, resource.RLIM_INFINITY))
    yield


def little_time() -> None:
    """End this process by SIGXCPU once it has computed for :data:`MAX_SECONDS` more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + MAX_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def main(seed: str, first: int, last: int) -> None:
    """Run cases; a line of JSON before each one, and after one that went wrong."""
    # What they import is there before memory is limited.
    kept = {case(seed, number)[0] for number in range(first, last)} if seed == KEPT else None
    for name in filter(is_run, TARGETS if kept is None else sorted(kept)):
        if problem := verdict(name, valid(name), None):
            raise SystemExit(f"{name}: its valid files are refused: {problem}")
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.freeze()  # what is imported, so that collecting the rest is quick
    with little_memory():
        for number in range(first, last):
            gc.collect()  # errors hold the frames, and so the arrays, of the cases before
            print(json.dumps({"case": number}), file=report, flush=True)
            little_time()
            name, files, other = case(seed, number)
            problem = verdict(name, files, other) if is_run(name) else None
            if problem:
                print(json.dumps({"case": number, "problem": problem}), file=report, flush=True)
    print(json.dumps({"case": last}), file=report, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
