"""The join of one image: its maps and masks to one block of rows a method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput, SatError
from sat_nb.saliency.sampling import COARSER_ERRORS
from sat_nb.saliency.store.codec import Chunk
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.kernel import MaskRuns, mask_runs, segment_sums

LINEAR_POOLS = ("sum", "mean")
"""The pools whose errors follow from those of the channels' sum."""


def sampling_errors(chunk: Chunk, runs: MaskRuns, pool: str) -> Float64:
    """Standard errors (k,) of the segments' means; NaN where nothing tells them.

    That is for maps of methods that do not sample, and for pools that are not linear.
    """
    names = [name for name in ERRORS if name in chunk.arrays]
    if not names or pool not in LINEAR_POOLS:
        return np.full(runs.px.size, np.nan)
    errors = ERRORS[names[0]](chunk.attribution, chunk.arrays[names[0]], runs)
    return errors / runs.px / (chunk.attribution.shape[2] if pool == "mean" else 1)


def _of_replicates(_map: Float32, replicates: Float32, runs: MaskRuns) -> Float64:
    """From the spread of r independent means (r, H, W) of the channels' sum."""
    sums = [segment_sums(one[..., None], runs)[:-1] for one in replicates]
    return np.std(sums, axis=0, ddof=1) / math.sqrt(len(sums))


def _of_quadrature(attribution: Float32, coarser: Float32, runs: MaskRuns) -> Float64:
    """From the same integral (H, W) by a third of the nodes."""
    difference = attribution.sum(axis=2) - coarser
    return np.abs(segment_sums(difference[..., None], runs)[:-1]) / COARSER_ERRORS


ERRORS: dict[str, Callable[[Float32, Float32, MaskRuns], Float64]] = {
    "replicates": _of_replicates,
    "coarser": _of_quadrature,
}
"""By the array of a Chunk that tells it: (map, array, runs) -> the error of each sum."""

Maps = Mapping[str, Mapping[str, NDArray[Any]]]


def _strongest(attribution: NDArray) -> NDArray:
    best = np.abs(attribution).argmax(axis=2)[..., None]
    return np.take_along_axis(attribution, best, axis=2)


POOLS: dict[str, Callable[[NDArray], NDArray]] = {
    "sum": lambda attribution: attribution,  # the join adds up what channels there are
    "mean": lambda attribution: attribution.mean(axis=2, keepdims=True, dtype=np.float64),
    "max_abs": _strongest,
    "l2": lambda attribution: np.linalg.norm(
        attribution.astype(np.float64, copy=False), axis=2, keepdims=True
    ),
}
"""How channels become one number a pixel: (H, W, C) -> an array whose channels add up to it."""


def _numbered(segmentation: SegmentationMap) -> SegmentationMap:
    seen: dict[str, int] = {}
    names = []
    for name in segmentation.names:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return SegmentationMap(tuple(names), segmentation.masks, segmentation.scores)


MERGES: dict[str, Callable[[SegmentationMap], SegmentationMap]] = {
    "union": SegmentationMap.merged,
    "numbered": _numbered,  # eye, eye 2: every instance a segment of its own
}
"""What becomes of several masks of one name in one image."""

_ROWS = ("top", "centre", "bottom")
_COLUMNS = ("left", "centre", "right")
POSITIONS = np.array([f"{row}-{column}" for row in _ROWS for column in _COLUMNS], dtype=object)


# --- one image ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How maps and masks are joined: the options of ``build`` that decide a row."""

    pad_px: int
    pool: str
    merge: str
    fit: str


@dataclass(frozen=True)
class Segments:
    """The segments of one image on the grid of its maps."""

    names: tuple[str, ...]
    runs: MaskRuns
    px: NDArray[np.int64]
    fractions: NDArray[np.float64]
    positions: NDArray[Any]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """The rows of one image and method: each segment's sum of the map, and its standard error."""

    image_id: str
    method: str
    segments: Segments
    totals: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_samples: int | None
    facts: Any


def image_blocks(
    image_id: str, maps: Maps, segmentation: SegmentationMap, recipe: Recipe, facts: Any
) -> Iterable[Block]:
    """The rows of one image: its masks are prepared once for all methods with maps of one size."""
    _check_size(image_id, segmentation, facts)
    merged = MERGES[recipe.merge](segmentation)
    pool = POOLS[recipe.pool]
    prepared: dict[tuple[int, int], Segments] = {}
    for method in maps:
        chunk = _kept(maps, method, image_id)
        attribution = _checked_map(chunk.attribution, image_id, method)
        size = attribution.shape[0], attribution.shape[1]
        if size not in prepared:
            prepared[size] = _prepare(image_id, merged, size, recipe)
        sums = segment_sums(pool(attribution), prepared[size].runs)
        if not math.isfinite(sums.sum()):
            raise InvalidInput(
                f"maps[{method!r}][{image_id!r}]: holds NaN or infinite values; explain that "
                "image again, or leave it out."
            )
        errors = sampling_errors(chunk, prepared[size].runs, recipe.pool)
        n_samples = chunk.facts.get("n_samples")
        yield Block(image_id, method, prepared[size], sums[:-1], errors, n_samples, facts)


def _kept(maps: Maps, method: str, image_id: str) -> Chunk:
    """The map, and in a store what is kept beside it."""
    if hasattr(maps, "chunk"):
        return maps.chunk(method, image_id)
    return Chunk(maps[method][image_id])


def _prepare(
    image_id: str, merged: SegmentationMap, size: tuple[int, int], recipe: Recipe
) -> Segments:
    try:
        fitted = merged.resize(size, fit=recipe.fit, pad_px=recipe.pad_px)
        runs = mask_runs(fitted.masks)
    except SatError as error:
        raise InvalidInput(f"masks of image {image_id!r}: {error}") from error
    row, column = np.minimum((runs.centroids * 3).astype(int), 2).T
    scores = np.full(len(fitted), np.nan) if fitted.scores is None else fitted.scores
    fractions = runs.px / (size[0] * size[1])
    return Segments(fitted.names, runs, runs.px, fractions, POSITIONS[3 * row + column], scores)


def _check_size(image_id: str, segmentation: SegmentationMap, facts: Any) -> None:
    if facts is None or len(segmentation) == 0:
        return
    photo = (facts.height, facts.width)
    if segmentation.size != photo:
        raise InvalidInput(
            f"masks of image {image_id!r} are {segmentation.size[0]} x {segmentation.size[1]} px "
            f"(height x width), its photo is {photo[0]} x {photo[1]}; export the masks from the "
            "very file that is explained."
        )


def _checked_map(attribution: Any, image_id: str, method: str) -> NDArray:
    array = np.asarray(attribution)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"maps[{method!r}][{image_id!r}]: expected real numbers (H, W) or (H, W, C), got "
            f"{array.dtype} {np.shape(attribution)}."
        )
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array
