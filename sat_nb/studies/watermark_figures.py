"""Figures 2, 5 and 6: the watermark study drawn, each picture with its numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.files import written_whole
from sat_nb.plots import style
from sat_nb.studies.figures import save
from sat_nb.studies.marked_photos import WATERMARK
from sat_nb.studies.watermark import BY_CONTROL, BY_GAP, Watermark, accuracy_intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_PHOTOS, N_PANELS = 3, 3


def draw(result: Watermark, out: str | os.PathLike[str]) -> list[Path]:
    """Write the figures and tables of the study; Figure 2 for rendered photos alone.

    Photos that are other people's are not written.
    """
    folder = Path(out)
    files = []
    if result.photos.name == "embedded":
        files += save(draw_maps(result), folder / "figure_2_maps")
    files += save(draw_prevalence(result), folder / "figure_5_prevalence", numbers(result))
    files += save(draw_segments(result), folder / "figure_6_segments", _rounded(result.ranks))
    for name, table in {"signs": result.signs(), "earliest": result.earliest()}.items():
        file = folder / f"figure_5_{name}.csv"
        with written_whole(file) as part:
            _rounded(table).to_csv(part, index=False)
        files.append(file)
    return files


def draw_maps(result: Watermark) -> Figure:
    """Figure 2: the same marked photos for models that saw more and more watermarks."""
    maps = {f"{share:.0%} marked": maps for share, maps in result.maps.items()}
    ids = list(result.photos.segments)[:N_PHOTOS]
    return sat.plot_map_grid(result.photos.marked, maps, image_ids=ids)


def draw_prevalence(result: Watermark) -> Figure:
    """Figure 5: the watermark's rank and the accuracy, with where each of them first tells."""
    figure = sat.plot_prevalence(numbers(result))
    found = result.earliest().set_index("measure")["earliest"]
    for ax, measure, what in zip(figure.axes, (BY_CONTROL, BY_GAP), ("SAT", "gap"), strict=True):
        share = found[measure]
        if share <= 1:
            ax.axvline(share, color=style.ACCENT, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0)
            text = f"the {what} tells from {share:.0%} on"
        else:
            text = f"the {what} never tells"
        place = {"transform": ax.transAxes, "ha": "right", "va": "center"}
        low = 0.5 if measure == BY_CONTROL else 0.9
        ax.text(0.985, low, text, fontsize=style.SMALL, color=style.ACCENT, **place)
    return figure


def draw_segments(result: Watermark) -> Figure:
    """Figure 6: mean ranks of all segments at a few shares, intervals over seeds."""
    shares = panels(result.settings.shares)
    most = 12
    figure = style.figure_or_new(None, style.PAGE, 0.9 + style.LINE_INCHES * 1.15 * most)
    for ax, share in zip(figure.subplots(1, len(shares), sharex=True), shares, strict=True):
        at = result.ranks[result.ranks["marked_fraction"] == share]
        summary = at.drop(columns="marked_fraction").sort_values(["rank", "segment"])
        sat.plot_segments(summary, ax=ax, highlight=WATERMARK, most=most)
        title = f"{share:.0%} marked"
        ax.set_title(title, fontsize=style.TEXT, color=style.INK, loc="left", fontweight="bold")
    return figure


def panels(shares: tuple[float, ...]) -> tuple[float, ...]:
    """At most three shares: the smallest, one near 25 %, and the largest.

    >>> panels((0.0, 0.05, 0.25, 0.5, 1.0))
    (0.0, 0.25, 1.0)
    """
    middle = min(shares[1:-1], key=lambda share: abs(share - 0.25), default=None)
    return tuple(s for s in (shares[0], middle, shares[-1]) if s is not None)


def numbers(result: Watermark) -> pd.DataFrame:
    """What Figure 5 draws: ranks of the watermark and of the photos' own part, and accuracies."""
    shown = result.ranks[result.ranks["segment"].isin([WATERMARK, result.photos.part])]
    ranks = shown.rename(columns={"segment": "series", "rank": "value"}).assign(measure="rank")
    accuracies = accuracy_intervals(result).assign(measure="accuracy")
    accuracies = accuracies.rename(columns={"photos": "series", "accuracy": "value"})
    accuracies["series"] += " test photos"
    columns = ["marked_fraction", "measure", "series", "value", "low", "high"]
    both = pd.concat([ranks[columns], accuracies[columns]])
    order = [WATERMARK, result.photos.part]
    place = both["series"].map({name: k for k, name in enumerate(order)}).fillna(len(order))
    return _rounded(
        both.assign(place=place)
        .sort_values(["place", "series", "marked_fraction"])[columns]
        .reset_index(drop=True)
    )


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """To what a second run repeats."""
    return table.round(4)
