"""Many images' rows to one row a segment: the paper's two aggregations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.table.schema import check_table

VALUES: dict[str, bool] = {
    "mean_attribution": False,
    "abs_mean_attribution": False,
    "rank": True,
}
"""Value -> whether small is best."""

Sums = pd.DataFrame
"""By group and segment: ``total`` and ``n_images`` where the segment is present, ``padding``
(what absence adds up to over the images that lack it) and ``n_all``, the images of the group."""


def relative(sums: Sums) -> pd.Series:
    """Mean over the images that have the segment."""
    return sums["total"] / sums["n_images"]


def absolute(sums: Sums) -> pd.Series:
    """Mean over all images; where a segment is missing it counts as 0, in ranks as n + 1."""
    return (sums["total"] + sums["padding"]) / sums["n_all"]


AGGREGATIONS: dict[str, Callable[[Sums], pd.Series]] = {"relative": relative, "absolute": absolute}


def aggregate(
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    how: str = "relative",
    value: str = "mean_attribution",
    by: Sequence[str] = ("method",),
) -> pd.DataFrame:
    """One row a segment: the mean of a value over images (Hinns & Martens 2025).

    Parameters
    ----------
    table: from ``build``; or the path of what ``write_table`` wrote, a file or a folder of
        shards, which is then summed up where it lies, by DuckDB, in little memory.
    how: "relative", over the images that have the segment; or "absolute", over all
        images, where a missing segment counts as 0, and in ranks as n + 1 for the n
        segments that the image has (1 in an image without any).
    value: "mean_attribution", "abs_mean_attribution" or "rank".
    by: columns whose values are kept apart, such as ("method", "model").

    Returns a DataFrame with the columns of ``by``, ``segment``, the value and ``n_images``
    (images that have the segment), best first: the smallest rank, else the largest value.
    Segments that are equal go by name.

    Raises InvalidInput where the table mixes several models or classes that ``by`` does
    not keep apart.

    >>> from sat_nb.datasets.toy import toy
    >>> maps, segments = toy()
    >>> table = build(maps, segments)
    >>> aggregate(table[table.method == "sharp"], how="absolute", value="rank")
      method segment  rank  n_images
    0  sharp    eyes  1.00        20
    1  sharp    nose  2.00        20
    2  sharp   mouth  3.00        20
    3  sharp    ears  4.25        15
    4  sharp    rest  4.75        20
    """
    if how not in AGGREGATIONS:
        raise unknown_name("how", how, AGGREGATIONS)
    if value not in VALUES:
        raise unknown_name("value", value, VALUES)
    sums = segment_totals(table, value=value, by=by)
    summary = sums.reset_index()[[*by, "segment", "n_images"]]
    summary.insert(len(by) + 1, value, AGGREGATIONS[how](sums).to_numpy())
    order = [*by, value, "segment"]
    best_first = [True] * len(by) + [VALUES[value], True]
    return summary.sort_values(order, ascending=best_first, kind="stable", ignore_index=True)


def segment_totals(
    table: pd.DataFrame | str | os.PathLike[str], *, value: str, by: Sequence[str]
) -> Sums:
    """Sums and counts by group and segment, from which both aggregations follow."""
    by = list(by)
    if isinstance(table, (str, os.PathLike)):
        from sat_nb.table.on_disk import totals_on_disk

        return totals_on_disk(table, value=value, by=by)
    check_by(check_table(table), by)
    check_unmixed(table, by)
    check_once(table, by)
    images = table.drop_duplicates([*by, "image_id"])
    images = images.assign(absent=images["n_segments"] + 1 if value == "rank" else 0)
    present = table[table["segment"].notna()]
    present = present.assign(absent=present["n_segments"] + 1 if value == "rank" else 0)
    sums = present.groupby([*by, "segment"], sort=True, dropna=False).agg(
        total=(value, "sum"), n_images=("image_id", "size"), absent=("absent", "sum")
    )
    groups = images.groupby(by, dropna=False) if by else images.groupby(lambda _: 0)
    return padded(sums, groups.agg(n_all=("image_id", "size"), all=("absent", "sum")), by)


def padded(sums: pd.DataFrame, groups: pd.DataFrame, by: list[str]) -> Sums:
    """The sums with ``padding`` for ``absent``, given ``n_all`` and ``all`` of each group.

    ``absent`` is what absence would add in the images that have the segment, ``all`` in all.
    """
    sums = sums.join(groups, on=by) if by else sums.assign(**dict(groups.sum()))
    return sums.assign(padding=sums["all"] - sums["absent"]).drop(columns=["all", "absent"])


def check_by(table: pd.DataFrame, by: list[str]) -> None:
    """Whether groups can be kept apart by these columns."""
    for column in by:
        if column not in table.columns:
            raise unknown_name("by", column, table.columns)
        if column in ("segment", "image_id"):
            raise InvalidInput(f"by: {column!r} cannot be kept apart; it is what is aggregated.")


def check_unmixed(table: pd.DataFrame, by: list[str]) -> None:
    """No mean over rows that mean different things."""
    for column, plural in (("method", "methods"), ("model", "models"), ("label", "classes")):
        values = table[column].dropna().unique()
        if column not in by and len(values) > 1:
            raise InvalidInput(
                f"table: holds {len(values)} {plural} ({', '.join(map(str, values[:5]))}); keep "
                f"them apart with by=(..., {column!r}), or filter first: "
                f"table[table.{column} == {values[0]!r}]."
            )


def check_once(table: pd.DataFrame, by: list[str]) -> None:
    """A segment counts once an image."""
    keys = [*by, "image_id", "segment"]
    twice = table.duplicated(keys)
    if twice.any():
        row = table[twice].iloc[0][keys].to_dict()
        raise InvalidInput(
            f"table: several rows for {row}; a segment counts once an image. Were tables of one "
            "model or of several targets joined? Keep them apart with `by`, or filter."
        )
