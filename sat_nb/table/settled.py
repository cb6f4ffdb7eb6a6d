"""Which ranks stand, and which the noise of the saliency method leaves open."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import is_number
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.table.schema import IMAGE_KEY, RANK_BY, check_table

TIMES = 2.0
"""How many standard errors a gap between neighbouring ranks must hold to count as settled."""


def settled_ranks(
    table: pd.DataFrame, *, times: float = TIMES, by: str = "abs_mean_attribution"
) -> pd.Series:
    """Whether each row's rank is settled: further from its neighbours than sampling explains.

    A gap between neighbours in rank is settled where it is at least ``times`` its standard
    error, the root of the sum of their squared ``se_mean_attribution``. (Two segments of one
    image share its samples; where their errors go together the true error is smaller.)

    Parameters
    ----------
    table: from ``build``. Rows are compared with those of the same image, model, method and
        target that are there; filter afterwards.
    times: standard errors that a gap must hold.
    by: what the ranks are of: "abs_mean_attribution" or "mean_attribution".

    Returns a Series of nullable booleans on the table's index: True for methods that do not
    sample (``n_samples`` is missing) and for a segment alone in its image; missing where a
    method samples but its error is not known, as with ``pool="l2"``.

    Raises InvalidInput for a table without the columns of ``COLUMNS``, and for unknown names.

    >>> from sat_nb.toy import toy
    >>> table = build(*toy(2)).assign(n_samples=64, se_mean_attribution=0.2)
    >>> settled_ranks(table)[:4].tolist()
    [False, False, False, True]
    """
    if by not in RANK_BY:
        raise unknown_name("by", by, RANK_BY)
    if not is_number(times) or times < 0:
        raise InvalidInput(f"times: expected standard errors from 0, got {times!r}.")
    rows = check_table(table)
    values, errors = rows[by].to_numpy(float), rows["se_mean_attribution"].to_numpy(float)
    groups = rows.groupby(IMAGE_KEY, dropna=False, sort=False).ngroup().to_numpy()
    samples = rows["n_samples"].notna().to_numpy() & rows["segment"].notna().to_numpy()
    order = np.lexsort((-values, groups))
    known, open_ = _open(values[order], errors[order], groups[order], times)
    settled = np.ones(len(rows), dtype=bool)
    unknown = np.zeros(len(rows), dtype=bool)
    settled[order], unknown[order] = ~open_, ~known
    settled[~samples], unknown[~samples] = True, False
    return pd.Series(pd.arrays.BooleanArray(settled, unknown), rows.index, name="settled")


def open_gaps(rows: pd.DataFrame, *, times: float = TIMES) -> pd.Series:
    """Whether the order of each row and the next is open, of one image's rows in rank order.

    False where errors are not known, and in the last row.

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


def _open(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    groups: NDArray[np.int64],
    times: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of rows in order of rank, group by group: error known, and too near to a neighbour."""
    neighbours = groups[1:] == groups[:-1]
    gaps, limits = values[:-1] - values[1:], times * np.hypot(errors[1:], errors[:-1])
    near = neighbours & (gaps < limits)
    return ~np.isnan(errors), np.append(near, False) | np.append(False, near)
