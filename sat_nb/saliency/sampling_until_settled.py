"""Sampling until the ranks of an image's segments are settled, or a budget is spent.

Ranks are those of a table: by the absolute mean of the map, channels summed, over each mask.
From each pair's gap and its standard error follows how likely the two are in the wrong order, and
so how far off a rank is on average. Ranks are settled where that is less than :data:`RANK_ERROR`.
(To ask for every gap to be twice its error gains nothing: some pair is always closer, and every
image spends its budget; see ``benchmarks/smoothgrad.py``.) The functions take the arguments of
those in ``sampling``, and ``masks`` (k, H, W) on the model's input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64, Masks
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.registry import Entry, registry
from sat_nb.saliency import sampling
from sat_nb.saliency.sampling import (
    COARSER_ERRORS,
    QUADRATURES,
    REPLICATES,
    Gradients,
    even_ranges,
    noisy_points,
    path_points,
    weighted_sums,
)
from sat_nb.saliency.store.codec import Chunk
from sat_nb.segments.segmentation import SegmentationMap

RANK_ERROR = 0.15
"""The expected error of a rank of an image below which its ranks count as settled."""

FIRST_NODES = 4
"""How many nodes Integrated Gradients start with."""

MIN_SAMPLES = 16
"""SmoothGrad does not stop before so many samples: fewer do not tell their own spread."""


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
    """As :func:`sampling.smoothgrad`, with as many samples as it takes, in rounds of eight.

    After n samples it is the map of ``n_samples=n``. The errors of the gaps come from the samples'
    spread. Every round is a chance to stop by luck, so slightly more swaps than expected remain.
    """
    sums = np.zeros((REPLICATES, *image.shape))
    means: list[Float64] = []
    settled = False
    for points in noisy_points(image, seed, noise, _rounds(max_samples, points_at_once)):
        maps = gradients(points, target, np.eye(len(points), dtype=np.float32))
        for i, one in enumerate(maps, start=len(means)):
            sums[i % REPLICATES] += one
        means.extend(segment_means(maps, masks))
        if len(means) >= MIN_SAMPLES and len(means) % REPLICATES == 0:
            settled = rank_error_of(np.array(means)) < RANK_ERROR
            if settled:
                break
    replicates = (sums.sum(axis=3) * REPLICATES / len(means)).astype(np.float32)
    attribution = (sums.sum(axis=0) / len(means)).astype(np.float32)
    facts = {"n_samples": len(means), "settled": settled}
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
    """As :func:`sampling.integrated_gradients`, with 4, 12, 36, ... midpoint nodes until settled.

    Three times as many midpoints contain the earlier ones, so no gradient is wasted. Along the path
    the gradient of a ReLU network is piecewise constant, and the rule's error falls as 1 / n for
    each jump: the finer map's error is about a third of its difference from the coarser.
    """

    def total(nodes: Float64) -> Float64:
        points = path_points(image, baseline, nodes, even_ranges(len(nodes), points_at_once))
        return weighted_sums(gradients, points, target, np.ones((1, len(nodes))))[0]

    n, settled = FIRST_NODES, False
    rise = image - np.asarray(baseline, np.float32)
    sums = total(_midpoints(n))
    finer = rise * sums / n
    coarser = None
    while not settled and 3 * n <= max_samples:
        n, coarser = 3 * n, finer
        sums = sums + total(_midpoints(n)[np.arange(n) % 3 != 1])
        finer = rise * sums / n
        settled = rank_error_between(*segment_means(np.stack([finer, coarser]), masks)) < RANK_ERROR
    arrays = {} if coarser is None else {"coarser": coarser.sum(axis=2).astype(np.float32)}
    facts = {"n_samples": n, "settled": settled}
    return Chunk(finer.astype(np.float32), arrays=arrays, facts=facts)


@dataclass(frozen=True, kw_only=True)
class Sampling(Entry):
    """How gradients at many points become a map.

    ``function`` takes a fixed number of samples, ``until_settled`` as many as ranks need. ``round``
    is the number of points after which the latter may stop, where that is always the same.
    """

    function: Callable[..., Chunk]
    until_settled: Callable[..., Chunk]
    round: int | None = None


SAMPLINGS: dict[str, Sampling] = registry(
    Sampling(
        name="smoothgrad",
        title="SmoothGrad",
        about="The mean gradient at noisy copies of the image.",
        source="Smilkov et al. 2017, eq. 2",
        function=sampling.smoothgrad,
        until_settled=smoothgrad,
        round=REPLICATES,
    ),
    Sampling(
        name="integrated_gradients",
        title="Integrated Gradients",
        about="The mean gradient on the straight path from a baseline, times that path.",
        source="Sundararajan et al. 2017, eq. 1",
        function=sampling.integrated_gradients,
        until_settled=integrated_gradients,
    ),
)
"""The methods that average gradients, by the name that a method's ``sampling`` gives."""


