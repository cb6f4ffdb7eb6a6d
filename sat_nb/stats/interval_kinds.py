"""The kinds of bootstrap intervals: which quantiles of the resampled values are the bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sat_nb.arrays import Float64
from sat_nb.registry import Entry, chosen, registry

EQUAL = 1e-12  # relative to the largest value: the rounding of equal sums

Levels = Callable[[Float64, float, Float64, Float64], Float64]
"""(resampled, estimate, jackknife, tails) -> the quantiles to take; see :class:`Interval`."""


def percentile(resampled: Float64, estimate: float, jackknife: Float64, tails: Float64) -> Float64:
    """The plain quantiles (Efron 1979)."""
    return tails


def bca(resampled: Float64, estimate: float, jackknife: Float64, tails: Float64) -> Float64:
    """Quantiles corrected for bias and skewness (Efron 1987, BCa); NaN if they do not exist."""
    from scipy.special import ndtr, ndtri

    # Mean ranks are often equal to the estimate, so that ties count half. Without that the bias
    # of a discrete statistic would depend on which side of it the ties are counted.
    slack = EQUAL * np.abs(resampled).max()
    below = np.mean(resampled < estimate - slack) + np.mean(resampled <= estimate + slack)
    bias = ndtri(below / 2)
    pull = jackknife.mean() - jackknife
    with np.errstate(divide="ignore", invalid="ignore"):
        acceleration = _cubes(pull).sum() / (6 * (pull**2).sum() ** 1.5)
        z = bias + ndtri(tails)
        levels = ndtr(bias + z / (1 - acceleration * z))
        return np.where(acceleration * z < 1, levels, np.nan)


def _cubes(numbers: Float64) -> Float64:
    """The third powers, each taken once of equal neighbours: units of one kind, side by side."""
    starts = np.flatnonzero(np.append(True, numbers[1:] != numbers[:-1]))
    cubes: Float64 = np.repeat(numbers[starts] ** 3, np.diff(np.append(starts, len(numbers))))
    return cubes


@dataclass(frozen=True, kw_only=True)
class Interval(Entry):
    """A kind of bootstrap interval: which quantiles of the resampled values are its bounds.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry.
    parameters : Mapping
        Not used.
    function : callable
        ``(resampled, estimate, jackknife, tails) -> levels``: resampled values float (r,), the
        value itself, the values without one unit each (n_units,), and the shares below the two
        bounds that are wanted, such as (0.025, 0.975); it returns the two quantiles of
        ``resampled`` to take, NaN where they do not exist.

    Examples
    --------
    >>> def wider(resampled, estimate, jackknife, tails):
    ...     return tails + np.array([-0.01, 0.01])
    >>> mine = Interval(name="wider", about="Percentiles, a little further out.", function=wider)
    >>> from sat_nb.toy import toy
    >>> intervals(build(*toy()), interval=mine, n_resamples=500)["interval"].unique().tolist()
    ['wider']
    """

    function: Levels

    def __call__(
        self, resampled: Float64, estimate: float, jackknife: Float64, tails: Float64
    ) -> Float64:
        """The quantiles of the resampled values that are the bounds."""
        return self.function(resampled, estimate, jackknife, tails)


INTERVALS: dict[str, Interval] = registry(
    Interval(
        name="bca",
        title="bootstrap, corrected (BCa)",
        about="Quantiles of the resampled values, corrected for bias and skewness.",
        source="Efron 1987",
        function=bca,
    ),
    Interval(
        name="percentile",
        title="bootstrap percentiles",
        about="The plain quantiles of the resampled values.",
        source="Efron 1979",
        function=percentile,
    ),
)
"""The intervals that ``intervals`` and ``difference`` can give."""


def chosen_interval(interval: str | Interval | Levels) -> Interval:
    """The entry of that name, or the user's own."""

    def from_function(function: Levels) -> Interval:
        return Interval(name=getattr(function, "__name__", "own interval"), function=function)

    return chosen("interval", interval, INTERVALS, own=Interval, from_function=from_function)
