"""Sampling until the ranks of an image's segments are settled, or a budget is spent.

Ranks are those of a table: by the absolute mean of the map, channels summed, over each mask.
Two neighbours are settled where their gap is at least :data:`TIMES` its error. The functions
take what those of ``sampling`` take, and ``masks`` (k, H, W) on the model's input grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.saliency.codec import Chunk
from sat_nb.saliency.methods import FEWEST
from sat_nb.saliency.sampling import (
    COARSER_ERRORS,
    QUADRATURES,
    REPLICATES,
    Doubles,
    Floats,
    Gradient,
    gradients_at,
    noisy,
    on_the_way,
    pieces,
    weighted_sums,
)

Masks = NDArray[np.bool_]

TIMES = 2.0
"""How many errors a gap between neighbouring ranks must hold to count as settled."""

FEWEST_NODES = 4


def smoothgrad(
    gradient: Gradient,
    image: Floats,
    target: Any,
    *,
    masks: Masks,
    seed: int,
    points_at_once: int,
    max_samples: int,
    noise: float,
) -> Chunk:
    """As :func:`sampling.smoothgrad`, of as many samples as it takes, in rounds of eight.

    With n samples it is the map of ``n_samples=n``. Errors are those of the gaps themselves,
    from the samples' spread. A stop is looked for after every round, so that of the gaps
    which are called settled a few more than their error says are not.
    """
    sums = np.zeros((REPLICATES, *image.shape))
    means: list[Doubles] = []
    done = False
    for points in noisy(image, seed, noise, _rounds(max_samples, points_at_once)):
        maps = gradients_at(gradient, points, target)
        for i, one in enumerate(maps, start=len(means)):
            sums[i % REPLICATES] += one
        means.extend(segment_means(maps, masks))
        if len(means) >= FEWEST and len(means) % REPLICATES == 0:
            done = samples_settled(np.array(means))
            if done:
                break
    replicates = (sums.sum(axis=3) * REPLICATES / len(means)).astype(np.float32)
    attribution = (sums.sum(axis=0) / len(means)).astype(np.float32)
    facts = {"n_samples": len(means), "settled": done}
    return Chunk(attribution, arrays={"replicates": replicates}, facts=facts)


def integrated_gradients(
    gradient: Gradient,
    image: Floats,
    target: Any,
    *,
    masks: Masks,
    seed: int,
    points_at_once: int,
    max_samples: int,
    baseline: float,
) -> Chunk:
    """As :func:`sampling.integrated_gradients` by 4, 12, 36, ... midpoint nodes, as it takes.

    Three times as many midpoints hold the earlier ones, so no gradient is lost. Along the way
    the gradient of a ReLU network is constant by pieces, and the rule's error falls as 1 / n
    for each jump: the finer map's error is about a third of its difference from the coarser.
    """

    def total(nodes: Doubles) -> Doubles:
        points = on_the_way(image, baseline, nodes, pieces(len(nodes), points_at_once))
        return weighted_sums(gradient, points, target, np.ones((1, len(nodes))))[0]

    n, done = FEWEST_NODES, False
    rise = image - np.float32(baseline)
    sums = total(_midpoints(n))
    finer = rise * sums / n
    coarser = None
    while not done and 3 * n <= max_samples:
        n, coarser = 3 * n, finer
        sums = sums + total(_midpoints(n)[np.arange(n) % 3 != 1])
        finer = rise * sums / n
        done = nodes_settled(*segment_means(np.stack([finer, coarser]), masks))
    arrays = {} if coarser is None else {"coarser": coarser.sum(axis=2).astype(np.float32)}
    facts = {"n_samples": n, "settled": done}
    return Chunk(finer.astype(np.float32), arrays=arrays, facts=facts)


SETTLINGS: dict[str, Callable[..., Chunk]] = {
    "smoothgrad": smoothgrad,
    "integrated_gradients": integrated_gradients,
}


# --- ranks -------------------------------------------------------------------------------------


def segment_means(maps: NDArray[Any], masks: Masks) -> Doubles:
    """Mean attributions (m, k) of maps (m, H, W, C) over the masks."""
    weights = masks.reshape(len(masks), np.prod(masks.shape[1:], dtype=int)).astype(np.float64)
    pooled = maps.sum(axis=3, dtype=np.float64).reshape(len(maps), -1)
    return pooled @ weights.T / weights.sum(axis=1)


def samples_settled(samples: Doubles) -> bool:
    """Whether independent samples (n, k) of segment means tell all neighbouring ranks apart."""
    means = samples.mean(axis=0)
    order = np.argsort(-np.abs(means))
    gaps = -np.diff(samples[:, order] * np.sign(means[order]), axis=1)
    errors = gaps.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return bool((gaps.mean(axis=0) >= TIMES * errors).all())


def nodes_settled(finer: Doubles, coarser: Doubles) -> bool:
    """Whether two quadratures' segment means (k,) tell all neighbouring ranks apart."""
    order = np.argsort(-np.abs(finer))
    errors = np.abs(finer - coarser)[order] / COARSER_ERRORS
    gaps = -np.diff(np.abs(finer[order]))
    return bool((gaps >= TIMES * np.hypot(errors[1:], errors[:-1])).all())


# --- points ------------------------------------------------------------------------------------


def _rounds(max_samples: int, points_at_once: int) -> Iterator[range]:
    """Pieces of the samples that end where each replicate has as many as the others."""
    for first in range(0, max_samples // REPLICATES * REPLICATES, REPLICATES):
        for piece in pieces(REPLICATES, points_at_once):
            yield range(first + piece.start, first + piece.stop)


def _midpoints(n: int) -> Doubles:
    return QUADRATURES["midpoint"](n)[0]