# --- ranks -------------------------------------------------------------------------------------


def segment_means(maps: NDArray[Any], masks: Masks) -> Float64:
    """Mean attributions (m, k) of maps (m, H, W, C) over the masks."""
    weights = masks.reshape(len(masks), np.prod(masks.shape[1:], dtype=int)).astype(np.float64)
    pooled = maps.sum(axis=3, dtype=np.float64).reshape(len(maps), -1)
    return pooled @ weights.T / weights.sum(axis=1)


def rank_error_of(samples: Float64) -> float:
    """The expected rank error, given independent samples (n, k) of segment means."""
    means = samples.mean(axis=0)
    first, second = np.triu_indices(len(means), 1)
    signed = samples * np.sign(means)
    gaps = signed[:, first] - signed[:, second]
    errors = gaps.std(axis=0, ddof=1) / math.sqrt(len(samples))
    return expected_rank_error(np.abs(gaps.mean(axis=0)), errors, len(means))


def rank_error_between(finer: Float64, coarser: Float64) -> float:
    """The expected rank error, given two quadratures' segment means (k,)."""
    first, second = np.triu_indices(len(finer), 1)
    errors = np.abs(finer - coarser) / COARSER_ERRORS
    gaps = np.abs(np.abs(finer[first]) - np.abs(finer[second]))
    return expected_rank_error(gaps, np.hypot(errors[first], errors[second]), len(finer))


def expected_rank_error(gaps: Float64, errors: Float64, k: int) -> float:
    """How far off each of k ranks is on average, given the gap and the error of each pair.

    A pair is in the wrong order with probability Phi(-gap / error), which is 0 where the error is
    0, and each such pair moves two ranks by one.

    >>> round(expected_rank_error(np.array([2.0]), np.array([1.0]), 2), 4)
    0.0228
    """
    times = np.divide(gaps, errors, out=np.full(gaps.shape, np.inf), where=errors > 0)
    swaps = sum(math.erfc(t / math.sqrt(2)) / 2 for t in times)
    return 2 * swaps / max(k, 1)


# --- points ------------------------------------------------------------------------------------


def _rounds(max_samples: int, points_at_once: int) -> Iterator[range]:
    """Ranges of samples, none of which crosses the end of a round of one for each replicate."""
    for first in range(0, max_samples // REPLICATES * REPLICATES, REPLICATES):
        for some in even_ranges(REPLICATES, points_at_once):
            yield range(first + some.start, first + some.stop)


def _midpoints(n: int) -> Float64:
    return QUADRATURES["midpoint"](n)[0]


def read_masks(
    segments: Mapping[str, SegmentationMap] | None,
    image_ids: Iterable[str],
    samples: int | str | None,
    pad_px: int,
) -> Callable[..., Masks] | None:
    """(image_id, size=, fit=) -> masks (k, H, W), or None where a number of samples is given.

    Raises InvalidInput for masks without samples="auto" and the other way round, IdMismatch for
    images that lack masks.
    """
    if samples != "auto":
        if segments is not None:
            raise InvalidInput("segments: used only with samples='auto'; leave them out.")
        return None
    if segments is None:
        raise InvalidInput(
            "segments: samples='auto' goes by the ranks of segments, got none; give "
            "segments=read_segments(...), or a number of samples."
        )
    image_ids = list(image_ids)
    lacking = [image_id for image_id in image_ids if image_id not in segments]
    if lacking:
        raise IdMismatch(
            f"segments: no masks for {len(lacking)} of {len(image_ids)} images: "
            f"{shorten(lacking)}; there are {shorten(segments)}."
        )

    def masks(image_id: str, *, size: tuple[int, int], fit: str) -> Masks:
        return segments[image_id].merged().resize(size, fit=fit, pad_px=pad_px).masks

    return masks
