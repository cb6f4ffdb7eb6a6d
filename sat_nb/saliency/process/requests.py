"""Asking the workers: how much at once, and what to do when one of them dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sat_nb.errors import WorkerFailed
from sat_nb.saliency.process.budget import What
from sat_nb.saliency.process.pool import Pool, Stopped
from sat_nb.saliency.process.worker import WorkerDied, WorkerOutOfMemory


def ask(
    command: str,
    doing: str,
    *,
    pool: Pool,
    what: What | None = None,
    n_units: int | None = None,
    **arguments: Any,
) -> Any:
    """What a worker answers; the memory it took for a request of ``what`` is remembered.

    ``n_units`` inputs went through the model at once, by default the whole ``batch``.
    """
    answer = pool.request(command, arguments, doing=doing)
    if what is not None:
        n_units = n_units or len(arguments["batch"])
        pool.budget.measured(what, n_units, before=answer.before, peak=answer.peak)
    return answer.value


def ask_twice(command: str, doing: str, **arguments: Any) -> Any:
    """What a worker answers; where it dies, what the one in its place does."""
    try:
        return ask(command, doing, **arguments)
    except WorkerDied:
        return ask(command, doing, **arguments)


def in_pieces(
    pool: Pool,
    stopping: threading.Event,
    what: What,
    image_ids: Sequence[str],
    work: Callable[[Sequence[str]], None],
    *,
    most: int | None = None,
) -> None:
    """Do the work for as many images at once as memory allows, one by one where it failed."""
    left, most = list(image_ids), min(len(image_ids), most or len(image_ids))
    while left:
        if stopping.is_set():
            raise Stopped("explain was stopped.")
        n_images = pool.budget.at_once(what, most)
        some, left = left[:n_images], left[n_images:]
        try:
            work(some)
        except WorkerOutOfMemory:
            if len(some) == 1:
                raise
            pool.budget.shrink(what, len(some))
            left = some + left
        except WorkerDied:
            pool.budget.shrink(what, len(some))
            for image_id in some:
                _once_more(partial(work, [image_id]), image_id)


def within_memory(
    pool: Pool,
    stopping: threading.Event,
    what: What,
    most: int,
    work: Callable[[int], None],
    image_id: str,
) -> None:
    """One image's work, with as many points at once as memory allows."""
    while True:
        if stopping.is_set():
            raise Stopped("explain was stopped.")
        n_points = pool.budget.at_once(what, most)
        try:
            return work(n_points)
        except WorkerOutOfMemory:
            if n_points == 1:
                raise
            pool.budget.shrink(what, n_points)
        except WorkerDied:
            pool.budget.shrink(what, n_points)
            return _once_more(partial(work, max(1, n_points // 2)), image_id)


def _once_more(work: Callable[[], None], image_id: str) -> None:
    """The work for one image of those with which a worker died."""
    try:
        work()
    except WorkerDied as second:
        raise WorkerFailed(
            f"image {image_id!r}: two workers died of it, the second one alone with it. Leave it "
            f"out, or make it smaller if memory was short. {second}"
        ) from second
