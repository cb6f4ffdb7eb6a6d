"""The workers that all calls share, and how they are asked.

Workers are started when first needed and replaced when they have died. A request that ran out of
memory is sent again in smaller parts. One with which a worker died is sent again as it was, since
the last digits of a result depend on how many inputs go through the model at once; where a second
worker dies of it, its inputs go one by one.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sat_nb.errors import SatError, WorkerFailed
from sat_nb.processors import n_cores
from sat_nb.saliency.process.budget import Budget, RequestKind
from sat_nb.saliency.process.worker import (
    Answer,
    Program,
    Worker,
    WorkerDied,
    WorkerOutOfMemory,
)

Item = TypeVar("Item")


class Stopped(SatError):
    """The pool was stopped while this thread waited for it."""


class WorkerPool:
    """``n_workers`` workers of one program, each with its share of the cores and of memory.

    :meth:`request` may be called by several threads: each takes a free worker. The semaphore counts
    free workers, so a thread that holds a turn always finds or starts one. ``_idle`` and ``_busy``
    need no lock, because append, remove and pop of a list are atomic.

    >>> WorkerPool(Program("sat_nb.saliency.engines.keras.commands"), 2).n_workers
    2

    No worker is started before the first request. Each may use ``max_memory`` bytes, and
    ``n_threads`` cores, by default its share of all.
    """

    def __init__(
        self,
        program: Program,
        n_workers: int = 1,
        *,
        max_memory: int | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.program, self.n_workers, self.max_memory = program, n_workers, max_memory
        if n_threads is None and n_workers > 1:
            n_threads = max(1, n_cores() // n_workers)
        self.n_threads = n_threads
        self.budget = Budget(max_memory)
        self._stopping = threading.Event()
        self._turns = threading.Semaphore(n_workers)
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []

    def request(self, command: str, arguments: Mapping[str, Any], *, doing: str) -> Answer:
        """A free worker's answer; see :meth:`Worker.request`. Raises Stopped after :meth:`stop`."""
        # In short waits: a thread that waits for a turn must notice that the pool was stopped.
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
        """The process ids of the running workers."""
        return sorted(w.pid for w in {*self._idle, *self._busy} if w.alive())

    def stop(self) -> None:
        """End all workers at once; they hold nothing that is not stored."""
        self._stopping.set()
        for worker in list(self._busy):
            worker.kill()
        self.stop_idle()

    def stop_idle(self) -> None:
        """End the workers that no thread waits for; the next request starts new ones."""
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
        return Worker(self.program, n_threads=self.n_threads, max_memory=self.max_memory)

    def _pop_idle(self) -> Worker | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _check_not_stopped(self) -> None:
        if self.stopped():
            raise Stopped("explain was stopped.")


_pools: dict[tuple[Program, int, int | None, int | None], WorkerPool] = {}
_changing = threading.Lock()  # two calls of explain in two threads must not make one pool twice


def shared_pool(
    program: Program,
    n_workers: int = 1,
    *,
    max_memory: int | None = None,
    n_threads: int | None = None,
) -> WorkerPool:
    """The pool of this shape; the program's idle workers in other pools end and free memory."""
    with _changing:
        shape = (program, n_workers, max_memory, n_threads)
        for other in _pools.keys() - {shape}:
            if other[0] == program:
                _pools[other].stop_idle()
        if shape not in _pools or _pools[shape].stopped():
            _pools[shape] = WorkerPool(
                program, n_workers, max_memory=max_memory, n_threads=n_threads
            )
        return _pools[shape]


def stop_workers() -> None:
    """End all workers and free their memory; the next call starts new ones."""
    for pool in list(_pools.values()):
        pool.stop()


atexit.register(stop_workers)


# --- requests ----------------------------------------------------------------------------------


def ask(
    command: str,
    doing: str,
    *,
    pool: WorkerPool,
    kind: RequestKind | None = None,
    n_inputs: int | None = None,
    **arguments: Any,
) -> Any:
    """A worker's answer; the memory that a request of this ``kind`` took is remembered.

    ``n_inputs`` inputs went through the model at once, by default the whole ``batch``.
    """
    answer = pool.request(command, arguments, doing=doing)
    if kind is not None:
        n_inputs = n_inputs or len(arguments["batch"])
        pool.budget.measured(kind, n_inputs, before=answer.before, peak=answer.peak)
    return answer.value


def ask_with_retry(command: str, doing: str, **arguments: Any) -> Any:
    """A worker's answer; if the worker dies, the answer of the one that replaces it."""
    try:
        return ask(command, doing, **arguments)
    except WorkerDied:
        return ask(command, doing, **arguments)


@dataclass(frozen=True)
class Sender:
    """Sends work in requests that fit into memory, until ``stopping`` is set."""

    pool: WorkerPool
    stopping: threading.Event

    def in_batches(
        self,
        kind: RequestKind,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], None],
        *,
        limit: int | None = None,
        name: Callable[[Item], str] = str,
    ) -> None:
        """Do the work for as many items at once as memory allows, one by one where it failed.

        ``name(item)`` is the image that an item belongs to, for errors.
        """
        left, limit = list(items), min(len(items), limit or len(items))
        while left:
            self._check_not_stopped()
            n_items = self.pool.budget.at_once(kind, limit)
            batch, left = left[:n_items], left[n_items:]
            try:
                _twice(partial(work, batch))
            except WorkerOutOfMemory:
                if len(batch) == 1:
                    raise
                self.pool.budget.shrink(kind, len(batch))
                left = batch + left
            except WorkerDied as died:
                if len(batch) == 1:
                    raise _crashed(name(batch[0]), 2, died) from died
                self.pool.budget.shrink(kind, len(batch))
                for item in batch:
                    _last_try(partial(work, [item]), name(item))

    def points_at_once(
        self, kind: RequestKind, limit: int, work: Callable[[int], None], image_id: str
    ) -> None:
        """Do one image's work with as many points at once as memory allows."""
        while True:
            self._check_not_stopped()
            n_points = self.pool.budget.at_once(kind, limit)
            try:
                return _twice(partial(work, n_points))
            except WorkerOutOfMemory:
                if n_points == 1:
                    raise
                self.pool.budget.shrink(kind, n_points)
            except WorkerDied:
                self.pool.budget.shrink(kind, n_points)
                return _last_try(partial(work, max(1, n_points // 2)), image_id)

    def _check_not_stopped(self) -> None:
        if self.stopping.is_set():
            raise Stopped("explain was stopped.")


def _twice(work: Callable[[], None]) -> None:
    """Do the work; once more, in the same way, if a worker died of it."""
    try:
        work()
    except WorkerDied:
        work()


def _last_try(work: Callable[[], None], image_id: str) -> None:
    """Do the work for one image of those with which two workers died."""
    try:
        work()
    except WorkerDied as died:
        raise _crashed(image_id, 3, died) from died


def _crashed(image_id: str, n_times: int, died: WorkerDied) -> WorkerFailed:
    return WorkerFailed(
        f"image {image_id!r}: the worker crashed {n_times} times on it, the last time with no "
        f"other image. Leave it out, or shrink it if memory was short. {died}"
    )
