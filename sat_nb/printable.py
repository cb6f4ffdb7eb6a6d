"""Names as people see them: as text, whatever they look like to a terminal or a notebook."""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from typing import Any

import numpy as np

PLAIN_TEXT = "tex2jax_ignore mathjax_ignore"
"""The CSS classes of HTML in which notebooks and MathJax read no ``$...$`` as mathematics."""

_MATHJAX = "display.html.use_mathjax"
_SUSPECT = re.compile(r"[^\x20-\x7e]")
_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"


def printable(name: object) -> str:
    r"""A name on one line, in which no character is invisible or moves others.

    Control characters (escape sequences of terminals, line breaks), marks that turn the direction
    of writing, characters without width, and halves of characters are written as Python writes
    them. Joiners within words of other scripts and within emoji stay, as such words need them.

    >>> print(printable("eye\x1b[2J"), printable("mane\u202egnp.\n"))
    eye\x1b[2J mane\u202egnp.\n
    """
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(lambda found: _shown(text, found.start()), text)


def literal(value: object) -> str:
    """A value as code, in which a number of numpy's is written as Python's.

    >>> literal(np.float64(0.5)), literal(np.True_), literal("eyes")
    ('0.5', 'True', "'eyes'")
    """
    return repr(value.item() if isinstance(value, np.generic) else value)


def printable_lines(text: object) -> str:
    r"""The same for a message of several lines, whose line breaks and tabs stay.

    >>> printable_lines("one\ntwo\x07")
    'one\ntwo\\x07'
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        part if part in "\n\t" else printable(part) for part in re.split(r"([\n\t])", text)
    )


def escaped(text: object) -> str:
    r"""Text within HTML, and within the quotes of its attributes.

    >>> escaped("<b>\u200b & co")
    '&lt;b&gt;\\u200b &amp; co'
    """
    return html.escape(printable_lines(text))


def as_html(name: object) -> str:
    """A name within HTML, whose direction of writing does not reach the text around it.

    >>> as_html("<b> & co")
    '<bdi>&lt;b&gt; &amp; co</bdi>'
    """
    return f"<bdi>{escaped(name)}</bdi>"


def show_tables_as_text() -> None:
    """Let notebooks read no ``$...$`` in DataFrames as mathematics.

    ``pandas.set_option("display.html.use_mathjax", True)`` undoes it. The option's class of pandas
    2 is unknown to JupyterLab, so a kernel also gets a formatter, unless it has one already.
    """
    import pandas as pd

    pd.set_option(_MATHJAX, False)
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    formatters = getattr(getattr(get_ipython(), "display_formatter", None), "formatters", {})
    in_html = formatters.get("text/html")
    if in_html is not None and pd.DataFrame not in in_html.type_printers:
        in_html.for_type(pd.DataFrame, _table_as_html)


def _table_as_html(frame: Any) -> str | None:
    import pandas as pd

    shown = frame._repr_html_()
    if shown is None or pd.get_option(_MATHJAX):
        return shown
    return f'<div class="{PLAIN_TEXT}">{shown}</div>'


def _shown(text: str, at: int) -> str:
    letter = text[at]
    if unicodedata.category(letter) not in _STEERING:
        return letter
    if letter in _JOINERS and _is_joined(text[at - 1 : at]) and _is_joined(text[at + 1 : at + 2]):
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def _is_joined(letter: str) -> bool:
    return bool(letter) and not letter.isascii() and letter.isprintable()
