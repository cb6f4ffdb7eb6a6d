"""The worker's side of the pipe: answer one request after another until the pipe closes.

Nothing here knows an engine. The pipe is made safe first (whatever a library prints goes to the
log, not into the stream); then the engine's module is imported.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from sat_nb.errors import SatError
from sat_nb.saliency.process.messages import receive, send
from sat_nb.temporary import settle_default

OUT_OF_MEMORY = "out of memory"

_serving = False


def is_worker() -> bool:
    """Whether this process is a worker, where switching TensorFlow to graph mode harms nobody."""
    return _serving


def serve(module: str, max_memory: int | None = None) -> None:
    """Answer requests with the functions ``COMMANDS`` of ``module`` until stdin ends.

    Each answer says how much memory it took; above ``max_memory`` bytes the process ends.
    """
    global _serving
    _serving = True
    settle_default(otherwise=os.sep)
    requests, replies = _take_pipes()
    memory = PeakMemory(max_memory)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    commands = importlib.import_module(module).COMMANDS
    while True:
        try:
            name, arguments = receive(requests)
        except EOFError:
            return
        before = memory.restart()
        reply = answer(commands, name, arguments)
        send(replies, {**reply, "memory": (before, memory.peak())})


def answer(
    commands: Mapping[str, Callable[..., Any]], name: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The command's result, or its error as data: a SatError by name, others with traceback."""
    try:
        return {"value": commands[name](**arguments)}
    except SatError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:
        return {
            "error": OUT_OF_MEMORY if _is_out_of_memory(error) else "",
            "message": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(),
        }


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python or TensorFlow (a class that cannot be imported here) ran out of memory."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for the messages alone; prints go to stderr from here on."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.stdout.flush()
    os.dup2(2, 1)
    return requests, replies


def _end_with_parent(parent: int) -> None:
    """End when the parent has died: a killed parent leaves pipes open that other children hold."""
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)


OVER_LIMIT = 86
"""Exit status of a worker that went above its limit."""

_INTERVAL = 0.005  # seconds; at a gigabyte a second that is 5 MB


class PeakMemory:
    """Track the peak of this process's resident memory in a thread; exit above the limit.

    The system's own peak (VmHWM) cannot be reset, so it would not tell one request from another.

    >>> memory = PeakMemory(None)
    >>> memory.restart() <= memory.peak()
    True
    """

    def __init__(self, max_memory: int | None) -> None:
        import psutil

        process = psutil.Process()
        self._resident = lambda: int(process.memory_info().rss)
        self._max_memory = max_memory
        self._peak = self._resident()
        threading.Thread(target=self._track, daemon=True).start()

    def restart(self) -> int:
        """Forget the peak; return the bytes in use now."""
        self._peak = self._resident()
        return self._peak

    def peak(self) -> int:
        """The most bytes in use since :meth:`restart`."""
        self._peak = max(self._peak, self._resident())
        return self._peak

    def _track(self) -> None:
        while True:
            if self.peak() > (self._max_memory or sys.maxsize):
                print(f"more than {self._max_memory} bytes in use: stopped", file=sys.stderr)
                sys.stderr.flush()
                os._exit(OVER_LIMIT)
            time.sleep(_INTERVAL)
