"""Warnings of shards, noted and summed up."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """Yield a list that holds, after the block, what was warned of in it, each text once."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    kinds = (UserWarning, RuntimeWarning)
    texts += dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, kinds))


def summed_up(texts: Iterable[tuple[int, str]], n_shards: int) -> list[str]:
    """One text for each kind of warning, with the number of shards that gave one.

    Texts are of one kind if they differ in numbers and quoted names alone.

    >>> summed_up([(0, "3 of 8 photos: 'a'"), (4, "1 of 8 photos: 'q'")], 5)
    ["3 of 8 photos: 'a' (shard 0; 2 of 5 shards warn so)"]
    """
    first: dict[str, tuple[int, str]] = {}
    counts: Counter[str] = Counter()
    for number, text in texts:
        kind = re.sub(r"'[^']*'|[\d.]+", "#", text)
        kind = re.sub(r"#(, #)*( and # more)?", "#", kind)
        first.setdefault(kind, (number, text))
        counts[kind] += 1
    if n_shards == 1:
        return [text for _, text in first.values()]
    return [
        f"{text} (shard {number}; {counts[kind]} of {n_shards} shards warn so)"
        for kind, (number, text) in first.items()
    ]
