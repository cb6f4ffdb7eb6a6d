"""The columns of a Segment Attribution Table, their check, and how it is ranked again."""

from __future__ import annotations

import os
from collections.abc import Collection

import pandas as pd

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.printable import show_tables_as_text
from sat_nb.table.ties import local_rank

show_tables_as_text()

TEXT = str(pd.Series(["text"]).dtype)
"""How this pandas holds text: "str", which pandas 3 made its own, or "object"."""

COLUMNS: dict[str, str] = {
    "image_id": TEXT,  # joins images, maps and masks
    "model": TEXT,  # stem of the model's file
    "method": TEXT,  # saliency method
    "target": "Int64",  # the output that was explained
    "label": "Int64",  # the true class
    "predicted": "Int64",  # the model's class
    "n_segments": "int64",  # segments of this image
    "segment_id": "Int64",  # number of the segment within its image
    "segment": TEXT,  # name of the segment
    "mean_attribution": "float64",  # sum of the map over the mask / pixels of the mask
    "abs_mean_attribution": "float64",  # |mean_attribution|
    "rank": "float64",  # within image and method, 1 = largest; ties averaged
    "total_attribution": "float64",  # sum of the map over the mask
    "mask_px": "Int64",  # pixels of the mask, after the pad
    "mask_fraction": "float64",  # mask_px / pixels of the map
    "position": TEXT,  # of the mask's centroid, on a 3 x 3 grid
    "se_mean_attribution": "float64",  # standard error of the mean, where the method samples
    "n_samples": "Int64",  # gradients behind the map, where it averages several
    "score": "float64",  # the detector's confidence; the largest of merged masks
    "tie_tolerance": "float64",  # means of the image that differ by at most this are equal
}
"""Column -> dtype. An image without segments has one row, without a segment and with
``n_segments`` 0, so that it counts in the Absolute aggregation."""

TOLERANCE = "tie_tolerance"

OPTIONAL = (TOLERANCE,)
"""Columns that tables of earlier versions lack; their equal means are those equal to the bit."""

N_FORWARD = "n_forward"
"""A further column of tables that hold effects of interventions: the photos that were asked for."""

POSITIONS = tuple(
    f"{row}-{col}" for row in ("top", "centre", "bottom") for col in ("left", "centre", "right")
)
"""Where a mask's centroid is, on a grid of 3 x 3, row by row."""

IMAGE_KEY = ["image_id", "model", "method", "target"]
RANK_BY = ("abs_mean_attribution", "mean_attribution")
RANK_EFFECTS_BY = (*RANK_BY, "total_attribution")
"""What effects of interventions may be ranked by: they may count whole, not by pixel."""


def check_table(table: object) -> pd.DataFrame:
    """Return the table, or raise InvalidInput for a column that is missing or of a wrong type.

    A table may have further columns of the user's own.
    """
    if isinstance(table, (str, os.PathLike)):
        raise InvalidInput(
            f"table: expected a DataFrame in memory, got the path {os.fspath(table)!r}; pass "
            "sat_nb.read_table(path), with filters=... if the table is large."
        )
    if not isinstance(table, pd.DataFrame):
        raise InvalidInput(
            f"table: expected a DataFrame from sat_nb.build, got {type(table).__name__}."
        )
    missing = [c for c in COLUMNS if c not in table.columns and c not in OPTIONAL]
    if missing:
        raise InvalidInput(
            f"table: the columns {missing} are missing; expected those of sat_nb.build "
            f"({', '.join(COLUMNS)})."
        )
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise InvalidInput(f"table: has the column {twice!r} twice; drop or rename one of them.")
    numeric = [c for c, dtype in COLUMNS.items() if dtype != TEXT and c in table.columns]
    for column in numeric:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InvalidInput(
                f"table: column {column!r} is {table[column].dtype}, expected numbers "
                f"({COLUMNS[column]})."
            )
    return table


def need_columns(table: object, columns: Collection[str], argument: str, origin: str) -> None:
    """Raise InvalidInput unless ``table`` is a DataFrame with rows and these columns."""
    if not isinstance(table, pd.DataFrame):
        raise InvalidInput(
            f"{argument}: expected a DataFrame, {origin}, got {type(table).__name__}."
        )
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InvalidInput(
            f"{argument}: the columns {shorten(missing, 8)} are missing; expected {origin}, got "
            f"{list(table.columns)}."
        )
    if table.empty:
        raise InvalidInput(f"{argument}: has no rows; expected {origin}.")


def rerank(table: pd.DataFrame, *, by: str = "abs_mean_attribution") -> pd.DataFrame:
    """Rank the segments of each image again, among the rows that the table has now.

    Filtering keeps the ranks that segments had among all segments of their image. Call this where
    the segments that were left out must not count.

    Parameters
    ----------
    table : DataFrame
        A table from ``build``, filtered.
    by : str, default "abs_mean_attribution"
        The column to rank by: "abs_mean_attribution", "mean_attribution", or, for effects of
        ``intervene``, "total_attribution". The largest value has rank 1; ties share the mean of
        their ranks. Means tie in a run of sorted values whose neighbours differ by at most
        ``tie_tolerance``, which is a millionth of the map's largest |value|; in a table without
        that column, and totals, tie if they are equal.

    Returns
    -------
    DataFrame
        A copy with new values in ``rank`` and ``n_segments``.

    Raises
    ------
    InvalidInput
        For a table without the columns of ``COLUMNS``, and for another ``by``.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy(1))
    >>> sharp = table[table["method"] == "sharp"]
    >>> without_eyes = sharp[sharp["segment"] != "eyes"]
    >>> without_eyes["rank"].min(), rerank(without_eyes)["rank"].min()
    (2.0, 1.0)
    """
    if by not in RANK_EFFECTS_BY:
        raise unknown_name("by", by, RANK_EFFECTS_BY)
    return ranked_again(check_table(table), by)


def ranked_again(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """``rerank`` of rows that were checked, and may have a few columns only."""
    groups = table.groupby(IMAGE_KEY, dropna=False, sort=False, observed=True)
    return table.assign(
        rank=local_rank(
            table[by], groups.ngroup(), table.get(TOLERANCE) if by in RANK_BY else None
        ),
        n_segments=groups["segment"].transform("count"),
    )
