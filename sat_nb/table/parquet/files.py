"""Tables as Parquet: one file, or a folder of shards partitioned by columns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import as_path, existing, writing, written_whole
from sat_nb.reading import plain_json, readable
from sat_nb.table.parquet.claims import ATTRS, checked_claims
from sat_nb.table.parquet.footer import FOOTER_KEY, footer_of
from sat_nb.table.parquet.shards import (
    in_pandas,
    open_shards,
    partitions,
    shard_file,
    staged,
)
from sat_nb.table.schema import COLUMNS, OPTIONAL, TEXT, check_table

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds


SETTINGS_OF_ROWS = ("pad_px", "pad_unit", "pool", "merge", "fit", "rank_by")
"""Settings of ``build`` that decide what the numbers mean; all shards of a folder share them."""


def write_table(
    table: pd.DataFrame, path: str | os.PathLike[str], *, partition_by: Sequence[str] = ()
) -> Path:
    """Write a table to Parquet, with ``table.attrs`` in the metadata.

    Parameters
    ----------
    table : DataFrame
        A table from ``build``.
    path : str or path
        The file to write; with ``partition_by``, a folder.
    partition_by : sequence of str, default ()
        Columns of text, or of whole numbers among ``COLUMNS``, such as ("model", "method"). Their
        values become folders, ``model=vgg16/method=gradient/``, which pandas, DuckDB, Spark and
        others understand (hive partitioning).

    Returns
    -------
    Path
        The file or folder.

    Raises
    ------
    InvalidInput
        For values that cannot name a folder, and for shards whose columns, partitions or settings
        differ from those of the folder.
    CannotWrite
        If the disk is full, or writing is not allowed.

    Notes
    -----
    A file is written completely or not at all, and so is a new folder. An existing folder of
    shards gets the rows as further shards, one for each partition, each written completely or not
    at all: call ``write_table`` for each batch of images to fill it. A shard is named after its
    images, so a batch that is written again replaces its earlier shards.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb.toy import toy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     by = ("model", "method")
    ...     _ = write_table(build(*toy()), folder, partition_by=by)
    ...     print(sorted(part.name for part in Path(folder, "model=model").iterdir()))
    ...     sharp = read_table(folder, filters=[("method", "==", "sharp")])
    ...     ranks = aggregate(folder, how="absolute", value="rank")
    ['method=noisy', 'method=sharp']
    >>> len(sharp), ranks["segment"].tolist()[:2]
    (95, ['nose', 'eyes'])
    """
    path = as_path(path)
    partition_by = [partition_by] if isinstance(partition_by, str) else list(partition_by)
    if partition_by:
        with writing(path, "path"):
            _write_shards(check_table(table), path, partition_by)
    else:
        with written_whole(path) as part, part.open("wb") as stream:
            write_rows(check_table(table), stream)
    return path


def read_table(
    path: str | os.PathLike[str], *, filters: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Read a table from a Parquet file or a folder of shards.

    Parameters
    ----------
    path : str or path
        A file, or a folder of shards, which are read one partition after the other.
    filters : sequence, optional
        Which rows to read, as in pandas and pyarrow: ``[("method", "==", "lrp.z"), ("rank", "<=",
        3)]`` for all of these conditions, or a list of such lists for any of them. Partitions
        that cannot match are not opened.

    Returns
    -------
    DataFrame
        The table, with the dtypes of ``COLUMNS`` and its ``attrs``. Settings that differ between
        shards are in ``attrs["sat_nb"]["shards"]``.

    Raises
    ------
    FileMissing
        If the path does not exist.
    InvalidInput
        If it is not a Segment Attribution Table, and for filters of unknown columns.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb.toy import toy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = write_table(build(*toy()), Path(folder, "table.parquet"))
    ...     first = read_table(file, filters=[("rank", "==", 1)])
    >>> first["segment"].value_counts()["eyes"].item()
    30
    """
    import pyarrow.parquet as pq

    file = existing(path)
    with _readable(file):
        shards = open_shards(file)
        names = shards.schema.names
    _check_filters(filters, names)
    with _readable(file):
        chosen = pq.filters_to_expression(filters) if filters else None
        checked_claims(shards.get_fragments(filter=chosen))
        table = in_pandas(shards.to_table(filter=chosen), shards.schema)
        table.attrs = dict[Any, Any](joint_attrs(_noted(shards)))
        known = {c: d for c, d in COLUMNS.items() if c in table.columns}
        return check_table(table).astype(known)


def _readable(file: Path) -> AbstractContextManager[None]:
    what = "a Segment Attribution Table in Parquet"
    return readable(what, "write one with sat_nb.write_table or `sat-nb build`", file=file)


def _write_shards(table: pd.DataFrame, folder: Path, columns: list[str]) -> None:
    """Write one shard for each combination of the columns' values."""
    schema = _schema(table)
    for column in columns:
        if column not in table.columns:
            raise unknown_name("partition_by", column, table.columns)
    if not len(table):
        raise InvalidInput("partition_by: expected rows, got a table without any.")
    if folder.is_dir() and any(folder.rglob("*.parquet")):
        schema = _common_schema(schema, table.attrs, folder, columns)
    with staged(folder) as base:
        for values, rows in partitions(table, columns):
            with shard_file(base, values, rows["image_id"]).open("xb") as stream:
                write_rows(rows, stream, schema, list(values))


