"""The progress bar, and the threads whose work it shows."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

Work = Callable[[Sequence[str], Any], None]
"""Work on a batch of images that shows its progress on a bar."""


def run_batches(
    work: Work,
    batches: Iterable[Sequence[str]],
    bar: Any,
    *,
    n_threads: int,
    stop: Callable[[BaseException], None],
) -> None:
    """Do the work for all batches: in this thread, or in several.

    An error or an interrupt ends all of them; ``stop`` hears of it, so that threads which are
    waiting for something give up.
    """
    if n_threads == 1:
        for batch in batches:
            work(batch, bar)
        return
    relay = Relay()
    with ThreadPoolExecutor(n_threads) as threads:
        futures = {threads.submit(work, batch, relay) for batch in batches}
        try:
            _wait(futures, relay, bar)
        except BaseException as error:
            threads.shutdown(wait=False, cancel_futures=True)
            stop(error)
            raise


class Relay:
    """A progress bar for threads, which the caller's own thread shows: widgets allow no other.

    >>> relay = Relay()
    >>> relay.update(3)
    >>> relay.pass_on(Relay())
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def update(self, n: int) -> None:
        """Count ``n`` more maps."""
        self._calls.put(("update", n))

    def set_postfix_str(self, text: str) -> None:
        """Show what is being done."""
        self._calls.put(("set_postfix_str", text))

    def pass_on(self, bar: Any) -> None:
        """Make on ``bar`` the calls that were made here since."""
        while not self._calls.empty():
            name, value = self._calls.get()
            getattr(bar, name)(value)


def _wait(futures: set[Future[None]], relay: Relay, bar: Any) -> None:
    """Wait until all are done, or one failed; in short waits, which Ctrl-C can interrupt."""
    left = futures
    while left:
        done, left = wait(left, timeout=0.2, return_when=FIRST_EXCEPTION)
        relay.pass_on(bar)
        for future in done:
            future.result()
    relay.pass_on(bar)


class _Silent:
    """A progress bar that shows nothing."""

    update: Callable[..., None] = staticmethod(lambda n: None)
    set_postfix_str: Callable[..., None] = staticmethod(lambda text: None)


@contextmanager
def progress_bar(
    total: int, progress: bool, *, unit: str = "map", title: str = "explain"
) -> Iterator[Any]:
    """A bar of ``total`` maps, or of other units, or one that shows nothing."""
    if not progress:
        yield _Silent()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=unit, desc=title) as bar:
        yield bar
