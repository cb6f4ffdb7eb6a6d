"""A folder of Parquet shards: the names of its folders, how it is filled, how it is opened."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id, flush, flush_folder, umask
from sat_nb.printable import literal
from sat_nb.reading import check_parquet_footer, check_plain, plain_json
from sat_nb.table.schema import COLUMNS
from sat_nb.temporary import new_part_folder

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds


NOTHING = "__HIVE_DEFAULT_PARTITION__"  # hive's name for the folder of missing values
LONGEST_NAME = 255  # bytes, the limit of common file systems
NUMBERS = tuple(column for column, dtype in COLUMNS.items() if dtype.lower() == "int64")


def partitions(
    table: pd.DataFrame, columns: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each combination of the columns' values, with its rows."""
    codes = table.groupby(list(columns), dropna=False, sort=False, observed=True).ngroup()
    for code in range(codes.max() + 1 if len(codes) else 0):
        rows = table.iloc[np.flatnonzero(codes.to_numpy() == code)]
        yield {column: rows[column].iloc[0] for column in columns}, rows


def shard_file(base: Path, values: dict[str, Any], image_ids: pd.Series) -> Path:
    """The file of a shard below ``base``, named after its images; makes its folders."""
    folder = base.joinpath(*(folder_name(column, value) for column, value in values.items()))
    folder.mkdir(parents=True, exist_ok=True)
    keys = [*map(str, values.values()), *sorted(map(str, image_ids.unique()))]
    digest = hashlib.sha256("\0".join(keys).encode("utf-8", "surrogatepass")).hexdigest()
    return folder / f"{digest[:16]}.parquet"


def folder_name(column: str, value: Any) -> str:
    """``column=value``, percent-encoded, so that no value leads to another folder.

    >>> folder_name("model", "../vgg 16")
    'model=..%2Fvgg%2016'
    >>> folder_name("label", pd.NA)
    'label=__HIVE_DEFAULT_PARTITION__'
    """
    if quote(column, safe="") != column or column.startswith("."):
        raise InvalidInput(
            f"partition_by: the column {column!r} cannot name a folder; rename it to letters, "
            "digits and underscores, or partition by other columns."
        )
    if pd.isna(value):
        return f"{column}={NOTHING}"
    text = _text(column, value)
    name = f"{column}={quote(text, safe='')}"
    if len(name) > LONGEST_NAME or "\0" in text or text == NOTHING:
        raise InvalidInput(
            f"partition_by: {column!r} holds {text[:60]!r}, which cannot name a folder: at most "
            f"{LONGEST_NAME} bytes, without NUL, other than {NOTHING!r}. Rename "
            "it, partition by other columns, or write one file."
        )
    return name


def _text(column: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if column in NUMBERS and float(value).is_integer():
        return str(int(value))
    raise InvalidInput(
        f"partition_by: {column!r} holds {literal(value)}; expected text, or whole numbers in "
        f"one of {', '.join(NUMBERS)}. Choose other columns, or make it text first."
    )


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder, whose files move into ``folder`` when the block succeeds.

    A new folder appears with all its files at once. In an existing folder, each file appears
    complete. An error or interrupt inside the block changes nothing.
    """
    # The hidden folder is on the same file system as its target, where os.replace is atomic.
    new = not folder.is_dir() or not any(folder.iterdir())
    beside = folder.parent if new else folder
    beside.mkdir(parents=True, exist_ok=True)
    stage = new_part_folder(beside)
    try:
        yield stage
        files = sorted(stage.rglob("*.parquet"))
        for file in files:
            flush(file)
        if new:
            stage.chmod(0o777 & ~umask())
            os.replace(stage, folder)
            flush_folder(beside)
            return
        for file in files:
            place = folder / file.relative_to(stage)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, place)
            flush_folder(place.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def open_shards(path: Path, texts: Sequence[str] = ()) -> ds.FileSystemDataset:
    """Open the dataset of a Parquet file, or of a folder's files with the values in their paths.

    Columns in ``texts`` are read as codes and the texts that they stand for. Only folders below
    ``path`` name values, whatever its parents are called. Columns that ``COLUMNS`` lists as
    integers are read as numbers, all others as text. Raises InvalidInput for a folder without
    Parquet files, and pyarrow's errors for files that it cannot read.
    """
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    base = path.resolve()
    options, files = ds.FileSystemFactoryOptions(), [base]
    if not base.is_dir():
        check_plain(base)
    else:
        files = list(files_by_id(base, {".parquet"}).values())
        if not files:
            raise InvalidInput(
                "the folder holds no .parquet file; expected shards as sat_nb.write_table("
                "..., partition_by=...) writes them"
            )
        options = ds.FileSystemFactoryOptions(
            partition_base_dir=str(base), partitioning=_partitioning(files[0].relative_to(base))
        )
    for file in files:
        check_parquet_footer(file)
    form = ds.ParquetFileFormat(dictionary_columns=list(texts))
    factory = ds.FileSystemDatasetFactory(
        LocalFileSystem(), [str(file) for file in files], form, options
    )
    return factory.finish()


def _partitioning(file: Path) -> ds.Partitioning:
    """Columns and types of the values in the path of a shard, relative to its table."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    names = [name.partition("=")[0] for name in file.parts[:-1] if "=" in name]
    fields = [(name, pa.int64() if name in NUMBERS else pa.string()) for name in names]
    return ds.partitioning(pa.schema(fields), flavor="hive")


def in_pandas(rows: pa.Table, schema: pa.Schema) -> pd.DataFrame:
    """The rows with the columns in their order; ValueError where pandas' notes rename any."""
    order = order_of_columns(schema)
    frame = rows.select(order).to_pandas()
    if list(frame.columns) != [name for name in order if name in frame.columns]:
        raise ValueError("what pandas noted of its columns does not fit them")
    return frame


def order_of_columns(schema: pa.Schema) -> list[str]:
    """The columns in the order of the frame that was written, where that is known.

    Columns that only folder names hold would come last otherwise.
    """
    written = plain_json((schema.metadata or {}).get(b"pandas", b'{"columns": []}'))["columns"]
    names = [column["name"] for column in written if column["name"] in schema.names]
    return names + [name for name in schema.names if name not in names]
