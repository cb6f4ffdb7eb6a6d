"""--unit: which images are not independent of each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sat_nb.cli.labels import read_column
from sat_nb.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd

UNIT_HELP = (
    "What is independent: a column of the table, or a CSV file with the columns image_id and unit "
    "(a patient, a video)."
)
UNIT = click.option("--unit", default="image_id", show_default=True, help=UNIT_HELP)


def read_unit(unit: str | None, table: pd.DataFrame) -> dict[str, Any]:
    """{"unit": the column, or {image_id: unit} from a file}; nothing where nothing was given."""
    if unit is None:
        return {}
    if unit in table.columns:
        return {"unit": unit}
    if Path(unit).suffix.lower() == ".csv":
        return {"unit": read_column(unit, "--unit", "unit")}
    from sat_nb.table.schema import COLUMNS

    columns = [column for column in table.columns if column not in COLUMNS]
    others = ["a CSV file with image_id and unit"]
    raise unknown_name("--unit", unit, ["image_id", "model", *columns], others=others)
