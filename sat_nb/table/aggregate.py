"""Aggregate a table: one number for each segment from its values in many images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.arguments import checked_columns
from sat_nb.errors import InvalidInput
from sat_nb.registry import lists
from sat_nb.table.aggregations import AGGREGATIONS, Aggregation, Sums, checked_aggregation
from sat_nb.table.classes import CLASSES, Classes, chosen_classes, with_classes, with_column
from sat_nb.table.schema import COLUMNS
from sat_nb.table.source import Table, source_of, with_text
from sat_nb.table.totals import check_by, check_once, check_unmixed
from sat_nb.table.values import VALUES, Result

INTERVAL_COLUMNS = ("low", "high", "n_units")
"""Numbers that ``intervals`` adds to an aggregate."""


@lists(how=AGGREGATIONS, value=VALUES, classes=CLASSES)
def aggregate(
    table: Table,
    *,
    how: str | Aggregation | Callable[..., pd.Series] = "relative",
    value: str | None = None,
    by: str | Sequence[str] = ("method",),
    classes: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Aggregate a table over its images: one row for each segment.

    Parameters
    ----------
    table : DataFrame, str or path
        A table from ``build``, or the path of a file or folder that ``write_table`` or
        ``tabulate`` wrote. DuckDB sums up a table on disk where it is, in little memory, for
        aggregations of sums ("relative" and "absolute"); of the others, the columns that they
        look at are read.
    how : str, Aggregation or callable, default "relative"
        A name in ``AGGREGATIONS``; an :class:`Aggregation` of your own; or a function of the rows
        of one group and the name of the value, which returns a Series of numbers by segment. The
        registered aggregations:

        [[how]]

    value : str, optional
        The column to aggregate; by default the first that the aggregation takes, which is "rank"
        for "top_k" and "mean_attribution" for the others. "lime" and "homogeneity" do not take
        ranks.

        [[value]]

    by : str or sequence of str, default ("method",)
        Columns whose values are kept apart, such as ("method", "model").
    classes : str, optional
        What becomes of several classes; without it they must not be mixed. The true class counts,
        or in a table without labels the class that was explained. All but "pool" add a column to
        ``by``:

        [[classes]]
    parameters : mapping, optional
        Parameters of the aggregation, such as ``{"k": 1}``.

    Returns
    -------
    DataFrame
        The columns of ``by``, ``segment``, the result and ``n_images`` (how many images have the
        segment), best first: the smallest rank, else the largest number, unless the aggregation
        says otherwise. Equal segments are sorted by name. The result's column has the name of the
        value where the result is on the scale of the value, and a name of its own elsewhere, such
        as ``top_k_fraction`` or ``importance``. ``attrs["sat_nb"]["result"]`` holds that name, a
        title for an axis, and whether the smallest number is best.

    Raises
    ------
    InvalidInput
        If the table mixes several models, methods or classes that ``by`` does not keep apart; for
        unknown names, and for values and parameters that the aggregation does not take; for
        images whose class is not known, if ``classes`` asks for it.

    Notes
    -----
    In the Absolute aggregation, an image without any segment counts 1 in ranks.

    References
    ----------
    Hinns & Martens 2025, the Relative and Absolute aggregation.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> table = build(maps, segments)
    >>> aggregate(table[table.method == "sharp"], how="absolute", value="rank")
      method segment  rank  n_images
    0  sharp    eyes  1.00        20
    1  sharp    nose  2.00        20
    2  sharp   mouth  3.00        20
    3  sharp    ears  4.25        15
    4  sharp    rest  4.75        20
    >>> aggregate(table, how="top_k", parameters={"k": 1}).head(3)
      method segment  top_k_fraction  n_images
    0  noisy    eyes            0.50        20
    1  noisy    nose            0.45        20
    2  noisy   mouth            0.05        20
    """
    entry, value, settings = checked_aggregation(how, value, parameters)
    chosen = chosen_classes(classes)
    by = with_column(checked_columns(by), chosen)
    result = entry.result(value)
    if result.column in by:
        raise InvalidInput(f"by: {result.column!r} is the column of the result; leave it out.")
    source = source_of(table)
    if entry.needs == "sums":
        summary = of_sums(source.totals(value=value, by=by, classes=chosen), entry, value, settings)
    else:
        rows = source.rows(_read_by(entry, value, by))
        summary = _of_rows(rows, entry, value, by, chosen, settings)
    return sorted_summary(summary, entry, value, by)


