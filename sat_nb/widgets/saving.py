"""What is on the screen, in files beside the notebook.

Files rather than links alone: a picture that is kept belongs next to the notebook that it was
found with, in its three formats with the numbers behind it. Beside the path stands a link that
holds the file itself, for a kernel on another machine and for a page that Voilà serves.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import pandas as pd

from sat_nb.errors import CannotWrite, SatError
from sat_nb.files import written_whole
from sat_nb.widgets.fields import button
from sat_nb.widgets.pictures import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Foot:
    """Saving, and the code of what is shown."""

    def __init__(self, folder: str, code: Callable[[], str], save: Callable[[str], Path]) -> None:
        self._shown_code, self._saved = code, save
        self._said, self._text = widgets.HTML(), widgets.HTML()
        self._said.add_class("sat-saved")
        self._text.add_class("sat-code")
        tips = {"svg": "the picture as SVG", "png": "the picture as PNG", "csv": "the numbers"}
        self._save = {
            kind: button(
                f"Save {kind.upper()}",
                f"Write {tip} into the folder {folder!r}",
                f"sat-save-{kind}",
                partial(self._write, kind),
            )
            for kind, tip in tips.items()
        }
        self._code = widgets.ToggleButton(
            description="Code", tooltip="The Python lines that make this", layout={"width": "auto"}
        )
        self._code.add_class("sat-show-code")
        self._code.observe(lambda _: self._show_code(), "value")
        row = widgets.HBox([self._code, *self._save.values(), self._said])
        row.add_class("sat-foot")
        self.widget = widgets.VBox([row, self._text])

    def put(self, has_picture: bool) -> None:
        """Follow what is shown now."""
        for kind in ("svg", "png"):
            self._save[kind].disabled = not has_picture
        self._said.value = ""
        self._show_code()

    def _show_code(self) -> None:
        code = html.escape(self._shown_code())
        self._text.value = f"<pre>{code}</pre>" if self._code.value else ""

    def _write(self, kind: str) -> None:
        try:
            self._said.value = said(self._saved(kind), kind)
        except SatError as error:
            self._said.value = f'<span role="alert">{html.escape(str(error))}</span>'


KINDS = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv"}
LARGEST = 4_000_000  # bytes of a file that a link holds


def saved(
    folder: str | os.PathLike[str], name: str, kind: str, content: Figure | pd.DataFrame
) -> Path:
    """Write a picture or a table under a name that is not taken yet, and say where."""
    from sat_nb.plots.save import drawn

    data = (
        content.to_csv(index=False, float_format="%.10g").encode()
        if isinstance(content, pd.DataFrame)
        else drawn(content, kind, 300)
    )
    path = _free(Path(folder), name, kind)
    try:
        with written_whole(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise CannotWrite(f"folder: {path} cannot be written ({error}).") from error
    return path


def said(path: Path, kind: str) -> str:
    """Where a file was written, and a link that holds it, as HTML."""
    name = html.escape(str(path))
    content = path.read_bytes()
    link = ""
    if len(content) <= LARGEST:
        uri, file = data_uri(content, KINDS[kind]), html.escape(path.name)
        link = f' · <a download="{file}" href="{uri}">download {file}</a>'
    return f'<span role="status">Wrote <code>{name}</code>{link}</span>'


def _free(folder: Path, name: str, kind: str) -> Path:
    tried: Any = (f"{name}.{kind}", *(f"{name}-{i}.{kind}" for i in range(2, 10_000)))
    return next(folder / file for file in tried if not (folder / file).exists())
