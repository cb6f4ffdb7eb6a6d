"""What a notebook shows where no kernel runs: a picture and its table, without any widget."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sat_nb.errors import SatError
from sat_nb.widgets.grid import page_of, table_html
from sat_nb.widgets.pictures import data_uri, png_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def static_html(
    title: str, table: Callable[[], pd.DataFrame], figure: Callable[[], Figure], page: int
) -> dict[str, Any]:
    """``text/html``, and ``image/png`` where there is a picture."""
    bundle: dict[str, Any] = {}
    parts = [f"<p>{html.escape(title)}</p>"]
    try:
        found = table()
        rows, page, pages = page_of(found, page)
        png = _picture(figure)
        if png is not None:
            bundle["image/png"] = base64.b64encode(png).decode("ascii")
            uri = data_uri(png, "image/png")
            parts.append(f'<img style="max-width: 100%" alt="{html.escape(title)}" src="{uri}">')
        parts.append(table_html(rows))
        if pages > 1:
            parts.append(f"<p>page {page + 1} of {pages}, {len(found)} rows</p>")
    except SatError as error:
        parts.append(f"<p>{html.escape(str(error))}</p>")
    return {**bundle, "text/html": f'<div class="sat-static">{"".join(parts)}</div>'}


def _picture(figure: Callable[[], Figure]) -> bytes | None:
    """None for a view without a picture, or one that lacks photos."""
    try:
        return png_of(figure(), dpi=110)
    except SatError:
        return None
