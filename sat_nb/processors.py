"""How many processors there are to work with."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress


def n_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_on_cores(n: int) -> ThreadPoolExecutor:
    """A pool of n threads; as many as there are cores stay on a core each.

    A thread that waits for the interpreter's lock is woken by the one that releases it, and Linux
    then often keeps both on that one core for tens of milliseconds, while another core is idle.
    """
    if n != n_cores() or not hasattr(os, "sched_setaffinity"):
        return ThreadPoolExecutor(n)
    cores = iter(sorted(os.sched_getaffinity(0)))

    def stay_on_next_core() -> None:
        with suppress(OSError):  # the process may have lost that core meanwhile
            os.sched_setaffinity(0, {next(cores)})

    return ThreadPoolExecutor(n, initializer=stay_on_next_core)
