"""Pictures on disk, the numbers behind them beside."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import CannotWrite, InvalidInput, unknown_name
from sat_nb.files import written_whole
from sat_nb.plots.style import numbers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What would change from one run to the next is left out of each format.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
FIGURE_FORMATS = tuple(_METADATA)
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "sat_nb", "pdf.fonttype": 42}


def save_figure(
    picture: Axes | Figure,
    path: str | os.PathLike[str],
    *,
    data: pd.DataFrame | None = None,
    formats: Sequence[str] = FIGURE_FORMATS,
    dpi: float = 300,
) -> list[Path]:
    """Write a picture as SVG, PDF and PNG, and the numbers behind it as CSV.

    All files are written, or none: every format is drawn before the first file changes, and each
    file is then put in place whole. Text stays text in SVG and PDF; the same picture gives the
    same bytes, without dates.

    Parameters
    ----------
    picture: axes or a figure; of axes the whole figure is written.
    path: of the files, without extension; folders are made where they are missing.
    data: the numbers; by default those that the ``plot_`` functions drew. Several panels with
        numbers of their own are told apart by a column ``panel``, from 1.
    formats: some of "svg", "pdf", "png".
    dpi: pixels an inch of the PNG.

    Returns the files. Raises InvalidInput for a format that is not known, and where a picture of
    other origin comes without ``data``; CannotWrite where the disk is full or not writable.
    """
    figure = _figure_of(picture)
    for name in [formats] if isinstance(formats, str) else formats:
        if name not in _METADATA:
            raise unknown_name("formats", name, FIGURE_FORMATS)
    formats = [formats] if isinstance(formats, str) else list(formats)
    numbers = _numbers(figure) if data is None else data
    contents = {name: drawn(figure, name, dpi) for name in formats}
    contents["csv"] = numbers.to_csv(index=False, float_format="%.10g").encode()
    return _write_all(Path(path), contents)


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
    frames = numbers_of(figure.axes)
    if not frames:
        raise InvalidInput(
            "data: the picture holds no numbers of a plot_ function of sat_nb; give the numbers "
            "behind it, data=DataFrame(...)."
        )
    if len(frames) == 1:
        return frames[0]
    numbered = [frame.assign(panel=i) for i, frame in enumerate(frames, 1)]
    return pd.concat([f[["panel", *f.columns[:-1]]] for f in numbered], ignore_index=True)


def drawn(figure: Figure, name: str, dpi: float) -> bytes:
    """A figure as a file of that format: the same picture gives the same bytes."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(buffer, format=name, dpi=dpi, metadata=_METADATA[name])
    return buffer.getvalue()


def _write_all(path: Path, contents: dict[str, bytes]) -> list[Path]:
    """Every content lies complete beside its place before the first is moved there."""
    files = {name: path.with_name(f"{path.name}.{name}") for name in contents}
    folders = [file for file in files.values() if file.is_dir()]
    if folders:
        raise CannotWrite(f"path: {folders[0]} is a folder; give another name, or remove it.")
    try:
        with ExitStack() as stack:
            parts = {name: stack.enter_context(written_whole(files[name])) for name in contents}
            for name, content in contents.items():
                parts[name].write_bytes(content)
    except OSError as error:
        raise CannotWrite(f"path: {path} cannot be written ({error}).") from error
    return list(files.values())
