"""Sampling until the ranks of an image's segments are settled, or a budget is spent.

Ranks are those of a table: by the absolute mean of the map, channels summed, over each mask.
Each pair's gap and its standard error say how likely the two stand in the wrong order, and so
by how much a rank is off on average; ranks count as settled where that is less than
:data:`RANK_ERROR`. (To ask for every gap to be twice its error gains nothing: some pair is
always nearer, and every image spends its budget; see ``benchmarks/smoothgrad.py``.) The
functions take what those of ``sampling`` take, and ``masks`` (k, H, W) on the model's input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64, Masks
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.saliency.parameters import FEWEST
from sat_nb.saliency.sampling import (
    COARSER_ERRORS,
    QUADRATURES,
    REPLICATES,
    Gradients,
    noisy,
    on_the_way,
    pieces,
    weighted_sums,
)
from sat_nb.saliency.store.codec import Chunk
from sat_nb.segments.segmentation import SegmentationMap

RANK_ERROR = 0.15
"""The expected error of a rank of an image below which its ranks count as settled."""

FEWEST_NODES = 4


def smoothgrad(
    gradients: Gradients,
    image: Float32,
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
    from the samples' spread. A stop is looked for after every round, so slightly more swaps
    than expected are left.
    """
    sums = np.zeros((REPLICATES, *image.shape))
    means: list[Float64] = []
    done = False
    for points in noisy(image, seed, noise, _rounds(max_samples, points_at_once)):
        maps = gradients(points, target, np.eye(len(points), dtype=np.float32))
        for i, one in enumerate(maps, start=len(means)):
            sums[i % REPLICATES] += one
        means.extend(segment_means(maps, masks))
        if len(means) >= FEWEST and len(means) % REPLICATES == 0:
            done = rank_error_of(np.array(means)) < RANK_ERROR
            if done:
                break
    replicates = (sums.sum(axis=3) * REPLICATES / len(means)).astype(np.float32)
    attribution = (sums.sum(axis=0) / len(means)).astype(np.float32)
    facts = {"n_samples": len(means), "settled": done}
    return Chunk(attribution, arrays={"replicates": replicates}, facts=facts)


def integrated_gradients(
    gradients: Gradients,
    image: Float32,
    target: Any,
    *,
    masks: Masks,
    seed: int,
    points_at_once: int,
    max_samples: int,
    baseline: float | Sequence[float],
) -> Chunk:
    """As :func:`sampling.integrated_gradients` by 4, 12, 36, ... midpoint nodes, as it takes.

    Three times as many midpoints hold the earlier ones, so no gradient is lost. Along the way
    the gradient of a ReLU network is constant by pieces, and the rule's error falls as 1 / n
    for each jump: the finer map's error is about a third of its difference from the coarser.
    """

    def total(nodes: Float64) -> Float64:
        points = on_the_way(image, baseline, nodes, pieces(len(nodes), points_at_once))
        return weighted_sums(gradients, points, target, np.ones((1, len(nodes))))[0]

    n, done = FEWEST_NODES, False
    rise = image - np.asarray(baseline, np.float32)
    sums = total(_midpoints(n))
    finer = rise * sums / n
    coarser = None
    while not done and 3 * n <= max_samples:
        n, coarser = 3 * n, finer
        sums = sums + total(_midpoints(n)[np.arange(n) % 3 != 1])
        finer = rise * sums / n
        done = rank_error_between(*segment_means(np.stack([finer, coarser]), masks)) < RANK_ERROR
    arrays = {} if coarser is None else {"coarser": coarser.sum(axis=2).astype(np.float32)}
    facts = {"n_samples": n, "settled": done}
    return Chunk(finer.astype(np.float32), arrays=arrays, facts=facts)


SETTLINGS: dict[str, Callable[..., Chunk]] = {
    "smoothgrad": smoothgrad,
    "integrated_gradients": integrated_gradients,
}

