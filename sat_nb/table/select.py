"""select: the rows of a table that a question is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.table.join import POSITIONS
from sat_nb.table.schema import COLUMNS, IMAGE_KEY, check_table

Names = str | Iterable[str] | None
Classes = int | Iterable[int] | None

OF_THE_IMAGE = (*IMAGE_KEY, "label", "predicted", "n_segments", "n_samples")
"""Columns of the schema that an image keeps when all its segments are filtered out."""


def select(
    table: pd.DataFrame,
    *,
    methods: Names = None,
    models: Names = None,
    labels: Classes = None,
    predicted: Classes = None,
    correct: bool | None = None,
    segments: Names = None,
    without: Names = None,
    positions: Names = None,
    min_fraction: float | None = None,
    max_fraction: float | None = None,
    min_px: int | None = None,
    max_px: int | None = None,
    min_score: float | None = None,
    min_images: int | None = None,
) -> pd.DataFrame:
    """The rows that pass all filters; a new DataFrame, its ranks as they were.

    Parameters
    ----------
    methods, models: names to keep.
    labels, predicted: true classes, and classes that the model gave.
    correct: True keeps the images that the model classifies rightly, False the others.
    segments, without: names of segments to keep, or to leave out.
    positions: of the mask's centroid, such as "top-left" or "centre-centre".
    min_fraction, max_fraction: mask pixels / pixels of the map, 0 to 1, both inclusive.
    min_px, max_px: mask pixels, both inclusive.
    min_score: the detector's confidence, inclusive; segments without a score are left out.
    min_images: leaves out segments that fewer images have, counted within each method and
        model after all other filters.

    The first five choose images, which leave the table whole. The others choose segments:
    their images stay, and under the Absolute aggregation a segment that was filtered out
    counts as missing in its image (0, or rank n + 1 of the n that the image had). An image
    that loses all its segments therefore keeps one row without a segment, as ``build``
    gives to an image that has none. Ranks stay those among all segments of the image;
    ``rerank`` counts what is left.

    ``attrs["sat_nb"]["selections"]`` records the filters, with the rows before and after.
    Whatever else: a table is a DataFrame, ``table[table.score.isna()]``. To group by a
    column, your own included: ``aggregate(table, by=("method", "label"))``.

    Raises InvalidInput for names that the table does not hold, classes, predictions or
    scores that it lacks, limits that cross, and where no segment is left.

    >>> from sat_nb.toy import toy
    >>> table = build(*toy())
    >>> ears = select(table, methods="sharp", segments="ears")
    >>> ears["segment"].count(), ears["image_id"].nunique()
    (15, 20)
    >>> aggregate(ears, how="absolute", value="rank")
      method segment  rank  n_images
    0  sharp    ears  4.25        15
    """
    check_table(table)
    given = {
        "methods": methods,
        "models": models,
        "labels": labels,
        "predicted": predicted,
        "correct": correct,
        "segments": segments,
        "without": without,
        "positions": positions,
        "min_fraction": min_fraction,
        "max_fraction": max_fraction,
        "min_px": min_px,
        "max_px": max_px,
        "min_score": min_score,
        "min_images": min_images,
    }
    wanted = {name: _plain(name, value) for name, value in given.items() if value is not None}
    _check_names(table, wanted)
    _check_limits(wanted)
    rows, places = _filtered(table, wanted)
    chosen = with_images_left(rows, places)
    if wanted:
        record = {"filters": wanted, "n_rows": [len(table), len(chosen)]}
        settings = chosen.attrs.get("sat_nb", {})
        selections = [*settings.get("selections", []), record]
        chosen.attrs["sat_nb"] = {**settings, "selections": selections}
    return chosen


# --- the filters: (rows, what is wanted) -> which rows pass -------------------------------------


def _correct(rows: pd.DataFrame, wanted: bool) -> pd.Series:
    remedies = {
        "label": "pass labels={image_id: true class} to sat_nb.build",
        "predicted": "sat_nb.explain knows it; for other maps set the column yourself",
    }
    for column, remedy in remedies.items():
        without = rows.loc[rows[column].isna(), "image_id"].unique()
        if len(without):
            raise InvalidInput(
                f"correct: {len(without)} images have no {column!r}: {shorten(without)}; {remedy}."
            )
    return (rows["label"] == rows["predicted"]) == wanted


def _scored(rows: pd.DataFrame, least: float) -> pd.Series:
    if len(rows) and rows["score"].isna().all():
        raise InvalidInput("min_score: no segment has a score; their masks came without any.")
    return rows["score"] >= least


def _frequent(rows: pd.DataFrame, least: int) -> pd.Series:
    groups = rows.groupby(["model", "method", "segment"], dropna=False, sort=False)
    return groups["image_id"].transform("nunique") >= least


LISTED = ("methods", "models", "labels", "predicted", "segments", "without", "positions")

Filter = Callable[[pd.DataFrame, Any], pd.Series]

IMAGE_FILTERS: dict[str, Filter] = {
    "methods": lambda rows, names: rows["method"].isin(names),
    "models": lambda rows, names: rows["model"].isin(names),
    "labels": lambda rows, classes: rows["label"].isin(classes),
    "predicted": lambda rows, classes: rows["predicted"].isin(classes),
    "correct": _correct,
}

SEGMENT_FILTERS: dict[str, Filter] = {
    "segments": lambda rows, names: rows["segment"].isin(names),
    "without": lambda rows, names: ~rows["segment"].isin(names),
    "positions": lambda rows, names: rows["position"].isin(names),
    "min_fraction": lambda rows, least: rows["mask_fraction"] >= least,
    "max_fraction": lambda rows, most: rows["mask_fraction"] <= most,
    "min_px": lambda rows, least: rows["mask_px"] >= least,
    "max_px": lambda rows, most: rows["mask_px"] <= most,
    "min_score": _scored,
    "min_images": _frequent,
}


# --- parts --------------------------------------------------------------------------------------


def _filtered(
    table: pd.DataFrame, wanted: dict[str, Any]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows of the images that pass, and among them, by number, the segments that pass."""
    left = {}
    rows = table
    for name in (name for name in IMAGE_FILTERS if name in wanted):
        rows = rows[_passing(IMAGE_FILTERS[name], rows, wanted[name])]
        left[name] = int(rows["segment"].count())
    places = np.flatnonzero(rows["segment"].notna())
    for name in (name for name in SEGMENT_FILTERS if name in wanted):
        places = places[_passing(SEGMENT_FILTERS[name], rows.iloc[places], wanted[name])]
        left[name] = len(places)
    if not len(places):
        steps = ", ".join(f"{name} leaves {n}" for name, n in left.items())
        raise InvalidInput(
            f"table: no segment is left of {table['segment'].count()} ({steps or 'no filter'}); "
            "loosen a filter."
        )
    return rows, places