def of_sums(
    sums: Sums, entry: Aggregation, value: str, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """What an aggregation of sums makes of them, in their order."""
    by = list(sums.index.names)[:-1]
    summary = sums.reset_index()[[*by, "segment", "n_images"]]
    numbers = _checked_numbers(entry, entry.function(sums, **settings), sums.index)
    summary.insert(len(by) + 1, entry.result(value).column, numbers.to_numpy(dtype=float))
    return summary


def sorted_summary(
    summary: pd.DataFrame, entry: Aggregation, value: str, by: list[str]
) -> pd.DataFrame:
    """The summary, best first, with the note of what its numbers are."""
    result = entry.result(value)
    order = [*by, result.column, "segment"]
    best_first = [True] * len(by) + [result.small_is_best, True]
    summary = summary.sort_values(order, ascending=best_first, kind="stable", ignore_index=True)
    summary.attrs = {"sat_nb": {"how": entry.key, "value": value, "result": asdict(result)}}
    return summary


def result_of(summary: pd.DataFrame) -> Result:
    """The column of numbers in an aggregate, with its title and which end is best.

    ``aggregate`` and ``intervals`` note it in ``attrs``. Without the note, as in a table that was
    read from CSV, it is the one column that a registered aggregation makes, or else the only
    column of numbers that is not a group, a count or a bound.

    Raises InvalidInput where there is no such column, or more than one.

    >>> from sat_nb.toy import toy
    >>> summary = aggregate(build(*toy()), how="top_k")
    >>> result_of(summary)
    Result(column='top_k_fraction', title='share of images in which it is among the best', \
small_is_best=False)
    >>> result_of(summary.rename(columns={"top_k_fraction": "among the best"})).title
    'among the best'
    """
    columns = list(getattr(summary, "columns", ()))
    noted = getattr(summary, "attrs", {}).get("sat_nb", {}).get("result")
    if noted is not None and noted["column"] in columns:
        return Result(**noted)
    known = [result for column, result in _registered_results().items() if column in columns]
    if len(known) == 1:
        return known[0]
    others = _other_numbers(summary) if not known and "segment" in columns else []
    if len(others) != 1:
        raise InvalidInput(
            "summary: expected the result of sat_nb.aggregate, with `segment`, `n_images` and one "
            f"of {', '.join(_registered_results())}; got {columns or type(summary).__name__}."
        )
    small_is_best = noted is not None and noted["small_is_best"]
    return Result(others[0], others[0], small_is_best)


def _registered_results() -> dict[str, Result]:
    of_values = [Result(v.name, v.axis_title, v.small_is_best) for v in VALUES.values()]
    own = [entry.result(entry.takes[0]) for entry in AGGREGATIONS.values() if entry.column]
    return {result.column: result for result in [*of_values, *own]}


def _other_numbers(summary: pd.DataFrame) -> list[str]:
    """Columns of numbers after ``segment``, where groups end, except counts and bounds."""
    after = summary.iloc[:, list(summary.columns).index("segment") + 1 :]
    return [
        column
        for column in after.columns
        if pd.api.types.is_numeric_dtype(after[column])
        and column not in ("n_images", *INTERVAL_COLUMNS)
    ]


def _read_by(entry: Aggregation, value: str, by: list[str]) -> list[str] | None:
    """The columns that an aggregation of rows looks at; None for all."""
    return None if entry.reads is None else [value, *by, *entry.reads]


def _of_rows(
    table: pd.DataFrame,
    entry: Aggregation,
    value: str,
    by: list[str],
    classes: Classes | None,
    settings: dict[str, Any],
) -> pd.DataFrame:
    """An aggregation that needs the rows, group by group."""
    table = with_classes(table, classes)
    check_by(table, by)
    check_unmixed(table, by, classes, entry.mixes)
    check_once(table, by)
    table = with_text(table, *(c for c in COLUMNS if c in table))
    parts = []
    groups = table.groupby(by, dropna=False, observed=True) if by and len(table) else [((), table)]
    for _, rows in groups:
        counts = rows["segment"].value_counts()
        numbers = _checked_numbers(entry, entry.function(rows, value, **settings), counts.index)
        part = rows[by].iloc[np.zeros(len(numbers), dtype=int)].reset_index(drop=True)
        part["segment"] = numbers.index.to_numpy(dtype=object)
        part[entry.result(value).column] = numbers.to_numpy(dtype=float)
        part["n_images"] = counts[numbers.index].to_numpy()
        parts.append(part)
    return pd.concat(parts)


def _checked_numbers(entry: Aggregation, numbers: Any, segments: pd.Index) -> pd.Series:
    """What an aggregation returned, or InvalidInput where it is not numbers by segment."""
    by_segment = (
        isinstance(numbers, pd.Series)
        and pd.api.types.is_numeric_dtype(numbers)
        and numbers.index.is_unique
        and numbers.index.isin(segments).all()
        and (entry.needs == "rows" or len(numbers) == len(segments))
    )
    if not by_segment:
        came = type(numbers).__name__
        if isinstance(numbers, pd.Series):
            came = f"a Series of {numbers.dtype} with the index {list(numbers.index[:5])}"
        raise InvalidInput(
            f"how: the function of {entry.name!r} must return a Series of numbers with one entry "
            f"for each segment, indexed by segment; it returned {came}."
        )
    return numbers
