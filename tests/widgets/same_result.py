"""Whether a view's ``code()``, with only the public names in reach, makes what the view shows."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

import sat_nb as sat
from sat_nb.plots.style import numbers_of
from sat_nb.widgets.markup import released
from sat_nb.widgets.snapshot import Snapshot

HIDDEN = ("__builtins__", "sat", "chosen")
"""Variables that the code does not make, or only selects."""


@dataclass
class Run:
    """What code has made: its variables, those of each panel, what it printed, and its figures."""

    variables: dict[str, Any]
    panels: list[dict[str, Any]]
    printed: list[Any]
    figures: list[Figure]


def run(code: str, given: Mapping[str, Any]) -> Run:
    """Run code that can import ``sat_nb`` alone, and of that only the public names."""
    facade = SimpleNamespace(**{name: getattr(sat, name) for name in sat.__all__})

    def imported(name: str, *arguments: Any) -> Any:
        if name != "sat_nb":
            raise ImportError(f"code() imports {name!r}; only sat_nb is in reach")
        return facade

    printed: list[Any] = []
    names = {**vars(builtins), "__import__": imported, "print": printed.append}
    variables: dict[str, Any] = {"__builtins__": names, **given}
    pyplot.close("all")
    panels = []
    for block in code.split("\n\n"):
        exec(compile(block, "code()", "exec"), variables)
        panels.append({k: v for k, v in variables.items() if k not in (*given, *HIDDEN)})
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close("all")
    return Run(panels[-1], panels, printed, figures)


def given_to(snapshot: Snapshot) -> dict[str, Any]:
    """What the code may use, by name."""
    data = snapshot.data
    given = {"images": data.images, "maps": data.maps, "segments": data.segments}
    return {"table": data.table, **{k: v for k, v in given.items() if v is not None}}


def assert_code_makes_the_same(snapshot: Snapshot) -> Run:
    """The code draws the figures that are shown, and its results hold the table's numbers."""
    made = run(snapshot.code(), given_to(snapshot))
    shown = figures_of(snapshot)
    assert len(made.figures) == len(shown)
    for own, theirs in zip(made.figures, shown, strict=True):
        assert_same_drawing(own, theirs)
    table = snapshot.table()
    if set(table.columns) <= {"image_id", "label", "predicted", "n_segments", "model", "method"}:
        ids = set(table["image_id"])  # photos: the code names those of the page
        assert any(set(map(str, p)) <= ids for p in [*made.printed, made.variables.get("ids", "")])
        return made
    wanted = set(numbers_in(table))
    assert wanted, "the table has no numbers to compare"
    assert wanted <= set(numbers_in(made)), "the code makes other numbers than the table has"
    return made


def figures_of(snapshot: Snapshot) -> list[Figure]:
    """A figure for each panel; none if the view has none, or lacks photos or maps for it."""
    draw = snapshot.view.draw
    found: list[Figure] = []
    with suppress(sat.SatError):
        for result in snapshot.results() if draw else []:
            assert draw is not None
            found.append(released(draw(result, snapshot.state, None)))
    return found


def assert_same_drawing(a: Figure, b: Figure) -> None:
    """Texts, lines, shapes, images and the numbers behind two figures are equal."""
    for one, other in zip(numbers_of(a.axes), numbers_of(b.axes), strict=True):
        pd.testing.assert_frame_equal(
            one.reset_index(drop=True), other.reset_index(drop=True), check_dtype=False
        )
    drawn, expected = list(drawn_on(a)), list(drawn_on(b))
    assert len(drawn) == len(expected)
    for (kind, content), (other_kind, other) in zip(drawn, expected, strict=True):
        assert kind == other_kind
        if isinstance(content, str):
            assert content == other
        else:
            np.testing.assert_allclose(content, other, rtol=1e-9, atol=1e-12)


def drawn_on(figure: Figure) -> Iterator[tuple[str, Any]]:
    """Everything drawn on a figure that has content: its kind, and a text or numbers."""
    for artist in figure.findobj():
        kind = type(artist).__name__
        if isinstance(artist, Text):
            yield kind, artist.get_text()
        elif isinstance(artist, Line2D):
            yield kind, np.asarray(artist.get_xydata(), dtype=float)
        elif isinstance(artist, Patch):
            shape = artist.get_path().transformed(artist.get_patch_transform())
            yield kind, np.asarray(shape.vertices, dtype=float)
        elif isinstance(artist, AxesImage):
            yield kind, np.ma.filled(np.ma.asarray(artist.get_array(), dtype=float), np.nan)
        elif isinstance(artist, Collection):
            yield kind, np.ma.filled(np.ma.asarray(artist.get_offsets(), dtype=float), np.nan)


def numbers_in(thing: Any) -> Iterator[float]:
    """All numbers in frames, series, arrays and the results of the public functions."""
    if isinstance(thing, Run):
        behind = [numbers_of(figure.axes) for figure in thing.figures]
        variables = [value for panel in thing.panels for value in panel.values()]
        yield from numbers_in([*variables, *thing.printed, behind])
    elif isinstance(thing, pd.DataFrame):
        yield from numbers_in([thing[column] for column in thing.columns])
    elif isinstance(thing, pd.Series):
        if pd.api.types.is_numeric_dtype(thing.dtype):
            yield from numbers_in(thing.to_numpy(dtype=float, na_value=np.nan))
    elif isinstance(thing, np.ndarray):
        for value in thing[np.isfinite(thing)] if thing.dtype.kind == "f" else ():
            yield float(f"{value:.9g}")
    elif isinstance(thing, float | np.floating):
        yield from numbers_in(np.array([thing], dtype=float))
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from numbers_in(part)
    elif is_dataclass(thing):
        yield from numbers_in([getattr(thing, f.name) for f in fields(thing)])
        if callable(getattr(thing, "pairs", None)):
            yield from numbers_in(thing.pairs())
