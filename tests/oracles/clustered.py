"""Tests of clustered ranks, slowly, from their definitions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import permutations, product
from math import sqrt

from scipy.stats import norm

from tests.oracles.tables import rank

Values = Sequence[float]
Units = Sequence[Hashable]


def signed_rank_sums(differences: Values, units: Units) -> dict[Hashable, float]:
    """S_u of Rosner, Glynn & Lee 2006: the signed ranks of all images, added up by unit."""
    sums: dict[Hashable, float] = dict.fromkeys(units, 0.0)
    sizes = [abs(d) for d in differences if d != 0 and d == d]
    for d, unit in zip(differences, units, strict=True):
        if d != 0 and d == d:
            from_below = len(sizes) + 1 - rank(abs(d), sizes)  # 1 is the smallest
            sums[unit] += from_below if d > 0 else -from_below
    return sums


def flips(sums: Values) -> list[float]:
    """The statistic under every pattern of signs of whole units."""
    return [
        sum(sign * s for sign, s in zip(signs, sums, strict=True))
        for signs in product((-1, 1), repeat=len(sums))
    ]


def flip_p(differences: Values, units: Units) -> float:
    """The share of the patterns whose statistic is as large as the one that was seen."""
    sums = list(signed_rank_sums(differences, units).values())
    outcomes = flips(sums)
    return sum(abs(t) >= abs(sum(sums)) - 1e-9 for t in outcomes) / len(outcomes)


def rosner_glynn_lee_p(differences: Values, units: Units) -> float:
    """Their large-sample test: Z = sum_u S_u / sqrt(sum_u S_u^2), two-sided (equation 2)."""
    sums = signed_rank_sums(differences, units).values()
    return float(2 * norm.sf(abs(sum(sums)) / sqrt(sum(s**2 for s in sums))))


def friedman_flip_p(ranks: Sequence[Values], units: Units) -> float:
    """Friedman's statistic under every way to permute the segments, alike within a unit."""
    k = len(ranks[0])
    names = sorted(set(units), key=str)

    def statistic(orders: dict[Hashable, tuple[int, ...]]) -> float:
        columns = [0.0] * k
        for row, unit in zip(ranks, units, strict=True):
            from_below = [len(row) + 1 - rank(value, row) for value in row]
            for j, place in enumerate(orders[unit]):
                columns[j] += from_below[place] - (k + 1) / 2
        return sum(total**2 for total in columns)

    seen = statistic(dict.fromkeys(names, tuple(range(k))))
    every = [
        statistic(dict(zip(names, orders, strict=True)))
        for orders in product(permutations(range(k)), repeat=len(names))
    ]
    return sum(one >= seen - 1e-9 for one in every) / len(every)