def write_rows(
    rows: pd.DataFrame,
    stream: IO[bytes],
    schema: pa.Schema | None = None,
    without: Sequence[str] = (),
) -> None:
    """Write rows as one Parquet file, ``without`` the columns that its folders name.

    The caller opens the file: pyarrow leaves one open whose disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = schema or _schema(rows)
    try:
        content = pa.Table.from_pandas(rows, schema, preserve_index=False).drop_columns(without)
        content = content.replace_schema_metadata(
            schema.metadata | {ATTRS: json.dumps(rows.attrs).encode()}
        )
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InvalidInput(
            f"table: cannot be written to Parquet ({error}); columns hold values of one type, "
            "names are valid Unicode, and table.attrs is what JSON can hold."
        ) from error
    with pq.ParquetWriter(stream, content.schema) as writer:
        writer.write_table(content)
        footer = footer_of(rows)
        if footer is not None:
            writer.add_key_value_metadata({FOOTER_KEY: footer.to_json()})


def _schema(table: pd.DataFrame) -> pa.Schema:
    """The table's Arrow schema, so fixed that all shards share it, whichever pandas writes them."""
    import pyarrow as pa

    types = {TEXT: pa.string(), "float64": pa.float64()}
    try:
        schema = pa.Schema.from_pandas(table, preserve_index=False)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"table: cannot be written to Parquet ({error}).") from error
    for column, dtype in COLUMNS.items():
        if column not in table.columns:
            continue
        field = pa.field(column, types.get(dtype, pa.int64()))
        schema = schema.set(schema.get_field_index(column), field)
    for i, field in enumerate(schema):
        if pa.types.is_large_string(field.type):  # pandas 3's text
            schema = schema.set(i, field.with_type(pa.string()))
    return schema


def _common_schema(
    schema: pa.Schema, attrs: dict[Any, Any], folder: Path, columns: list[str]
) -> pa.Schema:
    """The schema, or InvalidInput where the rows do not fit the shards in the folder."""
    there = open_shards(folder)
    schema, differences = _in_units_of(there.schema, schema), []
    if list(there.partitioning.schema.names) != columns:
        old = there.partitioning.schema.names
        differences.append(f"partition_by is {columns}, was {old}")
    elif {f.name: f.type for f in schema} != {f.name: f.type for f in there.schema}:
        old, new = ({f"{f.name} ({f.type})" for f in s} for s in (there.schema, schema))
        differences.append(f"columns {sorted(old ^ new)} differ")
        if {name.split(" (")[0] for name in old ^ new} <= set(OPTIONAL):
            differences.append(
                f"folders of earlier versions have no {', '.join(OPTIONAL)}; they take "
                f"table.drop(columns={list(OPTIONAL)}, errors='ignore')"
            )
    here, was = attrs.get("sat_nb") or {}, joint_attrs(_noted(there)).get("sat_nb") or {}
    for key in SETTINGS_OF_ROWS:
        if here.get(key) != was.get(key):
            differences.append(f"{key} is {here.get(key)!r}, was {was.get(key)!r}")
    if differences:
        raise InvalidInput(
            f"{folder}: these rows do not fit the shards in the folder: {'; '.join(differences)}. "
            "Choose another folder, or build the table as the shards were built."
        )
    return schema


def _in_units_of(there: pa.Schema, schema: pa.Schema) -> pa.Schema:
    """The schema with the units in which the folder keeps times: pandas 2 and 3 choose others."""
    for i, field in enumerate(schema):
        old = there.field(field.name).type if field.name in there.names else field.type
        same_zone = getattr(old, "tz", None) == getattr(field.type, "tz", None)
        if old.id == field.type.id and hasattr(old, "unit") and same_zone:
            schema = schema.set(i, field.with_type(old))
    return schema


def _check_filters(filters: Sequence[Any] | None, columns: list[str]) -> None:
    for term in filters or ():
        for each in term if isinstance(term, list) else [term]:
            if not (isinstance(each, tuple) and len(each) == 3):
                raise InvalidInput(
                    f"filters: expected (column, operator, value), such as ('rank', '<=', 3), got "
                    f"{each!r}."
                )
            if each[0] not in columns:
                raise unknown_name("filters", each[0], columns)


def _noted(shards: ds.Dataset) -> Iterator[bytes]:
    """The attrs of each shard, as its file holds them."""
    for shard in shards.get_fragments():
        yield (shard.metadata.metadata or {}).get(ATTRS, b"{}")


def joint_attrs(texts: Iterable[bytes]) -> dict[str, Any]:
    """The attrs of all shards: what they share, and under "shards" a list of the differences."""
    attrs = [_attrs(text) for text in dict.fromkeys(texts)]
    if len(attrs) <= 1:
        return attrs[0] if attrs else {}
    settings = _joint([each.pop("sat_nb", {}) for each in attrs])
    return {"sat_nb": settings} | _joint(attrs)


def _attrs(text: bytes) -> dict[str, Any]:
    """The attrs of one file; ValueError where they are none that a table can have."""
    attrs = plain_json(text)
    if not isinstance(attrs, dict) or not isinstance(attrs.get("sat_nb", {}), dict):
        raise ValueError("its settings are not an object")
    return attrs


def _joint(dicts: list[dict[str, Any]]) -> dict[str, Any]:
    common = {k: v for k, v in dicts[0].items() if all(d.get(k, d) == v for d in dicts)}
    rest = [{k: v for k, v in d.items() if k not in common} for d in dicts]
    return common | ({"shards": rest} if any(rest) else {})
