"""The table of rows: its columns, its settings, and warnings of what is odd in them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput
from sat_nb.table.fitting import warning_of_padding, warning_of_turned_maps
from sat_nb.table.join import ImageRows, JoinOptions, Maps
from sat_nb.table.matching import MAX_NOTED
from sat_nb.table.schema import COLUMNS, N_FORWARD, POSITIONS, RANK_BY, TEXT, TOLERANCE
from sat_nb.table.ties import local_rank, warnings_of_ties


def table_of(
    blocks: list[ImageRows],
    maps: Maps,
    classes: Mapping[str, int | None],
    options: JoinOptions,
    *,
    model: str,
    rank_by: str,
    left_out: dict[str, list[str]],
) -> pd.DataFrame:
    """The table of these rows (at least one), with its settings; warns of what is odd in them.

    ``classes`` holds the true class of each image, None where it is not known.
    """
    _warn(blocks, options, maps)
    table = _frame_of(blocks, model, classes, rank_by)
    of_maps = table[table[N_FORWARD].isna()] if N_FORWARD in table else table
    for text in warnings_of_ties(of_maps):
        warnings.warn(text, stacklevel=3)
    table.attrs["sat_nb"] = _settings(options, rank_by, left_out, maps) | _at_once(blocks)
    return table


def _frame_of(
    blocks: list[ImageRows], model: str, labels: Mapping[str, int | None], rank_by: str
) -> pd.DataFrame:
    """One frame of all rows; a block without segments becomes one row without a segment."""
    counts = np.array([len(block.segments.names) for block in blocks])
    n_rows = np.maximum(counts, 1)
    try:
        columns = _image_columns(blocks, model, labels, n_rows) | _segment_columns(blocks, n_rows)
        columns["n_segments"] = np.repeat(counts, n_rows)
        columns["rank"] = _ranks(columns, rank_by, n_rows)
        ordered = {column: columns[column] for column in COLUMNS} | _further_columns(blocks, n_rows)
        # A copy would hold the table twice; no column shares memory with another.
        return pd.DataFrame(ordered, copy=False)
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"maps, segments: the name {error.object!r} is not valid Unicode, and pandas "
            f"{pd.__version__} holds no such text; rename it."
        ) from None


def _ranks(columns: Mapping[str, Any], rank_by: str, n_rows: NDArray[np.int64]) -> pd.Series:
    """The rank of each row within its block."""
    block_of_row = np.repeat(np.arange(len(n_rows)), n_rows)
    near = pd.Series(columns[TOLERANCE]) if rank_by in RANK_BY else None
    return local_rank(pd.Series(columns[rank_by]), block_of_row, near)


def _further_columns(blocks: list[ImageRows], n_rows: NDArray[np.int64]) -> dict[str, Any]:
    """The columns that only some rows have; missing in the others."""
    dtypes = {column: dtype for block in blocks for column, (dtype, _) in block.more.items()}
    nothing: tuple[str, list[Any]] = ("", [])
    found = {}
    for column, dtype in dtypes.items():
        parts = (block.more.get(column, nothing)[1] for block in blocks)
        values = [part or [None] * n for part, n in zip(parts, n_rows, strict=True)]
        found[column] = pd.Series([*chain.from_iterable(values)], dtype=dtype).array
    return found


def _image_columns(
    blocks: list[ImageRows],
    model: str,
    labels: Mapping[str, int | None],
    n_rows: NDArray[np.int64],
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
        TOLERANCE: np.repeat(np.array([block.tolerance for block in blocks], dtype=float), n_rows),
    }


def _segment_columns(blocks: list[ImageRows], n_rows: NDArray[np.int64]) -> dict[str, Any]:
    """The columns of single segments, blank in the row of a block without segments."""
    first = np.cumsum(n_rows) - n_rows  # the row at which each block begins
    numbers = np.arange(n_rows.sum()) - np.repeat(first, n_rows)
    vacant = np.repeat([not block.segments.names for block in blocks], n_rows)
    # The methods of an image share its segments, which are put together once.
    segments = list({id(block.segments): block.segments for block in blocks}.values())
    begins = np.cumsum([0] + [max(len(one.names), 1) for one in segments])
    begin_of = {id(one): begin for one, begin in zip(segments, begins[:-1], strict=True)}
    rows = numbers + np.repeat([begin_of[id(block.segments)] for block in blocks], n_rows)

    def joined(parts: list[Any], blank: Any) -> NDArray[Any]:
        return np.concatenate([part if len(part) else np.array([blank]) for part in parts])

    def of_segments(parts: list[Any], blank: Any) -> NDArray[Any]:
        return joined(parts, blank)[rows]

    names = np.array([name for one in segments for name in one.names or (None,)], dtype=object)
    positions = positions_of(joined([one.centroids for one in segments], (0.0, 0.0)))[rows]
    positions[vacant] = None
    px = of_segments([one.px for one in segments], 0)
    totals = joined([block.totals for block in blocks], np.nan)
    means = totals / np.where(vacant, 1, px)
    return {
        "segment_id": pd.arrays.IntegerArray(numbers, vacant),
        "segment": pd.Series(names[rows], dtype=TEXT),
        "mean_attribution": means,
        "abs_mean_attribution": np.abs(means),
        "total_attribution": totals,
        "mask_px": pd.arrays.IntegerArray(px, vacant.copy()),
        "mask_fraction": of_segments([one.fractions for one in segments], np.nan),
        "position": pd.Series(positions, dtype=TEXT),
        "se_mean_attribution": _errors(blocks, n_rows),
        "score": of_segments([one.scores for one in segments], np.nan),
    }


def _errors(blocks: list[ImageRows], n_rows: NDArray[np.int64]) -> Float64:
    """The standard errors, NaN where they are not known."""
    errors = np.full(n_rows.sum(), np.nan)
    known = [block.errors for block in blocks if block.errors is not None]
    if known:
        is_known = np.repeat([block.errors is not None for block in blocks], n_rows)
        errors[is_known] = np.concatenate([part if len(part) else [np.nan] for part in known])
    return errors


def positions_of(centroids: Float64) -> NDArray[Any]:
    """Where centroids are, given as shares of height and width, as text."""
    row, column = np.minimum((centroids * 3).astype(int), 2).T
    found: NDArray[Any] = np.array(POSITIONS, dtype=object)[3 * row + column]
    return found


def _warn(blocks: list[ImageRows], options: JoinOptions, maps: Maps) -> None:
    """Warn of padding that blows up masks, and of maps that look turned though a fit is given."""
    fitted = {id(block.segments): block.segments for block in blocks}.values()
    grown = ((f.size, f.unpadded, f.fractions) for f in fitted if f.unpadded is not None)
    texts = [warning_of_padding(grown, options.fitting)]
    if not hasattr(maps, "chunk"):  # the maps of a store have the size of the model's input
        one_each = {id(b.segments): (b.image_id, b.segments.size, b.segments.photo) for b in blocks}
        texts.append(warning_of_turned_maps(one_each.values()))
    for text in filter(None, texts):
        warnings.warn(text, stacklevel=4)


def _settings(
    options: JoinOptions, rank_by: str, left_out: dict[str, list[str]], maps: Maps
) -> dict[str, Any]:
    """The options and versions behind the table, as plain data that JSON can hold."""
    from sat_nb import __version__

    fitting, of_maps = options.fitting, getattr(maps, "settings", None)
    if of_maps and "fit" in of_maps and of_maps["fit"] is None:  # not declared: as it was used
        of_maps = {**of_maps, "fit": fitting.fit}
    # Tables from before there was a choice have no unit; "map" is not noted, so that they join.
    unit = {} if fitting.pad_unit == "map" else {"pad_unit": fitting.pad_unit}
    return {
        "version": __version__,
        "pad_px": fitting.pad_px,
        **unit,
        "pool": options.pool.key,
        "merge": options.merge.key,
        "fit": fitting.fit,
        "rank_by": rank_by,
        "left_out": left_out,
        "maps": of_maps,
    }


def _at_once(blocks: list[ImageRows]) -> dict[str, Any]:
    """{"other_batches": {method: the first images}} where batches were not the planned ones."""
    found: dict[str, list[str]] = {}
    for block in blocks:
        if block.at_once is not None:
            found.setdefault(block.method, []).append(
                f"{block.image_id}: {block.at_once[0]} inputs at once, not {block.at_once[1]}"
            )
    first = {method: lines[:MAX_NOTED] for method, lines in found.items()}
    return {"other_batches": first} if first else {}
