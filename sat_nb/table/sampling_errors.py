"""Standard errors of segments' means, for maps of methods that sample."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.saliency.sampling import COARSER_ERRORS
from sat_nb.saliency.store.codec import Chunk
from sat_nb.table.kernel import (
    MaskRuns,
    segment_sums,
)
from sat_nb.table.pools import Pool


def sampling_errors(chunk: Chunk, runs: MaskRuns, pool: Pool) -> Float64:
    """Standard errors (n,) of the segments' means; NaN where they are not known.

    They are known for maps that a store keeps with replicates or a coarser integral of the
    channels' sum, and for pools that are a multiple of that sum.
    """
    sources = [name for name in ERRORS if name in chunk.arrays]
    if not sources or pool.share_of_sum is None:
        return np.full(runs.px.size, np.nan)
    errors = ERRORS[sources[0]](chunk.attribution, chunk.arrays[sources[0]], runs)
    return errors / runs.px * pool.share_of_sum(chunk.attribution.shape[2])


def _error_of_replicates(_map: Float32, replicates: Float32, runs: MaskRuns) -> Float64:
    """From the spread of r independent means (r, H, W) of the channels' sum."""
    sums = [segment_sums(one[..., None], runs)[:-1] for one in replicates]
    return np.std(sums, axis=0, ddof=1) / math.sqrt(len(sums))


def _error_of_quadrature(attribution: Float32, coarser: Float32, runs: MaskRuns) -> Float64:
    """From the same integral (H, W) with a third of the nodes."""
    difference = attribution.sum(axis=2) - coarser
    return np.abs(segment_sums(difference[..., None], runs)[:-1]) / COARSER_ERRORS


ERRORS: dict[str, Callable[[Float32, Float32, MaskRuns], Float64]] = {
    "replicates": _error_of_replicates,
    "coarser": _error_of_quadrature,
}
"""Array of a Chunk -> the error of each sum, from (map, array, runs)."""
