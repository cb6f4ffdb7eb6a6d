"""How far a ranking moves: with other images, and with other masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sat_nb.plots import style
from sat_nb.plots.marks import draw_dots, draw_lines, draw_whiskers
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
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['sharp', 'noisy']
    """
    origin = f"the result of sat_nb.ranking_stability, with {', '.join(OF_STABILITY)}"
    need_columns(result, OF_STABILITY, "result", origin)
    methods = list(dict.fromkeys(result["method"]))
    ax = style.axes_or_new(ax, style.SHARED, 2.9 + style.LINE_INCHES * (len(methods) // 3))
    colours, labels = style.inside(ax), style.legend_texts(methods)
    shades, markers = style.series_forms(ax, len(methods))
    series = result["method"].map({method: m for m, method in enumerate(methods)})
    # The axis is logarithmic: a factor sets the whiskers of several methods side by side.
    aside = 1.02 ** (series - (len(methods) - 1) / 2)
    points = pd.DataFrame({"series": series, "x": result["n_images"] * aside, "y": result["tau"]})
    of_each = [shades[m] for m in series]
    draw_whiskers(ax, result, points["x"], of_each, along="y", width=0.6, cap=0)
    lines = draw_lines(ax, points, shades, markers=markers, labels=labels, paper=colours.paper)
    ax.axhline(enough, color=colours.quiet, linewidth=0.8, linestyle=":", gid="enough")
    _finish_stability(ax, np.unique(result["n_images"]), lines)
    style.keep_numbers(ax, result)
    return ax


def _finish_stability(ax: Axes, sizes: np.ndarray, lines: list[Any]) -> None:
    style.frame_lightly(ax, rows=False)
    style.draw_grid(ax, "y")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{n:g}" for n in sizes], fontsize=SMALL, **PLAIN)
    ax.minorticks_off()
    ax.set_ylim(top=1.03)
    words: dict[str, Any] = {"fontsize": TEXT, "color": style.around(ax).ink, **PLAIN}
    ax.set_xlabel("images in each of two separate samples", **words)
    ax.set_ylabel("Kendall's tau of their rankings", **words)
    columns = style.legend_columns([line.get_label() for line in lines], style.size_of(ax)[0])
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "borderaxespad": 0.2}
    style.legend_of(ax, handles=lines, ncols=min(columns, 3), **place)


# --- other masks ----------------------------------------------------------------------------------


def plot_mask_sensitivity(result: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how far a ranking moves when the masks change: Kendall's tau with its interval.

    Each change and amount has a row, each method a colour and a marker.

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
    colours = style.inside(ax)
    shades, markers = style.series_forms(ax, len(methods))
    series = [methods.index(method) for method in result["method"]]
    step, middle = 0.7 / len(methods), (len(methods) - 1) / 2
    heights = [lines[label] + step * (m - middle) for label, m in zip(labels, series, strict=True)]
    own = [shades[m] for m in series]
    draw_whiskers(ax, result, heights, own, width=1.6, cap=0)
    kinds = [markers[m] for m in series]
    draw_dots(
        ax, result["tau"], heights, own, markers=kinds, edges=colours.paper, points=5.5, gid="tau"
    )
    ax.axvline(1.0, color=colours.quiet, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(lines)), style.shorts(lines, 60), **PLAIN)
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.set_xlabel("Kendall's tau with the ranking of the unchanged masks", **PLAIN)
    ax.spines[["top", "right"]].set_visible(False)
    style.keep_legible(ax)
    texts, handles = style.legend_texts(methods), style.keys_of(shades, markers)
    columns = style.legend_columns(texts, style.size_of(ax)[0])
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
    style.legend_of(ax, handles=handles, labels=texts, ncols=columns, **place)
    style.keep_numbers(ax, result)
    return ax


def _label(change: str, amount: float, unit: str) -> str:
    """What was done and how much of it: "pad 4 px", "dropped 10 %"."""
    if pd.isna(amount):
        return change
    return f"{change} {amount:.0%}" if unit == "share" else f"{change} {amount:g} {unit}"
