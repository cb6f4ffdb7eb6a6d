"""The sums of a table that stays on disk: DuckDB reads Parquet, a few columns at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.files import existing
from sat_nb.table.aggregations import Sums
from sat_nb.table.parquet.footer import apart
from sat_nb.table.parquet.shards import open_shards
from sat_nb.table.parquet.sql import (
    FIXED,
    Part,
    Rows,
    check_names,
    connected,
    key_names,
    partition_rows,
    read_seals,
)
from sat_nb.table.schema import COLUMNS, check_table
from sat_nb.table.totals import check_by, check_once, check_unmixed, padded


def totals_on_disk(path: str | os.PathLike[str], *, value: str, by: list[str]) -> Sums:
    """``segment_totals`` of a Parquet file or a folder of shards, with the same checks.

    What ``write_table`` sealed is not looked at again: whether a segment counts once an
    image, and how many images a model and method have. Whether two shards have an image in
    common is told by their first and last ids, or, if these overlap, by counting images.
    Files that something else wrote are looked at in full, which takes many times as long.

    The sums do not depend on the number of threads, nor on the order of rows.
    """
    file = existing(path, "table")
    with _readable(file, OSError, ValueError, TypeError, NotImplementedError):
        shards = open_shards(file)
        empty = check_table(shards.schema.empty_table().to_pandas())
        files = list(shards.get_fragments())
    check_by(empty, by)
    check_names([*by, value, *FIXED], shards.schema.names)
    with _readable(file), connected() as connection:
        seals = read_seals(connection, files)
        rows = Rows(connection, *partition_rows(files, value, by, sealed=bool(seals)), seals)
        rows = rows if _apart(rows) else replace(rows, seals=())
        check_unmixed(_kinds(rows, by), by)
        check_once(_repeated(rows, by), by)
        present, groups = _present(rows, value, by), _groups(rows, value, by)
    types = {c: COLUMNS.get(c, empty[c].dtype) for c in [*by, "segment"]}
    groups = _indexed(groups, {c: types[c] for c in by})
    if by:
        groups = groups.groupby(level=list(range(len(by))), dropna=False, observed=True).sum()
    return padded(_indexed(present, types), groups, by)


def _indexed(answer: pd.DataFrame, types: dict[str, Any]) -> pd.DataFrame:
    """The first columns as an index, with the names and types that they have in the table."""
    if not types:
        return answer
    keys = [answer.iloc[:, i].astype(kind) for i, kind in enumerate(types.values())]
    numbers, names = answer.iloc[:, len(types) :], list(types)
    if len(keys) == 1:
        return numbers.set_axis(pd.Index(keys[0], name=names[0]))
    return numbers.set_axis(pd.MultiIndex.from_arrays(keys, names=names))


@contextmanager
def _readable(file: Path, *errors: type[Exception]) -> Iterator[None]:
    """What Parquet readers raise becomes an error that names the path."""
    import duckdb

    try:
        yield
    except Exception as error:
        if not isinstance(error, (duckdb.Error, *errors)):
            raise
        raise InvalidInput(
            f"{file}: cannot be aggregated: not a Segment Attribution Table in Parquet, or not a "
            f"whole one ({error}); write one with sat_nb.write_table."
        ) from error


# --- questions ----------------------------------------------------------------------------------


def _apart(rows: Rows) -> bool:
    """Whether every model, method and image is in one file only."""
    if apart(rows.seals):
        return True
    n_images = sum(n for seal in rows.seals for _, _, n, _ in seal.images)
    images = f"SELECT DISTINCT model, method, image_id FROM {rows.sql}"
    return rows.ask(f"SELECT count(*) FROM ({images})", ["n"])["n"].item() == n_images


def _kinds(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """Which methods, models and classes there are, but for those that ``by`` keeps apart."""
    found: dict[str, Any] = {}
    for place, column in enumerate(("model", "method", "label")):
        if column in by:
            found[column] = ()
        elif column != "label" and rows.seals:
            found[column] = sorted({image[place] for seal in rows.seals for image in seal.images})
        else:
            sql = f"SELECT DISTINCT {column} FROM {rows.sql} WHERE {column} IS NOT NULL ORDER BY 1"
            found[column] = rows.ask(sql, [column])[column]
    return pd.DataFrame({c: pd.Series(values, dtype=object) for c, values in found.items()})


def _repeated(rows: Rows, by: Sequence[str]) -> pd.DataFrame:
    """Two rows for a segment that occurs twice in an image, or none."""
    columns = [*by, "image_id", "segment"]
    keys = ", ".join([*key_names(by), "image_id", "segment"])
    once = f"SELECT count(*) = count(DISTINCT hash({keys})) FROM {rows.sql}"
    if rows.seals or rows.ask(once, ["once"])["once"].item():
        return pd.DataFrame(columns=columns)
    twice = f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1"
    one = rows.ask(f"SELECT {keys} FROM {rows.sql} {twice}", columns)
    return pd.concat([one, one])


def _present(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """By group and segment: total, n_images and absent."""
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
    answer = answer[answer["segment"].notna()]  # images without segments; a WHERE takes longer
    return answer.astype({"total": float, "n_images": "int64", "absent": "int64"})


def _part_sums(part: Part, by: Sequence[str], value: str, *, cut: bool) -> str:
    """The sums of one partition: grouping by what is the same in all its rows would take longer."""
    named = [f"{part.constants.get(key, key)} AS {key}" for key in key_names(by)]
    varying = [key for key in [*key_names(by), "segment"] if key not in part.constants]
    sums = "sum(a) AS a, sum(b) AS b, sum(c) AS c" if cut else "sum(v) AS a, 0.0 AS b, 0.0 AS c"
    absent = "sum(n_segments) + count(*)" if value == "rank" else "0"
    return (
        f"SELECT {', '.join([*named, 'segment', sums])}, count(*) AS n, {absent} AS absent "
        f"FROM {_cut(part.sql) if cut else part.sql} GROUP BY {', '.join(varying)}"
    )


def _cut(rows: str) -> str:
    """The rows with ``v`` as the sum of ``a``, ``b`` and ``c``, as ``_steps`` says."""
    first = f"(SELECT *, (v + $s) - $s AS a FROM {rows})"
    second = f"(SELECT *, ((v - a) + $t) - $t AS b FROM {first})"
    return f"(SELECT *, (v - a) - b AS c FROM {second})"


def _groups(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """By group, perhaps in several rows: its images, and what absence adds up to over them."""
    if rows.seals and set(by) <= {"model", "method"}:
        images = [image for seal in rows.seals for image in seal.images]
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
    if rows.seals:
        return max(s.largest[value] for s in rows.seals), sum(s.n_rows for s in rows.seals)
    sql = f"SELECT coalesce(max(abs(v)), 0), count(*) FROM {rows.sql}"
    largest, n_rows = rows.ask(sql, ["largest", "n_rows"]).iloc[0]
    return float(largest), int(n_rows)


def _steps(largest: float, n: int) -> tuple[float, float] | None:
    """Powers of two that cut numbers into parts whose sums are exact, in whatever order.

    Adding a large power of two to a number, and taking it away, rounds the number to a
    multiple of the power's last bit. n such multiples of at most ``largest`` add up without
    any rounding; what was cut off is cut once more, and the rest is too small for the order of
    its sum to be seen (ExtractVector in Rump, Ogita & Oishi 2008, "Accurate floating-point
    summation"). None where numbers are not finite, or too large for it.

    >>> first, second = _steps(1.0, 6)
    >>> parts = [(x + first) - first for x in (0.1, 0.2, 0.3)]
    >>> sum(parts) == sum(reversed(parts))
    True
    """
    room = (n + 2).bit_length()
    if not math.isfinite(largest) or math.frexp(largest)[1] + room > 1000:
        return None
    first = math.frexp(largest)[1] + room
    return math.ldexp(1.0, first), math.ldexp(1.0, first - 53 + room)
