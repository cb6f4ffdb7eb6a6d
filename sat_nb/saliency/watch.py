"""A worker's eye on its own memory: what a request took, and the end of it above a limit.

TensorFlow does not survive a failed allocation (it segfaults under RLIMIT_DATA, and counts
far more address space than it uses), so the limit is on the resident memory, looked at every
few milliseconds.
"""

from __future__ import annotations

import os
import sys
import threading
import time

OVER_LIMIT = 86
"""Exit status of a worker that went above its limit."""

_INTERVAL = 0.005  # seconds; at a gigabyte a second that is 5 MB


class MemoryWatch:
    """The resident memory of this process, watched by a thread.

    >>> watch = MemoryWatch(None)
    >>> watch.restart() <= watch.peak()
    True
    """

    def __init__(self, max_memory: int | None) -> None:
        import psutil

        process = psutil.Process()
        self._resident = lambda: int(process.memory_info().rss)
        self._max_memory = max_memory
        self._peak = self._resident()
        threading.Thread(target=self._watch, daemon=True).start()

    def restart(self) -> int:
        """Forget the peak; the bytes in use now."""
        self._peak = self._resident()
        return self._peak

    def peak(self) -> int:
        """The most bytes in use since :meth:`restart`."""
        return self._look()

    def _look(self) -> int:
        self._peak = max(self._peak, self._resident())
        return self._peak

    def _watch(self) -> None:
        while True:
            if self._max_memory is not None and self._look() > self._max_memory:
                print(f"more than {self._max_memory} bytes in use: stopped", file=sys.stderr)
                sys.stderr.flush()
                os._exit(OVER_LIMIT)
            self._look()
            time.sleep(_INTERVAL)
