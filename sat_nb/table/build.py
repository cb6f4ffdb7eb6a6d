"""The join of attribution maps with masks: build."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.registry import chosen, lists
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.join import (
    MERGES,
    POOLS,
    ImageRows,
    JoinOptions,
    Maps,
    Merge,
    Pool,
    image_rows,
)
from sat_nb.table.schema import RANK_BY, local_rank

MISSING = ("error", "skip")


@lists(pool=POOLS, merge=MERGES)
def build(
    maps: Maps,
    segments: Mapping[str, SegmentationMap],
    *,
    pad_px: int = 2,
    pool: str | Pool = "sum",
    merge: str | Merge = "union",
    rank_by: str = "abs_mean_attribution",
    labels: Mapping[str, int] | None = None,
    model: str | None = None,
    fit: str | None = None,
    missing: str = "error",
) -> pd.DataFrame:
    """Join attribution maps with masks: one row for each image, method and segment.

    For the map A of an image and the mask M of a segment, the mean attribution is
    ``sum(M * A) / sum(M)``. Masks of one name are merged, then brought to the map's grid by the
    geometry that brought the image there, and then padded.

    Parameters
    ----------
    maps : AttributionStore or mapping
        ``{method: {image_id: float (H, W) or (H, W, C)}}``, the heatmaps of any tool. Positive
        values speak for the target.
    segments : mapping
        ``{image_id: SegmentationMap}``, as from ``read_segments``.
    pad_px : int, default 2
        Pixels of the map by which masks grow to all sides.
    pool : str or Pool, default "sum"
        How channels become one number a pixel: a name in ``POOLS``, or a :class:`Pool` of your
        own.

        [[pool]]

    merge : str or Merge, default "union"
        What becomes of several masks of one name in one image: a name in ``MERGES``, or a
        :class:`Merge` of your own.

        [[merge]]

    rank_by : {"abs_mean_attribution", "mean_attribution"}, default "abs_mean_attribution"
        The column that segments are ranked by within their image; the largest has rank 1.
    labels : mapping, optional
        ``{image_id: true class}``.
    model : str, optional
        Name of the model; by default that of the store, or "model".
    fit : str, optional
        Geometry from image to map, a name in ``FITS``; by default that of the store, or
        "stretch". A segment that "crop" cuts off entirely is missing from its image.
    missing : {"error", "skip"}, default "error"
        What to do with images that lack maps or masks. "skip" leaves them out, with a warning
        and a note in ``table.attrs``.

    Returns
    -------
    DataFrame
        A table with the columns of ``COLUMNS``. ``attrs["sat_nb"]`` holds settings and versions.
        Maps that a store keeps of a method that samples give the standard error of each
        segment's mean; see ``settled_ranks``.

    Raises
    ------
    IdMismatch
        If maps and masks do not name the same images.
    InvalidInput
        For values that are not finite, shapes that do not fit, and unknown names.

    Warns
    -----
    UserWarning
        If ``missing="skip"`` leaves images out.

    References
    ----------
    Hinns & Martens 2025, the definition of the mean attribution and its rank.

    Examples
    --------
    >>> heat = {"occlusion": {"photo": np.array([[4.0, 0.0], [-1.0, -3.0]])}}
    >>> masks = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], bool)
    >>> table = build(heat, {"photo": SegmentationMap(("sky", "sea"), masks)}, pad_px=0)
    >>> table[["segment", "mean_attribution", "rank", "position"]]
      segment  mean_attribution  rank       position
    0     sky               4.0   1.0       top-left
    1     sea              -2.0   2.0  bottom-centre
    """
    _check_names(rank_by=rank_by, missing=missing)
    options = JoinOptions(
        pad_px=pad_px,
        pool=chosen("pool", pool, POOLS, own=Pool, kept=True),
        merge=chosen("merge", merge, MERGES, own=Merge, kept=True),
        fit=fit or str(getattr(maps, "fit", "stretch")),
    )
    image_ids, left_out = _matching_ids(maps, segments, missing)
    facts = getattr(maps, "facts", {})
    blocks = [
        rows
        for image_id in image_ids
        for rows in image_rows(image_id, maps, segments[image_id], options, facts.get(image_id))
    ]
    model = model or str(getattr(maps, "model", "model"))
    table = _assemble(blocks, model, labels or {}, rank_by)
    table.attrs["sat_nb"] = _settings(options, rank_by, left_out, maps)
    return table


def _check_names(*, rank_by: str, missing: str) -> None:
    if rank_by not in RANK_BY:
        raise unknown_name("rank_by", rank_by, RANK_BY)
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)


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
    blocks: list[ImageRows], model: str, labels: Mapping[str, int], rank_by: str
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
    options: JoinOptions, rank_by: str, left_out: dict[str, list[str]], maps: Maps
) -> dict[str, Any]:
    """What the table was made with, as plain data that JSON can hold."""
    from sat_nb import __version__

    return {
        "version": __version__,
        "pad_px": options.pad_px,
        "pool": options.pool.key,
        "merge": options.merge.key,
        "fit": options.fit,
        "rank_by": rank_by,
        "left_out": left_out,
        "maps": getattr(maps, "settings", None),
    }
