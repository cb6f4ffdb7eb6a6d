"""A table as a Parquet file, with its settings."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.files import existing, written_whole
from sat_nb.table.schema import COLUMNS, check_table


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a table to Parquet, whole or not at all, with ``table.attrs`` in the metadata."""
    with written_whole(path) as part:
        check_table(table).to_parquet(part, index=False)
    return Path(path)


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """The table of a Parquet file, with the dtypes of ``COLUMNS`` and its settings in ``attrs``.

    Raises FileMissing, or InvalidInput for a file that is no Segment Attribution Table.
    """
    file = existing(path)
    try:
        table = check_table(pd.read_parquet(file))
        return table.astype({c: d for c, d in COLUMNS.items() if c in table.columns})
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"{file}: not a Segment Attribution Table in Parquet ({error}); write one with "
            "sat_nb.write_table or `sat-nb build`."
        ) from error
