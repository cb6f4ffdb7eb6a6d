"""Sums and counts of a table on disk: DuckDB reads Parquet, a few columns at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import Classes
from sat_nb.table.counts import Counts
from sat_nb.table.parquet.opened import Opened, asking, check_classes, open_table, typed
from sat_nb.table.parquet.sql import Part, Rows, key_names
from sat_nb.table.parquet.where import Where
from sat_nb.table.schema import COLUMNS
from sat_nb.table.totals import padded

OF_AN_IMAGE = ("model", "method", "target", "label", "predicted", "correct")
"""Columns that have one value in all rows of an image."""


def totals_on_disk(
    path: str | os.PathLike[str] | Opened,
    *,
    value: str,
    by: list[str],
    classes: Classes | None = None,
    where: Where | None = None,
) -> Sums:
    """``segment_totals`` of a Parquet file or a folder of shards, with the same checks.

    The sums depend neither on the number of threads nor on the order of rows.
    """
    table = path if isinstance(path, Opened) else open_table(path)
    with asking(table, value, by, classes=classes, where=where) as rows:
        noted = _noted_images(rows, by)
        sums, sizes = _sums(rows, value, by, sized=noted is None)
        check_classes(sizes, rows, by, classes)
        images = _images(rows, by, sizes).pipe(_of_all) if noted is None else noted
    types = {c: COLUMNS.get(c, table.empty.dtypes.get(c, bool)) for c in [*by, "segment"]}
    # An image that lacks a segment counts with the rank after its last one.
    ranks = images["n_segments"] + images["n"] if value == "rank" else 0
    images = images.drop(columns="n_segments").rename(columns={"n": "n_all"}).assign(all=ranks)
    groups = _indexed(images, {c: types[c] for c in by})
    if by:
        groups = groups.groupby(level=list(range(len(by))), dropna=False, observed=True).sum()
    return padded(_indexed(sums, types), groups, by)


def _indexed(answer: pd.DataFrame, types: dict[str, Any]) -> pd.DataFrame:
    """The answer with its first columns as an index, named and typed as in the table."""
    if not types:
        return answer
    keys = [answer.iloc[:, i].astype(kind) for i, kind in enumerate(types.values())]
    numbers, names = answer.iloc[:, len(types) :], list(types)
    if len(keys) == 1:
        return numbers.set_axis(pd.Index(keys[0], name=names[0]))
    return numbers.set_axis(pd.MultiIndex.from_arrays(keys, names=names))


def _of_all(images: pd.DataFrame) -> pd.DataFrame:
    """Images by their ``n_segments``, with that of all together in its place."""
    return images.assign(n_segments=images["n_segments"] * images["n"])


def _noted_images(rows: Rows, by: Sequence[str]) -> pd.DataFrame | None:
    """The keys of ``by``, ``n`` images and the ``n_segments`` of all, as the footers have them."""
    if not rows.footers or rows.is_filtered or not set(by) <= {"model", "method"}:
        return None
    images = [image for footer in rows.footers for image in footer.images]
    found = pd.DataFrame(images, columns=["model", "method", "n", "n_segments"])
    return found[[*by, "n", "n_segments"]].astype({"n": "int64", "n_segments": "int64"})


def _sums(
    rows: Rows, value: str, by: Sequence[str], *, sized: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``total``, ``n_images``, ``absent`` by group and segment; and ``n`` rows by ``n_segments``.

    Unless they have to be ``sized``, which takes longer, all rows stand by an ``n_segments`` of 0.
    """
    steps = None if value == "rank" else _steps(*_size(rows, value))
    parameters = {} if steps is None else dict(zip("st", steps, strict=True))
    keys, cell = key_names(by), ", ".join([*key_names(by), "segment", "n_segments"])
    parts = " UNION ALL ".join(
        _part_sums(part, by, cut=bool(steps), sized=sized) for part in rows.parts
    )
    absent = "sum(absent)" if value == "rank" else "0"
    of_segments, of_sizes = (", ".join([*keys, last]) for last in ("segment", "n_segments"))
    answer = rows.ask(
        f"SELECT {cell}, grouping(segment), sum(n), coalesce(sum(a) + sum(b) + sum(c), 0), "
        f"{absent} FROM ({parts}) "
        f"GROUP BY GROUPING SETS (({of_segments}), ({of_sizes})) ORDER BY {cell}",
        [*keys, "segment", "n_segments", "is_size", "n", "total", "absent"],
        **parameters,
    )
    sizes = answer[answer["is_size"] == 1][[*keys, "n_segments", "n"]]
    # No segment: a WHERE in the query is slower.
    there = answer[(answer["is_size"] == 0) & answer["segment"].notna()]
    sums = there[[*keys, "segment", "total", "n", "absent"]].rename(columns={"n": "n_images"})
    return (
        sums.astype({"total": float, "n_images": "int64", "absent": "int64"}),
        sizes.astype({"n_segments": "int64", "n": "int64"}),
    )


