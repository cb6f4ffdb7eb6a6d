"""How many images does a ranking need?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.style import BARS, FAINT, INK, MARKERS, QUIET, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("method", "n_images", "tau", "low", "high")


def plot_ranking_stability(
    result: pd.DataFrame, *, ax: Axes | None = None, enough: float = 0.9
) -> Axes:
    """Draw how alike the rankings of two samples are, against the samples' size.

    A line a method, with the range of the single pairs of samples; a dotted line at the tau that
    is called stable.

    Parameters
    ----------
    result: from ``ranking_stability``: ``method``, ``n_images``, ``tau``, ``low``, ``high``.
    ax: axes to draw on; a new figure by default.
    enough: where the dotted line is drawn.

    >>> from sat_nb.toy import toy
    >>> ax = plot_ranking_stability(ranking_stability(build(*toy()), n_repeats=50))
    >>> [line.get_label() for line in ax.containers]
    ['sharp', 'noisy']
    """
    origin = f"what sat_nb.ranking_stability returns, with {', '.join(COLUMNS)}"
    style.need_columns(result, COLUMNS, "result", origin)
    methods = list(dict.fromkeys(result["method"]))
    ax = style.axes_or_new(ax, style.PAGE * 0.7, 2.9 + style.LINE_INCHES * (len(methods) // 3))
    for m, method in enumerate(methods):
        rows = result[result["method"] == method].sort_values("n_images")
        aside = 1.02 ** (m - (len(methods) - 1) / 2)  # whiskers of several methods side by side
        ends = [(rows["tau"] - rows["low"]).clip(0), (rows["high"] - rows["tau"]).clip(0)]
        ax.errorbar(
            rows["n_images"] * aside,
            rows["tau"],
            yerr=ends,
            color=BARS[m % len(BARS)],
            marker=MARKERS[m % len(MARKERS)],
            linewidth=1.2,
            markersize=4,
            elinewidth=0.6,
            label=style.short(method),
        )
    ax.axhline(enough, color=QUIET, linewidth=0.8, linestyle=":", gid="enough")
    _finish(ax, np.unique(result["n_images"]), methods)
    style.keep_numbers(ax, result)
    return ax


def _finish(ax: Axes, sizes: np.ndarray, methods: list[str]) -> None:
    style.frame_lightly(ax, rows=False)
    ax.grid(axis="y", color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{n:g}" for n in sizes], fontsize=SMALL)
    ax.minorticks_off()
    ax.set_ylim(top=1.03)
    ax.set_xlabel("images in each of two separate samples", fontsize=TEXT, color=INK)
    ax.set_ylabel("Kendall's tau of their rankings", fontsize=TEXT, color=INK)
    columns = style.legend_columns(methods, style.size_of(ax)[0])
    style.legend_of(
        ax, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=min(columns, 3), borderaxespad=0.2
    )
