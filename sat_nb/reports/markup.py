"""The parts of a page as HTML, in which every text is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NewType

import pandas as pd

from sat_nb.printable import escaped
from sat_nb.widgets.markup import data_uri, released, svg_of, table_html

Html = NewType("Html", str)
"""Markup whose texts are escaped; sections return it."""


def paragraph(text: str) -> Html:
    """A paragraph.

    >>> paragraph("<eyes>")
    '<p>&lt;eyes&gt;</p>'
    """
    return Html(f"<p>{escaped(text)}</p>")


def bullets(texts: Iterable[str]) -> Html:
    """A list; nothing if there are no texts."""
    items = "".join(f"<li>{escaped(text)}</li>" for text in texts)
    return Html(f"<ul>{items}</ul>" if items else "")


def numbers(table: pd.DataFrame) -> Html:
    """A table."""
    return Html(f'<div class="scroll">{table_html(table)}</div>')


def code(text: str) -> Html:
    """Lines to copy."""
    return Html(f"<pre>{escaped(text)}</pre>")


def drawn(draw: Callable[[], Any], description: str, *, themed: bool = True) -> Html:
    """What a function of ``sat_nb.plots`` draws, which has a title of its own.

    ``description`` is for screen readers. The colours follow the page; a figure with shades of
    its own is not ``themed`` and stands on white.
    """
    svg = svg_of(released(draw()), description, themed=themed, salt="report")
    white = "" if themed else ' class="white"'
    return Html(f"<figure{white}>{svg}</figure>")


def photo(jpeg: bytes, caption: str) -> Html:
    """A photo with its caption."""
    text = escaped(caption)
    picture = f'<img src="{data_uri(jpeg, "image/jpeg")}" alt="{text}">'
    return Html(f"<figure>{picture}<figcaption>{text}</figcaption></figure>")


def side_by_side(parts: Sequence[Html]) -> Html:
    """Figures beside each other, as many as the page is wide for."""
    return Html(f'<div class="figures">{"".join(parts)}</div>')


def one_below_another(parts: Sequence[Html]) -> Html:
    """Figures that need the width of the page."""
    return Html(f'<div class="figures wide">{"".join(parts)}</div>')
