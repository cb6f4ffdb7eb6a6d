"""What is known of images, such as their true classes and units, from a CSV file of the user's."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from reprlib import repr as brief
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sat_nb.by_id import composed
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import existing
from sat_nb.reading import read_plain, readable

if TYPE_CHECKING:
    import pandas as pd

MAX_BYTES = 2**26
MAX_LINES = 2**22

UNIT_HELP = (
    "What is independent: a column of the table, or a CSV file with the columns image_id and unit "
    "(a patient, a video)."
)
UNIT = click.option("--unit", default="image_id", show_default=True, help=UNIT_HELP)

V = TypeVar("V")

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_labels(path: str, option: str = "--labels", column: str = "label") -> dict[str, int]:
    """{image_id: class number}; InvalidInput that names the file and the line."""
    expected = f"expected CSV with the columns image_id and {column}, {column}s as class numbers"
    return _read(path, option, column, expected, _class)


def read_column(path: str, option: str, column: str) -> dict[str, str]:
    """{image_id: text}, of another column of such a file."""
    expected = f"expected CSV with the columns image_id and {column}"
    return _read(path, option, column, expected, lambda text, line: text)


def _read(
    path: str, option: str, column: str, expected: str, value_of: Callable[[str, int], V]
) -> dict[str, V]:
    file = existing(path, option)
    remedy = f"{expected}, in UTF-8 (in Excel: Save As, CSV UTF-8)"
    with readable("a CSV file", remedy, file=file):
        text = _text(read_plain(file, MAX_BYTES))
        values: dict[str, V] = {}
        for line, image_id, cell in _rows(text, column, expected):
            value = value_of(cell, line)
            if values.setdefault(image_id, value) != value:
                raise InvalidInput(
                    f"line {line}: the image {brief(image_id)} has the {column} "
                    f"{values[image_id]} and the {column} {value}; keep one of them."
                )
        return values


def _text(raw: bytes) -> str:
    mark = next((mark for mark in _MARKS if raw.startswith(mark)), None)
    return raw.decode("utf-8" if mark is None else _MARKS[mark])


def _rows(text: str, column: str, expected: str) -> Iterator[tuple[int, str, str]]:
    """(line, image id, cell of the column) of each row; blank lines are left out."""
    if text.count("\n") > MAX_LINES:
        raise InvalidInput(f"has more than {MAX_LINES} lines, which is the limit.")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    names = [name.strip() for name in next(lines, [])]
    missing = [name for name in ("image_id", column) if name not in names]
    if missing:
        raise InvalidInput(f"{expected}; the column {missing[0]!r} is missing in {brief(names)}.")
    at_id, at_cell = map(names.index, ("image_id", column))
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(at_id, at_cell) or not row[at_id]:
            raise InvalidInput(f"line {lines.line_num}: {expected}, got {brief(row)}.")
        yield lines.line_num, composed(row[at_id]), row[at_cell]


def _delimiter(text: str) -> str:
    """A comma; the semicolon or tab of spreadsheets where the first line has no other."""
    first = text.partition("\n")[0]
    return next((mark for mark in ",;\t" if mark in first), ",")


def _class(text: str, line: int) -> int:
    """A class number, which pandas writes as 3.0 in a column with gaps.

    >>> _class("3", 2), _class(" 3.0", 2)
    (3, 3)
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 2**31 or number != int(number):
        raise InvalidInput(
            f"line {line}: expected a class number from 0 as the label, got {brief(text)}; leave "
            "images without one out."
        )
    return int(number)


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
