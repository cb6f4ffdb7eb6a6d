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


def numbers_in(table: pd.DataFrame) -> list[bool]:
    """Whether each column holds numbers."""
    return [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]


def shares_of(table: pd.DataFrame) -> list[float]:
    """How wide each column is, in percent: as its longest word, and as names up to 22 letters."""
    widths = []
    for i, (column, number) in enumerate(zip(table.columns, numbers_in(table), strict=True)):
        words = max(len(word) for word in str(column).replace("_", " ").split(" "))
        cells = 6 if number else max(map(len, map(cell, table.iloc[:, i])), default=6)
        widths.append(max(words + 2, min(cells, 22), 6) + 2)
    return [100 * width / sum(widths) for width in widths]


def table_html(
    table: pd.DataFrame, *, sort: str = "", down: bool = False, heads_seen: bool = True
) -> str:
    """An HTML table; everything in it is escaped text.

    ``sort`` is the column that it is sorted by, ``down`` from the largest; heads that are not
    seen are there for screen readers.

    >>> table_html(pd.DataFrame({"segment": ["<b>"], "rank": [1.25]}))[-93:]
    '<tr><td title="&lt;b&gt;">&lt;b&gt;</td><td class="sat-number">1.25</td></tr></tbody></table>'
    """
    widths = "".join(f'<col style="width:{share:.4g}%">' for share in shares_of(table))
    numbers = numbers_in(table)
    heads = "".join(
        _head(str(column), number, sort, down)
        for column, number in zip(table.columns, numbers, strict=True)
    )
    columns = [
        [_data(text, number) for text in cells_of(table.iloc[:, i])]
        for i, number in enumerate(numbers)
    ]
    rows = "".join(f"<tr>{''.join(line)}</tr>" for line in zip(*columns, strict=True))
    hidden = "" if heads_seen else ' class="sat-unseen"'
    return (
        f'<table class="sat-table"><colgroup>{widths}</colgroup>'
        f"<thead{hidden}><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def cells_of(column: pd.Series) -> list[str]:
    """The cells of a column: numbers of like size have one number of decimals.

    >>> cells_of(pd.Series([2.0, 8.16, 4.0225])), cells_of(pd.Series([1.0, 3.0]))
    (['2.000', '8.160', '4.022'], ['1', '3'])
    >>> cells_of(pd.Series([0.0001, 250.0, None]))
    ['0.0001', '250', '']
    """
    cells = [cell(value) for value in column]
    if not pd.api.types.is_float_dtype(column.dtype):
        return cells
    sizes = column.abs().replace([np.inf, 0], np.nan).dropna()
    decimals = 3 - int(np.floor(np.log10(sizes.max()))) if len(sizes) else 0
    if not 0 < decimals <= 6 or sizes.min() < 10.0**-decimals:
        return cells
    figures = [f"{value:.{decimals}f}" for value in column.fillna(0.0)]
    while figures[0][-1:] != "." and all(figure.endswith("0") for figure in figures):
        figures = [figure[:-1] for figure in figures]
    figures = [figure.rstrip(".").replace("-", "−") for figure in figures]
    return [figure if text else "" for figure, text in zip(figures, cells, strict=True)]


def cell(value: Any) -> str:
    """A value in a cell: four figures at most, nothing for what is missing.

    >>> [cell(v) for v in (0.00013525, 12, 1234567.0, "a", None, True, -2.5, pd.NA)]
    ['0.0001353', '12', '1.235e+06', 'a', '', 'yes', '−2.5', '']
    """
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}".replace("-", "−", int(value < 0))
    return str(value)


def _head(name: str, number: bool, sort: str, down: bool) -> str:
    kind = ' class="sat-number"' if number else ""
    order = f' aria-sort="{"descending" if down else "ascending"}"' if name == sort else ""
    return f'<th scope="col"{kind}{order}>{html.escape(name.replace("_", " "))}</th>'


def _data(text: str, number: bool) -> str:
    if number:
        return f'<td class="sat-number">{html.escape(text)}</td>'
    return f'<td title="{html.escape(text)}">{html.escape(text)}</td>'
