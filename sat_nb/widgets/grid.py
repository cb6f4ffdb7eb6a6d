"""Tables as HTML: names are text, numbers are short, and long tables come in pages."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd

PAGE = 20  # rows


def page_of(table: pd.DataFrame, page: int, length: int = PAGE) -> tuple[pd.DataFrame, int, int]:
    """The rows of a page, its number brought into range, and the number of pages."""
    pages = max(1, -(-len(table) // length))
    page = min(max(page, 0), pages - 1)
    return table.iloc[page * length : (page + 1) * length], page, pages


def table_html(
    table: pd.DataFrame, *, caption: str = "", sort: str = "", down: bool = False
) -> str:
    """An HTML table; everything in it is escaped text.

    >>> table_html(pd.DataFrame({"segment": ["<b>"], "rank": [1.25]}))[-75:]
    '<tr><td>&lt;b&gt;</td><td class="sat-number">1.25</td></tr></tbody></table>'
    """
    heads = "".join(_head(str(column), sort, down) for column in table.columns)
    written = [[cell(value) for value in table[column]] for column in table.columns]
    numbers = [pd.api.types.is_numeric_dtype(table[column]) for column in table.columns]
    lines = [
        "".join(_data(text, number) for text, number in zip(line, numbers, strict=True))
        for line in zip(*written, strict=True)
    ]
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    said = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<table class="sat-table">{said}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _head(name: str, sort: str, down: bool) -> str:
    order = f' aria-sort="{"descending" if down else "ascending"}"' if name == sort else ""
    return f'<th scope="col"{order}>{html.escape(name.replace("_", " "))}</th>'


def _data(text: str, number: bool) -> str:
    kind = ' class="sat-number"' if number else ""
    return f"<td{kind}>{html.escape(text)}</td>"


def cell(value: Any) -> str:
    """A value in a cell: four figures at most, nothing for what is missing.

    >>> [cell(v) for v in (0.00013525, 12, 1234567.0, "a", None, True, -2.5)]
    ['0.0001353', '12', '1.235e+06', 'a', '', 'yes', '−2.5']
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, str) and np.isscalar(value) and pd.isna(value) or value is None:
        return ""
    if value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.4g}".replace("-", "−", 1) if value < 0 else f"{value:.4g}"
    return str(value)
