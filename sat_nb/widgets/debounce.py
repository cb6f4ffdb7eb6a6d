"""Latest: work that is put off a moment, and dropped where newer work comes before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DELAY = 0.03  # seconds: messages that wait in a kernel follow one another faster


class Latest:
    """Runs the last of several calls that come in quick succession, on the event loop.

    A kernel handles what a user typed while it was busy one message after another; each puts
    its work off by ``delay``, and replaces what was put off before. Without a running event
    loop, as in a script, the work is done at once.

    >>> done = []
    >>> Latest()(lambda: done.append("at once"))
    >>> done
    ['at once']
    """

    def __init__(self, delay: float = DELAY) -> None:
        self._delay = delay
        self._waiting: asyncio.TimerHandle | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Do this soon, and not what was put off before."""
        self.drop()
        loop = _running_loop()
        if loop is None:
            work()
        else:
            self._waiting = loop.call_later(self._delay, work)

    def drop(self) -> None:
        """Forget what waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
