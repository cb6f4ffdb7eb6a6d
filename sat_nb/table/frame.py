"""The frame of a table: its columns from the rows of all images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.table.join import ImageRows
from sat_nb.table.schema import COLUMNS, RANK_BY, TEXT, TOLERANCE
from sat_nb.table.ties import local_rank


def frame_of(
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
    dtypes = {column: values.dtype for block in blocks for column, values in block.more.items()}
    found = {}
    for column, dtype in dtypes.items():
        blanks = (pd.array([None] * n, dtype=dtype) for n in n_rows)
        values = (block.more.get(column, ()) for block in blocks)
        parts = [part if len(part) else blank for part, blank in zip(values, blanks, strict=True)]
        found[column] = pd.concat(map(pd.Series, parts), ignore_index=True).array
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

    def texts(parts: list[NDArray[Any]]) -> pd.Series:
        return pd.Series(of_segments(parts, None), dtype=TEXT)

    px = of_segments([one.px for one in segments], 0)
    totals = joined([block.totals for block in blocks], np.nan)
    means = totals / np.where(vacant, 1, px)
    return {
        "segment_id": pd.arrays.IntegerArray(numbers, vacant),
        "segment": texts([np.array(one.names, dtype=object) for one in segments]),
        "mean_attribution": means,
        "abs_mean_attribution": np.abs(means),
        "total_attribution": totals,
        "mask_px": pd.arrays.IntegerArray(px, vacant.copy()),
        "mask_fraction": of_segments([one.fractions for one in segments], np.nan),
        "position": texts([one.positions for one in segments]),
        "se_mean_attribution": joined([block.errors for block in blocks], np.nan),
        "score": of_segments([one.scores for one in segments], np.nan),
    }
