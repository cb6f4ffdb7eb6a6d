"""The join of one image: its maps and masks give rows for each method."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64, Map, Size
from sat_nb.errors import InvalidInput, SatError
from sat_nb.saliency.external.axes import MAX_CHANNELS, as_array
from sat_nb.saliency.methods import NEED_POSITIVE
from sat_nb.saliency.sampling import COARSER_ERRORS
from sat_nb.saliency.store.codec import Chunk
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.fitting import Fitting, check_declared, photo_size
from sat_nb.table.kernel import (
    MAPS_AT_ONCE,
    MaskRuns,
    mask_runs,
    segment_sums,
    sums_and_tolerances,
)
from sat_nb.table.merges import Merge
from sat_nb.table.pools import Pool, as_map

Maps = Mapping[str, Mapping[str, NDArray[Any]]]
"""{method: {image_id: attribution map}}."""
GROUP_BYTES = 32 * 2**20  # of maps of one image that are held together


@dataclass(frozen=True)
class JoinOptions:
    """The options of ``build`` that decide what stands in a row."""

    pool: Pool
    merge: Merge
    fitting: Fitting
    is_declared: bool


@dataclass(frozen=True)
class FittedSegments:
    """The segments of one image on the grid of its maps.

    ``photo`` is the size of the photo, or else that of the masks; ``unpadded`` holds the fractions
    before padding, where the pad is wide. ``px`` and ``centroids`` are those of ``MaskRuns``.
    """

    size: Size
    photo: Size
    names: tuple[str, ...]
    px: NDArray[np.int64]
    fractions: Float64
    centroids: Float64
    scores: Float64
    unpadded: Float64 | None


@dataclass(frozen=True)
class ImageRows:
    """The rows of one image and method: each segment's sum of the map, and its standard error.

    Means that differ by at most ``tolerance`` are equal; ``errors`` is None if not known.
    ``at_once`` : how many inputs went through the model at once and how many were planned to,
    where these differ. ``more`` holds further columns of the table: their dtype, and a value or
    None for each segment.
    """

    image_id: str
    method: str
    segments: FittedSegments
    totals: Float64
    errors: Float64 | None
    tolerance: float
    n_samples: int | None
    facts: Any
    at_once: list[int] | None = None
    more: Mapping[str, tuple[str, list[Any]]] = field(default_factory=dict)


def image_rows(
    image_id: str,
    maps: Maps,
    keys: Mapping[str, str],
    segmentation: SegmentationMap,
    options: JoinOptions,
    facts: Any,
) -> Iterable[ImageRows]:
    """The rows of one image, method by method; ``keys`` holds its key in each method's maps.

    A method that decomposes positive outputs has none where its map is zero everywhere.

    Masks are fitted once for all methods whose maps have the same size.
    """
    pooled = _pooled_maps(image_id, maps, keys, segmentation, options, photo_size(facts))
    for group in _grouped(pooled):
        sums, tolerances = sums_and_tolerances([one.attribution for one in group], group[0].runs)
        if not np.isfinite(sums).all():
            first = group[np.isfinite(sums).all(axis=1).argmin()]
            raise InvalidInput(
                f"maps[{first.method!r}][{image_id!r}]: holds NaN or infinite values; explain "
                "that image again, or leave it out."
            )
        for one, totals, tolerance in zip(group, sums[:, :-1], tolerances, strict=True):
            known = one.chunk.facts
            yield ImageRows(
                image_id,
                one.method,
                one.segments,
                totals,
                _sampling_errors(one.chunk, one.runs, options.pool),
                tolerance,
                known.get("n_samples"),
                _facts_of(maps[one.method], facts),
                known.get("at_once"),
            )


class _PooledMap(NamedTuple):
    """A method's map of an image as the kernel takes it, and the masks on its grid."""

    method: str
    chunk: Chunk
    attribution: Map
    segments: FittedSegments
    runs: MaskRuns


