"""The join of attribution maps with masks: build."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, SatError, shorten, unknown_name
from sat_nb.saliency.codec import Chunk
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.kernel import MaskRuns, mask_runs, segment_sums
from sat_nb.table.sampling_error import sampling_errors
from sat_nb.table.schema import RANK_BY, local_rank

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


def build(
    maps: Maps,
    segments: Mapping[str, SegmentationMap],
    *,
    pad_px: int = 2,
    pool: str = "sum",
    merge: str = "union",
    rank_by: str = "abs_mean_attribution",
    labels: Mapping[str, int] | None = None,
    model: str | None = None,
    fit: str | None = None,
    missing: str = "error",
) -> pd.DataFrame:
    """Join attribution maps with masks: one row an image x method x segment.

    For the map A of an image and the mask M of a segment the mean attribution is
    ``sum(M * A) / sum(M)`` (Hinns & Martens 2025). Masks of one name are merged, brought
    to the map's grid by the geometry that brought the image there, and then padded.

    Parameters
    ----------
    maps: an AttributionStore, or {method: {image_id: float (H, W) or (H, W, C)}}: any
        tool's heatmaps. Positive values speak for the target.
    segments: {image_id: SegmentationMap}, as from ``read_segments``.
    pad_px: pixels by which masks grow to all sides, on the map's grid.
    pool: how channels become one value a pixel; a name in POOLS.
    merge: what becomes of several masks of one name; a name in MERGES.
    rank_by: "abs_mean_attribution" or "mean_attribution"; the largest has rank 1.
    labels: {image_id: true class}.
    model: name of the model; by default the store's, or "model".
    fit: geometry from image to map, a name in FITS; by default the store's, or "stretch".
        A segment that "crop" cuts off whole is missing from that image, as if it were not there.
    missing: "error", or "skip" to leave out images that lack maps or masks, with a
        warning and a note in ``table.attrs``.

    Returns a DataFrame with the columns of ``COLUMNS``; settings and versions are in
    ``table.attrs["sat_nb"]``. Maps of a method that samples, from a store, bring the standard
    error of each segment's mean; ``settled_ranks`` tells which ranks it leaves open.

    Raises IdMismatch where maps and masks do not name the same images, InvalidInput for
    values that are not finite, shapes that do not fit and names that are not known.

    >>> heat = {"occlusion": {"photo": np.array([[4.0, 0.0], [-1.0, -3.0]])}}
    >>> masks = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], bool)
    >>> table = build(heat, {"photo": SegmentationMap(("sky", "sea"), masks)}, pad_px=0)
    >>> table[["segment", "mean_attribution", "rank", "position"]]
      segment  mean_attribution  rank       position
    0     sky               4.0   1.0       top-left
    1     sea              -2.0   2.0  bottom-centre
    """
    _check_names(pool=pool, merge=merge, rank_by=rank_by, missing=missing)
    image_ids, left_out = _matching_ids(maps, segments, missing)
    recipe = _Recipe(pad_px, pool, merge, fit or str(getattr(maps, "fit", "stretch")))
    facts = getattr(maps, "facts", {})
    blocks = [
        block
        for image_id in image_ids
        for block in _image_blocks(image_id, maps, segments[image_id], recipe, facts.get(image_id))
    ]
    model = model or str(getattr(maps, "model", "model"))
    table = _assemble(blocks, model, labels or {}, rank_by)
    table.attrs["sat_nb"] = _settings(recipe, rank_by, left_out, maps)
    return table


# --- one image ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recipe:
    pad_px: int
    pool: str
    merge: str
    fit: str


@dataclass(frozen=True)
class _Segments:
    """The segments of one image on the grid of its maps."""

    names: tuple[str, ...]
    runs: MaskRuns
    px: NDArray[np.int64]
    fractions: NDArray[np.float64]
    positions: NDArray[Any]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class _Block:
    """The rows of one image and method: each segment's sum of the map, and its standard error."""

    image_id: str
    method: str
    segments: _Segments
    totals: NDArray[np.float64]
    errors: NDArray[np.float64]
    n_samples: int | None
    facts: Any


def _image_blocks(
    image_id: str, maps: Maps, segmentation: SegmentationMap, recipe: _Recipe, facts: Any
) -> Iterable[_Block]:
    """The rows of one image: its masks are prepared once for all methods with maps of one size."""
    _check_size(image_id, segmentation, facts)
    merged = MERGES[recipe.merge](segmentation)
    pool = POOLS[recipe.pool]
    prepared: dict[tuple[int, int], _Segments] = {}
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
        yield _Block(image_id, method, prepared[size], sums[:-1], errors, n_samples, facts)


def _kept(maps: Maps, method: str, image_id: str) -> Chunk:
    """The map, and in a store what is kept beside it."""
    if hasattr(maps, "chunk"):
        return maps.chunk(method, image_id)
    return Chunk(maps[method][image_id])


def _prepare(
    image_id: str, merged: SegmentationMap, size: tuple[int, int], recipe: _Recipe
) -> _Segments:
    try:
        fitted = merged.resize(size, fit=recipe.fit, pad_px=recipe.pad_px)
        runs = mask_runs(fitted.masks)
    except SatError as error:
        raise InvalidInput(f"masks of image {image_id!r}: {error}") from error
    row, column = np.minimum((runs.centroids * 3).astype(int), 2).T
    scores = np.full(len(fitted), np.nan) if fitted.scores is None else fitted.scores
    fractions = runs.px / (size[0] * size[1])
    return _Segments(fitted.names, runs, runs.px, fractions, POSITIONS[3 * row + column], scores)


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


