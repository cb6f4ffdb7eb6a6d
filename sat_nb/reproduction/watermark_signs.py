"""From which share of marked photos on does a measure tell that a model uses the watermark?

A measure tells where it is significantly above 0, and at all larger shares, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput

NEVER = float("inf")
_MOST_DRAWS = 5000

Measures = Mapping[str, Float64]
"""{measure: array (shares, seeds, units)}, above 0 where a model uses the watermark."""


def signs(measures: Measures, shares: Sequence[float]) -> pd.DataFrame:
    """The ``mean`` of each measure at each share, and the ``p_value`` of its being 0.

    The unit is a photo, whose value is the mean over the models of all seeds: the two-sided t test
    generalises from these models to other photos. With as many photos as here it needs no
    assumption about the distribution of the values.

    >>> values = np.array([[[0.0, 1.0, -1.0]], [[2.0, 3.0, 2.0]]])
    >>> signs({"gap": values}, (0.0, 0.5)).round(3)
      measure  marked_fraction   mean  p_value
    0     gap              0.0  0.000     1.00
    1     gap              0.5  2.333     0.02
    """
    rows = []
    for name, values in measures.items():
        means, p_values = _tested(values.mean(axis=1))
        for share, mean, p_value in zip(shares, means, p_values, strict=True):
            rows.append((name, share, mean, p_value))
    return pd.DataFrame(rows, columns=["measure", "marked_fraction", "mean", "p_value"])


def earliest(
    measures: Measures, shares: Sequence[float], *, alpha: float = 0.05, level: float = 0.95
) -> pd.DataFrame:
    """The smallest share from which on each measure tells, with an interval over seeds.

    Shares are tested from the largest down, each at ``alpha``, until one does not tell. Since the
    order is fixed in advance, all tests together keep ``alpha`` (Maurer, Hothorn & Lehmacher 1995).
    The interval is a bootstrap over seeds (Efron 1979): all samples with replacement where there
    are few, else random ones; it takes values on the grid of shares. ``inf`` means that not even
    the largest share tells.

    Returns a row for each measure: ``earliest``, ``low``, ``high``, ``n_seeds``.

    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(0, 1, (3, 2, 40)) + np.array([0, 0.1, 2])[:, None, None]
    >>> earliest({"gap": values}, (0.0, 0.1, 0.5))
      measure  earliest  low  high  n_seeds
    0     gap       0.5  0.5   0.5        2
    """
    rows = []
    for name, values in measures.items():
        found = np.array([_earliest(values[:, drawn], shares, alpha) for drawn in _draws(values)])
        low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
        rows.append((name, _earliest(values, shares, alpha), low, high, values.shape[1]))
    return pd.DataFrame(rows, columns=["measure", "earliest", "low", "high", "n_seeds"])


def fraction_before(
    first: Float64,
    second: Float64,
    shares: Sequence[float],
    *,
    alpha: float = 0.05,
) -> float:
    """The share of all draws of seeds in which the first measure tells earlier than the second."""
    pairs = [
        (_earliest(first[:, drawn], shares, alpha), _earliest(second[:, drawn], shares, alpha))
        for drawn in _draws(first)
    ]
    return sum(one < other for one, other in pairs) / len(pairs)


def above_null(table: pd.DataFrame, null_table: pd.DataFrame, segment: str) -> pd.Series:
    """By image, Cliff's delta of a segment against its own mask at other places, -1 to 1.

    Chance gives 0 on average; see ``excess_over_null``, whose tables these are.
    """
    own = table[table["segment"] == segment].set_index("image_id")["abs_mean_attribution"]
    placed = null_table[null_table["segment"].str.fullmatch(rf"null: {segment} \d+")]
    above = placed["image_id"].map(own) - placed["abs_mean_attribution"]
    return above.map(np.sign).groupby(placed["image_id"]).mean()


def _earliest(values: Float64, shares: Sequence[float], alpha: float) -> float:
    means, p_values = _tested(values.mean(axis=1))
    silent = np.flatnonzero(~((p_values <= alpha) & (means > 0)))
    first = silent.max(initial=-1) + 1
    return float(shares[first]) if first < len(shares) else NEVER


def _tested(values: Float64) -> tuple[Float64, Float64]:
    """Means of (shares, units) over the units, and two-sided p-values of Student's t."""
    from scipy.stats import t

    n = values.shape[1]
    if n < 2:
        raise InvalidInput(f"measures: a test needs at least 2 photos, got {n}.")
    means, errors = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(n)
    flat = errors < 1e-12  # all photos alike
    ratios = means / np.where(flat, 1.0, errors)
    p_values = 2 * t.sf(np.abs(ratios), n - 1)
    return means, np.where(flat, np.where(np.abs(means) < 1e-12, 1.0, 0.0), p_values)


def _draws(values: Float64) -> NDArray[np.intp]:
    """Samples of seeds with replacement, one a row: all of them, or many random ones."""
    n = values.shape[1]
    if n**n <= _MOST_DRAWS:
        return np.array(list(product(range(n), repeat=n)))
    return np.random.default_rng(0).integers(0, n, (_MOST_DRAWS, n))
