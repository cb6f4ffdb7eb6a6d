"""What is resampled: images, or groups of rows that are not independent of one another."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.table.schema import IMAGE_KEY

Unit = str | Mapping[str, object] | pd.Series
UNIT = "_unit"
FEW = 10  # units: a 95 % interval of a mean covers 90 % with ten, 84 % with five, less if skewed
KEPT_APART = ("model", "label")  # what `aggregate` mixes only where the unit says so


def with_units(table: pd.DataFrame, unit: Unit, by: Sequence[str]) -> pd.DataFrame:
    """A copy with the column UNIT, in which rows of different units are different images.

    One image explained for five models that are the unit is five observations: its ids
    become (unit, image_id), and the model no longer keeps rows apart.
    """
    if isinstance(unit, str) and unit in by:
        raise InvalidInput(
            f"unit: {unit!r} is kept apart by `by`, so each group would be one unit."
        )
    units = units_of(table, unit)
    marked = table.assign(**{UNIT: units})
    if not isinstance(unit, str) or unit == "image_id":
        return marked
    ids = list(zip(units, table["image_id"], strict=True))
    marked["image_id"] = pd.Series(ids, index=table.index, dtype=object)
    if unit in KEPT_APART:
        marked[unit] = marked[unit].where(np.zeros(len(marked), dtype=bool))  # missing, same dtype
    return marked


def units_of(table: pd.DataFrame, unit: Unit) -> pd.Series:
    """The unit of each row: a column, or a mapping {image_id: unit}.

    Raises InvalidInput where an image has several units, IdMismatch where it has none.
    """
    units = _column(table, unit) if isinstance(unit, str) else _looked_up(table, unit)
    without = table.loc[units.isna(), "image_id"].unique()
    if len(without):
        raise IdMismatch(
            f"unit: {len(without)} images have none: {shorten(without)}; name one for each, "
            "such as their own id, or filter the table."
        )
    return units


def cell_sums(
    rows: NDArray[np.integer],
    columns: NDArray[np.integer],
    values: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """A matrix of that shape, each value added to its row and column."""
    cells = np.bincount(rows * shape[1] + columns, values, minlength=shape[0] * shape[1])
    return cells.reshape(shape).astype(np.float64)


def warn_of_few(n_units: int, unit: Unit) -> None:
    """Warn that the bootstrap of few units is too sure of itself."""
    if n_units < FEW:
        name = unit if isinstance(unit, str) else "unit"
        warnings.warn(
            f"{n_units} units ({name}) are few: bootstrap intervals of fewer than {FEW} are too "
            "narrow (of five, a 95 % interval covers 84 % at best).",
            stacklevel=3,
        )


def _column(table: pd.DataFrame, unit: str) -> pd.Series:
    if unit not in table.columns:
        raise unknown_name("unit", unit, table.columns)
    pairs = table[list(dict.fromkeys([*IMAGE_KEY, unit]))].drop_duplicates()
    several = pairs.loc[pairs.duplicated(IMAGE_KEY), "image_id"]
    if len(several):
        image_id = several.iloc[0]
        raise InvalidInput(
            f"unit: {unit!r} differs between the segments of image {image_id!r}; a unit holds "
            "whole images."
        )
    return table[unit]


def _looked_up(table: pd.DataFrame, unit: Mapping[str, object] | pd.Series) -> pd.Series:
    if not isinstance(unit, Mapping | pd.Series):
        raise InvalidInput(
            "unit: expected the name of a column, or {image_id: unit} as a mapping or Series, "
            f"got {type(unit).__name__}."
        )
    units = pd.Series(unit, dtype=object) if isinstance(unit, Mapping) else unit
    if not units.index.is_unique:
        twice = units.index[units.index.duplicated()].unique()
        raise InvalidInput(f"unit: names several units for {shorten(twice)}.")
    return table["image_id"].map(units)
