"""Bars, dots, lines and cells, which seaborn draws, and the whiskers of intervals.

seaborn resamples the data for every interval that it draws. Results bring their own, so seaborn
is never asked for one (``errorbar=None``), and whiskers end where the result says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sat_nb.arrays import Float64
from sat_nb.plots.names import PLAIN
from sat_nb.plots.palette import best_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.container import BarContainer
    from matplotlib.lines import Line2D

# For every line without a format: the user's ``axes.prop_cycle`` may have markers and dashes.
LINE: dict[str, Any] = {"linestyle": "-", "marker": "None"}


def draw_bars(
    ax: Axes, values: Float64, colours: Sequence[Any], *, thickness: float
) -> list[BarContainer]:
    """Draw ``values`` (rows, series) as bars from 0, row by row downwards; return each series.

    The series of a row share its ``thickness``. What is NaN has a bar of length 0. seaborn asks
    pandas for the mean of each bar: about 0.7 ms a bar, more than drawing it takes.
    """
    import seaborn as sns

    n_rows, n_series = values.shape
    before = len(ax.containers)
    with _labelled(ax):
        sns.barplot(
            x=np.nan_to_num(values).T.ravel(),
            y=np.tile(np.arange(n_rows), n_series),
            hue=np.repeat(np.arange(n_series), n_rows),
            palette=list(colours),
            dodge=True,
            width=thickness,
            orient="h",
            native_scale=True,
            errorbar=None,
            saturation=1,
            legend=False,
            ax=ax,
        )
    return list(ax.containers[before:])  # type: ignore[arg-type]


def draw_dots(
    ax: Axes,
    x: ArrayLike,
    y: ArrayLike,
    colours: Sequence[Any],
    *,
    edges: Any,
    markers: Sequence[str],
    points: float,
    **options: Any,
) -> PathCollection:
    """Draw dots that are ``points`` wide, each in its colour, edged in ``edges``.

    ``markers`` has one marker for all of them, or one for each.
    """
    import seaborn as sns

    across, down = np.asarray(x, float), np.asarray(y, float)
    there = ~np.isnan(across + down)  # seaborn leaves the others out, but not their colours
    colours, edges, markers = (_only(there, each) for each in (colours, edges, markers))
    kinds = list(dict.fromkeys(markers))
    several: dict[str, Any] = {"style": list(markers), "markers": {kind: kind for kind in kinds}}
    before = len(ax.collections)
    with _labelled(ax):
        sns.scatterplot(
            x=across[there],
            y=down[there],
            s=points**2,
            legend=False,
            ax=ax,
            **(several if len(kinds) > 1 else {"marker": kinds[0] if kinds else "o"}),
            **{"linewidth": 0.4, "zorder": 4, **options},
        )
    dots = ax.collections[before:]
    for drawn in dots:  # none where nothing is there
        drawn.set(facecolor=colours, edgecolor=edges)
    return dots[0] if dots else ax.scatter([], [])  # type: ignore[return-value]


def _only(there: NDArray[np.bool_], each: Any) -> Any:
    """What is given for each dot, of those that are there; one thing for all stays as it is."""
    if isinstance(each, str):
        return each
    return [one for one, own in zip(each, there, strict=True) if own]


def draw_lines(
    ax: Axes,
    points: pd.DataFrame,
    colours: Sequence[Any],
    *,
    markers: Sequence[str],
    labels: Sequence[str],
    paper: str,
    dashes: Sequence[Any] | None = None,
) -> list[Line2D]:
    """Draw the lines of a frame with ``series``, numbered from 0, ``x`` and ``y``; return them.

    ``paper``, the background, sets their markers apart.
    """
    import seaborn as sns

    series = sorted(points["series"].unique())
    before = len(ax.lines)
    sns.lineplot(
        points,
        x="x",
        y="y",
        hue="series",
        style="series",
        hue_order=series,
        style_order=series,
        palette=[colours[s] for s in series],
        markers={s: markers[s] for s in series},
        dashes={s: dashes[s] for s in series} if dashes else False,
        estimator=None,
        errorbar=None,
        legend=False,
        ax=ax,
        linewidth=1.2,
        markersize=6.0,
        markeredgewidth=0.5,
        markeredgecolor=paper,
    )
    lines = list(ax.lines[before:])
    for line, s in zip(lines, series, strict=True):
        line.set_label(labels[s])
    return lines


def draw_cells(
    ax: Axes, values: Float64, colours: Colormap | str, *, texts: Any = None, **options: Any
) -> QuadMesh:
    """Draw values (rows, columns) as cells, first row on top, with ``texts`` that read on them.

    The middle of the first cell is at (0.5, 0.5). What is NaN has no cell.
    """
    import seaborn as sns

    before, earlier = len(ax.texts), len(ax.collections)
    with _unseen(ax):
        sns.heatmap(
            values,
            cmap=colours,
            annot=False if texts is None else np.asarray(texts, object),
            fmt="",
            annot_kws=PLAIN,
            xticklabels=False,
            yticklabels=False,
            cbar=False,
            ax=ax,
            **options,
        )
    (mesh,) = ax.collections[earlier:]
    mesh.update_scalarmappable()  # its colours, as drawing it would
    shades = np.asarray(mesh.get_facecolor())[~np.isnan(values).ravel()]
    if texts is not None:
        for text, shade in zip(ax.texts[before:], shades, strict=True):
            text.set(color=best_on(shade), in_layout=False)  # they are within their cells
    ax.grid(False)
    return mesh  # type: ignore[return-value]


@contextmanager
def _labelled(ax: Axes) -> Iterator[None]:
    """seaborn lays out all ticks to see whether axes without a label should get an empty one."""
    before = {axis: axis.label.get_text() for axis in (ax.xaxis, ax.yaxis)}
    for axis in before:
        axis.label.set_text("there is one")
    try:
        yield
    finally:
        for axis, text in before.items():
            axis.label.set_text(text)


@contextmanager
def _unseen(ax: Axes) -> Iterator[None]:
    """seaborn draws the figure of a heatmap, to see which of its tick labels overlap.

    There are none; laying them out and drawing them takes longer than all the rest.
    """
    root = ax.get_figure(root=True)
    assert root is not None
    engine, visible = root.get_layout_engine(), ax.get_visible()
    root.set_layout_engine("none")
    ax.set_visible(False)
    try:
        yield
    finally:
        ax.set_visible(visible)
        root.set_layout_engine(engine or "none")


def draw_whiskers(
    ax: Axes,
    ends: pd.DataFrame,
    at: ArrayLike,
    colours: Any,
    *,
    along: str = "x",
    width: float = 1.0,
    cap: float = 1.8,
) -> None:
    """Draw an interval from ``low`` to ``high`` in each row of ``ends``, at these places.

    ``along`` is the axis that they lie along, ``cap`` half the width of their ends in points;
    intervals with a NaN are left out.
    """
    known = ends[["low", "high"]].notna().all(axis=1).to_numpy()
    low, high = ends.loc[known, ["low", "high"]].to_numpy(float).T
    places = np.asarray(at, float)[known]
    shades = [shade for shade, there in zip(colours, known, strict=True) if there]
    lines = ax.hlines if along == "x" else ax.vlines
    lines(places, low, high, colors=shades, linewidth=width, zorder=3, gid="whiskers")
    if not cap:
        return
    both, twice = np.concatenate([low, high]), np.concatenate([places, places])
    x, y = (both, twice) if along == "x" else (twice, both)
    form = {"marker": "|" if along == "x" else "_", "s": (2 * cap) ** 2, "linewidth": width}
    ax.scatter(x, y, c=[*shades, *shades], zorder=3, gid="caps", **form)  # type: ignore[arg-type]
