"""Tests and views of ranks, slowly, from their definitions."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.stats import norm


def studentized_range_p(q: float, k: int) -> float:
    """Probability that k normal draws of variance 1 span more than q."""

    def density(z: float) -> float:
        return k * norm.pdf(z) * (norm.cdf(z) - norm.cdf(z - q)) ** (k - 1)

    return 1 - quad(density, -9, 9 + q, epsabs=1e-12, limit=200)[0]


def nemenyi_p(mean_rank_a: float, mean_rank_b: float, n: int, k: int) -> float:
    """Demsar 2006: q is the difference in units of sqrt(k (k + 1) / (6 n)), times sqrt 2."""
    q = abs(mean_rank_a - mean_rank_b) / np.sqrt(k * (k + 1) / (6 * n))
    return studentized_range_p(q * np.sqrt(2), k)


def sign_test_p(n_for: int, n_against: int) -> float:
    """Probability of a split at least as uneven by fair coins."""
    n, smaller = n_for + n_against, min(n_for, n_against)
    both_tails = 2 * sum(comb(n, i) for i in range(smaller + 1)) / 2**n
    return min(1.0, both_tails)


def shared_ranks(rows: pd.DataFrame, a: str, b: str) -> np.ndarray:
    """Rank of a less rank of b, in each image that has both."""
    found: dict[str, dict[str, float]] = {}
    for row in rows.to_dict("records"):
        found.setdefault(row["image_id"], {})[row["segment"]] = row["rank"]
    return np.array([ranks[a] - ranks[b] for ranks in found.values() if {a, b} <= set(ranks)])


def slope(rows: list[dict[str, Any]], *, segments: bool) -> tuple[float, float]:
    """Rank on log2 size with a column an image (and a segment): slope, and its standard error.

    The error is the sandwich by images with statsmodels' correction G / (G - 1) *
    (N - 1) / (N - K), K = 1 as the effects are taken out before.
    """
    ids = sorted({row["image_id"] for row in rows})
    names = sorted({row["segment"] for row in rows}) if segments else []
    design = [
        [row["image_id"] == i for i in ids] + [row["segment"] == s for s in names] for row in rows
    ]
    effects = np.array(design, dtype=float)
    x = np.log2([row["mask_fraction"] for row in rows])
    y = np.array([row["rank"] for row in rows])
    together = np.column_stack([x, effects])
    b = np.linalg.lstsq(together, y, rcond=None)[0]
    residual = y - together @ b
    alone = x - effects @ np.linalg.lstsq(effects, x, rcond=None)[0]
    by_image = [
        sum(alone[j] * residual[j] for j, r in enumerate(rows) if r["image_id"] == i) for i in ids
    ]
    n_images, n = len(ids), len(rows)
    meat = sum(score**2 for score in by_image) * n_images / (n_images - 1) * (n - 1) / (n - 1)
    return float(b[0]), float(np.sqrt(meat) / (alone @ alone))
