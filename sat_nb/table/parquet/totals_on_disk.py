"""The sums of a table on disk: DuckDB reads Parquet, a few columns at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sat_nb.files import existing
from sat_nb.reading import readable
from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import Classes, check_known
from sat_nb.table.parquet.claims import check_claims
from sat_nb.table.parquet.footer import share_no_image
from sat_nb.table.parquet.shards import open_shards
from sat_nb.table.parquet.sql import (
    FIXED,
    Part,
    Rows,
    check_names,
    connected,
    key_names,
    partition_rows,
    read_footers,
)
from sat_nb.table.schema import COLUMNS, check_table
from sat_nb.table.totals import check_by, check_once, check_unmixed, padded


def totals_on_disk(
    path: str | os.PathLike[str], *, value: str, by: list[str], classes: Classes | None = None
) -> Sums:
    """``segment_totals`` of a Parquet file or a folder of shards, with the same checks.

    Facts that ``write_table`` noted in the files' footers are not checked again: that a segment
    counts once in an image, and how many images a model and method have. That two shards share no
    image follows from their first and last ids or, if these ranges overlap, from counting images.
    Files of other programs are checked in full, which takes many times as long.

    The sums depend neither on the number of threads nor on the order of rows.
    """
    file = existing(path, "table")
    with _readable(file):
        shards = open_shards(file)
        empty = check_table(shards.schema.empty_table().to_pandas())
        files = list(shards.get_fragments())
        check_claims(files)
        names = shards.schema.names
    needs, option = (classes.needs, f"classes={classes.name!r}") if classes else ((), "")
    if classes and classes.column == "correct":
        empty = empty.assign(correct=np.zeros(0, dtype=bool))
    check_by(empty, by)
    check_names([*(column for column in by if column in names), *needs, value, *FIXED], names)
    with _readable(file), connected() as connection:
        footers = read_footers(connection, files)
        # A footer promises finite values, so that NaN need not be looked for.
        derived = {"correct": ("label", "predicted")} if "correct" in empty and classes else {}
        parts, parameters = partition_rows(
            files, value, by, no_nan=bool(footers), needs=needs, equal=derived
        )
        rows = Rows(connection, parts, parameters, footers)
        rows = rows if _share_no_image(rows) else replace(rows, footers=())
        for column in needs:
            check_known(_unknown(rows, column), column, option)
        check_unmixed(_kinds(rows, by, classes), by, classes)
        check_once(_repeated(rows, by), by)
        present, groups = _present(rows, value, by), _groups(rows, value, by)
    types = {c: COLUMNS.get(c, empty[c].dtype) for c in [*by, "segment"]}
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


def _readable(file: Path) -> AbstractContextManager[None]:
    what = "a Segment Attribution Table in Parquet, so that it cannot be aggregated"
    return readable(what, "write one with sat_nb.write_table", file=file)


def _share_no_image(rows: Rows) -> bool:
    """Whether every image of a model and method is in one file only."""
    if share_no_image(rows.footers):
        return True
    n_images = sum(n for footer in rows.footers for _, _, n, _ in footer.images)
    images = f"SELECT DISTINCT model, method, image_id FROM {rows.sql}"
    return rows.ask(f"SELECT count(*) FROM ({images})", ["n"])["n"].item() == n_images


def _unknown(rows: Rows, column: str) -> pd.DataFrame:
    """The images without a value in that column."""
    sql = f"SELECT DISTINCT image_id FROM {rows.sql} WHERE {column} IS NULL ORDER BY 1"
    return rows.ask(sql, ["image_id"]).assign(**{column: None})


def _kinds(rows: Rows, by: Sequence[str], classes: Classes | None) -> pd.DataFrame:
    """The methods, models and classes that occur, except those that are kept apart."""
    found: dict[str, Any] = {"label": (), "target": ()}
    for place, column in enumerate(("model", "method")):
        if column in by:
            found[column] = ()
        elif rows.footers:
            images = [image for footer in rows.footers for image in footer.images]
            found[column] = sorted({image[place] for image in images})
        else:
            sql = f"SELECT DISTINCT {column} FROM {rows.sql} WHERE {column} IS NOT NULL ORDER BY 1"
            found[column] = rows.ask(sql, [column])[column]
    if classes is None and "label" not in by:
        of_classes = ["label", "target", "predicted"]
        sql = f"SELECT DISTINCT {', '.join(of_classes)} FROM {rows.sql} ORDER BY 1, 2, 3"
        found |= dict(rows.ask(sql, of_classes))
    return pd.DataFrame({c: pd.Series(values, dtype=object) for c, values in found.items()})


def _repeated(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """Two equal rows for a segment that occurs twice in an image; empty if there is none."""
    columns = [*by, "image_id", "segment"]
    keys = ", ".join([*key_names(by), "image_id", "segment"])
    # Hashes need less memory than the keys. Two that collide by chance only cost the second query.
    once = f"SELECT count(*) = count(DISTINCT hash({keys})) FROM {rows.sql}"
    if rows.footers or rows.ask(once, ["once"])["once"].item():
        return pd.DataFrame(columns=columns)
    twice = f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1"
    one = rows.ask(f"SELECT {keys} FROM {rows.sql} {twice}", columns)
    return pd.concat([one, one])


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

    A group may have several rows, one for each file.
    """
    if rows.footers and set(by) <= {"model", "method"}:
        images = [image for footer in rows.footers for image in footer.images]
        found = pd.DataFrame(images, columns=["model", "method", "n_all", "n_segments"])
        found = found[[*by, "n_all", "n_segments"]]
    else:
        keys = "".join(f"{key}, " for key in key_names(by))
        each = f"SELECT {keys}max(n_segments) AS n FROM {rows.sql} GROUP BY {keys}image_id"
        sql = f"SELECT {keys}count(*), coalesce(sum(n), 0) FROM ({each}) GROUP BY ALL"
        found = rows.ask(sql, [*key_names(by), "n_all", "n_segments"])
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
