"""The registry of filters: which images, and which segments, ``select`` keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry
from sat_nb.table.classes import check_known, is_correct


@dataclass(frozen=True, kw_only=True)
class Filter(Entry):
    """A keyword of ``select``.

    ``function(rows, wanted)`` says which rows pass. ``takes`` is the kind of ``wanted``: one or
    several names or classes that stand in ``column``, a number, a share from 0 to 1, or a flag.
    ``sql`` is the same condition for tables on disk: columns stand in braces, and ``{wanted}`` is
    the value, or the values. It is empty where the condition is none of a single row.
    """

    function: Callable[[pd.DataFrame, Any], pd.Series]
    takes: Literal["names", "classes", "number", "share", "flag"]
    column: str = ""
    sql: str = ""

    @property
    def takes_several(self) -> bool:
        """Whether ``wanted`` is a list."""
        return self.takes in ("names", "classes")


# Functions of filters: (rows, wanted) -> which rows pass.


def _among(column: str) -> Callable[[pd.DataFrame, Any], pd.Series]:
    return lambda rows, wanted: rows[column].isin(wanted)


def _at_least(column: str) -> Callable[[pd.DataFrame, Any], pd.Series]:
    return lambda rows, smallest: rows[column] >= smallest


def _at_most(column: str) -> Callable[[pd.DataFrame, Any], pd.Series]:
    return lambda rows, largest: rows[column] <= largest


def _correct(rows: pd.DataFrame, wanted: bool) -> pd.Series:
    for column in ("label", "predicted"):
        check_known(rows, column, "correct")
    return is_correct(rows) == wanted


def _scored(rows: pd.DataFrame, smallest: float) -> pd.Series:
    if len(rows) and rows["score"].isna().all():
        raise InvalidInput("min_score: no segment has a score; their masks came without any.")
    return rows["score"] >= smallest


def _frequent(rows: pd.DataFrame, fewest: int) -> pd.Series:
    by = ["model", "method", "segment"]
    groups = rows.groupby(by, dropna=False, sort=False, observed=True)
    return groups["image_id"].transform("nunique") >= fewest


IMAGE_FILTERS: dict[str, Filter] = registry(
    Filter(
        name="methods",
        about="Saliency methods to keep.",
        function=_among("method"),
        takes="names",
        column="method",
        sql="{method} IN ({wanted})",
    ),
    Filter(
        name="models",
        about="Models to keep.",
        function=_among("model"),
        takes="names",
        column="model",
        sql="{model} IN ({wanted})",
    ),
    Filter(
        name="labels",
        about="True classes of the images to keep.",
        function=_among("label"),
        takes="classes",
        column="label",
        sql="{label} IN ({wanted})",
    ),
    Filter(
        name="predicted",
        about="Classes that the model gave to the images to keep.",
        function=_among("predicted"),
        takes="classes",
        column="predicted",
        sql="{predicted} IN ({wanted})",
    ),
    Filter(
        name="correct",
        about="True keeps the images that the model classifies correctly, False the others.",
        function=_correct,
        takes="flag",
        sql="({label} = {predicted}) = {wanted}",
    ),
)
"""Filters that keep or drop an image with all its rows, in the order in which they are applied."""

SEGMENT_FILTERS: dict[str, Filter] = registry(
    Filter(
        name="segments",
        about="Names of segments to keep.",
        function=_among("segment"),
        takes="names",
        column="segment",
        sql="{segment} IN ({wanted})",
    ),
    Filter(
        name="without",
        about="Names of segments to leave out.",
        function=lambda rows, names: ~rows["segment"].isin(names),
        takes="names",
        column="segment",
        sql="{segment} NOT IN ({wanted})",
    ),
    Filter(
        name="positions",
        about='Positions of the mask\'s centroid to keep, such as "top-left" or "centre-centre".',
        function=_among("position"),
        takes="names",
        column="position",
        sql="{position} IN ({wanted})",
    ),
    Filter(
        name="min_fraction",
        title="smallest share of the map",
        about="Smallest share of the map that the mask covers, 0 to 1, inclusive.",
        function=_at_least("mask_fraction"),
        takes="share",
        column="mask_fraction",
        sql="{mask_fraction} >= {wanted} AND NOT isnan(CAST({mask_fraction} AS DOUBLE))",
    ),
    Filter(
        name="max_fraction",
        title="largest share of the map",
        about="Largest share of the map that the mask covers, 0 to 1, inclusive.",
        function=_at_most("mask_fraction"),
        takes="share",
        column="mask_fraction",
        sql="{mask_fraction} <= {wanted}",
    ),
    Filter(
        name="min_px",
        title="fewest mask pixels",
        about="Smallest number of pixels in the mask, inclusive.",
        function=_at_least("mask_px"),
        takes="number",
        column="mask_px",
        sql="{mask_px} >= {wanted} AND NOT isnan(CAST({mask_px} AS DOUBLE))",
    ),
    Filter(
        name="max_px",
        title="most mask pixels",
        about="Largest number of pixels in the mask, inclusive.",
        function=_at_most("mask_px"),
        takes="number",
        column="mask_px",
        sql="{mask_px} <= {wanted}",
    ),
    Filter(
        name="min_score",
        title="smallest score",
        about="Smallest confidence of the detector, inclusive; segments without a score are left "
        "out.",
        function=_scored,
        takes="number",
        column="score",
        sql="{score} >= {wanted} AND NOT isnan(CAST({score} AS DOUBLE))",
    ),
    Filter(
        name="min_images",
        title="fewest images",
        about="Smallest number of images that have the segment, inclusive, counted within each "
        "method and model after all other filters.",
        function=_frequent,
        takes="number",
    ),
)
"""Filters of segments, whose images stay, in the order in which they are applied."""

FILTERS: dict[str, Filter] = IMAGE_FILTERS | SEGMENT_FILTERS
