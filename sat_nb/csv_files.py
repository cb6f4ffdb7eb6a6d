"""Tables as CSV: exact, or safe to open in a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sat_nb.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet run a cell, or text that follows it, as a formula."""


def csv_of(table: pd.DataFrame, **options: Any) -> bytes:
    r"""The content of a CSV file, from which any text is read back as it was.

    ``options`` are those of ``DataFrame.to_csv``.

    >>> import pandas as pd
    >>> csv_of(pd.DataFrame({"segment": ["a,b", "=1"], "rank": [1.5, -2.0]}))
    b'segment,rank\n"a,b",1.5\n=1,-2.0\n'
    """
    options = {"index": False, "lineterminator": "\n", **options}
    text = table.to_csv(**options)
    if "\r" in text:  # a lone one within a cell is quoted only where it also ends lines
        text = table.to_csv(**{**options, "lineterminator": "\r\n"})
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        start = max(error.start - 20, 0)
        raise InvalidInput(
            f"table: the text {text[start : error.start + 1]!r} is not valid Unicode, "
            "so no CSV file can hold it; rename it."
        ) from None


def spreadsheet_safe(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose CSV file can be opened in a spreadsheet, whoever chose the names in it.

    Spreadsheets run text that starts with ``=``, ``+``, ``-`` or ``@`` as a formula. Such text gets
    an apostrophe in front, which makes it text. Numbers stay numbers.

    Parameters
    ----------
    table : DataFrame
        Any table, such as one of ``aggregate``.

    Returns
    -------
    DataFrame
        A copy, also with safe names of columns. It is for people: data are read back exactly only
        from the CSV of ``table`` itself.

    Notes
    -----
    ``sat-nb aggregate --spreadsheet-safe`` and ``save_figure(..., spreadsheet_safe=True)`` do the
    same.

    References
    ----------
    OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"segment": ["eyes", "=1+1"], "difference": [-1.5, 2.0]})
    >>> print(spreadsheet_safe(table).to_csv(index=False))
    segment,difference
    eyes,-1.5
    '=1+1,2.0
    <BLANKLINE>
    """
    if not hasattr(table, "to_csv"):
        raise InvalidInput(f"table: expected a DataFrame, got {type(table).__name__}.")
    import pandas as pd

    safe = table.rename(columns=_safe)
    for i, dtype in enumerate(table.dtypes):
        if pd.api.types.is_object_dtype(dtype) or isinstance(
            dtype, pd.StringDtype | pd.CategoricalDtype
        ):
            texts = table.iloc[:, i].astype(object).map(_safe, na_action="ignore")
            safe.isetitem(i, texts.to_numpy())
    return safe


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
