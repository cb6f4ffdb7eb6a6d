"""An explorer's results outside the live widget: saved files, and a page without a kernel."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from sat_nb.csv_files import csv_of
from sat_nb.errors import SatError
from sat_nb.files import written_whole
from sat_nb.printable import PLAIN_TEXT, escaped
from sat_nb.widgets.fields import button
from sat_nb.widgets.markup import data_uri, page_of, png_of, table_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}
MAX_LINK_BYTES = 4_000_000


class ExportBar:
    """Buttons that save what is shown as files, and one that shows its code.

    A file beside the notebook stays with the notebook. The link next to its path contains the
    file itself, for a kernel on another machine and for a page that Voilà serves.
    """

    def __init__(self, folder: str, code: Callable[[], str], save: Callable[[str], Path]) -> None:
        self._get_code, self._save_as = code, save
        self._message, self._code = widgets.HTML(), widgets.HTML()
        self._message.add_class("sat-saved")
        self._code.add_class("sat-code")
        tips = {"svg": "the figure as SVG", "png": "the figure as PNG", "csv": "the numbers as CSV"}
        self._save = {
            kind: button(
                f"Save {kind.upper()}",
                f"Write {tip} into the folder {folder!r}",
                f"sat-save-{kind}",
                partial(self._write, kind),
            )
            for kind, tip in tips.items()
        }
        self._show = widgets.ToggleButton(
            description="Code",
            tooltip="The lines of Python that make what is shown",
            layout={"width": "auto"},
        )
        self._show.add_class("sat-show-code")
        self._show.observe(lambda _: self._put_code(), "value")
        row = widgets.HBox([self._show, *self._save.values(), self._message])
        row.add_class("sat-foot")
        self.widget = widgets.VBox([row, self._code])

    def put(self, has_figure: bool) -> None:
        """Follow what is shown now."""
        for kind in ("svg", "png"):
            self._save[kind].disabled = not has_figure
        self._message.value = ""
        self._put_code()

    def _put_code(self) -> None:
        shown = self._show.value
        self._code.value = f"<pre>{html.escape(self._get_code())}</pre>" if shown else ""

    def _write(self, kind: str) -> None:
        try:
            self._message.value = _saved_html(self._save_as(kind), kind)
        except SatError as error:
            self._message.value = f'<span role="alert">{escaped(str(error))}</span>'


def save_new(
    folder: str | os.PathLike[str], name: str, kind: str, content: Figure | pd.DataFrame
) -> Path:
    """Write a figure or a table under a name that no file has yet, and return the path."""
    from sat_nb.plots.export import drawn

    data = (
        csv_of(content, float_format="%.10g")
        if isinstance(content, pd.DataFrame)
        else drawn(content, kind, 300)
    )
    path = _new_path(Path(folder), name, kind)
    with written_whole(path, "folder") as part:
        part.write_bytes(data)
    return path


def static_bundle(
    title: str, table: Callable[[], pd.DataFrame], figure: Callable[[], Figure], page: int
) -> dict[str, Any]:
    """What a notebook shows without a kernel: a figure, if there is one, and a page of the table.

    By media type: "text/html" and, of the figure, "image/png".
    """
    bundle: dict[str, Any] = {}
    parts = [f"<p>{escaped(title)}</p>"]
    try:
        found = table()
        rows, page, pages = page_of(found, page)
        png = _png_if_possible(figure)
        if png is not None:
            bundle["image/png"] = base64.b64encode(png).decode("ascii")
            uri = data_uri(png, "image/png")
            parts.append(f'<img style="max-width: 100%" alt="{escaped(title)}" src="{uri}">')
        parts.append(f'<div style="overflow-x: auto">{table_html(rows)}</div>')
        if pages > 1:
            parts.append(f"<p>page {page + 1} of {pages}, {len(found)} rows</p>")
    except SatError as error:
        parts.append(f"<p>{escaped(str(error))}</p>")
    return {**bundle, "text/html": f'<div class="sat-static {PLAIN_TEXT}">{"".join(parts)}</div>'}


def _saved_html(path: Path, kind: str) -> str:
    """Where a file was written, and a link that contains it."""
    name = escaped(str(path))
    content = path.read_bytes()
    link = ""
    if len(content) <= MAX_LINK_BYTES:
        uri, file = data_uri(content, MEDIA_TYPES[kind]), escaped(path.name)
        link = f' · <a download="{file}" href="{uri}">download {file}</a>'
    return f'<span role="status">Wrote <code>{name}</code>{link}</span>'


def _new_path(folder: Path, name: str, kind: str) -> Path:
    names = (f"{name}.{kind}", *(f"{name}-{i}.{kind}" for i in range(2, 10_000)))
    return next(folder / file for file in names if not (folder / file).exists())


def _png_if_possible(figure: Callable[[], Figure]) -> bytes | None:
    """None for a view without a figure, or one that lacks photos."""
    try:
        return png_of(figure(), dpi=110)
    except SatError:
        return None
