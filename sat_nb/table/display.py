"""How notebooks show tables: names in them are text, also where they look like mathematics."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from sat_nb.printable import PLAIN_TEXT

_OPTION = "display.html.use_mathjax"


def show_as_text() -> None:
    """Let notebooks read no ``$...$`` in DataFrames as mathematics.

    ``pandas.set_option("display.html.use_mathjax", True)`` undoes it. The option's class of pandas
    2 is unknown to JupyterLab, so a kernel also gets a formatter, unless it has one already.
    """
    pd.set_option(_OPTION, False)
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    formatters = getattr(getattr(get_ipython(), "display_formatter", None), "formatters", {})
    in_html = formatters.get("text/html")
    if in_html is not None and pd.DataFrame not in in_html.type_printers:
        in_html.for_type(pd.DataFrame, _as_html)


def _as_html(frame: Any) -> str | None:
    shown = frame._repr_html_()
    if shown is None or pd.get_option(_OPTION):
        return shown
    return f'<div class="{PLAIN_TEXT}">{shown}</div>'
