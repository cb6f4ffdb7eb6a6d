"""What filters leave of rows: images, and segments whose images stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.table.filters import FILTERS, IMAGE_FILTERS, SEGMENT_FILTERS
from sat_nb.table.schema import COLUMNS, IMAGE_KEY, TOLERANCE

OF_THE_IMAGE = (*IMAGE_KEY, "label", "predicted", "n_segments", "n_samples", TOLERANCE)
"""Columns of the schema that an image keeps when all its segments are filtered out."""


def filtered(
    table: pd.DataFrame, wanted: Mapping[str, Any]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows of the images that pass, and the numbers of those rows whose segments pass."""
    left = {}
    rows = table
    for name in (name for name in IMAGE_FILTERS if name in wanted):
        rows = rows[_passing(name, rows, wanted)]
        left[name] = int(rows["segment"].count())
    places = np.flatnonzero(rows["segment"].notna())
    for name in (name for name in SEGMENT_FILTERS if name in wanted):
        places = places[_passing(name, rows.iloc[places], wanted)]
        left[name] = len(places)
    if not len(places):
        steps = ", ".join(f"{name} leaves {n}" for name, n in left.items())
        raise InvalidInput(
            f"table: no segment is left of {table['segment'].count()} ({steps or 'no filter'}); "
            "loosen a filter."
        )
    return rows, places


def _passing(name: str, rows: pd.DataFrame, wanted: Mapping[str, Any]) -> NDArray[np.bool_]:
    passing = FILTERS[name].function(rows, wanted[name])
    return passing.to_numpy(dtype=bool, na_value=False)


def with_images_left(rows: pd.DataFrame, places: NDArray[np.int64]) -> pd.DataFrame:
    """Those rows, and one row without a segment for each image that has none among them."""
    kept = np.zeros(len(rows), dtype=bool)
    kept[places] = True
    if _each_block_keeps_some(rows, kept):
        return rows[kept].copy(deep=False)
    images = rows.groupby(IMAGE_KEY, dropna=False, sort=False, observed=True).ngroup().to_numpy()
    emptied = ~np.isin(images, images[kept])
    vacant = emptied & ~pd.Series(images).duplicated().to_numpy()  # the first row of each image
    chosen = rows[kept | vacant].copy(deep=False)
    if vacant.any():
        blank = vacant[kept | vacant]
        for column in _columns_of_segments(rows[emptied], images[emptied]):
            chosen[column] = chosen[column].mask(blank, None)
    return chosen


def _each_block_keeps_some(rows: pd.DataFrame, kept: NDArray[np.bool_]) -> bool:
    """Whether of each block of rows that follow each other and are of one image, some are kept.

    Then no image is emptied, which is so nearly always, and the images need no sorting out.
    """
    begins = np.zeros(len(rows), dtype=bool)
    begins[:1] = True
    for column in (rows[name] for name in IMAGE_KEY):
        if column.dtype == object and column.hasnans:
            return False  # pandas cannot compare pd.NA there
        begins |= column.ne(column.shift()).to_numpy(dtype=bool, na_value=True)
    return bool(np.logical_or.reduceat(kept, np.flatnonzero(begins)).all())


def _columns_of_segments(rows: pd.DataFrame, images: NDArray[np.integer[Any]]) -> list[str]:
    """The columns that say something about a segment rather than about its image.

    Of the user's own columns, those that vary within an image.
    """
    own = [column for column in rows.columns if column not in COLUMNS]
    varies = rows[own].groupby(images).nunique(dropna=False).gt(1).any()
    return [
        column
        for column in rows.columns
        if varies.get(column, default=column not in (*OF_THE_IMAGE, *own))
    ]
