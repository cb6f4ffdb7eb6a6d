"""The rows that a statistic is computed from: checked, and of one method where it takes one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pandas as pd

from sat_nb.errors import InvalidInput, shorten, unknown_name
from sat_nb.printable import literal
from sat_nb.table.classes import CLASSES, check_unmixed_classes, chosen_classes
from sat_nb.table.source import Table, source_of

KEY = ["image_id", "segment"]


def checked_rows(
    table: Table,
    by: Sequence[str] = (),
    *,
    columns: Sequence[str] | None = None,
    argument: str = "table",
    classes: str | None = None,
) -> pd.DataFrame:
    """The table's rows, if it holds one model and class, and each segment once an image.

    Columns named in ``by``, such as "method" and "model", may hold several values; with
    ``classes``, there may be several classes. ``argument`` is the caller's, for errors. Of a table
    on disk these ``columns`` are read, or all; texts may be codes where some are named.
    """
    rows = source_of(table, argument).rows(columns)
    _check_rows(rows, by, argument, classes)
    return rows


def _check_rows(table: pd.DataFrame, by: Sequence[str], argument: str, classes: str | None) -> None:
    for column, plural in (("method", "methods"), ("model", "models")):
        values = table[column].dropna().unique()
        if column not in by and len(values) > 1:
            raise InvalidInput(
                f"{argument}: holds {len(values)} {plural} ({', '.join(map(str, values[:5]))}); "
                f"filter it first: {argument}[{argument}.{column} == {literal(values[0])}]."
            )
    if classes is None:
        check_unmixed_classes(table, by, argument)
    keys = [*by, *KEY]
    twice = table.duplicated(keys)
    if twice.any():
        raise InvalidInput(
            f"{argument}: several rows for {table[twice].iloc[0][keys].to_dict()}; expected each "
            "segment once an image. Filter it to one model and one target."
        )


def of_all_methods(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the images of which every method has rows; a warning counts the others.

    Deep Taylor, which explains positive outputs only, has no rows of some images.
    """
    methods = table.groupby("image_id", sort=False, observed=True)["method"].nunique()
    lacking = methods.index[methods < table["method"].nunique()]
    if not len(lacking):
        return table
    what = f"{len(lacking)} of {len(methods)} images have no rows of some method"
    if len(lacking) == len(methods):
        raise InvalidInput(f"table: {what}; filter it to methods that share images.")
    warnings.warn(f"table: {what}, and are left out: {shorten(lacking)}.", stacklevel=3)
    return table[~table["image_id"].isin(lacking)]


def check_pooled(classes: str | None) -> None:
    """Raise InvalidInput for another ``classes`` than "pool", where there is one result."""
    if chosen_classes(classes) not in (None, CLASSES["pool"]):
        raise InvalidInput(
            f"classes: expected 'pool', or None for a table of one class, got {classes!r}; call it "
            "for each class: table[table.label == 3]."
        )


def rows_of_method(
    table: Table,
    method: str,
    *,
    columns: Sequence[str] | None = None,
    argument: str = "table",
    classes: str | None = None,
) -> pd.DataFrame:
    """The rows of one method, which are of one model and class; images without segments included.

    >>> from sat_nb.toy import toy
    >>> rows_of_method(build(*toy()), "lrp.z")
    Traceback (most recent call last):
    sat_nb.errors.InvalidInput: method: unknown name 'lrp.z'. Valid: 'sharp', 'noisy'.
    """
    source = source_of(table, argument)
    rows = source.rows(columns, method=method) if isinstance(method, str) else source.empty
    if not len(rows):
        where = "" if argument == "table" else f" (in {argument})"
        raise unknown_name(f"method{where}", method, source.names("method"))
    _check_rows(rows, (), argument, classes)
    return rows
