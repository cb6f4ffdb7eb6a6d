"""How much of each cell of a coarser or finer grid a mask covers, in whole numbers."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray


def covered_areas(
    mask: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """int64 (h, w): the covered area of each cell, in 1 / (h w) pixels of the mask (H, W).

    ``rows`` and ``columns`` are ``overlaps(H, h)`` and ``overlaps(W, w)``. Only the box around the
    mask's pixels is looked at.

    >>> covered_areas(np.eye(3, dtype=bool), overlaps(3, 2), overlaps(3, 2))
    array([[5, 1],
           [1, 5]])
    """
    covered = np.zeros((rows[1, -1] + 1, columns[1, -1] + 1), dtype=np.int64)
    rows = _within(mask.any(axis=1), rows)
    if rows.size:
        band = mask[rows[0, 0] : rows[0, -1] + 1]
        _add_areas(mask, rows, _within(band.any(axis=0), columns), covered)
    return covered


def overlaps(n_in: int, n_out: int) -> NDArray[np.int64]:
    """(3, k) input cells, output cells, and the lengths that they share, in 1/n_out input cells.

    An output cell's lengths add up to ``n_in``: it is n_in / n_out input cells long.
    """
    edges = np.union1d(np.arange(n_in + 1) * n_out, np.arange(n_out + 1) * n_in)
    start, length = edges[:-1], np.diff(edges)
    return np.stack([start // n_out, start // n_in, length])


def _within(on: NDArray[np.bool_], parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The overlaps of the cells from the first that is on to the last."""
    cells = np.flatnonzero(on)
    if cells.size == 0:
        return parts[:, :0]
    begin, end = np.searchsorted(parts[0], [cells[0], cells[-1] + 1])
    return parts[:, begin:end]


@numba.njit(cache=True, nogil=True)
def _add_areas(mask, rows, columns, covered):  # type: ignore[no-untyped-def]
    line = np.zeros(covered.shape[1], dtype=np.int64)
    n = columns.shape[1]
    first, last = columns[1, 0], columns[1, n - 1] + 1
    seen = -1
    for i in range(rows.shape[1]):
        row, cell, height = rows[0, i], rows[1, i], rows[2, i]
        if row != seen:  # a row of pixels may reach into several cells
            seen = row
            line[first:last] = 0
            for k in range(n):
                line[columns[1, k]] += mask[row, columns[0, k]] * columns[2, k]
        for j in range(first, last):
            covered[cell, j] += height * line[j]
