"""What a method's own sampling leaves unknown of a segment's mean."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sat_nb.saliency.codec import Chunk, Map
from sat_nb.saliency.sampling import COARSER_ERRORS
from sat_nb.table.kernel import MaskRuns, segment_sums

Doubles = NDArray[np.float64]

LINEAR_POOLS = ("sum", "mean")
"""The pools whose errors follow from those of the channels' sum."""


def sampling_errors(chunk: Chunk, runs: MaskRuns, pool: str) -> Doubles:
    """Standard errors (k,) of the segments' means; NaN where nothing tells them.

    That is for maps of methods that do not sample, and for pools that are not linear.
    """
    names = [name for name in ERRORS if name in chunk.arrays]
    if not names or pool not in LINEAR_POOLS:
        return np.full(runs.px.size, np.nan)
    errors = ERRORS[names[0]](chunk.attribution, chunk.arrays[names[0]], runs)
    return errors / runs.px / (chunk.attribution.shape[2] if pool == "mean" else 1)


def _of_replicates(_map: Map, replicates: Map, runs: MaskRuns) -> Doubles:
    """From the spread of r independent means (r, H, W) of the channels' sum."""
    sums = [segment_sums(one[..., None], runs)[:-1] for one in replicates]
    return np.std(sums, axis=0, ddof=1) / math.sqrt(len(sums))


def _of_quadrature(attribution: Map, coarser: Map, runs: MaskRuns) -> Doubles:
    """From the same integral (H, W) by a third of the nodes."""
    difference = attribution.sum(axis=2) - coarser
    return np.abs(segment_sums(difference[..., None], runs)[:-1]) / COARSER_ERRORS


ERRORS: dict[str, Callable[[Map, Map, MaskRuns], Doubles]] = {
    "replicates": _of_replicates,
    "coarser": _of_quadrature,
}
"""By the array of a Chunk that tells it: (map, array, runs) -> the error of each sum."""