# --- matching and assembling ----------------------------------------------------------------


def _check_names(*, pool: str, merge: str, rank_by: str, missing: str) -> None:
    for argument, name, valid in (
        ("pool", pool, POOLS),
        ("merge", merge, MERGES),
        ("rank_by", rank_by, RANK_BY),
        ("missing", missing, ("error", "skip")),
    ):
        if name not in valid:
            raise unknown_name(argument, name, valid)


def _matching_ids(
    maps: Maps, segments: Mapping[str, SegmentationMap], missing: str
) -> tuple[list[str], dict[str, list[str]]]:
    """The ids that every method's maps and the masks have, and those left out on each side."""
    if not isinstance(maps, Mapping) or not all(isinstance(m, Mapping) for m in maps.values()):
        raise InvalidInput(
            "maps: expected an AttributionStore or {method: {image_id: array}}, got "
            f"{type(maps).__name__}; one method's maps go in as {{'my method': {{id: array}}}}."
        )
    if not maps:
        raise InvalidInput("maps: expected at least one method, got none.")
    in_any = list(dict.fromkeys(i for by_id in maps.values() for i in by_id))
    matched = [i for i in in_any if i in segments and all(i in by_id for by_id in maps.values())]
    kept = set(matched)
    left_out = {
        "maps without masks": [i for i in in_any if i not in segments],
        "masks without maps": [i for i in segments if i not in set(in_any)],
        "images that some method lacks": [i for i in in_any if i in segments and i not in kept],
    }
    left_out = {side: ids for side, ids in left_out.items() if ids}
    if not left_out:
        return matched, {}
    sides = "; ".join(f"{len(ids)} {side}: {shorten(ids)}" for side, ids in left_out.items())
    if missing == "error" or not matched:
        raise IdMismatch(
            f"maps and segments do not name the same images: {sides}. Ids are file paths "
            "without extension; pass missing='skip' to join what matches."
        )
    warnings.warn(f"left out: {sides}.", stacklevel=3)
    return matched, left_out


def _assemble(
    blocks: list[_Block], model: str, labels: Mapping[str, int], rank_by: str
) -> pd.DataFrame:
    """One frame from the blocks; a block without segments becomes one row without a segment."""
    counts = np.array([len(block.segments.names) for block in blocks])
    rows = np.maximum(counts, 1)
    vacant = np.repeat(counts == 0, rows)

    def each(values: list[Any]) -> NDArray[Any]:
        return np.repeat(np.array(values, dtype=object), rows)

    def each_integer(values: list[int | None]) -> Any:
        absent = np.array([value is None for value in values], dtype=bool)
        numbers = np.array([value or 0 for value in values], dtype=np.int64)
        return pd.arrays.IntegerArray(np.repeat(numbers, rows), np.repeat(absent, rows))

    def joined(parts: list[NDArray[Any]], blank: Any) -> NDArray[Any]:
        return np.concatenate([part if len(part) else np.array([blank]) for part in parts])

    parts = [block.segments for block in blocks]
    names = [name for part in parts for name in (part.names or (None,))]
    px = joined([part.px for part in parts], 0)
    totals = joined([block.totals for block in blocks], np.nan)
    means = totals / np.where(vacant, 1, px)
    numbers = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
    table = pd.DataFrame(
        {
            "image_id": each([b.image_id for b in blocks]),
            "model": each([model] * len(blocks)),
            "method": each([b.method for b in blocks]),
            "target": each_integer([getattr(b.facts, "target", None) for b in blocks]),
            "label": each_integer([labels.get(b.image_id) for b in blocks]),
            "predicted": each_integer([getattr(b.facts, "predicted", None) for b in blocks]),
            "n_segments": np.repeat(counts, rows),
            "segment_id": pd.arrays.IntegerArray(numbers, vacant),
            "segment": np.array(names, dtype=object),
            "mean_attribution": means,
            "abs_mean_attribution": np.abs(means),
            "rank": np.nan,
            "total_attribution": totals,
            "mask_px": pd.arrays.IntegerArray(px, vacant),
            "mask_fraction": joined([part.fractions for part in parts], np.nan),
            "position": joined([part.positions for part in parts], None),
            "se_mean_attribution": joined([block.errors for block in blocks], np.nan),
            "n_samples": each_integer([block.n_samples for block in blocks]),
            "score": joined([part.scores for part in parts], np.nan),
        }
    )
    blocks_of_rows = pd.Series(np.repeat(np.arange(len(blocks)), rows))
    table["rank"] = local_rank(table[rank_by], blocks_of_rows)
    return table


def _settings(
    recipe: _Recipe, rank_by: str, left_out: dict[str, list[str]], maps: Maps
) -> dict[str, Any]:
    """What the table was made with, as plain data that JSON can hold."""
    from sat_nb import __version__

    return {
        "version": __version__,
        "pad_px": recipe.pad_px,
        "pool": recipe.pool,
        "merge": recipe.merge,
        "fit": recipe.fit,
        "rank_by": rank_by,
        "left_out": left_out,
        "maps": getattr(maps, "settings", None),
    }
