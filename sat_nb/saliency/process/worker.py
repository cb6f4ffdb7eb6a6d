"""A worker as the caller sees it: a program of its own, in this Python or another.

TensorFlow runs there in graph mode, which iNNvestigate needs, so the caller's own TensorFlow
stays eager. The worker is started as ``python -c``, never by forking or by spawning the caller's
main module, so that it works in notebooks, scripts without a main guard, pytest and ``python -c``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from sat_nb import errors
from sat_nb.errors import SatError, WorkerFailed
from sat_nb.saliency.process.budget import in_words
from sat_nb.saliency.process.messages import OtherProtocol, receive, send, widen
from sat_nb.saliency.process.server import OUT_OF_MEMORY, OVER_LIMIT
from sat_nb.temporary import temporary_file

_PROGRAM = (
    "import sys, json; path, module, limit = json.loads(sys.argv[1]); "
    "sys.path[:] = path or sys.path; "
    "from sat_nb.saliency.process.server import serve; serve(module, limit)"
)
_LOG_TAIL = 2000  # characters
_RETURNS_MEMORY = {"TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1", "MALLOC_MMAP_THRESHOLD_": "1048576"}
"""Makes TensorFlow give memory back, so that each request shows what it needs; it is slower."""
_KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}
"""Keeps what large tensors took for the next ones; without, PyTorch's LRP-epsilon takes a sixth
longer, as Linux clears each page again. A worker at rest holds what its largest batch needed."""
_PATIENT = {"GOMP_SPINCOUNT": "1000"}
"""Lets PyTorch's threads sleep while they wait for one another, after a short loop. With the long
loop that is the default, a gradient took twelve times as long while other work held one core."""


class WorkerDied(WorkerFailed):
    """The process ended before it answered."""


class WorkerOutOfMemory(WorkerFailed):
    """The request needs more memory than there is, or than the worker may use."""


@dataclass(frozen=True)
class Program:
    """What a worker runs: the ``COMMANDS`` of a module, in this Python or in another one.

    ``python`` is the other Python's path, None for this one. That one finds its packages by itself:
    neither this process's ``sys.path`` nor its PYTHON... variables mean anything there.
    """

    module: str
    python: str | None = None

    def command(self, code: str, argument: Any) -> list[str]:
        """The command line that runs ``code`` there, with ``[path, *argument]`` as JSON."""
        path = None if self.python else [p or os.getcwd() for p in sys.path if isinstance(p, str)]
        isolated = "-I" if self.python else "-P"
        python = self.python or sys.executable
        return [python, isolated, "-c", code, json.dumps([path, *argument])]


@dataclass(frozen=True)
class Answer:
    """A worker's answer, and its resident memory in bytes: before the request, and at its peak."""

    value: Any
    before: int
    peak: int


class Worker:
    """One running worker; :meth:`request` asks it and waits for the answer.

    It may use ``n_threads`` cores (None: all) and ``max_memory`` bytes. A lock admits one request
    at a time: an answer carries no number that would tell which request it belongs to.
    """

    def __init__(
        self, program: Program, *, n_threads: int | None = None, max_memory: int | None = None
    ) -> None:
        self._lock = threading.Lock()
        self._program, self._max_memory = program, max_memory
        self._log = temporary_file()  # open as long as the worker
        self._process = _start(program, self._log, n_threads, max_memory)
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        for pipe in (self._requests, self._replies):
            widen(pipe)
        self.owner_pid = os.getpid()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether this process may ask this worker (a forked child may not)."""
        return self.owner_pid == os.getpid() and self._process.poll() is None

    def request(self, command: str, arguments: Mapping[str, Any], *, doing: str) -> Answer:
        """Return the command's result; errors say that it was ``doing`` this.

        Raises what the worker raised; WorkerDied where it ended; WorkerOutOfMemory where memory
        ran short; WorkerFailed for any other unexpected error. An interrupt while waiting stops
        the worker, because its answer would be taken for that of the next request.
        """
        with self._lock:
            try:
                send(self._requests, (command, dict(arguments)))
                reply = receive(self._replies)
            except (EOFError, OSError) as error:
                raise self._error_of_its_end(doing) from error
            except OtherProtocol as error:
                self.stop()
                python = self._program.python or sys.executable
                raise WorkerFailed(
                    f"model: the sat_nb of {python!r} is not the one that asks it ({error}); "
                    "install the same version there."
                ) from error
            except BaseException:
                self.stop()
                raise
        return Answer(_value(reply, doing), *reply["memory"])

    def stop(self) -> None:
        """End the worker at once; it holds nothing that is not stored."""
        if self.owner_pid != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies, self._log):
            with contextlib.suppress(OSError):
                pipe.close()

    def kill(self) -> None:
        """End the worker while another thread waits for its answer, which gets WorkerDied."""
        if self.owner_pid == os.getpid():
            self._process.kill()

    def _error_of_its_end(self, doing: str) -> WorkerFailed:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        log = self._log_tail()
        where = f" ({self._program.python!r})" if self._program.python else ""
        self.stop()
        if code == OVER_LIMIT:
            limit = in_words(self._max_memory or 0)
            return WorkerOutOfMemory(f"max_memory: {limit} is not enough for {doing}; give more.")
        return WorkerDied(
            f"model: the process that explains it{where} died ({_how(code)}) while {doing}. "
            "Finished maps are kept where out=... names a folder; call again to go on, with a "
            f"smaller batch_size if memory was short. The end of its log:\n{log}"
        )

    def _log_tail(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL))
        return self._log.read().decode(errors="replace").strip() or "(empty)"


def _start(
    program: Program, log: Any, n_threads: int | None, max_memory: int | None
) -> subprocess.Popen[bytes]:
    command = program.command(_PROGRAM, [program.module, max_memory])
    memory = _KEEPS_MEMORY if max_memory is None else _RETURNS_MEMORY
    defaults = {"TF_CPP_MIN_LOG_LEVEL": "3", **_PATIENT, **_threads(n_threads), **memory}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**defaults, **os.environ, "MPLBACKEND": "Agg"},
            start_new_session=True,  # Ctrl-C is for the caller, who then stops the worker
        )
    except OSError as error:
        raise WorkerFailed(
            f"model: cannot start the process that explains it ({command[0]!r}): {error}"
        ) from error


def _threads(n_threads: int | None) -> dict[str, str]:
    """The variables that limit TensorFlow to so many cores, and let workers share a GPU."""
    if n_threads is None:
        return {}
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    return {**dict.fromkeys(names, str(n_threads)), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def _value(reply: Mapping[str, Any], doing: str) -> Any:
    if "value" in reply:
        return reply["value"]
    if reply["error"] == OUT_OF_MEMORY:
        raise WorkerOutOfMemory(
            f"model: not enough memory for {doing} ({reply['message']}); free some, or explain a "
            "smaller model."
        )
    if reply["error"]:
        known = getattr(errors, reply["error"], None)
        if isinstance(known, type) and issubclass(known, SatError):
            raise known(reply["message"])
        raise WorkerFailed(f"model: {reply['message']}")
    raise WorkerFailed(
        f"model: {reply['message']} while {doing}. From the worker:\n{reply['traceback']}"
    )


def _how(code: int | None) -> str:
    if code is None:
        return "no longer answers"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
