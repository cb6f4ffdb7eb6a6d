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
from sat_nb.table.parquet.opened import Opened, asking, open_table, typed
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
        present, groups = _present(rows, value, by), _groups(rows, value, by)
    types = {c: COLUMNS.get(c, table.empty.dtypes.get(c, bool)) for c in [*by, "segment"]}
    groups = _indexed(groups, {c: types[c] for c in by})
    if by:
        groups = groups.groupby(level=list(range(len(by))), dropna=False, observed=True).sum()
    return padded(_indexed(present, types), groups, by)


def _indexed(answer: pd.DataFrame, types: dict[str, Any]) -> pd.DataFrame:
    """The answer with its first columns as an index, named and typed as in the table."""
    if not types:
        return answer
    keys = [answer.iloc[:, i].astype(kind) for i, kind in enumerate(types.values())]
    numbers, names = answer.iloc[:, len(types) :], list(types)
    if len(keys) == 1:
        return numbers.set_axis(pd.Index(keys[0], name=names[0]))
    return numbers.set_axis(pd.MultiIndex.from_arrays(keys, names=names))


def _present(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """``total``, ``n_images`` and ``absent`` by group and segment."""
    steps = None if value == "rank" else _steps(*_size(rows, value))
    parameters = {} if steps is None else dict(zip("st", steps, strict=True))
    keys = ", ".join([*key_names(by), "segment"])
    parts = " UNION ALL ".join(_part_sums(part, by, value, cut=bool(steps)) for part in rows.parts)
    answer = rows.ask(
        f"SELECT {keys}, coalesce(sum(a) + sum(b) + sum(c), 0), sum(n), sum(absent) FROM ({parts}) "
        f"GROUP BY {keys} ORDER BY {keys}",
        [*key_names(by), "segment", "total", "n_images", "absent"],
        **parameters,
    )
    answer = answer[answer["segment"].notna()]  # no segment: a WHERE in the query is slower
    return answer.astype({"total": float, "n_images": "int64", "absent": "int64"})


def _part_sums(part: Part, by: Sequence[str], value: str, *, cut: bool) -> str:
    """The SQL of the sums of one partition.

    It groups by what varies within the partition only, because grouping by constants takes longer.
    """
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in [*key_names(by), "segment"] if key not in part.constants]
    sums = "sum(a) AS a, sum(b) AS b, sum(c) AS c" if cut else "sum(v) AS a, 0.0 AS b, 0.0 AS c"
    absent = "sum(n_segments) + count(*)" if value == "rank" else "0"
    return (
        f"SELECT {', '.join([*named, 'segment', sums])}, count(*) AS n, {absent} AS absent "
        f"FROM {_cut(part.sql) if cut else part.sql} GROUP BY {', '.join(varying)}"
    )


def _cut(rows: str) -> str:
    """The SQL of rows whose ``v`` is cut into ``a + b + c``, as ``_steps`` explains."""
    first = f"(SELECT *, (v + $s) - $s AS a FROM {rows})"
    second = f"(SELECT *, ((v - a) + $t) - $t AS b FROM {first})"
    return f"(SELECT *, (v - a) - b AS c FROM {second})"


def _groups(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """The number of images by group, and what absence adds up to over them.

    A group may have several rows, one for each file or for each number of segments.
    """
    if rows.footers and not rows.is_filtered and set(by) <= {"model", "method"}:
        images = [image for footer in rows.footers for image in footer.images]
        found = pd.DataFrame(images, columns=["model", "method", "n_all", "n_segments"])
        found = found[[*by, "n_all", "n_segments"]]
    else:
        sizes = _images_by_size(rows, by)
        found = sizes[[*by]].assign(n_all=sizes["n"], n_segments=sizes["n"] * sizes["n_segments"])
    found = found.astype({"n_all": "int64", "n_segments": "int64"})
    ranks = found["n_segments"] + found["n_all"] if value == "rank" else 0
    return found.drop(columns="n_segments").assign(all=ranks)


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
        known = rows.are_complete and set(by) <= {*OF_AN_IMAGE}
        images = _images_of(cells, by) if known else _images_by_size(rows, by)
    cells = cells[cells["segment"].notna()]
    return Counts(typed(cells, table, by), typed(images, table, by))


def _cells(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    keys = ", ".join([*key_names(by), "segment", "n_segments", "v"])
    parts = " UNION ALL ".join(_part_counts(part, by) for part in rows.parts)
    sql = f"SELECT {keys}, sum(n) FROM ({parts}) GROUP BY {keys} ORDER BY {keys}"
    answer = rows.ask(sql, [*by, "segment", "n_segments", "value", "n"])
    return answer.astype({"n_segments": "int64", "value": float, "n": "int64"})


def _images_of(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """``_images_by_size`` of images with a row for each segment, or one without any."""
    groups = cells.groupby([*by, "n_segments"], dropna=False, as_index=False)
    images = groups["n"].sum()
    return images.assign(n=images["n"] // images["n_segments"].clip(lower=1))


def _part_counts(part: Part, by: Sequence[str]) -> str:
    """The SQL of the counts of one partition, grouped by what varies within it."""
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in key_names(by) if key not in part.constants]
    cell = ["segment", "n_segments", "v"]
    return (
        f"SELECT {', '.join([*named, *cell])}, count(*) AS n FROM {part.sql} "
        f"GROUP BY {', '.join([*varying, *cell])}"
    )


def _images_by_size(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """The columns of ``by``, ``n_segments`` and ``n``: how many images have so many segments."""
    keys = key_names(by)
    if rows.are_complete and set(by) <= {*OF_AN_IMAGE}:
        # Every image has as many rows as segments, or one without any: ids need not be compared.
        n = "CAST(count(*) // greatest(n_segments, 1) AS BIGINT)"
        selected = ", ".join([*keys, "n_segments", n])
        sql = f"SELECT {selected} FROM {rows.sql} GROUP BY {', '.join([*keys, 'n_segments'])}"
    else:
        each = ", ".join([*keys, "max(n_segments) AS n_segments"])
        found = f"SELECT {each} FROM {rows.sql} GROUP BY {', '.join([*keys, 'image_id'])}"
        sql = f"SELECT {', '.join([*keys, 'n_segments'])}, count(*) FROM ({found}) GROUP BY ALL"
    answer = rows.ask(f"{sql} ORDER BY ALL", [*by, "n_segments", "n"])
    return answer.astype({"n_segments": "int64", "n": "int64"})
