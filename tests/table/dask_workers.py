"""What workers of Dask load in the tests: the engine of NumPy in place of the Keras engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from sat_nb.saliency.engines.entries import ENGINES
from tests.saliency import batch_engine

PRELOAD = __name__
ROOT = Path(__file__).parents[2]


def dask_setup(worker: Any) -> None:
    """What ``--preload`` calls, in workers alone."""
    ENGINES["keras"] = batch_engine.ENTRY
    register_shelf()


def register_shelf() -> None:
    """Let this process read files of this machine at addresses that only fsspec knows: shelf://."""
    from fsspec import register_implementation
    from fsspec.implementations.local import LocalFileSystem

    class Shelf(LocalFileSystem):  # type: ignore[misc]
        protocol = "shelf"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(LocalFileSystem._strip_protocol(path.removeprefix("shelf://")))

        def unstrip_protocol(self, name: str) -> str:
            return f"shelf://{name}"

    register_implementation("shelf", Shelf, clobber=True)


def halved(batch: Any) -> Any:
    """A preprocessing that workers can import."""
    return batch / 510


def blind(name: str) -> None:
    """Let this worker see no file of this name; "" gives the sight back."""
    from sat_nb.table.tabulate import on_worker

    class Blind(type(Path())):  # type: ignore[misc]
        def exists(self, **more: Any) -> bool:
            return self.name != name and super().exists(**more)

    on_worker.Path = Blind


def without_engine(python: str) -> None:
    """Let this worker look for engines in a Python that is not there; "" undoes it."""
    for engine in ("KERAS", "TORCH"):  # which reads Keras 2 files where the other is missing
        os.environ[f"SAT_NB_ENGINE_{engine}"] = python


def end() -> None:
    """End this worker at once, as a killed process does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Programs:
    """A scheduler and workers as programs of their own, on the loopback address."""

    def __init__(self) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, n_workers: int, *, preload: str = PRELOAD, path: str = str(ROOT)) -> None:
        """Start a scheduler and so many workers, which find modules under ``path``."""
        self._run("scheduler", "--host", "127.0.0.1", "--port", str(self.port), path=path)
        for _ in range(n_workers):
            self._start_worker(preload, path)

    def _start_worker(self, preload: str = PRELOAD, path: str = str(ROOT)) -> None:
        options = ("--nthreads", "1", "--no-nanny", "--death-timeout", "60")
        loads = ("--preload", preload) if preload else ()
        self._run("worker", self.address, *options, *loads, path=path)

    def kill_worker(self) -> None:
        """Kill the oldest worker, and start another one."""
        program = self.running.pop(1)
        program.kill()
        program.wait()
        self._start_worker()

    def kill(self) -> None:
        """Kill all of them."""
        for program in self.running:
            program.kill()
            program.wait()
        self.running.clear()

    def _run(self, kind: str, *arguments: str, path: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard"]
        environment = {**os.environ, "PYTHONPATH": path}
        with suppress(KeyError):
            del environment["SAT_NB_ENGINE_KERAS"]
        started = subprocess.Popen(
            [*command, *arguments],
            cwd=path or None,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.running.append(started)
