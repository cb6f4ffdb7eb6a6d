"""build: the join of attribution maps with masks."""

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
from sat_nb.table.schema import COLUMNS, RANK_BY, local_rank

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
    """The ids that the masks and every method's maps have, and those left out, by reason."""
    _check_maps(maps)
    in_any = list(dict.fromkeys(i for by_id in maps.values() for i in by_id))
    matched = [i for i in in_any if i in segments and all(i in by_id for by_id in maps.values())]
    kept = set(matched)
    left_out = {
        "maps without masks": [i for i in in_any if i not in segments],
        "masks without maps": [i for i in segments if i not in set(in_any)],
        "images that some method lacks": [i for i in in_any if i in segments and i not in kept],
    }
    left_out = {reason: ids for reason, ids in left_out.items() if ids}
    reasons = "; ".join(f"{len(ids)} {why}: {shorten(ids)}" for why, ids in left_out.items())
    if left_out and (missing == "error" or not matched):
        raise IdMismatch(
            f"maps and segments do not name the same images: {reasons}. Ids are file paths "
            "without extension; pass missing='skip' to join what matches."
        )
    if left_out:
        warnings.warn(f"left out: {reasons}.", stacklevel=3)
    return matched, left_out


def _check_maps(maps: Maps) -> None:
    if not isinstance(maps, Mapping) or not all(isinstance(m, Mapping) for m in maps.values()):
        raise InvalidInput(
            "maps: expected an AttributionStore or {method: {image_id: array}}, got "
            f"{type(maps).__name__}; one method's maps go in as {{'my method': {{id: array}}}}."
        )
    if not maps:
        raise InvalidInput("maps: expected at least one method, got none.")


def _assemble(
    blocks: list[ImageRows], model: str, labels: Mapping[str, int], rank_by: str
) -> pd.DataFrame:
    """One frame of all rows; a block without segments becomes one row without a segment."""
    counts = np.array([len(block.segments.names) for block in blocks])
    n_rows = np.maximum(counts, 1)
    columns = _image_columns(blocks, model, labels, n_rows) | _segment_columns(blocks, n_rows)
    columns |= {"n_segments": np.repeat(counts, n_rows), "rank": np.nan}
    table = pd.DataFrame({column: columns[column] for column in COLUMNS})
    block_of_row = pd.Series(np.repeat(np.arange(len(blocks)), n_rows))
    table["rank"] = local_rank(table[rank_by], block_of_row)
    return table


def _image_columns(
    blocks: list[ImageRows], model: str, labels: Mapping[str, int], n_rows: NDArray[np.int64]
) -> dict[str, Any]:
    """The columns that are the same in all rows of a block."""

    def texts(values: list[str]) -> NDArray[Any]:
        return np.repeat(np.array(values, dtype=object), n_rows)

    def integers(values: list[int | None]) -> Any:
        absent = np.array([value is None for value in values], dtype=bool)
        numbers = np.array([value or 0 for value in values], dtype=np.int64)
        return pd.arrays.IntegerArray(np.repeat(numbers, n_rows), np.repeat(absent, n_rows))

    return {
        "image_id": texts([block.image_id for block in blocks]),
        "model": texts([model] * len(blocks)),
        "method": texts([block.method for block in blocks]),
        "target": integers([getattr(block.facts, "target", None) for block in blocks]),
        "label": integers([labels.get(block.image_id) for block in blocks]),
        "predicted": integers([getattr(block.facts, "predicted", None) for block in blocks]),
        "n_samples": integers([block.n_samples for block in blocks]),
    }


def _segment_columns(blocks: list[ImageRows], n_rows: NDArray[np.int64]) -> dict[str, Any]:
    """The columns of single segments, blank in the row of a block without segments."""
    segments = [block.segments for block in blocks]
    vacant = np.repeat([not one.names for one in segments], n_rows)

    def joined(parts: list[NDArray[Any]], blank: Any) -> NDArray[Any]:
        return np.concatenate([part if len(part) else np.array([blank]) for part in parts])

    px = joined([one.px for one in segments], 0)
    totals = joined([block.totals for block in blocks], np.nan)
    means = totals / np.where(vacant, 1, px)
    names = [name for one in segments for name in (one.names or (None,))]
    numbers = np.arange(n_rows.sum()) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    return {
        "segment_id": pd.arrays.IntegerArray(numbers, vacant),
        "segment": np.array(names, dtype=object),
        "mean_attribution": means,
        "abs_mean_attribution": np.abs(means),
        "total_attribution": totals,
        "mask_px": pd.arrays.IntegerArray(px, vacant),
        "mask_fraction": joined([one.fractions for one in segments], np.nan),
        "position": joined([one.positions for one in segments], None),
        "se_mean_attribution": joined([block.errors for block in blocks], np.nan),
        "score": joined([one.scores for one in segments], np.nan),
    }


def _settings(
    options: JoinOptions, rank_by: str, left_out: dict[str, list[str]], maps: Maps
) -> dict[str, Any]:
    """The options and versions behind the table, as plain data that JSON can hold."""
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