def _pooled_maps(
    image_id: str,
    maps: Maps,
    keys: Mapping[str, str],
    segmentation: SegmentationMap,
    options: JoinOptions,
    photo: Size | None,
) -> Iterable[_PooledMap]:
    """The maps of one image, method by method; those that had nothing to decompose are left out."""
    merged = options.merge(segmentation)
    fitted: dict[Size, tuple[FittedSegments, MaskRuns]] = {}
    for method in maps:
        chunk = _chunk(maps, method, keys[method])
        attribution = _checked_map(chunk.attribution, image_id, method)
        if method in NEED_POSITIVE and not attribution.any():
            continue  # segments that tie would be made up
        size = attribution.shape[0], attribution.shape[1]
        if size not in fitted:
            if len(merged):
                what = f"maps[{method!r}][{image_id!r}]"
                check_declared(what, size, segmentation.size, photo, options.is_declared)
            fitted[size] = fitted_segments(image_id, merged, size, photo, options.fitting)[1:]
        yield _PooledMap(method, chunk, options.pool(attribution), *fitted[size])


def _grouped(maps: Iterable[_PooledMap]) -> Iterable[list[_PooledMap]]:
    """Maps of one grid and dtype, as many as the kernel takes at once and memory should hold."""
    group: list[_PooledMap] = []
    n_bytes = 0
    for one in maps:
        n_bytes += one.attribution.nbytes
        fits = len(group) < MAPS_AT_ONCE and n_bytes <= GROUP_BYTES
        if group and not (fits and _goes_with(one, group[0])):
            yield group
            group, n_bytes = [], one.attribution.nbytes
        group.append(one)
    if group:
        yield group


def _goes_with(one: _PooledMap, other: _PooledMap) -> bool:
    return one.runs is other.runs and one.attribution.dtype == other.attribution.dtype


def _facts_of(by_id: Any, facts: Any) -> Any:
    """What is known of the photo, without the target where a store has maps of no class."""
    if facts is None or getattr(by_id, "targeted", True):
        return facts
    return replace(facts, target=None)


def _chunk(maps: Maps, method: str, key: str) -> Chunk:
    """The map, and what a store keeps beside it."""
    if hasattr(maps, "chunk"):
        return maps.chunk(method, key)
    return Chunk(maps[method][key])


def fitted_segments(
    image_id: str, merged: SegmentationMap, size: Size, photo: Size | None, fitting: Fitting
) -> tuple[SegmentationMap, FittedSegments, MaskRuns]:
    """The masks on a map of ``size``, what a table says of them, and their runs."""
    try:
        fitted = fitting.masks(merged, size, photo)
        runs = mask_runs(fitted.masks)
    except SatError as error:
        raise InvalidInput(f"masks of image {image_id!r}: {error}") from error
    segments = FittedSegments(
        size=size,
        photo=photo or merged.size,
        names=fitted.names,
        px=runs.px,
        fractions=runs.px / (size[0] * size[1]),
        centroids=runs.centroids,
        scores=np.full(len(fitted), np.nan) if fitted.scores is None else fitted.scores,
        unpadded=_unpadded(merged, size, photo, fitting),
    )
    return fitted, segments, runs


def _unpadded(
    merged: SegmentationMap, size: Size, photo: Size | None, fitting: Fitting
) -> Float64 | None:
    """Shares of the map before padding; None where the pad is no wide one."""
    if not len(merged) or not fitting.is_wide(size, photo or merged.size):
        return None
    masks = replace(fitting, pad_px=0).masks(merged, size, photo).masks
    return masks.mean(axis=(1, 2))


def _checked_map(attribution: Any, image_id: str, method: str) -> Map:
    where = f"maps[{method!r}][{image_id!r}]"
    numbers = as_array(attribution, where)
    array = as_map(numbers)
    if array is None:
        raise InvalidInput(
            f"{where}: expected real numbers (H, W) or (H, W, C), got {numbers.dtype} "
            f"{numbers.shape}; maps_from_arrays takes other axes, such as layout='NCHW'."
        )
    if array.shape[2] > MAX_CHANNELS >= array.shape[0]:
        raise InvalidInput(
            f"{where}: shape {array.shape} seems to be (C, H, W), expected "
            "(H, W) or (H, W, C); give numpy.moveaxis(map, 0, -1), or declare layout='CHW' to "
            "maps_from_arrays."
        )
    return array


def _sampling_errors(chunk: Chunk, runs: MaskRuns, pool: Pool) -> Float64 | None:
    """Standard errors (n,) of the segments' means; None where they are not known.

    They are known for maps that a store keeps with replicates or a coarser integral of the
    channels' sum, and for pools that are a multiple of that sum.
    """
    sources = [name for name in ERRORS if name in chunk.arrays]
    if not sources or pool.share_of_sum is None:
        return None
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
