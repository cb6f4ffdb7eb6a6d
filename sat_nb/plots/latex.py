"""Results as LaTeX tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.critical_difference import numbers
from sat_nb.printable import printable

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    # T1 fonts print these as other signs, or as parts of ligatures.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def to_latex(result: Any, *, digits: int = 2, caption: str | None = None) -> str:
    r"""Return a result as a LaTeX table in the style of booktabs, with names escaped.

    Parameters
    ----------
    result : Comparison, Difference or DataFrame
        The result of ``compare`` or ``difference``, or a table such as those of ``aggregate`` and
        ``intervals``. The columns ``low`` and ``high`` become one column, ``interval``; what
        ``intervals`` has under that name, how each was computed, is the column ``kind``. The last
        column of a Comparison numbers the groups that a segment belongs to.
    digits : int, default 2
        Decimals of numbers that are not whole. Numbers that would show as zero are written in
        powers of ten.
    caption : str, optional
        Caption, to be escaped, of a floating table; by default only the tabular is returned.

    Returns
    -------
    str
        LaTeX code.

    Raises
    ------
    InvalidInput
        For any other type, and for a table without rows or columns.

    Notes
    -----
    Put ``\usepackage{booktabs}`` into the preamble, and ``\usepackage[T1]{fontenc}`` if names
    have quotation marks.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy()).query("method == 'sharp'").replace("ears", "ears_&_more")
    >>> print(to_latex(aggregate(table, value="rank", by=()).tail(2)))
    \begin{tabular}{lrr}
    \toprule
    segment & rank & n images \\
    \midrule
    ears\_\&\_more & 4.00 & 15 \\
    rest & 4.75 & 20 \\
    \bottomrule
    \end{tabular}
    """
    frame = _with_intervals(_frame_of(result), digits)
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]  # two may have one name
    texts = [_column(column, digits) for column in columns]
    sides = "".join("r" if _is_number(column) else "l" for column in columns)
    lines = [f"\\begin{{tabular}}{{{sides}}}", "\\toprule"]
    lines.append(_row([escape(str(name).replace("_", " ")) for name in frame]))
    lines += ["\\midrule", *(_row(cells) for cells in zip(*texts, strict=True))]
    lines += ["\\bottomrule", "\\end{tabular}"]
    if caption is not None:
        head = ["\\begin{table}", "\\centering", f"\\caption{{{escape(caption)}}}"]
        lines = [*head, *lines, "\\end{table}"]
    return "\n".join(lines)


def escape(text: str) -> str:
    r"""Text on one line, escaped so that LaTeX prints it literally.

    >>> print(escape("50_% {x}"))
    50\_\% \{x\}
    """
    line = printable(" ".join(text.split()))
    escaped = "".join(_ESCAPES.get(sign, sign) for sign in line)
    return _LIGATURES.sub(r"\1{}", escaped)


def _row(cells: Sequence[str]) -> str:
    r"""A row of a table; ``\\`` and ``\midrule`` take a bracket or star that follows as theirs."""
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


# Pairs that TeX would join: dashes, quotes, and the Spanish marks.
_LIGATURES = re.compile(r"(-(?=-)|'(?=')|`(?=`)|,(?=,)|[?!](?=`))")


def _frame_of(result: Any) -> pd.DataFrame:
    if isinstance(result, pd.DataFrame):
        frame = result
    elif hasattr(result, "mean_ranks"):
        frame = numbers(result)
    elif isinstance(getattr(result, "table", None), pd.DataFrame):
        frame = result.table
    else:
        raise InvalidInput(
            "result: expected a Comparison, a Difference or a DataFrame of sat_nb.aggregate, got "
            f"{type(result).__name__}."
        )
    if frame.empty or not len(frame.columns):
        raise InvalidInput("result: expected a table with rows and columns, got an empty one.")
    named = frame.index.name is not None
    return frame.reset_index() if named else frame


def _with_intervals(frame: pd.DataFrame, digits: int) -> pd.DataFrame:
    """The frame with ``low`` and ``high`` as one column, beside the kind of each interval."""
    names = list(frame.columns)
    if names.count("low") != 1 or names.count("high") != 1:
        return frame
    ends = zip(_column(frame["low"], digits), _column(frame["high"], digits), strict=True)
    cells = [_interval(*both) for both in ends]
    joined = pd.Series(cells, index=frame.index, dtype=object)  # text would be no Cell any more
    kept = frame.drop(columns=["low", "high"]).rename(columns={"interval": "kind"})
    kept.insert(min(names.index("low"), kept.shape[1]), "interval", joined)
    return kept


def _interval(low: str, high: str) -> Cell:
    return Cell(NOTHING if low == high == NOTHING else f"[{low}, {high}]")


NOTHING = "--"
"""What stands for a number that is missing."""


class Cell(str):
    """Text that is LaTeX code already."""


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _column(column: pd.Series, digits: int) -> list[str]:
    return [_cell(value, digits) for value in column]


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, Cell):
        return value
    if not isinstance(value, str) and pd.isna(value):
        return NOTHING
    if isinstance(value, bool) or (
        not isinstance(value, (int, float)) and not hasattr(value, "dtype")
    ):
        return escape(str(value))
    if float(value).is_integer() and not isinstance(value, float):
        return f"${value}$" if value < 0 else str(value)
    return _decimal(float(value), digits)


def _decimal(value: float, digits: int) -> str:
    """A number with that many decimals, or in powers of ten where these would all be zero."""
    text = f"{value:.{digits}f}"
    if value != 0 and abs(value) < 10**-digits:
        mantissa, power = f"{value:.{max(digits - 1, 0)}e}".split("e")
        return f"${mantissa} \\cdot 10^{{{int(power)}}}$"
    return f"${text}$" if value < 0 else text
