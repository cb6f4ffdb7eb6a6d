"""The sums of a table that stays on disk: DuckDB reads Parquet, a few columns at a time.

Nothing of the data becomes SQL: values and paths are bound, names of columns are quoted.
"""

from __future__ import annotations

import glob
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.files import existing
from sat_nb.table.aggregate import Sums, check_by, check_once, check_unmixed, padded
from sat_nb.table.schema import COLUMNS, check_table
from sat_nb.table.seal import Seal, apart, read_seal
from sat_nb.table.shards import open_shards

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as ds

MEMORY = "600MB"  # what DuckDB may hold before it goes on in a temporary folder
FIXED = ("image_id", "model", "method", "label", "segment", "n_segments")


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
        seals = tuple(filter(None, map(_seal, files)))
    check_by(empty, by)
    _check_names([*by, value, *FIXED], shards.schema.names)
    with _readable(file), _connected() as connection:
        seals = seals if len(seals) == len(files) else ()
        rows = Rows(connection, *_source(files, value, by, sealed=bool(seals)), seals)
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


def _seal(file: ds.Fragment) -> Seal | None:
    """A file's seal, if it names the model and method that the file's folders name."""
    import pyarrow.dataset as ds

    named = ds.get_partition_keys(file.partition_expression)
    seal = read_seal(file.metadata)
    for model, method, *_ in seal.images if seal else ():
        if (named.get("model", model), named.get("method", method)) != (model, method):
            return None
    return seal


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


def _check_names(columns: Sequence[str], names: Sequence[str]) -> None:
    """SQL has no empty names, does not tell names apart by case, and ends them at NUL."""
    for column in columns:
        alike = [name for name in names if name.casefold() == column.casefold()]
        if len(alike) > 1 or not column or "\0" in column:
            raise InvalidInput(
                f"table: the columns {alike} cannot be told apart on disk; rename one, or give "
                "sat_nb.read_table of it."
            )


# --- the rows as DuckDB sees them ---------------------------------------------------------------


@dataclass(frozen=True)
class Rows:
    """A connection, and what to write after FROM.

    ``seals`` are those of all files; none, where one has no seal or they may share images.
    """

    connection: duckdb.DuckDBPyConnection
    sql: str
    parameters: dict[str, Any]
    seals: tuple[Seal, ...]

    def ask(self, sql: str, columns: Sequence[str], **parameters: Any) -> pd.DataFrame:
        """The answer, as objects."""
        answer = self.connection.execute(sql, self.parameters | parameters)
        return pd.DataFrame(answer.fetchall(), columns=list(columns), dtype=object)


@contextmanager
def _connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own in memory, which loads nothing and leaves nothing behind."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "temp_directory": folder,
            "preserve_insertion_order": False,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(config=settings) as connection:
            yield connection


def _source(
    files: Sequence[ds.Fragment], value: str, by: Sequence[str], *, sealed: bool
) -> tuple[str, dict[str, Any]]:
    """The rows, with the value as ``v`` and the columns of ``by`` as ``k0``, ``k1``, ...

    Files of one partition are read together; the values in their paths become columns.
    """
    import pyarrow.dataset as ds

    partitions: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for file in files:
        constants = ds.get_partition_keys(file.partition_expression)
        partitions.setdefault(tuple(constants.items()), []).append(glob.escape(file.path))
    selects, parameters = [], {}
    for number, (constants, paths) in enumerate(partitions.items()):
        columns = {column: quoted(column) for column in [*by, value, *FIXED]}
        for place, (column, constant) in enumerate(constants):
            if column in columns:
                kind = "BIGINT" if pd.api.types.is_integer(constant) else "VARCHAR"
                columns[column] = f"CAST($p{number}_{place} AS {kind})"
                parameters[f"p{number}_{place}"] = constant
        named = [f"{columns[column]} AS k{place}" for place, column in enumerate(by)]
        named += [f"{columns[column]} AS {column}" for column in FIXED]
        named.append(f"{_number(columns[value], sealed=sealed)} AS v")
        parameters[f"files{number}"] = paths
        source = f"read_parquet($files{number}, hive_partitioning = false)"
        selects.append(f"SELECT {', '.join(named)} FROM {source}")
    return f"({' UNION ALL '.join(selects)})", parameters


def _number(column: str, *, sealed: bool) -> str:
    """A column as a number; NaN, which sealed files do not have, counts as nothing."""
    number = f"CAST({column} AS DOUBLE)"
    return number if sealed else f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END"


def quoted(column: str) -> str:
    """A column's name as SQL writes it.

    >>> quoted('mean"; DROP TABLE')
    '"mean""; DROP TABLE"'
    """
    return '"' + column.replace('"', '""') + '"'


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
    keys = ", ".join([*_keys(by), "image_id", "segment"])
    once = f"SELECT count(*) = count(DISTINCT hash({keys})) FROM {rows.sql}"
    if rows.seals or rows.ask(once, ["once"])["once"].item():
        return pd.DataFrame(columns=columns)
    twice = f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 1"
    one = rows.ask(f"SELECT {keys} FROM {rows.sql} {twice}", columns)
    return pd.concat([one, one])


def _present(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """By group and segment: total, n_images and absent."""
    source, total, parameters = f"(FROM {rows.sql} WHERE segment IS NOT NULL)", "sum(v)", {}
    steps = None if value == "rank" else _steps(*_size(rows, value))
    if steps is not None:
        total, parameters = "sum(a) + sum(b) + sum(c)", dict(zip("st", steps, strict=True))
        source = f"(SELECT *, (v + $s) - $s AS a FROM {source})"
        source = f"(SELECT *, ((v - a) + $t) - $t AS b FROM {source})"
        source = f"(SELECT *, (v - a) - b AS c FROM {source})"
    absent = "sum(n_segments + 1)" if value == "rank" else "0"
    keys = [*_keys(by), "segment"]
    answer = rows.ask(
        f"SELECT {', '.join(keys)}, coalesce({total}, 0), count(*), {absent} FROM {source} "
        f"GROUP BY {', '.join(keys)} ORDER BY {', '.join(keys)}",
        [*keys, "total", "n_images", "absent"],
        **parameters,
    )
    return answer.astype({"total": float, "n_images": "int64", "absent": "int64"})


def _groups(rows: Rows, value: str, by: Sequence[str]) -> pd.DataFrame:
    """By group, perhaps in several rows: its images, and what absence adds up to over them."""
    if rows.seals and set(by) <= {"model", "method"}:
        images = [image for seal in rows.seals for image in seal.images]
        found = pd.DataFrame(images, columns=["model", "method", "n_all", "n_segments"])
        found = found[[*by, "n_all", "n_segments"]]
    else:
        keys = "".join(f"{key}, " for key in _keys(by))
        each = f"SELECT {keys}max(n_segments) AS n FROM {rows.sql} GROUP BY {keys}image_id"
        sql = f"SELECT {keys}count(*), coalesce(sum(n), 0) FROM ({each}) GROUP BY ALL"
        found = rows.ask(sql, [*_keys(by), "n_all", "n_segments"])
    found = found.astype({"n_all": "int64", "n_segments": "int64"})
    ranks = found["n_segments"] + found["n_all"] if value == "rank" else 0
    return found.drop(columns="n_segments").assign(all=ranks)


def _keys(by: Sequence[str]) -> list[str]:
    return [f"k{place}" for place in range(len(by))]


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
