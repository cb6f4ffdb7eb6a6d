"""ABC intervals from their definition: weights of units, each moved a little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

NORMAL = NormalDist()
Weights = list[float]


def abc_bounds(
    n: int, value: Callable[[Weights], float], tails: Sequence[float], step: float = 1e-3
) -> list[float]:
    """Efron & Tibshirani 1993, chapter 22.6: ``abcnon``, for a value of n weights."""
    small = step / n
    equal = [1 / n] * n
    middle = value(equal)

    def towards(i: int, by: float) -> float:
        return value([p * (1 - by) + (by if j == i else 0) for j, p in enumerate(equal)])

    first = [(towards(i, small) - towards(i, -small)) / (2 * small) for i in range(n)]
    second = [(towards(i, small) - 2 * middle + towards(i, -small)) / small**2 for i in range(n)]
    squares = sum(t**2 for t in first)
    sigma = squares**0.5 / n
    a = sum(t**3 for t in first) / (6 * squares**1.5)
    delta = [t / (n**2 * sigma) for t in first]

    def along(far: float) -> float:
        return value([p + far * d for p, d in zip(equal, delta, strict=True)])

    curvature = (along(step) - 2 * middle + along(-step)) / (2 * sigma * step**2)
    bias = sum(second) / (2 * n**2)
    z0 = NORMAL.inv_cdf(2 * NORMAL.cdf(a) * NORMAL.cdf(curvature - bias / sigma))
    w = [z0 + NORMAL.inv_cdf(tail) for tail in tails]
    return [along(one / (1 - a * one) ** 2) for one in w]
