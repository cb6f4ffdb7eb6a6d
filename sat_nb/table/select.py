"""select: the rows of a table that a question is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.printable import literal
from sat_nb.registry import lists
from sat_nb.table.filtered import with_images_left
from sat_nb.table.filters import FILTERS
from sat_nb.table.schema import POSITIONS
from sat_nb.table.source import Source, Table, source_of

Names = str | Iterable[str] | None
Classes = int | Iterable[int] | None


@lists(filters=FILTERS)
def select(
    table: Table,
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
    """Select the rows of a table that pass all filters.

    Parameters
    ----------
    table : DataFrame, str or path
        A table from ``build``, or the path of one on disk, of which all columns are read of the
        rows that are left, a few of the others.
    methods : str or iterable of str, optional
        [[filters.methods]]
    models : str or iterable of str, optional
        [[filters.models]]
    labels : int or iterable of int, optional
        [[filters.labels]]
    predicted : int or iterable of int, optional
        [[filters.predicted]]
    correct : bool, optional
        [[filters.correct]]
    segments : str or iterable of str, optional
        [[filters.segments]]
    without : str or iterable of str, optional
        [[filters.without]]
    positions : str or iterable of str, optional
        [[filters.positions]]
    min_fraction : float, optional
        [[filters.min_fraction]]
    max_fraction : float, optional
        [[filters.max_fraction]]
    min_px : int, optional
        [[filters.min_px]]
    max_px : int, optional
        [[filters.max_px]]
    min_score : float, optional
        [[filters.min_score]]
    min_images : int, optional
        [[filters.min_images]]

    Returns
    -------
    DataFrame
        A new table, whose ranks are those among all segments of each image; ``rerank`` ranks what
        is left. ``attrs["sat_nb"]["selections"]`` records the filters and the number of rows
        before and after.

    Raises
    ------
    InvalidInput
        For names that the table does not hold; for classes, predictions or scores that it lacks;
        for limits that cross; and if no segment is left.

    Notes
    -----
    ``methods``, ``models``, ``labels``, ``predicted`` and ``correct`` choose images, which leave
    the table with all their rows. The other filters choose segments. Their images stay: in the
    Absolute aggregation, a segment that was filtered out counts as missing from its image (0, or
    rank n + 1 of the n segments that the image had). An image that loses all its segments
    therefore keeps one row without a segment, as ``build`` makes for an image that has none.

    For any other condition, index the DataFrame: ``table[table.score.isna()]``. To group by a
    column, also by one of your own, use ``aggregate(table, by=("method", "label"))``.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy())
    >>> ears = select(table, methods="sharp", segments="ears")
    >>> ears["segment"].count(), ears["image_id"].nunique()
    (15, 20)
    >>> aggregate(ears, how="absolute", value="rank")
      method segment  rank  n_images
    0  sharp    ears  4.25        15
    """
    given = {name: value for name, value in locals().items() if name in FILTERS}
    source = source_of(table)
    wanted = {name: _plain(name, value) for name, value in given.items() if value is not None}
    _check_names(source, wanted)
    _check_limits(wanted)
    rows, places = source.chosen(wanted)
    chosen = with_images_left(rows, places)
    if wanted:
        record = {"filters": wanted, "n_rows": [source.n_rows, len(chosen)]}
        settings = chosen.attrs.get("sat_nb", {})
        selections = [*settings.get("selections", []), record]
        chosen.attrs["sat_nb"] = {**settings, "selections": selections}
    return chosen


def _plain(name: str, value: Any) -> Any:
    """The value as JSON can hold it; several names or classes, or a single one, as a list."""
    if not FILTERS[name].takes_several:
        return value.item() if isinstance(value, np.generic) else value
    items = [value] if isinstance(value, str | int | np.generic) else value
    return [item.item() if isinstance(item, np.generic) else item for item in items]


def _check_names(source: Source, wanted: Mapping[str, Any]) -> None:
    for argument, filter_ in FILTERS.items():
        if argument not in wanted or not filter_.takes_several:
            continue
        held = source.names(filter_.column)
        valid = list(POSITIONS) if filter_.column == "position" else held
        for name in wanted[argument]:
            if name in valid:
                continue
            if filter_.takes == "names":
                raise unknown_name(argument, name, valid)
            classes = f"it holds {', '.join(map(str, sorted(held)))}" if held else "it holds none"
            raise InvalidInput(
                f"{argument}: the table has no {filter_.column} {literal(name)}; {classes}."
            )


def _check_limits(wanted: Mapping[str, Any]) -> None:
    for name, limit in wanted.items():
        takes = FILTERS[name].takes
        if takes == "flag" and not isinstance(limit, bool):
            raise InvalidInput(f"{name}: expected True or False, got {limit!r}.")
        if takes in ("number", "share") and not isinstance(limit, int | float):
            raise InvalidInput(f"{name}: expected a number, got {limit!r}.")
        if takes == "share" and not 0 <= limit <= 1:
            raise InvalidInput(f"{name}: expected a share of the map from 0 to 1, got {limit!r}.")
        largest = name.replace("min_", "max_")
        if name.startswith("min_") and largest in wanted and limit > wanted[largest]:
            raise InvalidInput(f"{name}: {limit!r} is more than {largest}, {wanted[largest]!r}.")
