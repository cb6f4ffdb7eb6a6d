"""The worker as the caller sees it: a program of its own, started when first needed.

TensorFlow runs there in graph mode, which iNNvestigate needs, so the caller's own TensorFlow
stays eager. The worker is started as ``python -c``, never by forking or spawning the caller's
main module, so it works in notebooks, scripts without a main guard, pytest and ``python -c``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from sat_nb import errors
from sat_nb.errors import WorkerFailed
from sat_nb.saliency.protocol import receive, send

_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from sat_nb.saliency.server import serve; serve('sat_nb.saliency.worker')"
)
_LOG_TAIL = 2000  # characters


class Worker:
    """One running worker; :meth:`request` asks it and waits for the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker
        self._process = _start(self._log)
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        self.owner_pid = os.getpid()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether this process may ask this worker (a forked child may not)."""
        return self.owner_pid == os.getpid() and self._process.poll() is None

    def request(self, command: str, arguments: Mapping[str, Any], *, doing: str) -> Any:
        """The command's result; ``doing`` says in errors what was asked for.

        Raises what the worker raised, WorkerFailed where it died or met something unexpected.
        An interrupt while waiting stops the worker, because its answer would come too late.
        """
        with self._lock:
            try:
                send(self._requests, (command, dict(arguments)))
                reply = receive(self._replies)
            except (EOFError, OSError) as error:
                raise self._death(doing) from error
            except BaseException:
                self.stop()
                raise
        return _value(reply, doing)

    def stop(self) -> None:
        """End the worker at once; it holds nothing that is not stored."""
        if self.owner_pid != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                pipe.close()

    def _death(self, doing: str) -> WorkerFailed:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        self.stop()
        return WorkerFailed(
            f"model: the process that explains it died ({_how(code)}) while {doing}. What was done "
            "is kept where out=... names a folder; call again to go on, with a smaller batch_size "
            f"if memory was short. The end of its log:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL))
        return self._log.read().decode(errors="replace").strip() or "(empty)"


_worker: Worker | None = None
_starting = threading.Lock()


def shared_worker() -> Worker:
    """The worker that all calls share; started, or replaced if it died."""
    global _worker
    with _starting:
        if _worker is None or not _worker.alive():
            _worker = Worker()
        return _worker


def stop_worker() -> None:
    """End the shared worker and free its memory; the next call starts a new one."""
    if _worker is not None:
        _worker.stop()


atexit.register(stop_worker)


def _start(log: Any) -> subprocess.Popen[bytes]:
    path = [entry or os.getcwd() for entry in sys.path if isinstance(entry, str)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "MPLBACKEND": "Agg"}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the caller, who then stops the worker
        )
    except OSError as error:
        raise WorkerFailed(
            f"model: cannot start the process that explains it ({sys.executable!r}): {error}"
        ) from error


def _value(reply: Mapping[str, Any], doing: str) -> Any:
    if "value" in reply:
        return reply["value"]
    if reply["error"]:
        raise getattr(errors, reply["error"])(reply["message"])
    raise WorkerFailed(
        f"model: {reply['message']} while {doing}. From the worker:\n{reply['traceback']}"
    )


def _how(code: int | None) -> str:
    if code is None:
        return "no longer answers"
    return f"signal {-code}" if code < 0 else f"exit status {code}"
