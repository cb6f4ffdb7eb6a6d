"""The frame of a table: its columns from the rows of all images."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
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
        columns |= {"n_segments": np.repeat(counts, n_rows), "rank": np.nan}
        table = pd.DataFrame({column: columns[column] for column in COLUMNS})
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"maps, segments: the name {error.object!r} is not valid Unicode, and pandas "
            f"{pd.__version__} holds no such text; rename it."
        ) from None
    block_of_row = np.repeat(np.arange(len(blocks)), n_rows)
    near = table[TOLERANCE] if rank_by in RANK_BY else None
    table["rank"] = local_rank(table[rank_by], block_of_row, near)
    return table.assign(**_further_columns(blocks, n_rows))


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
        "segment": pd.Series(names, dtype=TEXT),
        "mean_attribution": means,
        "abs_mean_attribution": np.abs(means),
        "total_attribution": totals,
        "mask_px": pd.arrays.IntegerArray(px, vacant),
        "mask_fraction": joined([one.fractions for one in segments], np.nan),
        "position": pd.Series(joined([one.positions for one in segments], None), dtype=TEXT),
        "se_mean_attribution": joined([block.errors for block in blocks], np.nan),
        "score": joined([one.scores for one in segments], np.nan),
    }
