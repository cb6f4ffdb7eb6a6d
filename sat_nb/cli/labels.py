"""The true classes of images, from a CSV file of the user's."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from reprlib import repr as brief

from sat_nb.by_id import composed
from sat_nb.errors import InvalidInput
from sat_nb.files import existing
from sat_nb.reading import read_plain, readable

MAX_BYTES = 2**26
MAX_LINES = 2**22
COLUMNS = "image_id", "label"
EXPECTED = "expected CSV with the columns image_id and label, labels as class numbers"

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_labels(path: str) -> dict[str, int]:
    """{image_id: class number}; InvalidInput that names the file and the line."""
    file = existing(path, "--labels")
    remedy = f"{EXPECTED}, in UTF-8 (in Excel: Save As, CSV UTF-8)"
    with readable("a CSV file", remedy, file=file):
        text = _text(read_plain(file, MAX_BYTES))
        labels: dict[str, int] = {}
        for line, image_id, label in _rows(text):
            if labels.setdefault(image_id, label) != label:
                raise InvalidInput(
                    f"line {line}: the image {brief(image_id)} has the label {labels[image_id]} "
                    f"and the label {label}; keep one of them."
                )
        return labels


def _text(raw: bytes) -> str:
    mark = next((mark for mark in _MARKS if raw.startswith(mark)), None)
    return raw.decode("utf-8" if mark is None else _MARKS[mark])


def _rows(text: str) -> Iterator[tuple[int, str, int]]:
    """(line, image id, class number) of each row; blank lines are left out."""
    if text.count("\n") > MAX_LINES:
        raise InvalidInput(f"has more than {MAX_LINES} lines, which is the limit.")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    names = [name.strip() for name in next(lines, [])]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise InvalidInput(f"{EXPECTED}; the column {missing[0]!r} is missing in {brief(names)}.")
    at_id, at_label = map(names.index, COLUMNS)
    for row in lines:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(at_id, at_label) or not row[at_id]:
            raise InvalidInput(f"line {lines.line_num}: {EXPECTED}, got {brief(row)}.")
        yield lines.line_num, composed(row[at_id]), _class(row[at_label], lines.line_num)


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
