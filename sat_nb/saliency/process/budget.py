"""How many images go through a worker at once, so that it stays below ``max_memory``."""

from __future__ import annotations

import re
import threading
import warnings

from sat_nb.errors import InvalidInput

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 1024**power for power, unit in enumerate("KMGT", start=1)}
What = tuple[str, ...]
"""A kind of request: its name, and whatever else tells it from others (model, parameters)."""

_SHARE = 0.8  # of what is left below the limit may be filled by estimates


def read_bytes(size: int | str | None) -> int | None:
    """``max_memory`` in bytes: a whole number, or text like "4GB" or "512 MiB".

    >>> read_bytes("1.5GB"), read_bytes("512 MiB")
    (1500000000, 536870912)
    """
    if size is None or (isinstance(size, int) and not isinstance(size, bool) and size > 0):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?|)B?\s*", str(size).upper())
    n_bytes = int(float(found[1]) * _UNITS[found[2]]) if found and isinstance(size, str) else 0
    if n_bytes < 1:
        raise InvalidInput(
            f"max_memory: expected bytes as a whole number or text like '4GB', got {size!r}."
        )
    return n_bytes


def in_words(n_bytes: int) -> str:
    """Bytes for people.

    >>> in_words(1_500_000_000)
    '1.5 GB'
    """
    unit = next((u for u in "TGMK" if n_bytes >= _UNITS[u]), "")
    return f"{n_bytes / _UNITS[unit]:.3g} {unit}B"


class Budget:
    """Images at once for each kind of request: few at first, then as many as fit.

    A request is taken to need what the worker holds when idle, and a share for each image.
    Without ``max_memory`` all go at once, until memory runs short.

    >>> budget = Budget(1_000_000_000)
    >>> budget.measured(("lrp.z",), 1, before=400_000_000, peak=500_000_000)
    >>> budget.at_once(("lrp.z",), 8), Budget(None).at_once(("lrp.z",), 8)
    (2, 8)
    """

    def __init__(self, max_memory: int | None) -> None:
        self.max_memory = max_memory
        self._lock = threading.Lock()
        self._idle = 0  # bytes
        self._each: dict[What, float] = {}  # bytes an image
        self._done: dict[What, int] = {}  # the most images that went through at once
        self._caps: dict[What, int] = {}  # after memory ran short
        self._said: set[What] = set()

    def at_once(self, what: What, most: int) -> int:
        """How many of ``most`` images to send together."""
        with self._lock:
            cap = min(most, self._caps.get(what, most))
            if self.max_memory is None:
                return cap
            fitting = min(cap, self._fitting(what))
            grown = min(fitting, 2 * self._done.get(what, 0) or 1)
            if fitting < most and grown == fitting:
                self._say(what, most, fitting)
            return grown

    def measured(self, what: What, n_images: int, *, before: int, peak: int) -> None:
        """Learn from a request: the worker's memory in bytes before it, and at most."""
        with self._lock:
            self._idle = max(self._idle, before)
            self._each[what] = max((peak - before) / n_images, self._each.get(what, 0.0))
            self._done[what] = max(n_images, self._done.get(what, 0))

    def shrink(self, what: What, n_images: int) -> None:
        """Send half as many together from now on: memory did not do for so many."""
        with self._lock:
            self._caps[what] = max(1, n_images // 2)
            if self._caps[what] < n_images:
                self._say(what, n_images, self._caps[what])

    def _fitting(self, what: What) -> int:
        """How many are estimated to fit."""
        each = self._each.get(what)
        if self.max_memory is None or not each:
            return 1 << 30
        return max(1, int(_SHARE * (self.max_memory - self._idle) / each))

    def _say(self, what: What, instead_of: int, n_images: int) -> None:
        if what in self._said:
            return
        self._said.add(what)
        limit = f"below {in_words(self.max_memory)}" if self.max_memory else "within the memory"
        warnings.warn(
            f"max_memory: {what[0]} goes through the model {n_images} inputs at once, not "
            f"{instead_of}, to stay {limit}.",
            stacklevel=2,
        )
