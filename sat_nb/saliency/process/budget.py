"""How many images go through a worker at once, so that it stays below ``max_memory``."""

from __future__ import annotations

import re
import threading
import warnings

from sat_nb.errors import InvalidInput

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 1024**power for power, unit in enumerate("KMGT", start=1)}

RequestKind = tuple[str, ...]
"""Requests that need the same memory for each input: a name, then the model and parameters."""

_USABLE = 0.8
"""The share of the memory left below the limit that requests may fill: estimates are rough."""


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
    """A number of bytes as people write it.

    >>> in_words(1_500_000_000)
    '1.5 GB'
    """
    unit = next((u for u in "TGMK" if n_bytes >= _UNITS[u]), "")
    return f"{n_bytes / _UNITS[unit]:.3g} {unit}B"


class Budget:
    """How many inputs go into one request of each kind: few at first, then as many as fit.

    A request is assumed to need what the worker holds when idle, and the same amount for each
    input. Without ``max_memory`` all inputs go at once, until memory runs short. Several threads
    use one budget, and every one of them both reads and changes it, so a lock guards all of it.

    >>> budget = Budget(1_000_000_000)
    >>> budget.measured(("lrp.z",), 1, before=400_000_000, peak=500_000_000)
    >>> budget.at_once(("lrp.z",), 8), Budget(None).at_once(("lrp.z",), 8)
    (2, 8)
    """

    def __init__(self, max_memory: int | None) -> None:
        self.max_memory = max_memory
        self._lock = threading.Lock()
        self._idle = 0  # bytes
        self._each: dict[RequestKind, float] = {}  # bytes for one input
        self._largest: dict[RequestKind, int] = {}  # the most inputs that went through at once
        self._caps: dict[RequestKind, int] = {}  # set when memory ran short
        self._warned: set[RequestKind] = set()

    def at_once(self, kind: RequestKind, limit: int) -> int:
        """How many inputs to send together, at most ``limit``."""
        with self._lock:
            cap = min(limit, self._caps.get(kind, limit))
            if self.max_memory is None:
                return cap
            fitting = min(cap, self._fitting(kind))
            # An estimate from one input can be far off, so requests grow by doubling.
            grown = min(fitting, 2 * self._largest.get(kind, 0) or 1)
            if fitting < limit and grown == fitting:
                self._warn(kind, limit, fitting)
            return grown

    def measured(self, kind: RequestKind, n_inputs: int, *, before: int, peak: int) -> None:
        """Learn from a request: the worker's memory in bytes before it, and at its peak."""
        with self._lock:
            self._idle = max(self._idle, before)
            self._each[kind] = max((peak - before) / n_inputs, self._each.get(kind, 0.0))
            self._largest[kind] = max(n_inputs, self._largest.get(kind, 0))

    def shrink(self, kind: RequestKind, n_inputs: int) -> None:
        """Send half as many together from now on: there was not enough memory for so many."""
        with self._lock:
            self._caps[kind] = max(1, n_inputs // 2)
            if self._caps[kind] < n_inputs:
                self._warn(kind, n_inputs, self._caps[kind])

    def _fitting(self, kind: RequestKind) -> int:
        """How many are estimated to fit."""
        each = self._each.get(kind)
        if self.max_memory is None or not each:
            return 1 << 30
        return max(1, int(_USABLE * (self.max_memory - self._idle) / each))

    def _warn(self, kind: RequestKind, instead_of: int, n_inputs: int) -> None:
        if kind in self._warned:
            return
        self._warned.add(kind)
        limit = f"below {in_words(self.max_memory)}" if self.max_memory else "within the memory"
        warnings.warn(
            f"max_memory: {kind[0]} goes through the model {n_inputs} inputs at once, not "
            f"{instead_of}, to stay {limit}.",
            stacklevel=2,
        )
