"""--unit: which images are not independent of each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sat_nb.cli.labels import read_column
from sat_nb.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd

UNIT = click.option(
    "--unit",
    default="image_id",
    show_default=True,
    help="What is independent: a column of the table, or a CSV file with the columns image_id and "
    "unit (a patient, a video).",
)


def read_unit(unit: str, table: pd.DataFrame) -> Any:
    """The column, or {image_id: unit} from a file."""
    if unit in table.columns:
        return unit
    if Path(unit).suffix.lower() == ".csv":
        return read_column(unit, "--unit", "unit")
    raise unknown_name("--unit", unit, table.columns, others=["a CSV file with image_id and unit"])
