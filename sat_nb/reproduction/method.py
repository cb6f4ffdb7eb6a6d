"""Figure 1 and Table 1: one image through the whole method, and what many add up to.

The model is the main job's: half of its training photos of one class carried a watermark.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.reproduction import quickstart
from sat_nb.reproduction.claims import Claim
from sat_nb.reproduction.figures import save
from sat_nb.reproduction.marked_photos import WATERMARK
from sat_nb.reproduction.overview import draw_overview, typical, usual
from sat_nb.reproduction.quickstart import MARKED, METHOD, Quickstart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SETTINGS = {size: replace(s, methods=(METHOD,)) for size, s in quickstart.SETTINGS.items()}
ON_PHOTOS = {size: replace(s, methods=(METHOD,)) for size, s in quickstart.ON_PHOTOS.items()}
PAPER = {WATERMARK: 0.0135, "mane": 0.0051, "hooves": 0.0013}
"""Of the paper's Table 1: mean attributions of three segments, by LRP-Z."""


def run(
    work: str | os.PathLike[str], *, size: str = "small", data: str | os.PathLike[str] | None = None
) -> Quickstart:
    """Train, explain by LRP-Z and join, as :func:`quickstart.run`, which shares what is kept."""
    every = SETTINGS if data is None else ON_PHOTOS
    return quickstart.run(work, data=data, settings=quickstart.settings_of(size, every))


def table_1(result: Quickstart) -> pd.DataFrame:
    """The Relative aggregate of the model that saw watermarks: mean |mean attribution|.

    Over the explained photos that have the segment, with bootstrap intervals over them; of
    segments that a tenth of the photos have.
    """
    return sat.intervals(usual(_rows(result)), value="abs_mean_attribution").round(6)


def draw(result: Quickstart, out: str | os.PathLike[str]) -> list[Path]:
    """Write Table 1 and, of rendered photos alone, Figure 1, whose numbers are the photo's rows."""
    files = save(draw_table(result), Path(out) / "table_1", table_1(result))
    if result.photos.name == "embedded":
        files += save(draw_figure(result), Path(out) / "figure_1_method", one_image(result))
    return files


def draw_figure(result: Quickstart, image_id: str | None = None) -> Figure:
    """Figure 1: a typical photo, its map, its masks and its own table, and all photos' ranks."""
    return draw_overview(result.photos, result.maps, _rows(result), METHOD, image_id=image_id)


def draw_table(result: Quickstart) -> Axes:
    """Table 1 as bars."""
    return sat.plot_segments(table_1(result), highlight=WATERMARK)


def one_image(result: Quickstart, image_id: str | None = None) -> pd.DataFrame:
    """The Segment Attribution Table of one photo, by default that of Figure 1."""
    rows = _rows(result)
    chosen = image_id or typical(rows, WATERMARK)
    columns = ["image_id", "segment", "mean_attribution", "rank", "mask_px", "position"]
    return rows.loc[rows["image_id"] == chosen, columns].sort_values("rank").round(6)


def claims(result: Quickstart) -> tuple[Claim, ...]:
    """Holds where the watermark leads and the three segments keep the paper's order.

    Magnitudes depend on the model's logits; what can be compared are order and ratios. Photos
    without mane and hooves: whether the watermark leads.
    """
    means = table_1(result).set_index("segment")["abs_mean_attribution"]
    leads = means.idxmax() == WATERMARK
    there = [name for name in PAPER if name in means]
    ordered = list(means[there].sort_values(ascending=False).index) == there
    said = ", ".join(f"{name} {means[name]:.4f}" for name in there)
    second = means.drop(WATERMARK).idxmax()
    verdict = "does not hold"
    if leads:
        verdict = "holds" if ordered and len(there) == len(PAPER) else "holds in part"
    return (
        Claim(
            "Table 1",
            "Relative mean attribution by LRP-Z: watermark .0135, mane .0051, hooves .0013; the "
            "watermark leads, 2.6 times the mane and 10 times the hooves.",
            result.photos.name,
            f"Model with {result.share:.0%} marked: {said}; the watermark has "
            f"{means[WATERMARK] / means[second]:.1f} times the next best, {second} "
            f"({means[second]:.4f}).",
            verdict,
        ),
    )


def _rows(result: Quickstart) -> pd.DataFrame:
    table = result.table
    return table[(table["model"] == MARKED) & (table["method"] == METHOD)]
