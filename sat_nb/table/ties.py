"""The local rank, in which means that differ by no more than rounding tie."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import shorten


def local_rank(
    values: pd.Series, groups: pd.Series | NDArray, tolerance: pd.Series | None = None
) -> pd.Series:
    """Rank of each value within its group: 1 = largest, ties averaged, NaN for NaN.

    A run of sorted values whose neighbours differ by at most ``tolerance``, which is the same in
    all rows of a group, ties; a tolerance that is missing is 0.

    >>> values = pd.Series([3.0, 2.0, 1.99, 1.98, 1.0])
    >>> local_rank(values, pd.Series([0, 0, 0, 0, 0]), pd.Series([0.011] * 5)).tolist()
    [1.0, 3.0, 3.0, 3.0, 5.0]
    """
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    codes = np.asarray(groups, dtype=np.int64)
    near = np.zeros(len(numbers))
    if tolerance is not None:
        near = np.nan_to_num(tolerance.to_numpy(dtype=np.float64, na_value=np.nan))
    order = _order(numbers, codes)
    numbers, codes, near = numbers[order], codes[order], near[order]
    new_group = np.append(True, codes[1:] != codes[:-1])[: len(order)]
    with np.errstate(invalid="ignore"):  # two infinite values
        ties = (numbers[:-1] - numbers[1:] <= near[1:]) | (numbers[:-1] == numbers[1:])
    new_run = new_group | np.append(True, ~ties)[: len(order)]
    starts = np.flatnonzero(new_run)
    sizes = np.diff(np.append(starts, len(order)))
    before = starts - np.flatnonzero(new_group)[np.cumsum(new_group)[starts] - 1]
    ranks = np.empty(len(order))
    ranks[order] = np.where(np.isnan(numbers), np.nan, np.repeat(before + (sizes + 1) / 2, sizes))
    return pd.Series(ranks, values.index, name="rank")


def _order(numbers: NDArray, codes: NDArray) -> NDArray[np.intp]:
    """Rows by group, the largest number first and NaN last, in a third of lexsort's time."""
    place = np.empty(len(numbers), dtype=np.int64)
    place[np.argsort(-numbers)] = np.arange(len(numbers))
    return np.argsort(codes * len(numbers) + place)


def warnings_of_ties(table: pd.DataFrame) -> Iterator[str]:
    """What to say of images in which a method tells no two segments apart, method by method.

    A map that is zero everywhere is one; so is any other that ties three segments or more. The
    rows of an image and method follow each other.
    """
    if not len(table):
        return
    methods, ids, ranks, near = (
        table[column].to_numpy() for column in ("method", "image_id", "rank", "tie_tolerance")
    )
    starts = np.append(0, np.flatnonzero((methods[1:] != methods[:-1]) | (ids[1:] != ids[:-1])) + 1)
    n = np.add.reduceat(~np.isnan(ranks), starts)
    tied = (n > 1) & (np.fmin.reduceat(ranks, starts) == np.fmax.reduceat(ranks, starts))
    methods, ids, near = methods[starts], ids[starts], near[starts]
    for method in dict.fromkeys(methods[tied]):
        of_method = methods == method
        for which, what in (
            (near == 0, "are zero everywhere"),
            ((near > 0) & (n > 2), "have the same mean in every segment"),
        ):
            found = ids[tied & of_method & which]
            if len(found):
                yield (
                    f"{len(found)} of {of_method.sum()} maps of {method!r} {what}: "
                    f"{shorten(found)}. All of their segments tie, which pulls every mean rank to "
                    "the middle: leave these images out, or look why the method says nothing "
                    "about them."
                )