ROUNDS = {"smoothgrad": REPLICATES}
"""After how many points a method looks for a stop, where that is always the same number."""


# --- ranks -------------------------------------------------------------------------------------


def segment_means(maps: NDArray[Any], masks: Masks) -> Float64:
    """Mean attributions (m, k) of maps (m, H, W, C) over the masks."""
    weights = masks.reshape(len(masks), np.prod(masks.shape[1:], dtype=int)).astype(np.float64)
    pooled = maps.sum(axis=3, dtype=np.float64).reshape(len(maps), -1)
    return pooled @ weights.T / weights.sum(axis=1)


def rank_error_of(samples: Float64) -> float:
    """What independent samples (n, k) of segment means leave open: the expected rank error."""
    means = samples.mean(axis=0)
    first, second = np.triu_indices(len(means), 1)
    signed = samples * np.sign(means)
    gaps = signed[:, first] - signed[:, second]
    errors = gaps.std(axis=0, ddof=1) / math.sqrt(len(samples))
    return expected_rank_error(np.abs(gaps.mean(axis=0)), errors, len(means))


def rank_error_between(finer: Float64, coarser: Float64) -> float:
    """What two quadratures' segment means (k,) leave open: the expected rank error."""
    first, second = np.triu_indices(len(finer), 1)
    errors = np.abs(finer - coarser) / COARSER_ERRORS
    gaps = np.abs(np.abs(finer[first]) - np.abs(finer[second]))
    return expected_rank_error(gaps, np.hypot(errors[first], errors[second]), len(finer))


def expected_rank_error(gaps: Float64, errors: Float64, k: int) -> float:
    """By how much a rank of k is off, on average, given the gap and error of each pair.

    A pair stands in the wrong order with probability Phi(-gap / error), never where the error
    is 0, and each such pair moves two ranks by one.

    >>> round(expected_rank_error(np.array([2.0]), np.array([1.0]), 2), 4)
    0.0228
    """
    times = np.divide(gaps, errors, out=np.full(gaps.shape, np.inf), where=errors > 0)
    swaps = sum(math.erfc(t / math.sqrt(2)) / 2 for t in times)
    return 2 * swaps / max(k, 1)


# --- points ------------------------------------------------------------------------------------


def _rounds(max_samples: int, points_at_once: int) -> Iterator[range]:
    """Pieces of the samples that end where each replicate has as many as the others."""
    for first in range(0, max_samples // REPLICATES * REPLICATES, REPLICATES):
        for piece in pieces(REPLICATES, points_at_once):
            yield range(first + piece.start, first + piece.stop)


def _midpoints(n: int) -> Float64:
    return QUADRATURES["midpoint"](n)[0]


def read_masks(
    segments: Mapping[str, SegmentationMap] | None,
    image_ids: Iterable[str],
    samples: int | str | None,
    pad_px: int,
) -> Callable[..., NDArray[np.bool_]] | None:
    """(image_id, size=, fit=) -> masks (k, H, W), or None where a number of samples is given.

    Raises InvalidInput for masks without samples="auto" and the other way round, IdMismatch for
    images that lack masks.
    """
    if samples != "auto":
        if segments is not None:
            raise InvalidInput("segments: are looked at under samples='auto' only; leave them out.")
        return None
    if segments is None:
        raise InvalidInput(
            "segments: samples='auto' settles the ranks of segments, got none; give "
            "segments=read_segments(...), or a number of samples."
        )
    image_ids = list(image_ids)
    lacking = [image_id for image_id in image_ids if image_id not in segments]
    if lacking:
        raise IdMismatch(
            f"segments: no masks for {len(lacking)} of {len(image_ids)} images: "
            f"{shorten(lacking)}; there are {shorten(segments)}."
        )

    def masks(image_id: str, *, size: tuple[int, int], fit: str) -> NDArray[np.bool_]:
        return segments[image_id].merged().resize(size, fit=fit, pad_px=pad_px).masks

    return masks
