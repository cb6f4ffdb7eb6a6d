"""Results as LaTeX tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.critical_difference import numbers

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    # Signs that T1 fonts turn into others, or into ligatures.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def to_latex(result: Any, *, digits: int = 2, caption: str | None = None) -> str:
    r"""A result as a LaTeX table in the style of booktabs; names are escaped.

    Parameters
    ----------
    result: a Comparison, a Difference, or a DataFrame such as those of ``aggregate`` and
        ``intervals``. ``low`` and ``high`` become one column; of a Comparison the last column
        numbers the groups that a segment is in.
    digits: decimals of numbers that are not whole; smaller ones keep that many figures.
    caption: gives a floating table with this (escaped) caption; by default the tabular alone.

    Write ``\usepackage{booktabs}`` in the preamble, and ``\usepackage[T1]{fontenc}`` for names
    with quotation marks.

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
    texts = [_column(frame[name], digits) for name in frame]
    sides = "".join("r" if _is_number(frame[name]) else "l" for name in frame)
    lines = [f"\\begin{{tabular}}{{{sides}}}", "\\toprule"]
    lines.append(" & ".join(escape(str(name).replace("_", " ")) for name in frame) + r" \\")
    lines += ["\\midrule", *(" & ".join(cells) + r" \\" for cells in zip(*texts, strict=True))]
    lines += ["\\bottomrule", "\\end{tabular}"]
    if caption is not None:
        head = ["\\begin{table}", "\\centering", f"\\caption{{{escape(caption)}}}"]
        lines = [*head, *lines, "\\end{table}"]
    return "\n".join(lines)


def escape(text: str) -> str:
    r"""Text on one line that LaTeX prints as it is.

    >>> print(escape("50_% {x}"))
    50\_\% \{x\}
    """
    return "".join(_ESCAPES.get(sign, sign) for sign in " ".join(text.split()))


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
        raise InvalidInput("result: has no rows or no columns; there is nothing to print.")
    named = frame.index.name is not None
    return frame.reset_index() if named else frame


def _with_intervals(frame: pd.DataFrame, digits: int) -> pd.DataFrame:
    if not {"low", "high"} <= set(frame.columns):
        return frame
    ends = zip(_column(frame["low"], digits), _column(frame["high"], digits), strict=True)
    joined = pd.Series([Cell(f"[{low}, {high}]") for low, high in ends], index=frame.index)
    at = list(frame.columns).index("low")
    kept = frame.drop(columns=["low", "high"])
    kept.insert(at, "interval", joined)
    return kept


class Cell(str):
    """Text that is LaTeX already."""


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _column(column: pd.Series, digits: int) -> list[str]:
    return [_cell(value, digits) for value in column]


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, Cell):
        return value
    if not isinstance(value, str) and pd.isna(value):
        return "--"
    if isinstance(value, bool) or (
        not isinstance(value, (int, float)) and not hasattr(value, "dtype")
    ):
        return escape(str(value))
    if float(value).is_integer() and not isinstance(value, float):
        return f"${value}$" if value < 0 else str(value)
    return _decimal(float(value), digits)


def _decimal(value: float, digits: int) -> str:
    """With so many decimals; in powers of ten where they would leave nothing to read."""
    text = f"{value:.{digits}f}"
    if value != 0 and abs(value) < 10**-digits:
        mantissa, power = f"{value:.{max(digits - 1, 0)}e}".split("e")
        return f"${mantissa} \\cdot 10^{{{int(power)}}}$"
    return f"${text}$" if value < 0 else text
