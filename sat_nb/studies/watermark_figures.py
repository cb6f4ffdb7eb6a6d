"""Figures 2, 5 and 6: the watermark study drawn, each picture with its numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import sat_nb as sat
from sat_nb.files import written_whole
from sat_nb.plots import style
from sat_nb.studies.figures import save
from sat_nb.studies.marked_photos import WATERMARK
from sat_nb.studies.watermark_models import BY_CONTROL, BY_GAP, Watermark, accuracy_intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_PHOTOS = 3
NAMES = {
    "clean": "clean",
    "marked": "all marked",
    "as_trained": "marks as in training",
    "reversed": "marks reversed",
}


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
    figure = sat.plot_prevalence(numbers(result), figure=style.figure_or_new(None, 5.6, 4.6))
    found = result.earliest().set_index("measure")["earliest"]
    told = {BY_CONTROL: "the table", BY_GAP: "accuracy"}
    for ax, (measure, what) in zip(figure.axes, told.items(), strict=True):
        share = found[measure]
        if share <= 1:
            ax.axvline(share, color=style.ACCENT, linewidth=0.9, linestyle=(0, (1, 1.5)), zorder=0)
            text = f"{what} tells from {share:.0%} on"
        else:
            text = f"{what} does not tell"
        place: dict[str, Any] = {"transform": ax.transAxes, "ha": "right", "va": "bottom"}
        ax.text(0.99, 1.02, text, fontsize=style.SMALL, color=style.ACCENT, **place)
    return figure


def draw_segments(result: Watermark) -> Axes:
    """Figure 6: mean ranks at a few shares, of segments that a tenth of the photos have.

    Intervals are over seeds.
    """
    shares = panels(result.settings.shares)[::-1]  # segments go by their rank at the largest
    n_maps = result.settings.n_explained * len(result.settings.seeds)
    usual = result.ranks[result.ranks["n_images"] >= n_maps / 10]
    parts = [usual[usual["marked_fraction"] == share] for share in shares]
    names = {share: f"{share:.0%} marked" for share in shares}
    summary = pd.concat(parts).replace({"marked_fraction": names})
    return sat.plot_segments(summary, highlight=WATERMARK, most=12)


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
    accuracies = accuracies.replace({"series": NAMES})
    columns = ["marked_fraction", "measure", "series", "value", "low", "high"]
    both = pd.concat([ranks[columns], accuracies[columns]])
    order = [WATERMARK, result.photos.part, *NAMES.values()]
    place = both["series"].map({name: k for k, name in enumerate(order)})
    ordered = both.assign(place=place).sort_values(["place", "marked_fraction"])
    return _rounded(ordered[columns].reset_index(drop=True))


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """To what a second run repeats."""
    return table.round(4)
