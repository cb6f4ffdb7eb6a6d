"""Agreement between rankings and their combinations, slowly, from the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import isnan, nan, sqrt

from tests.oracles.tables import rank

Rankings = Sequence[Sequence[float]]


def kendall_w(rankings: Rankings) -> float:
    """Mean Spearman correlation of all pairs, brought to W: ((m - 1) r + 1) / m.

    For rankings without ties; ``kendall_w_by_variance`` is for all.
    """
    m = len(rankings)
    pairs = [_pearson(a, b) for a, b in combinations(rankings, 2)]
    return ((m - 1) * sum(pairs) / len(pairs) + 1) / m


def kendall_w_by_variance(rankings: Rankings) -> float:
    """Variance of the rank sums / the most that it can be with the ties that are there.

    The most is m times the sum of the rankings' own squared deviations: what the sums would
    have, were all tied like the average ranking.
    """
    m, k = len(rankings), len(rankings[0])
    sums = [sum(one[i] for one in rankings) for i in range(k)]
    found = sum((s - sum(sums) / k) ** 2 for s in sums)
    own = sum(sum((r - sum(one) / k) ** 2 for r in one) for one in rankings)
    return found / (m * own) if own else nan


def tau_b(a: Sequence[float], b: Sequence[float]) -> float:
    """Concordant less discordant pairs / sqrt of the pairs untied in a times those in b."""
    concordant = discordant = untied_a = untied_b = 0
    for i, j in combinations(range(len(a)), 2):
        x, y = a[i] - a[j], b[i] - b[j]
        concordant += x * y > 0
        discordant += x * y < 0
        untied_a += x != 0
        untied_b += y != 0
    most = sqrt(untied_a * untied_b)
    return (concordant - discordant) / most if most else nan


def mean_without_nan(values: Sequence[float]) -> float:
    finite = [value for value in values if not isnan(value)]
    return sum(finite) / len(finite) if finite else nan


# --- combinations: by_image is image -> one list of |mean attributions| a method --------------


def mean_rank(by_image: dict[str, Rankings]) -> dict[str, list[float]]:
    found = {}
    for image_id, methods in by_image.items():
        ranks = [[rank(value, values) for value in values] for values in methods]
        means = [sum(r) / len(r) for r in zip(*ranks, strict=True)]
        found[image_id] = [len(means) + 1 - mean for mean in means]
    return found


def agg_mean(by_image: dict[str, Rankings]) -> dict[str, list[float]]:
    return {
        image_id: [mean for mean, _ in _moments(methods)] for image_id, methods in by_image.items()
    }


def agg_var(by_image: dict[str, Rankings]) -> dict[str, list[float]]:
    moments = {image_id: _moments(methods) for image_id, methods in by_image.items()}
    deviations = [deviation for one in moments.values() for _, deviation in one]
    epsilon = 10 * sum(deviations) / len(deviations) or 1.0
    return {
        image_id: [mean / (deviation + epsilon) for mean, deviation in one]
        for image_id, one in moments.items()
    }


def _moments(methods: Rankings) -> list[tuple[float, float]]:
    """Mean and standard deviation over methods of each segment's share."""
    shares = [[value / sum(values) for value in values] for values in methods]
    found = []
    for one in zip(*shares, strict=True):
        mean = sum(one) / len(one)
        deviation = sqrt(sum((s - mean) ** 2 for s in one) / len(one))
        found.append((mean, deviation if deviation > 1e-12 else 0.0))
    return found


def _pearson(a: Sequence[float], b: Sequence[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    product = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    return product / sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))
