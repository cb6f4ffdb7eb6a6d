"""How far a ranking moves, slowly: tables joined and aggregated anew for every resample."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from tests.oracles.masks import dilate


def grown(mask: np.ndarray, px: int) -> np.ndarray:
    """Dilated, or eroded pixel by pixel as far as something is left."""
    if px >= 0:
        return dilate(mask, px)
    for _ in range(-px):
        smaller = ~dilate(~mask, 1)
        if not smaller.any():
            return mask
        mask = smaller
    return mask


def mean_ranks(table: pd.DataFrame, ids: list[str], how: str) -> dict[str, float]:
    """Of the images named, some of them several times; one method's table."""
    found: dict[str, list[float]] = {name: [] for name in table["segment"].dropna()}
    by_image = dict(list(table.groupby("image_id")))
    for image_id in ids:
        rows = by_image[image_id]
        own = dict(zip(rows["segment"], rows["rank"], strict=True))
        for name, ranks in found.items():
            if name in own:
                ranks.append(own[name])
            elif how == "absolute":
                ranks.append(rows["n_segments"].iloc[0] + 1)
    return {name: round(sum(r) / len(r), 9) for name, r in found.items() if r}


def tau(table: pd.DataFrame, changed: pd.DataFrame, ids: list[str], how: str) -> float:
    """Of the mean ranks of the segments that both have."""
    a, b = mean_ranks(table, ids, how), mean_ranks(changed, ids, how)
    both = sorted(a.keys() & b.keys())
    return kendalltau([a[s] for s in both], [b[s] for s in both], variant="b").statistic


def interval(
    table: pd.DataFrame, changed: pd.DataFrame, how: str, n_resamples: int, level: float, seed: int
) -> tuple[float, float]:
    """Percentiles of tau over images drawn with replacement, the same from both tables; and tau."""
    ids = np.array(sorted(table["image_id"].unique()))
    drawn = np.random.default_rng(seed).integers(len(ids), size=(n_resamples, len(ids)))
    taus = [tau(table, changed, list(ids[row]), how) for row in drawn]
    low, high = np.nanquantile(taus, [(1 - level) / 2, (1 + level) / 2])
    whole = tau(table, changed, list(ids), how)
    return min(low, whole), max(high, whole)
