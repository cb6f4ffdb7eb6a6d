"""Do ranks say what deleting a segment does?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.style import BARS, FAINT, INK, MARKERS, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("deletion", "measured", "method", "tau", "low", "high")


def plot_deletion(
    result: pd.DataFrame, *, figure: Figure | None = None, titles: dict[str, str] | None = None
) -> Figure:
    """Draw how far ranks agree with the effects of deleting segments, a row a method.

    A panel for each way in which the effect is measured, a colour and marker for each way to
    delete; lines are the intervals.

    Parameters
    ----------
    result: the frame ``deletion`` of ``reproduction.does_it_hold``: ``deletion``, ``measured``,
        ``method``, ``tau`` (mean over images), ``low``, ``high``.
    figure: to draw on; a new one by default.
    titles: {measured: title of its panel}; by default its name.

    Returns the figure.
    """
    style.need_columns(result, COLUMNS, "result", f"a frame with {', '.join(COLUMNS)}")
    panels = list(dict.fromkeys(result["measured"]))
    methods = list(dict.fromkeys(result["method"]))
    height = 1.1 + 0.3 * len(methods)
    figure = style.figure_or_new(figure, style.PAGE, height)
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, measured in zip(axes, panels, strict=True):
        _draw_panel(ax, result[result["measured"] == measured], methods)
        ax.set_title((titles or {}).get(measured, measured), fontsize=TEXT, color=INK, loc="left")
    axes[0].set_ylim(len(methods) - 0.4, -0.6)
    axes[0].set_yticks(range(len(methods)), map(style.short, methods), fontsize=TEXT, **style.PLAIN)
    figure.supxlabel(
        "Kendall's tau between ranks and effects, mean over images", fontsize=TEXT, color=INK
    )
    style.legend_above(figure, axes[0])
    style.keep_numbers(axes[0], result)
    return figure


def _draw_panel(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    style.frame_lightly(ax)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
    deletions = list(dict.fromkeys(rows["deletion"]))
    for d, deletion in enumerate(deletions):
        own = rows[rows["deletion"] == deletion]
        aside = 0.22 * (d - (len(deletions) - 1) / 2)
        heights = [methods.index(method) + aside for method in own["method"]]
        ax.errorbar(
            own["tau"],
            heights,
            xerr=[own["tau"] - own["low"], own["high"] - own["tau"]],
            fmt=MARKERS[d % len(MARKERS)],
            color=BARS[d % len(BARS)],
            markersize=3.5,
            elinewidth=1.1,
            label=style.short(deletion),
        )
