"""The bootstrap of many units, which are counted, or expanded; none is drawn by itself.

The value of a segment depends on the sums of a resample alone, and these on how often each kind of
unit was drawn, where units that add the same are of one kind. With n units in g kinds of c_1, ...,
c_g units, the draws are multinomial counts of n trials with probabilities c_i / n: that is the very
distribution of n units drawn with replacement, at the cost of g numbers a resample in place of n.
Ranks have few kinds: the rank of the segment, or that it is absent. Values that nearly all differ
have too many; their intervals are analytic (ABC), without drawing anything.

DiCiccio & Efron 1992 ("More accurate confidence intervals in exponential families", Biometrika 79;
the nonparametric form is in Efron & Tibshirani 1993, section 14.4 and 22.6) expand the resampled
statistic T(P) of weights P around the equal ones, P0. With the influence t_i of unit i and

    sigma^2 = sum t_i^2 / n^2,   a = sum t_i^3 / (6 (sum t_i^2)^1.5),   delta_i = t_i / (n^2 sigma)

the bias b and the curvature c along delta give z0 = Phi^-1(2 Phi(a) Phi(c - b / sigma)), and the
bound at level alpha is T(P0 + lambda delta), lambda = w / (1 - a w)^2, w = z0 + z_alpha. Both BCa
and ABC err in coverage by O(1 / n); the two differ by as little.

Statistics here are functions f of m sums S over units, so that t_i = n grad f . (x_i - mean x), and
everything follows from f and the first three moments of what units add: with the covariance C of S
under resampling, sigma^2 = grad f' C grad f, the bias is tr(f'' C) / 2, and the weights P0 + lambda
delta have the sums S + lambda C grad f / sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64

AT_ONCE = 2**21  # numbers in memory while drawing

STEP = 0.05
"""Of a standard error: how far derivatives look."""


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


@dataclass(frozen=True, eq=False)
class Curve:
    """The resampled distribution of a statistic, as ABC expands it.

    ``at(distances)`` is the statistic at weights that are so many standard errors away from the
    equal ones; ``sigma`` is its standard error, ``a`` the acceleration, ``z0`` the correction of
    bias, ``estimate`` the value itself.
    """

    at: Callable[[Float64], Float64]
    estimate: float
    sigma: float
    a: float
    z0: float

    def bounds(self, tails: Float64) -> Float64:
        """The bounds with these shares below them (equation 6.7 of DiCiccio & Efron)."""
        from scipy.special import ndtri

        return self._at_corrected(self.z0 + ndtri(tails))

    def quantiles(self, levels: Float64) -> Float64:
        """Quantiles of the resampled values: the bounds whose BCa levels these are."""
        from scipy.special import ndtri

        shifted = ndtri(levels) - self.z0
        return self._at_corrected(shifted / (1 + self.a * shifted))

    def _at_corrected(self, w: Float64) -> Float64:
        return self.at(w / (1 - self.a * w) ** 2)


def curve_of(kinds: Kinds, statistic: Callable[[Float64], Float64]) -> Curve:
    """The curve of a smooth statistic of sums, for these units."""
    from scipy.special import ndtr, ndtri

    n, counts = kinds.n_units, kinds.counts.astype(np.float64)
    total = counts @ kinds.sums
    off = kinds.sums - total / n
    covariance = (off * counts[:, None]).T @ off

    def at(sums: Float64) -> Float64:
        return statistic(sums[:, :, None])[:, 0]

    estimate = float(at(total[None])[0])
    slopes, bends = _derivatives(at, total, covariance)
    t = n * off @ slopes
    squares = float(counts @ t**2)
    sigma = np.sqrt(squares) / n
    if not sigma > 0:
        return Curve(lambda far: np.full(np.shape(far), estimate), estimate, 0.0, 0.0, 0.0)
    a = float(counts @ t**3) / (6 * squares**1.5)
    direction = covariance @ slopes / sigma

    def along(far: Float64) -> Float64:
        return at(total + np.atleast_1d(far)[:, None] * direction)

    ahead, behind = along(np.array([STEP, -STEP]))
    curvature = (ahead - 2 * estimate + behind) / (2 * sigma * STEP**2)
    excess = bends / 2 / sigma - curvature
    z0 = float(ndtri(2 * ndtr(a) * ndtr(-excess)))
    return Curve(along, estimate, float(sigma), a, z0)


def _derivatives(
    at: Callable[[Float64], Float64], total: Float64, covariance: Float64
) -> tuple[Float64, float]:
    """The gradient of f at the sums, and tr(f'' C), by central differences.

    Steps follow the axes of the covariance: the sums move as resamples move them, and no step
    leads where no resample goes.
    """
    spreads, axes = np.linalg.eigh(covariance)
    moving = spreads > 1e-14 * max(spreads.max(), 0.0)
    steps = STEP * np.sqrt(spreads[moving])[:, None] * axes[:, moving].T
    middle = at(total[None])[0]
    ahead, behind = at(total + steps), at(total - steps)
    along = (ahead - behind) / 2
    slopes = (along / (steps**2).sum(axis=1)) @ steps
    return slopes, float((ahead - 2 * middle + behind).sum() / STEP**2)
