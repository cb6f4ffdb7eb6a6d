"""From which share of marked photos on does a measure tell that a model uses the watermark?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput

NEVER = float("inf")
_MOST_DRAWS = 5000

# Name -> (shares, seeds, units): what is above 0 where the model uses the watermark.
Measures = Mapping[str, NDArray[np.float64]]


def signs(measures: Measures, shares: Sequence[float]) -> pd.DataFrame:
    """What each measure says at each share: ``mean``, and ``p_value`` of its being 0.

    A unit is a photo; its value is the mean over the models of different seeds, so that the test
    (two-sided t, which asks nothing of the values' shape but their mean) speaks of these models
    and other photos.

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
    """The smallest share from which on each measure tells, with its interval over the seeds.

    Shares are tested from the largest down, each at ``alpha``, up to the first that does not
    tell; since that order is fixed beforehand, all tests together keep ``alpha``. The interval
    holds what comes of seeds drawn anew with replacement, all draws where they are few; the
    grid of shares is its grain. ``inf`` means that not even the largest share tells.

    Returns a row a measure: ``earliest``, ``low``, ``high``, ``n_seeds``.

    Sources: Maurer, Hothorn & Lehmacher 1995 (tests in a fixed order); Efron 1979.

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
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    shares: Sequence[float],
    *,
    alpha: float = 0.05,
) -> float:
    """Of all draws of seeds, the share in which the first measure tells at a smaller share."""
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


def _earliest(values: NDArray[np.float64], shares: Sequence[float], alpha: float) -> float:
    means, p_values = _tested(values.mean(axis=1))
    silent = np.flatnonzero(~((p_values <= alpha) & (means > 0)))
    first = silent.max(initial=-1) + 1
    return float(shares[first]) if first < len(shares) else NEVER


def _tested(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def _draws(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Rows of seeds drawn with replacement: all there are, or many at random."""
    n = values.shape[1]
    if n**n <= _MOST_DRAWS:
        return np.array(list(product(range(n), repeat=n)))
    return np.random.default_rng(0).integers(0, n, (_MOST_DRAWS, n))
