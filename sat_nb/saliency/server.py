"""The worker's side of the pipe: answer one request after another until the pipe closes.

Nothing here knows TensorFlow. It makes the pipe safe first (whatever a library prints goes to
the log, not into the stream), then imports the module that does the work.
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
from sat_nb.saliency.protocol import receive, send
from sat_nb.saliency.watch import MemoryWatch

OUT_OF_MEMORY = "out of memory"

_serving = False


def is_worker() -> bool:
    """Whether this process is a worker, so that switching TensorFlow to graph mode hurts nobody."""
    return _serving


def serve(module: str, max_memory: int | None = None) -> None:
    """Answer requests with the functions ``COMMANDS`` of ``module`` until stdin ends.

    Each answer tells how much memory it took; above ``max_memory`` bytes the process ends.
    """
    global _serving
    _serving = True
    requests, replies = _take_pipes()
    watch = MemoryWatch(max_memory)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    commands = importlib.import_module(module).COMMANDS
    while True:
        try:
            name, arguments = receive(requests)
        except EOFError:
            return
        before = watch.restart()
        reply = answer(commands, name, arguments)
        send(replies, {**reply, "memory": (before, watch.peak())})


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
    """A parent that was killed cannot close a pipe which its other children hold open."""
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)
