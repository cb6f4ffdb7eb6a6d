"""The batches of one call, shared out to its workers."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

from sat_nb.saliency.batches import explain_batch
from sat_nb.saliency.job import Job


def explain_batches(job: Job, batches: Iterable[Sequence[str]], bar: Any) -> None:
    """Explain all batches: here, or in one thread for each worker where there are several.

    An error or an interrupt ends all of them; what is done is kept.
    """
    if job.pool.n_workers == 1:
        for batch in batches:
            explain_batch(job, batch, bar)
        return
    relay = Relay()
    with ThreadPoolExecutor(job.pool.n_workers) as threads:
        futures = {threads.submit(explain_batch, job, batch, relay) for batch in batches}
        try:
            _wait(futures, relay, bar)
        except BaseException as error:
            job.stopping.set()
            threads.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):
                job.pool.stop()  # an interrupt does not wait for what is being computed
            raise


class Relay:
    """A progress bar for threads: what they tell it, the caller's own thread shows.

    >>> relay = Relay()
    >>> relay.update(3)
    >>> relay.pass_on(Relay())
    """

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def update(self, n: int) -> None:
        """So many more maps are there."""
        self._told.put(("update", n))

    def set_postfix_str(self, text: str) -> None:
        """What goes on."""
        self._told.put(("set_postfix_str", text))

    def pass_on(self, bar: Any) -> None:
        """Show on ``bar`` what was told since."""
        while not self._told.empty():
            name, value = self._told.get()
            getattr(bar, name)(value)


def _wait(futures: set[Future[None]], relay: Relay, bar: Any) -> None:
    """Until all are done, or one failed; interruptible on every system."""
    left = futures
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_EXCEPTION)
        relay.pass_on(bar)
        for future in done:
            future.result()
    relay.pass_on(bar)
