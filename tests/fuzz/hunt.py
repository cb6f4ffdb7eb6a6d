"""Run cases in child processes that may die or hang, and keep what went wrong as seeds.

``python -m tests.fuzz.hunt`` takes random seeds and goes on for an hour (``--minutes``); each
escape is written to ``tests/fuzz/seeds/``, which the tests read again.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.fuzz.cases import MAX_SECONDS, SEEDS, case

ROOT = Path(__file__).parents[2]
MAX_WALL_SECONDS = 12 * MAX_SECONDS
"""Until a case that waits for something, and computes nothing, is given up."""

START_SECONDS = 120
"""Until a child has imported everything and read the valid files."""


@dataclass(frozen=True)
class Escape:
    """A case that went wrong, and how."""

    seed: str
    number: int
    problem: str

    def __str__(self) -> str:
        name = case(self.seed, self.number)[0]
        return f"case {self.number} of seed {self.seed} ({name}): {self.problem}"


def hunt(seed: str, first: int, last: int, until: float = float("inf")) -> tuple[list[Escape], int]:
    """The escapes among these cases, and the number of the first case that was not run."""
    escapes: list[Escape] = []
    while first < last and time.monotonic() < until:
        found, first = _child(seed, first, last, until)
        escapes += found
    return escapes, first


def command(seed: str, first: str, last: str) -> list[str]:
    """The program of a child."""
    return [sys.executable, "-m", "tests.fuzz.cases", seed, first, last]


def _child(seed: str, first: int, last: int, until: float) -> tuple[list[Escape], int]:
    """Run a child until it ends; its escapes, and the case to go on with."""
    threads = {"OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "2"}
    child = subprocess.Popen(
        command(seed, str(first), str(last)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, **threads, "PYTHONHASHSEED": "0"},
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    assert child.stdout is not None
    threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
    try:
        return _watched(child, lines, seed, first, last, until)
    finally:
        child.kill()
        child.wait()


def _read(stream: IO[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _watched(
    child: subprocess.Popen[str],
    lines: queue.Queue[str],
    seed: str,
    first: int,
    last: int,
    until: float,
) -> tuple[list[Escape], int]:
    escapes: list[Escape] = []
    running: int | None = None
    while time.monotonic() < until:
        try:
            line = lines.get(timeout=START_SECONDS if running is None else MAX_WALL_SECONDS)
        except queue.Empty:
            if running is None:
                raise RuntimeError("the child does not start") from None
            problem = f"lasted more than {MAX_WALL_SECONDS} s"
            return [*escapes, Escape(seed, running, problem)], running + 1
        if not line:
            code = child.wait()
            if running is None:
                raise RuntimeError(f"the child ended with {code}; run tests.fuzz.cases to see why")
            if running == last:
                return escapes, last
            return [*escapes, Escape(seed, running, _how_it_died(code))], running + 1
        said = json.loads(line)
        running = said["case"]
        if "problem" in said:
            escapes.append(Escape(seed, said["case"], said["problem"]))
    return escapes, first if running is None else running


def _how_it_died(code: int) -> str:
    if code == -signal.SIGXCPU:
        return f"took more than {MAX_SECONDS} s of processor time"
    return f"the process died ({code})"


def keep(escape: Escape) -> Path:
    """Write an escape down as a seed of the tests."""
    name, files, other = case(escape.seed, escape.number)
    SEEDS.mkdir(exist_ok=True)
    file = SEEDS / f"{escape.seed}-{escape.number}.json"
    packed = {path: base64.b64encode(raw).decode() for path, raw in files.items()}
    content = {"target": name, "problem": escape.problem, "files": packed, "other": other}
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file


def main() -> None:
    """Hunt until time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--cases", type=int, default=10**9)
    options = parser.parse_args()
    until, start = time.monotonic() + 60 * options.minutes, time.monotonic()
    escapes, n_cases = hunt(options.seed, 0, options.cases, until)
    for escape in escapes:
        print(f"{escape}\n  kept as {keep(escape)}\n", flush=True)
    seconds = time.monotonic() - start
    print(f"seed {options.seed}: {n_cases} cases, {len(escapes)} escapes, {seconds:.0f} s")
    raise SystemExit(bool(escapes))


if __name__ == "__main__":
    main()
