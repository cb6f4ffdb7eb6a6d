"""Differences of pairs of segments in many images: counted, as local ranks take few values.

How often two segments have each pair of ranks is all that paired statistics of them need, and takes
a pass over two columns in place of a column of differences for each pair.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64

AT_ONCE = 2**24  # differences in memory
MOST_VALUES = 256  # of ranks: the joint counts of a pair are a square of them

Counted = tuple[Float64, NDArray[np.int64]]
"""Differences (d,), sorted, each once and none NaN; and how many images have each, (d,)."""


def differences_of_pairs(ranks: Float64) -> Iterator[Counted]:
    """The differences column i less column j of ranks (n, k), for all i < j, counted.

    >>> ranks = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, np.nan]])
    >>> [(d.tolist(), n.tolist()) for d, n in differences_of_pairs(ranks)]
    [([-1.0, 1.0], [2, 1])]
    """
    k = ranks.shape[1]
    codes, values = pd.factorize(ranks.ravel(order="F"))
    if len(values) > MOST_VALUES:
        for i in range(k):
            for j in range(i + 1, k):
                yield counted(ranks[:, i] - ranks[:, j])
        return
    columns = codes.reshape(k, len(ranks))
    width = len(values)
    differences = (values[:, None] - values[None, :]).ravel()
    for i in range(k):
        for j in range(i + 1, k):
            both = (columns[i] >= 0) & (columns[j] >= 0)
            cells = columns[i][both] * width + columns[j][both]
            yield counted(differences, np.bincount(cells, minlength=width**2))


def counted(differences: Float64, counts: NDArray[np.int64] | None = None) -> Counted:
    """Differences, each once, and how often they are there; without NaN."""
    there = ~np.isnan(differences)
    if counts is not None:
        there &= counts > 0
    found, codes = np.unique(differences[there], return_inverse=True)
    weights = None if counts is None else counts[there]
    return found, np.bincount(codes, weights, minlength=len(found)).astype(np.int64)


def blocks_of_pairs(ranks: Float64) -> Iterator[Float64]:
    """The differences of all pairs of columns (n, pairs), some pairs at a time if n is large."""
    i, j = np.triu_indices(ranks.shape[1], 1)
    size = max(1, AT_ONCE // max(len(ranks), 1))
    for start in range(0, len(i), size):
        block = slice(start, start + size)
        yield ranks[:, i[block]] - ranks[:, j[block]]
