"""What a notebook shows where no kernel runs: a picture and its table, without any widget."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

from sat_nb.errors import SatError
from sat_nb.widgets.grid import page_of, table_html
from sat_nb.widgets.pictures import data_uri, png_of
from sat_nb.widgets.views import VIEWS

if TYPE_CHECKING:
    from sat_nb.widgets.explorer import Explorer


def static_html(explorer: Explorer) -> dict[str, Any]:
    """``text/html``, ``image/png`` where the view has a picture, and ``text/plain``."""
    state = explorer.state
    title = f"{VIEWS[state.view].title}: {VIEWS[state.view].about}"
    bundle: dict[str, Any] = {"text/plain": repr(explorer)}
    parts = [f"<p>{html.escape(title)}</p>"]
    try:
        table = explorer.table()
        rows, page, pages = page_of(table, state.page)
        png = _picture(explorer)
        if png is not None:
            bundle["image/png"] = base64.b64encode(png).decode("ascii")
            uri = data_uri(png, "image/png")
            parts.append(f'<img style="max-width: 100%" alt="{html.escape(title)}" src="{uri}">')
        parts.append(table_html(rows))
        if pages > 1:
            parts.append(f"<p>page {page + 1} of {pages}, {len(table)} rows</p>")
    except SatError as error:
        parts.append(f"<p>{html.escape(str(error))}</p>")
    return {**bundle, "text/html": f'<div class="sat-static">{"".join(parts)}</div>'}


def _picture(explorer: Explorer) -> bytes | None:
    """None for a view without a picture, or one that lacks photos."""
    try:
        return png_of(explorer.figure(), dpi=110)
    except SatError:
        return None
