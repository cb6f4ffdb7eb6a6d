"""When the work of a click runs: the last of several clicks alone, and before any cleaning up."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DELAY = 0.03  # seconds: longer than between messages that wait in a kernel


@contextmanager
def garbage_later() -> Iterator[None]:
    """Within it, or within a function that it decorates, no garbage is collected.

    Figures hold circles of references, whose collection stops every tenth click or so for longer
    than the click takes. It waits until the picture is on its way.

    >>> with garbage_later():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Debouncer:
    """Runs the last of several calls in quick succession, on the event loop.

    A kernel that was busy handles what a user typed meanwhile one message after another. Each
    call waits for ``delay`` seconds and replaces the one that is waiting. Without a running event
    loop, as in a script, it runs at once.

    >>> done = []
    >>> Debouncer()(lambda: done.append("at once"))
    >>> done
    ['at once']
    """

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay
        self._waiting: asyncio.TimerHandle | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Run this soon, in place of what is waiting."""
        self.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            work()
        else:
            self._waiting = loop.call_later(self._delay, work)

    def cancel(self) -> None:
        """Drop what is waiting."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
