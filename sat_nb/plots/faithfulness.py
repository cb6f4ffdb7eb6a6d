"""Does a ranking say what the model does: if segments are deleted, and if weights are random.

These plots belong to ``sat_nb.reproduction``, whose studies measure both; the facade does not
have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.interventions.deletion import DELETIONS
from sat_nb.plots import style
from sat_nb.plots.marks import draw_dots, draw_lines, draw_whiskers
from sat_nb.plots.style import PLAIN, SMALL, TEXT
from sat_nb.table.schema import need_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OF_DELETION = ("deletion", "measured", "method", "tau", "low", "high")
OF_RANDOMISATION = ("measure", "method", "depth", "layer", "similarity", "low", "high", "noise")


# --- segments are deleted -------------------------------------------------------------------------


def plot_deletion(
    result: pd.DataFrame, *, figure: Figure | None = None, titles: dict[str, str] | None = None
) -> Figure:
    """Draw how far ranks agree with the effects of deleting segments, a row a method.

    Each way to measure the effect has a panel, each way to delete a colour and a marker; lines
    are intervals.

    Parameters
    ----------
    result : DataFrame
        The frame ``deletion`` of ``reproduction.does_it_hold``: ``deletion`` (a name in
        ``DELETIONS``, or the key of a Deletion of your own), ``measured``, ``method``, ``tau``
        (mean over images), ``low``, ``high``.
    figure : Figure, optional
        Figure to draw on; a new one by default.
    titles : dict, optional
        Titles of the panels, {measured: title}; by default the name.

    Returns
    -------
    Figure
        A panel for each value of ``measured``. 1 means that the segments that rank higher have
        the larger effect, 0 that ranks and effects are unrelated.

    Raises
    ------
    InvalidInput
        For missing columns.

    Examples
    --------
    >>> result = pd.DataFrame({
    ...     "deletion": ["grey", "blur"], "measured": "whole", "method": "lrp.z",
    ...     "tau": [0.4, 0.5], "low": [0.3, 0.4], "high": [0.5, 0.6]})
    >>> [text.get_text() for text in plot_deletion(result).legends[0].get_texts()]
    ['grey', 'blur']
    """
    need_columns(result, OF_DELETION, "result", f"a frame with {', '.join(OF_DELETION)}")
    panels = list(dict.fromkeys(result["measured"]))
    methods = list(dict.fromkeys(result["method"]))
    height = 1.1 + 0.3 * len(methods)
    figure = style.figure_or_new(figure, style.PAGE, height)
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for ax, measured in zip(axes, panels, strict=True):
        keys = _draw_deletions(ax, result[result["measured"] == measured], methods)
    _name_panels(axes, panels, titles)
    axes[0].set_ylim(len(methods) - 0.4, -0.6)
    axes[0].set_yticks(range(len(methods)), style.shorts(methods), fontsize=TEXT, **PLAIN)
    text = "Kendall's tau between ranks and effects, mean over images"
    figure.supxlabel(text, fontsize=TEXT, color=style.around(figure).ink, **PLAIN)
    texts = style.legend_texts(map(_title_of, dict.fromkeys(result["deletion"])))
    style.legend_above(figure, keys, texts)
    style.keep_numbers(axes[0], result)
    return figure


def _name_panels(axes: Sequence[Axes], panels: list[str], titles: dict[str, str] | None) -> None:
    texts = style.shorts([(titles or {}).get(panel, panel) for panel in panels], 60)
    for ax, text in zip(axes, texts, strict=True):
        style.title_of(ax, text, color=style.around(ax).ink)


def _draw_deletions(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> list[Any]:
    """Draw a panel; return what the legend shows of each deletion, in their order."""
    style.frame_lightly(ax)
    style.keep_legible(ax)
    colours = style.inside(ax)
    ax.tick_params(axis="y", length=0)
    style.draw_grid(ax, "y")
    ax.axvline(0, color=colours.ink, linewidth=0.8, zorder=1)
    deletions = list(dict.fromkeys(rows["deletion"]))
    shades, markers = style.series_forms(ax, len(deletions))
    series = [deletions.index(deletion) for deletion in rows["deletion"]]
    heights = [
        methods.index(method) + 0.22 * (d - (len(deletions) - 1) / 2)
        for method, d in zip(rows["method"], series, strict=True)
    ]
    own, kinds = [shades[d] for d in series], [markers[d] for d in series]
    draw_whiskers(ax, rows, heights, own, width=1.1, cap=0)
    draw_dots(ax, rows["tau"], heights, own, markers=kinds, edges=colours.paper, points=5.5)
    return style.keys_of(shades, markers)


def _title_of(deletion: str) -> str:
    """The title of a registered deletion; for one of the user's own, its name and version."""
    return DELETIONS[deletion].title if deletion in DELETIONS else deletion