def _part_sums(part: Part, by: Sequence[str], *, cut: bool, sized: bool) -> str:
    """The SQL of the sums of one partition.

    It groups by what varies within the partition only, because grouping by constants takes longer.
    """
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in key_names(by) if key not in part.constants]
    sums = "sum(a) AS a, sum(b) AS b, sum(c) AS c" if cut else "sum(v) AS a, 0.0 AS b, 0.0 AS c"
    size = "n_segments" if sized else "0 AS n_segments"
    cell = [*varying, "segment", *(["n_segments"] if sized else [])]
    return (
        f"SELECT {', '.join([*named, 'segment', size, sums])}, count(*) AS n, "
        f"sum(n_segments) + count(*) AS absent FROM {_cut(part.sql) if cut else part.sql} "
        f"GROUP BY {', '.join(cell)}"
    )


def _cut(rows: str) -> str:
    """The SQL of rows whose ``v`` is cut into ``a + b + c``, as ``_steps`` explains."""
    first = f"(SELECT *, (v + $s) - $s AS a FROM {rows})"
    second = f"(SELECT *, ((v - a) + $t) - $t AS b FROM {first})"
    return f"(SELECT *, (v - a) - b AS c FROM {second})"


def _size(rows: Rows, value: str) -> tuple[float, int]:
    """The largest absolute value, and the number of rows."""
    if rows.footers and all(value in footer.largest for footer in rows.footers):
        largest = max(footer.largest[value] for footer in rows.footers)
        return largest, sum(footer.n_rows for footer in rows.footers)
    sql = f"SELECT coalesce(max(abs(v)), 0), count(*) FROM {rows.sql}"
    largest, n_rows = rows.ask(sql, ["largest", "n_rows"]).iloc[0]
    return float(largest), int(n_rows)


def _steps(largest: float, n: int) -> tuple[float, float] | None:
    """Powers of two that cut numbers into parts whose sums are exact in any order.

    Threads add up rows in an order that changes from run to run, and so would the last bits of a
    plain sum. Adding a large power of two to a number and subtracting it again rounds the number
    to a multiple of the power's last bit; n such multiples, each at most ``largest``, add up
    without rounding. What was cut off is cut once more in the same way, and what is left then is
    too small for the order of its sum to show (ExtractVector in Rump, Ogita & Oishi 2008,
    "Accurate floating-point summation"). None where numbers are not finite, or are too large for
    it; then the sums are plain.

    >>> first, second = _steps(1.0, 6)
    >>> parts = [(x + first) - first for x in (0.1, 0.2, 0.3)]
    >>> sum(parts) == sum(reversed(parts))
    True
    """
    room = (n + 2).bit_length()  # the carries of n additions
    if not math.isfinite(largest) or math.frexp(largest)[1] + room > 1000:
        return None
    first = math.frexp(largest)[1] + room
    return math.ldexp(1.0, first), math.ldexp(1.0, first - 53 + room)


def counts_on_disk(
    table: Opened,
    *,
    value: str,
    by: list[str],
    classes: Classes | None = None,
    where: Where | None = None,
) -> Counts:
    """``counts_of`` a table on disk, with the checks of ``totals_on_disk``."""
    with asking(table, value, by, classes=classes, where=where) as rows:
        cells = _cells(rows, by)
        check_classes(cells, rows, by, classes)
        images = _images(rows, by, cells)
    cells = cells[cells["segment"].notna()]
    names = dict(zip(key_names(by), by, strict=True))
    return Counts(*(typed(found.rename(columns=names), table, by) for found in (cells, images)))


def _cells(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    keys = [*key_names(by), "segment", "n_segments", "v"]
    parts = " UNION ALL ".join(_part_counts(part, by) for part in rows.parts)
    sql = f"SELECT {', '.join(keys)}, sum(n) FROM ({parts}) GROUP BY ALL ORDER BY ALL"
    answer = rows.ask(sql, [*key_names(by), "segment", "n_segments", "value", "n"])
    return answer.astype({"n_segments": "int64", "value": float, "n": "int64"})


def _part_counts(part: Part, by: Sequence[str]) -> str:
    """The SQL of the counts of one partition, grouped by what varies within it."""
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in key_names(by) if key not in part.constants]
    cell = ["segment", "n_segments", "v"]
    return (
        f"SELECT {', '.join([*named, *cell])}, count(*) AS n FROM {part.sql} "
        f"GROUP BY {', '.join([*varying, *cell])}"
    )


def _images(rows: Rows, by: Sequence[str], cells: pd.DataFrame) -> pd.DataFrame:
    """The keys of ``by``, ``n_segments`` and ``n``: how many images have so many segments.

    ``cells`` counts the rows, ``n``, by these columns and perhaps others.
    """
    keys = [*key_names(by), "n_segments"]
    if rows.are_complete and set(by) <= {*OF_AN_IMAGE}:
        # Every image has as many rows as segments, or one without any: ids need not be compared.
        found = cells.groupby(keys, dropna=False, as_index=False)["n"].sum()
        return found.assign(n=found["n"] // found["n_segments"].clip(lower=1))
    each = ", ".join([*key_names(by), "max(n_segments) AS n_segments"])
    images = f"SELECT {each} FROM {rows.sql} GROUP BY {', '.join([*key_names(by), 'image_id'])}"
    sql = f"SELECT {', '.join(keys)}, count(*) FROM ({images}) GROUP BY ALL ORDER BY ALL"
    return rows.ask(sql, [*keys, "n"]).astype({"n_segments": "int64", "n": "int64"})
