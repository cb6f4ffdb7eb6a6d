"""What goes into a paper: figures as files with their numbers beside them."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.csv_files import csv_of
from sat_nb.csv_files import spreadsheet_safe as as_safe
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import as_path, check_target, flush, written_whole
from sat_nb.plots.style import numbers_of
from sat_nb.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The same figure must give the same bytes, so that version control shows real changes only.
# Matplotlib would write the date and its own version, draw the ids of clip paths and markers in
# SVG at random (unless they are salted), and turn text into outlines; fonttype 42 keeps text as
# text in PDF.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
FIGURE_FORMATS = tuple(_METADATA)
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "sat_nb", "pdf.fonttype": 42}

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def save_figure(
    picture: Axes | Figure,
    path: str | os.PathLike[str],
    *,
    data: pd.DataFrame | None = None,
    formats: Sequence[str] = FIGURE_FORMATS,
    dpi: float = 300,
    spreadsheet_safe: bool = False,
) -> list[Path]:
    """Write a figure as SVG, PDF and PNG, and the numbers behind it as CSV.

    Either all files are written or none: every format is drawn before the first file changes, and
    each file is then put in place whole.

    Parameters
    ----------
    picture : Axes or Figure
        What to write; for axes, the whole figure that they belong to.
    path : str or path-like
        Path of the files without an extension; missing folders are created.
    data : DataFrame, optional
        The numbers for the CSV; by default those that the ``plot_`` functions drew. If several
        panels have numbers, the columns ``panel``, counted from 1, and ``panel_title``, the title
        above the panel, tell them apart.
    formats : sequence of str, default ("svg", "pdf", "png")
        The formats to write.
    dpi : float, default 300
        Pixels per inch of the PNG.
    spreadsheet_safe : bool, default False
        Whether names in the CSV that a spreadsheet would run as a formula get an apostrophe in
        front, see ``spreadsheet_safe``.

    Returns
    -------
    list of Path
        The files written, the CSV last.

    Raises
    ------
    InvalidInput
        For an unknown format, and for a figure that no ``plot_`` function drew if ``data`` is not
        given.
    CannotWrite
        If the disk is full or the folder is not writable.

    Notes
    -----
    Text stays text in SVG and PDF. The same figure gives the same bytes, without a date.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb.toy import toy
    >>> ax = plot_segments(aggregate(build(*toy())))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [file.name for file in save_figure(ax, f"{folder}/segments", formats=["png"])]
    ['segments.png', 'segments.csv']
    """
    figure = _figure_of(picture)
    for name in [formats] if isinstance(formats, str) else formats:
        if name not in _METADATA:
            raise unknown_name("formats", name, FIGURE_FORMATS)
    formats = [formats] if isinstance(formats, str) else list(formats)
    files = {name: _file(as_path(path), name) for name in [*formats, "csv"]}
    for file in files.values():
        check_target(file, "path")
    numbers = _numbers(figure) if data is None else data
    contents = {name: drawn(figure, name, dpi) for name in formats}
    numbers = as_safe(numbers) if spreadsheet_safe else numbers
    contents["csv"] = csv_of(numbers, float_format="%.10g")
    return _write_all(files, contents)


def _figure_of(picture: Any) -> Any:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(picture, Axes):
        picture = picture.get_figure(root=True)
    if not isinstance(picture, Figure):
        raise InvalidInput(
            f"picture: expected matplotlib axes or a figure, got {type(picture).__name__}."
        )
    return picture


def _numbers(figure: Figure) -> pd.DataFrame:
    found = [(ax, frame) for ax in figure.axes for frame in numbers_of([ax])]
    if not found:
        raise InvalidInput(
            "data: no plot_ function of sat_nb drew this figure, so its numbers are unknown; give "
            "them as data=DataFrame(...)."
        )
    if len(found) == 1:
        return found[0][1]
    numbered = [
        frame.assign(panel=i, panel_title=_title_above(ax))[["panel", "panel_title", *frame]]
        for i, (ax, frame) in enumerate(found, 1)
    ]
    return pd.concat(numbered, ignore_index=True)


def _title_above(ax: Axes) -> str:
    """The titles of axes and, in front, of the part of the figure that they stand in."""
    part = ax.get_figure(root=False)
    titles = [ax.get_title(loc=loc) for loc in ("left", "center", "right")]
    parts = ["" if part is None else part.get_suptitle(), *titles]
    return " · ".join(" ".join(text.split()) for text in parts if text.strip())


def drawn(figure: Figure, name: str, dpi: float) -> bytes:
    """The content of a file of that format; the same figure gives the same bytes."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(buffer, format=name, dpi=dpi, metadata=_METADATA[name])
    content = buffer.getvalue()
    return well_formed(content.decode("utf-8")).encode("utf-8") if name == "svg" else content


def well_formed(xml: str) -> str:
    r"""An SVG with escapes for characters that XML does not have; Matplotlib writes them as such.

    >>> print(well_formed("<text>eye\x07</text>"))
    <text>eye\x07</text>
    """
    return _NOT_IN_XML.sub(lambda found: printable(found[0]), xml)


def _file(path: Path, kind: str) -> Path:
    return path.parent / f"{path.name}.{kind}"


def _write_all(files: dict[str, Path], contents: dict[str, bytes]) -> list[Path]:
    """Write every file beside its place; then, when all are complete, move them there."""
    with ExitStack() as stack:
        parts = {name: stack.enter_context(written_whole(files[name])) for name in contents}
        for name, content in contents.items():
            parts[name].write_bytes(content)
            flush(parts[name])
    return list(files.values())