# --- weights are random ---------------------------------------------------------------------------


def plot_randomisation(
    result: pd.DataFrame, *, figure: Figure | None = None, titles: dict[str, str] | None = None
) -> Figure:
    """Draw the similarity with the trained model, against how many layers are random.

    Each measure has a panel, each method a line, from the trained model (1) to the model that is
    random from its output down to the named layer. The hollow mark at the right shows how similar
    the trained model is to noise.

    Parameters
    ----------
    result : DataFrame
        The frame ``randomisation`` of ``reproduction.does_it_hold``: ``measure``, ``method``,
        ``depth``, ``layer``, ``similarity``, ``low``, ``high``, ``noise``.
    figure : Figure, optional
        Figure to draw on; a new one by default.
    titles : dict, optional
        Titles of the panels, {measure: title}; by default the name.

    Returns
    -------
    Figure
        A panel for each value of ``measure``. A method whose line stays near 1 does not depend on
        the weights.

    Raises
    ------
    InvalidInput
        For missing columns.

    References
    ----------
    Adebayo et al. 2018, Sanity checks for saliency maps.

    Examples
    --------
    >>> result = pd.DataFrame({
    ...     "measure": "map", "method": "lrp.z", "depth": [1, 2], "layer": ["dense", "conv"],
    ...     "similarity": [0.4, 0.1], "low": [0.3, 0.0], "high": [0.5, 0.2], "noise": 0.02})
    >>> [name.get_text() for name in plot_randomisation(result).axes[0].get_xticklabels()]
    ['nothing', 'dense', 'conv', '(noise)']
    """
    need_columns(result, OF_RANDOMISATION, "result", f"a frame with {', '.join(OF_RANDOMISATION)}")
    panels = list(dict.fromkeys(result["measure"]))
    figure = style.figure_or_new(figure, style.PAGE, 3.6)
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    methods = list(dict.fromkeys(result["method"]))
    for ax, measure in zip(axes, panels, strict=True):
        lines = _draw_similarities(ax, result[result["measure"] == measure], methods)
    _name_panels(axes, panels, titles)
    ink = style.around(figure).ink
    text = "similarity with the trained model's"
    axes[0].set_ylabel(text, fontsize=TEXT, color=ink, **PLAIN)
    figure.supxlabel("random from the output down to", fontsize=TEXT, color=ink, **PLAIN)
    style.legend_above(figure, lines, [line.get_label() for line in lines])
    style.keep_numbers(axes[0], result)
    return figure


def _draw_similarities(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> list[Any]:
    """Draw a panel; return its lines."""
    layers = rows.drop_duplicates("depth").sort_values("depth")
    places = {depth: x for x, depth in enumerate(layers["depth"], 1)}
    last = len(places) + 1
    colours, (shades, markers) = style.inside(ax), style.series_forms(ax, len(methods))
    series = rows["method"].map({method: m for m, method in enumerate(methods)})
    aside = 0.09 * (series - (len(methods) - 1) / 2)
    points = pd.DataFrame({"series": series, "y": rows["similarity"]})
    points["x"] = rows["depth"].map(places) + aside
    trained = points.assign(x=aside, y=1.0).drop_duplicates("series")
    noise = points.assign(x=last + aside, y=rows["noise"]).drop_duplicates("series")
    own = [shades[m] for m in series]
    draw_whiskers(ax, rows, points["x"], own, along="y", width=0.8, cap=0)
    lines = draw_lines(
        ax,
        pd.concat([trained, points]),
        shades,
        markers=markers,
        labels=style.legend_texts(methods),
        paper=colours.paper,
    )
    draw_dots(
        ax,
        noise["x"],
        noise["y"],
        [colours.paper] * len(noise),
        markers=[markers[m] for m in noise["series"]],
        edges=[shades[m] for m in noise["series"]],
        points=4.5,
        linewidth=1.0,
        gid="noise",
    )
    ax.axhline(0, color=colours.ink, linewidth=0.8, zorder=1)
    ax.axvline(last - 0.5, color=colours.quiet, linewidth=0.8, linestyle=":")
    names = ["nothing", *style.shorts(layers["layer"]), "(noise)"]
    ax.set_xticks(range(last + 1), names, rotation=45, ha="right", fontsize=SMALL, **PLAIN)
    ax.set(xlabel="", ylabel="")
    style.frame_lightly(ax, rows=False)
    style.draw_grid(ax, "y")
    return lines