def _passing(passes: Filter, rows: pd.DataFrame, wanted: Any) -> NDArray[np.bool_]:
    return passes(rows, wanted).to_numpy(dtype=bool, na_value=False)


def with_images_left(rows: pd.DataFrame, places: NDArray[np.int64]) -> pd.DataFrame:
    """Those rows, and one without a segment of each image that has none among them."""
    kept = np.zeros(len(rows), dtype=bool)
    kept[places] = True
    images = rows.groupby(IMAGE_KEY, dropna=False, sort=False).ngroup().to_numpy()
    bereft = ~np.isin(images, images[kept])
    first = bereft & ~pd.Series(images).duplicated().to_numpy()
    chosen, vacant = rows[kept | first].copy(), first[kept | first]
    own = [column for column in rows.columns if column not in COLUMNS]
    varied = rows.loc[bereft, own].groupby(images[bereft]).nunique(dropna=False).gt(1).any()
    for column in chosen.columns if vacant.any() else ():
        if varied.get(column, default=column not in (*OF_THE_IMAGE, *own)):
            chosen[column] = chosen[column].mask(vacant, None)
    return chosen


def _plain(name: str, value: Any) -> Any:
    """What JSON can hold; several names or classes as a list, also where there is one."""
    if name not in LISTED:
        return value.item() if isinstance(value, np.generic) else value
    items = [value] if isinstance(value, str | int | np.generic) else value
    return [item.item() if isinstance(item, np.generic) else item for item in items]


def _check_names(table: pd.DataFrame, wanted: dict[str, Any]) -> None:
    columns = {"methods": "method", "models": "model", "segments": "segment", "without": "segment"}
    valid = {name: list(table[column].dropna().unique()) for name, column in columns.items()}
    for argument, names in {**valid, "positions": list(POSITIONS)}.items():
        for name in wanted.get(argument, ()):
            if name not in names:
                raise unknown_name(argument, name, names)
    for argument, column in (("labels", "label"), ("predicted", "predicted")):
        classes = sorted(table[column].dropna().unique().tolist())
        for name in wanted.get(argument, ()):
            if name not in classes:
                held = f"it holds {', '.join(map(str, classes))}" if classes else "it holds none"
                raise InvalidInput(f"{argument}: the table has no {column} {name!r}; {held}.")


def _check_limits(wanted: dict[str, Any]) -> None:
    for name, limit in wanted.items():
        if name.startswith(("min_", "max_")) and not isinstance(limit, int | float):
            raise InvalidInput(f"{name}: expected a number, got {limit!r}.")
        if name.endswith("_fraction") and not 0 <= limit <= 1:
            raise InvalidInput(f"{name}: expected a share of the map from 0 to 1, got {limit!r}.")
    for what in ("fraction", "px"):
        low, high = wanted.get(f"min_{what}"), wanted.get(f"max_{what}")
        if low is not None and high is not None and low > high:
            raise InvalidInput(f"min_{what}: {low!r} is more than max_{what}, {high!r}.")
    if not isinstance(wanted.get("correct", True), bool):
        raise InvalidInput(f"correct: expected True or False, got {wanted['correct']!r}.")
