"""The workers that all calls share: started when first needed, replaced when they died."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from typing import Any

from sat_nb.errors import SatError
from sat_nb.saliency.process.budget import Budget
from sat_nb.saliency.process.worker import Answer, Worker


class Stopped(SatError):
    """The pool was stopped while this thread waited for it."""


class Pool:
    """``n_workers`` workers, each with its share of the cores and at most ``max_memory`` bytes.

    :meth:`request` may be called by several threads: each takes a worker that is free.

    >>> Pool(2).n_workers  # starts nothing before it is asked
    2
    """

    def __init__(self, n_workers: int = 1, *, max_memory: int | None = None) -> None:
        self.n_workers, self.max_memory = n_workers, max_memory
        self.budget = Budget(max_memory)
        self._stopping = threading.Event()
        self._turns = threading.Semaphore(n_workers)
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []

    def request(self, command: str, arguments: Mapping[str, Any], *, doing: str) -> Answer:
        """What a free worker answers; see :meth:`Worker.request`. Stopped after :meth:`stop`."""
        while not self._turns.acquire(timeout=0.2):
            self._check_not_stopped()
        try:
            worker = self._free_worker()
            self._busy.append(worker)
            try:
                self._check_not_stopped()
                return worker.request(command, arguments, doing=doing)
            finally:
                self._busy.remove(worker)
                self._idle.append(worker)
        finally:
            self._turns.release()

    def pids(self) -> list[int]:
        """The process ids of the workers that run."""
        return sorted(w.pid for w in {*self._idle, *self._busy} if w.alive())

    def stop(self) -> None:
        """End all workers at once; they hold nothing that is not stored."""
        self._stopping.set()
        for worker in list(self._busy):
            worker.kill()
        self.stop_idle()

    def stop_idle(self) -> None:
        """End the workers that nobody waits for; the next request starts new ones."""
        while (worker := self._pop_idle()) is not None:
            worker.stop()

    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping.is_set()

    def _free_worker(self) -> Worker:
        """One that is idle and alive, or a new one."""
        while (worker := self._pop_idle()) is not None:
            if worker.alive():
                return worker
        n_threads = None if self.n_workers == 1 else max(1, n_cores() // self.n_workers)
        return Worker(n_threads=n_threads, max_memory=self.max_memory)

    def _pop_idle(self) -> Worker | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _check_not_stopped(self) -> None:
        if self.stopped():
            raise Stopped("explain was stopped.")


def n_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_pools: dict[tuple[int, int | None], Pool] = {}
_changing = threading.Lock()


def shared_pool(n_workers: int = 1, *, max_memory: int | None = None) -> Pool:
    """The pool of this shape; idle workers of other shapes end and free their memory."""
    with _changing:
        shape = (n_workers, max_memory)
        for other in _pools.keys() - {shape}:
            _pools[other].stop_idle()
        if shape not in _pools or _pools[shape].stopped():
            _pools[shape] = Pool(n_workers, max_memory=max_memory)
        return _pools[shape]


def stop_workers() -> None:
    """End all workers and free their memory; the next call starts new ones."""
    for pool in list(_pools.values()):
        pool.stop()


atexit.register(stop_workers)
