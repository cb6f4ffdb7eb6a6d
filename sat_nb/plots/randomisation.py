"""What is left of maps and rankings when a model's weights are randomised from the top?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.style import BARS, FAINT, INK, MARKERS, QUIET, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("measure", "method", "depth", "layer", "similarity", "low", "high", "noise")


def plot_randomisation(
    result: pd.DataFrame, *, figure: Figure | None = None, titles: dict[str, str] | None = None
) -> Figure:
    """Draw the similarity with the trained model's own, against how many layers are random.

    A panel a measure, a line a method, from the trained model (1) to the model that is random
    down to the named layer; at the right how alike the trained model's are to noise.

    Parameters
    ----------
    result: the frame ``randomisation`` of ``reproduction.does_it_hold``: ``measure``, ``method``,
        ``depth``, ``layer``, ``similarity``, ``low``, ``high``, ``noise``.
    figure: to draw on; a new one by default.
    titles: {measure: title of its panel}; by default its name.

    Returns the figure.
    """
    style.need_columns(result, COLUMNS, "result", f"a frame with {', '.join(COLUMNS)}")
    panels = list(dict.fromkeys(result["measure"]))
    figure = style.figure_or_new(figure, style.PAGE, 3.6)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, measure in zip(axes, panels, strict=True):
        _draw_panel(ax, result[result["measure"] == measure])
        ax.set_title((titles or {}).get(measure, measure), fontsize=TEXT, color=INK, loc="left")
    axes[0].set_ylabel("similarity with the trained model's", fontsize=TEXT, color=INK)
    figure.supxlabel("random from the output down to", fontsize=TEXT, color=INK)
    style.legend_above(figure, axes[0])
    style.keep_numbers(axes[0], result)
    return figure


def _draw_panel(ax: Axes, rows: pd.DataFrame) -> None:
    layers = rows.drop_duplicates("depth").sort_values("depth")
    places = {depth: x for x, depth in enumerate(layers["depth"], 1)}
    last = len(places) + 1
    methods = list(dict.fromkeys(rows["method"]))
    for m, method in enumerate(methods):
        own = rows[rows["method"] == method].sort_values("depth")
        aside = 0.09 * (m - (len(methods) - 1) / 2)
        colour, marker = BARS[m % len(BARS)], MARKERS[m % len(MARKERS)]
        ends = [own["similarity"] - own["low"], own["high"] - own["similarity"]]
        ax.errorbar(
            np.array([0, *own["depth"].map(places)]) + aside,
            [1.0, *own["similarity"]],
            yerr=[[0.0, *end] for end in ends],
            color=colour,
            marker=marker,
            linewidth=1.2,
            markersize=4,
            elinewidth=0.8,
            label=style.short(method),
        )
        ax.plot(last + aside, own["noise"].iloc[0], marker, color=colour, markersize=4, mfc="white")
    ax.axhline(0, color=INK, linewidth=0.8, zorder=1)
    ax.axvline(last - 0.5, color=QUIET, linewidth=0.8, linestyle=":")
    names = ["nothing", *map(style.short, layers["layer"]), "(noise)"]
    ax.set_xticks(range(last + 1), names, rotation=45, ha="right", fontsize=SMALL, **style.PLAIN)
    style.frame_lightly(ax, rows=False)
    ax.grid(axis="y", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
