"""Rank against prevalence: from when on the table, and the accuracy, show a shortcut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.plots import style
from sat_nb.plots.marks import draw_lines, draw_whiskers
from sat_nb.plots.style import PLAIN, TEXT
from sat_nb.printable import literal
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PREVALENCE_COLUMNS = ("marked_fraction", "measure", "series", "value")
MEASURES = {"rank": "mean rank\n(1 = most attribution)", "accuracy": "accuracy"}
_DASHES: tuple[Any, ...] = ("", (4, 2), (1, 1), (4, 1, 1, 1))  # "" is a solid line


def plot_prevalence(results: pd.DataFrame, *, figure: Figure | None = None) -> Figure:
    """Draw mean ranks, and below them accuracies, against the share of marked images.

    The lines show the rank of a watermark, rank 1 on top, and the accuracy on clean and on marked
    images, for models trained with more and more watermarks.

    Parameters
    ----------
    results : DataFrame
        Tidy, a row for each point, with the columns ``marked_fraction`` (share of the training
        images that are marked, 0 to 1), ``measure`` ("rank" or "accuracy", the panel), ``series``
        (the line, such as "watermark", or "clean" and "marked") and ``value`` (the mean rank, at
        least 1, or the accuracy, 0 to 1). For whiskers add ``low`` and ``high``, the ends of the
        interval; NaN draws none.
    figure : Figure, optional
        Figure to draw on; a new one by default, as wide as a column.

    Returns
    -------
    Figure
        A panel with the ranks and, if there are accuracies, one with these.

    Raises
    ------
    InvalidInput
        For missing columns, for a table without ranks, for values out of range, and for two rows
        with the same point.

    References
    ----------
    Hinns & Martens 2025, Figure 5.

    Examples
    --------
    >>> results = pd.DataFrame({
    ...     "marked_fraction": [0.0, 0.25, 0.0, 0.25], "measure": ["rank"] * 2 + ["accuracy"] * 2,
    ...     "series": ["watermark"] * 2 + ["clean"] * 2, "value": [5.2, 3.2, 0.67, 0.68]})
    >>> [line.get_label() for ax in plot_prevalence(results).axes for line in ax.lines]
    ['watermark', 'clean']
    """
    has_whiskers = _check(results)
    measures = [m for m in MEASURES if (results["measure"] == m).any()]
    figure = style.figure_or_new(figure, style.COLUMN, 0.7 + 1.6 * len(measures))
    panels = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    n_before = 0
    for ax, measure in zip(panels, measures, strict=True):
        rows = results[results["measure"] == measure]
        names = list(dict.fromkeys(rows["series"]))
        _draw_panel(ax, rows, names, n_before, has_whiskers)
        _finish(ax, measure)
        n_before += len(names)
    _name_x(panels[-1])
    style.keep_numbers(panels[0], results)
    return figure


def _draw_panel(
    ax: Axes, rows: pd.DataFrame, names: Sequence[str], n_before: int, has_whiskers: bool
) -> None:
    colours, markers = style.series_forms(ax, n_before + len(names))
    colours, markers = colours[n_before:], markers[n_before:]
    points = rows[["marked_fraction", "value"]].set_axis(["x", "y"], axis=1)
    points["series"] = [names.index(name) for name in rows["series"]]
    if has_whiskers:
        shades = [colours[series] for series in points["series"]]
        draw_whiskers(ax, rows, points["x"], shades, along="y", width=0.9)
    draw_lines(
        ax,
        points,
        colours,
        markers=markers,
        labels=style.legend_texts(names),
        dashes=[_DASHES[k % len(_DASHES)] for k in range(len(names))],
        paper=style.inside(ax).paper,
    )


def _finish(ax: Axes, measure: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    style.frame_lightly(ax, rows=False)
    style.draw_grid(ax, "y")
    ax.set_xlabel("")
    ax.set_ylabel(MEASURES[measure], fontsize=TEXT, color=style.around(ax).ink, **PLAIN)
    style.legend_of(ax, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    if measure == "rank":
        low, high = ax.get_ylim()
        ax.set_ylim(max(high, 2.0), min(low, 0.8))
        ax.set_yticks(style.rank_ticks(max(int(high), 2), 1.2))
    else:
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _name_x(ax: Axes) -> None:
    from matplotlib.ticker import PercentFormatter

    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ink = style.around(ax).ink
    ax.set_xlabel("share of marked training images", fontsize=TEXT, color=ink, **PLAIN)


def _check(results: pd.DataFrame) -> bool:
    origin = f"with the columns {', '.join(PREVALENCE_COLUMNS)} (and low, high)"
    need_columns(results, PREVALENCE_COLUMNS, "results", origin)
    for measure in results["measure"].unique():
        if measure not in MEASURES:
            raise unknown_name("results['measure']", measure, MEASURES)
    if not (results["measure"] == "rank").any():
        raise InvalidInput("results: no row has the measure 'rank'; add the mean ranks.")
    ranks, accuracies = (results.loc[results["measure"] == m, "value"] for m in MEASURES)
    _check_range(results["marked_fraction"], "marked_fraction", 0, 1)
    _check_range(ranks, "value of a rank", 1, float("inf"))
    _check_range(accuracies, "value of an accuracy", 0, 1)
    keys = ["measure", "series", "marked_fraction"]
    if results.duplicated(keys).any():
        row = results[results.duplicated(keys)].iloc[0]
        raise InvalidInput(
            f"results: two rows for {row['series']!r} at marked_fraction {row['marked_fraction']:g}"
            "; give one mean, and its interval in low and high."
        )
    return style.check_intervals(results, "value", "results")


def _check_range(values: pd.Series, what: str, low: float, high: float) -> None:
    wrong = values[~values.between(low, high)]
    if len(wrong):
        upper = "" if high == float("inf") else f" and at most {high:g}"
        raise InvalidInput(
            f"results: {what}: expected at least {low:g}{upper}, got "
            f"{literal(wrong.iloc[0])} in row {literal(wrong.index[0])}."
        )
