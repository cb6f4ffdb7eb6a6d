"""How far a ranking moves: with other images, and with other masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.style import PLAIN, SMALL, TEXT
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OF_STABILITY = ("method", "n_images", "tau", "low", "high")
OF_SENSITIVITY = ("change", "amount", "unit", "method", "tau", "low", "high")


# --- other images ---------------------------------------------------------------------------------


def plot_ranking_stability(
    result: pd.DataFrame, *, ax: Axes | None = None, enough: float = 0.9
) -> Axes:
    """Draw how similar the rankings of two separate samples of images are, by their size.

    Each method is a line; whiskers are the range over the pairs of samples. A dotted line marks
    the tau from which a ranking counts as stable.

    Parameters
    ----------
    result : DataFrame
        The result of ``ranking_stability``: ``method``, ``n_images``, ``tau``, ``low``, ``high``.
    ax : Axes, optional
        Axes to draw on; a new figure by default.
    enough : float, default 0.9
        Where to draw the dotted line.

    Returns
    -------
    Axes
        The axes; 1 means that both samples give the same ranking.

    Raises
    ------
    InvalidInput
        For missing columns.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_ranking_stability(ranking_stability(build(*toy()), n_repeats=50))
    >>> [line.get_label() for line in ax.containers]
    ['sharp', 'noisy']
    """
    origin = f"the result of sat_nb.ranking_stability, with {', '.join(OF_STABILITY)}"
    need_columns(result, OF_STABILITY, "result", origin)
    methods = list(dict.fromkeys(result["method"]))
    ax = style.axes_or_new(ax, style.PAGE * 0.7, 2.9 + style.LINE_INCHES * (len(methods) // 3))
    colours, labels = style.inside(ax), style.legend_texts(methods)
    for m, method in enumerate(methods):
        rows = result[result["method"] == method].sort_values("n_images")
        # The axis is logarithmic: a factor sets the whiskers of several methods side by side.
        aside = 1.02 ** (m - (len(methods) - 1) / 2)
        ends = [(rows["tau"] - rows["low"]).clip(0), (rows["high"] - rows["tau"]).clip(0)]
        ax.errorbar(
            rows["n_images"] * aside,
            rows["tau"],
            yerr=ends,
            color=colours.bars[m % len(colours.bars)],
            linestyle="-",
            marker=style.MARKERS[style.nth_of(m)],
            linewidth=1.2,
            markersize=4,
            elinewidth=0.6,
            label=labels[m],
        )
    ax.axhline(enough, color=colours.quiet, linewidth=0.8, linestyle=":", gid="enough")
    _finish_stability(ax, np.unique(result["n_images"]), labels)
    style.keep_numbers(ax, result)
    return ax


def _finish_stability(ax: Axes, sizes: np.ndarray, labels: list[str]) -> None:
    style.frame_lightly(ax, rows=False)
    ax.grid(axis="y", color=style.inside(ax).faint, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{n:g}" for n in sizes], fontsize=SMALL, **PLAIN)
    ax.minorticks_off()
    ax.set_ylim(top=1.03)
    words: dict[str, Any] = {"fontsize": TEXT, "color": style.around(ax).ink, **PLAIN}
    ax.set_xlabel("images in each of two separate samples", **words)
    ax.set_ylabel("Kendall's tau of their rankings", **words)
    columns = style.legend_columns(labels, style.size_of(ax)[0])
    style.legend_of(
        ax, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=min(columns, 3), borderaxespad=0.2
    )


# --- other masks ----------------------------------------------------------------------------------


def plot_mask_sensitivity(result: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far a ranking moves when the masks change: Kendall's tau with its interval.

    Each change and amount has a row, each method a colour.

    Parameters
    ----------
    result : DataFrame
        The result of ``mask_sensitivity``: ``change``, ``amount``, ``unit``, ``method``, ``tau``,
        ``low``, ``high``.
    ax : Axes, optional
        Axes to draw on; a new figure by default.

    Returns
    -------
    Axes
        The axes; 1, at the dotted line, means that the ranking does not move.

    Raises
    ------
    InvalidInput
        For missing columns.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> ax = plot_mask_sensitivity(mask_sensitivity(*toy(6), changes={"pad": [2]}, progress=False))
    >>> [name.get_text() for name in ax.get_yticklabels()]
    ['pad 2 px']
    """
    origin = f"the result of sat_nb.mask_sensitivity, with {', '.join(OF_SENSITIVITY)}"
    need_columns(result, OF_SENSITIVITY, "result", origin)
    labels = [
        _label(*key) for key in zip(result["change"], result["amount"], result["unit"], strict=True)
    ]
    lines = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    methods = list(dict.fromkeys(result["method"]))
    ax = style.axes_or_new(ax, 6.5, 1.0 + 0.3 * len(lines) * max(1.0, 0.5 * len(methods)))
    step, colours, names = 0.7 / len(methods), style.inside(ax), style.legend_texts(methods)
    for m, method in enumerate(methods):
        rows = result[result["method"] == method]
        own = [label for label, of in zip(labels, result["method"], strict=True) if of == method]
        heights = [lines[label] + step * (m - (len(methods) - 1) / 2) for label in own]
        colour = colours.bars[m % len(colours.bars)]
        ax.hlines(heights, rows["low"], rows["high"], color=colour, linewidth=1.6)
        ax.plot(rows["tau"], heights, "o", color=colour, markersize=5, label=names[m])
    ax.axvline(1.0, color=colours.quiet, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(lines)), style.shorts(lines, 60), **PLAIN)
    ax.invert_yaxis()
    ax.set_xlabel("Kendall's tau with the ranking of the unchanged masks", **PLAIN)
    ax.spines[["top", "right"]].set_visible(False)
    style.keep_legible(ax)
    style.legend_of(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4, fontsize=9)
    style.keep_numbers(ax, result)
    return ax


def _label(change: str, amount: float, unit: str) -> str:
    """What was done and how much of it: "pad 4 px", "dropped 10 %"."""
    if pd.isna(amount):
        return change
    return f"{change} {amount:.0%}" if unit == "share" else f"{change} {amount:g} {unit}"
