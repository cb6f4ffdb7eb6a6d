"""Compiled loops, whose machine code is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """The decorator for a loop over arrays: ``numba.njit(**options)``, with a cache.

    ``njit(cache=True)`` fails where no folder can be written to, where the disk is full and where
    a kept file is damaged. In all these cases, this one compiles anew.

    >>> @compiled(nogil=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """

    def decorate(function: Callable[..., Any]) -> Any:
        loop = numba.njit(**options)(function)
        with suppress(RuntimeError, OSError):  # no place for a cache
            loop.enable_caching()
            loop._cache = _Cache(loop._cache)
        return loop

    return decorate


class _Cache:
    """A cache of numba that may lack anything at any time."""

    def __init__(self, kept: Any) -> None:
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_kept"], name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The machine code, or None, which makes numba compile."""
        try:
            return self._kept.load_overload(signature, context)
        except Exception:  # damaged files make pickle raise errors of any kind
            with suppress(Exception):
                self._kept.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep machine code if that is possible."""
        with suppress(Exception):
            self._kept.save_overload(signature, data)
