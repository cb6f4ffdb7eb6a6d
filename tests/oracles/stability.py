"""Stability of rankings and agreement with effects, slowly: samples aggregated one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.oracles.agreement import tau_b
from tests.oracles.sensitivity import mean_ranks


def samples(ids: list[str], n: int, n_repeats: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Pairs of samples that share no image."""
    rng = np.random.default_rng([seed, n])
    orders = [[ids[i] for i in rng.permutation(len(ids))] for _ in range(n_repeats)]
    return [(order[:n], order[n : 2 * n]) for order in orders]


def taus(table: pd.DataFrame, n: int, n_repeats: int, seed: int, how: str) -> list[float]:
    """Kendall's tau of each pair; one method's table."""
    found = []
    for ones, others in samples(sorted(table["image_id"].unique()), n, n_repeats, seed):
        a, b = mean_ranks(table, ones, how), mean_ranks(table, others, how)
        both = sorted(a.keys() & b.keys())
        found.append(tau_b([a[s] for s in both], [b[s] for s in both]))
    return found


def tau_with_effects(rows: pd.DataFrame, effects: dict[str, float]) -> float:
    """One image and method: the largest effect is meant to have rank 1."""
    return tau_b([-rank for rank in rows["rank"]], [effects[s] for s in rows["segment"]])
