"""The bootstrap of many units: they are counted by what they add, not drawn one by one.

The value of a segment depends on the sums of a resample alone, and these on how often each kind of
unit was drawn, where units that add the same are of one kind. With n units in g kinds of c_1, ...,
c_g units, the draws are multinomial counts of n trials with probabilities c_i / n: that is the very
distribution of n units drawn with replacement, at the cost of g numbers a resample in place of n.
Ranks have few kinds: the rank of the segment, or that it is absent. Values that nearly all differ
have too many; their intervals are analytic, see :mod:`sat_nb.stats.analytic`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64

AT_ONCE = 2**21  # numbers in memory while drawing


@dataclass(frozen=True, eq=False)
class Kinds:
    """Units that add the same, for one value.

    ``sums`` are float (g, m), what a unit of each kind adds to each of m sums, sorted; ``counts``
    are int (g,), how many units are of the kind, at least one.
    """

    sums: Float64
    counts: NDArray[np.int64]

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return int(self.counts.sum())


def kinds_of(sums: Float64, counts: NDArray[np.int64] | None = None) -> Kinds:
    """The kinds of units whose sums are (n, m); ``counts`` (n,) where a row stands for several.

    >>> found = kinds_of(np.array([[2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    >>> found.sums.tolist(), found.counts.tolist()
    ([[1.0, 1.0], [2.0, 1.0]], [1, 2])
    """
    codes = np.zeros(len(sums), dtype=np.int64)
    for column in sums.T:
        found, values = pd.factorize(column)
        # Numbered anew after each column, so that the codes stay below n.
        codes = pd.factorize(codes * len(values) + found)[0]
    n = np.bincount(codes, counts).astype(np.int64)
    first = np.zeros(len(n), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(sums))[::-1]
    rows, there = sums[first], n > 0
    order = np.lexsort(rows[there].T[::-1])
    return Kinds(rows[there][order], n[there][order])


def resample_kinds(
    kinds: Kinds, statistic: Callable[[Float64], Float64], n_resamples: int, seed: int
) -> Float64:
    """The statistic of resampled units, (n_resamples,)."""
    rng = np.random.default_rng(seed)
    n, shares = kinds.n_units, kinds.counts / kinds.n_units
    rows = max(1, AT_ONCE // len(shares))
    sizes = [min(rows, n_resamples - start) for start in range(0, n_resamples, rows)]
    parts = [rng.multinomial(n, shares, size=r).astype(np.float64) @ kinds.sums for r in sizes]
    return np.concatenate([statistic(part[:, :, None])[:, 0] for part in parts])


def without_one(kinds: Kinds, statistic: Callable[[Float64], Float64]) -> Float64:
    """The statistic without one unit, for each of all units, those of one kind side by side."""
    rest = kinds.counts @ kinds.sums - kinds.sums
    return np.repeat(statistic(rest[:, :, None])[:, 0], kinds.counts)
