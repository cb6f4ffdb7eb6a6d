"""settled_ranks: which ranks are certain, given the sampling noise of the saliency method."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import is_number
from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.table.schema import IMAGE_KEY, RANK_BY
from sat_nb.table.source import Table, source_of

TIMES = 2.0
"""The smallest gap between neighbours in rank that counts as settled, in standard errors."""


def settled_ranks(
    table: Table, *, times: float = TIMES, by: str = "abs_mean_attribution"
) -> pd.Series:
    """Tell whether each row's rank is settled, so that sampling noise does not explain it.

    A rank is settled if the gaps to both neighbours in rank are. A gap is settled if it is at
    least ``times`` its standard error, the root of the sum of the two squared
    ``se_mean_attribution``.

    Parameters
    ----------
    table : DataFrame, str or path
        A table from ``build``, or the path of one on disk, which is read file by file. A row is
        compared with the other rows of the same image, model,
        method and target in this table, so filter afterwards.
    times : float, default 2.0
        The smallest gap that counts as settled, in standard errors.
    by : {"abs_mean_attribution", "mean_attribution"}, default "abs_mean_attribution"
        The column that the ranks are of.

    Returns
    -------
    Series
        Nullable booleans on the index of the table, which on disk is that of ``read_table``. True
        for methods that do not sample
        (``n_samples`` is missing) and for a segment that is alone in its image; missing where a
        method samples but its error is not known, as with ``pool="l2"``.

    Raises
    ------
    InvalidInput
        For a table without the columns of ``COLUMNS``, for another ``by``, and for a negative
        ``times``.

    Notes
    -----
    Two segments of one image share its samples. The standard error of a gap assumes that they do
    not; where their errors are positively correlated, the true one is smaller.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy(2)).assign(n_samples=64, se_mean_attribution=0.2)
    >>> settled_ranks(table)[:4].tolist()
    [False, False, False, True]
    """
    if by not in RANK_BY:
        raise unknown_name("by", by, RANK_BY)
    if not is_number(times) or times < 0:
        raise InvalidInput(f"times: expected a number of standard errors >= 0, got {times!r}.")
    parts = source_of(table).parts([by, "se_mean_attribution", "n_samples"])
    return pd.concat([_settled(rows, times, by) for rows in parts])


def _settled(rows: pd.DataFrame, times: float, by: str) -> pd.Series:
    """Which ranks of these rows are settled; each image is whole."""
    values, errors = rows[by].to_numpy(float), rows["se_mean_attribution"].to_numpy(float)
    images = rows.groupby(IMAGE_KEY, dropna=False, sort=False, observed=True)
    groups = images.ngroup().to_numpy()
    samples = rows["n_samples"].notna().to_numpy() & rows["segment"].notna().to_numpy()
    order = np.lexsort((-values, groups))
    near = _near_a_neighbour(values[order], errors[order], groups[order], times)
    settled, unknown = np.ones(len(rows), dtype=bool), np.isnan(errors)
    settled[order] = ~near
    settled[~samples], unknown[~samples] = True, False
    return pd.Series(pd.arrays.BooleanArray(settled, unknown), rows.index, name="settled")


def open_gaps(rows: pd.DataFrame, *, times: float = TIMES) -> pd.Series:
    """Whether sampling noise may explain the order of each row and the next.

    ``rows`` are those of one image in order of rank. False where errors are not known, and in the
    last row.

    >>> rows = pd.DataFrame({"rank": [1.0, 2, 3], "mean_attribution": [0.9, -0.8, 0.1],
    ...     "abs_mean_attribution": [0.9, 0.8, 0.1], "se_mean_attribution": [0.04, 0.05, 0.03]})
    >>> open_gaps(rows).tolist()
    [True, False, False]
    """
    values = rows["abs_mean_attribution"]
    if not values.is_monotonic_decreasing:  # ranked by the signed value
        values = rows["mean_attribution"]
    if "se_mean_attribution" not in rows:
        return pd.Series(False, rows.index)
    variances = rows["se_mean_attribution"] ** 2
    return values - values.shift(-1) < times * np.sqrt(variances + variances.shift(-1))


def _near_a_neighbour(
    values: Float64, errors: Float64, groups: NDArray, times: float
) -> NDArray[np.bool_]:
    """Whether a gap to a neighbour is too small, for rows in order of group and rank."""
    same_group = groups[1:] == groups[:-1]
    gaps, limits = values[:-1] - values[1:], times * np.hypot(errors[1:], errors[:-1])
    near = same_group & (gaps < limits)
    return np.append(near, False) | np.append(False, near)
