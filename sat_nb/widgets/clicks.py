"""When the work of a click runs: the last of several clicks alone, and before any cleaning up."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY = 0.03  # seconds: longer than between messages that wait in a kernel


@contextmanager
def garbage_later() -> Iterator[None]:
    """Within it, or within a function that it decorates, no garbage is collected.

    Figures hold circles of references, whose collection stops every tenth click or so, now and then
    for longer than the click takes. It waits ``PAUSE`` seconds longer, until the picture is on its
    way, which a thread of the kernel sends: a collection would stop that, too.

    >>> with garbage_later():
    ...     gc.isenabled()
    False
    """
    due = _enabled_or_soon()
    gc.disable()
    try:
        yield
    finally:
        if due:
            _enable_soon()


PAUSE = 0.1  # seconds

_soon: threading.Timer | None = None


def _enabled_or_soon() -> bool:
    """Whether garbage is collected, or would be as soon as the picture before is on its way."""
    waiting = _soon is not None and _soon.is_alive()
    if _soon is not None:
        _soon.cancel()
    return waiting or gc.isenabled()


def _enable_soon() -> None:
    global _soon
    _soon = threading.Timer(PAUSE, gc.enable)
    _soon.daemon = True
    _soon.start()


class Debouncer:
    """Runs the last of several calls in quick succession, on the event loop.

    A kernel that was busy handles what a user typed meanwhile one message after another. A call
    runs at once where nothing has run for ``delay`` seconds; otherwise it waits that long, and
    replaces the one that is waiting. Without a running event loop, as in a script, it runs at once.

    >>> done = []
    >>> Debouncer()(lambda: done.append("at once"))
    >>> done
    ['at once']
    """

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay
        self._ended = -delay  # when work ended, by the loop's clock
        self._waiting: asyncio.TimerHandle | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Run this soon, in place of what is waiting."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            work()
            return
        crowded = self._waiting is not None or loop.time() - self._ended < self._delay
        self.cancel()
        self._waiting = loop.call_later(self._delay if crowded else 0, self._run, loop, work)

    def cancel(self) -> None:
        """Drop what is waiting."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _run(self, loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
        self._waiting = None
        try:
            work()
        finally:
            self._ended = loop.time()
