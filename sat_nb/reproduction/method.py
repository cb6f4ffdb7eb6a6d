"""Figure 1 and Table 1: one image through the whole method, and the aggregate of many.

The model is that of the main job: half of its training photos of one class carry a watermark.
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
from sat_nb.reproduction.marked_photos import WATERMARK
from sat_nb.reproduction.parity import computed
from sat_nb.reproduction.quickstart import (
    MARKED,
    METHOD,
    Quickstart,
    draw_overview,
    typical,
    usual,
)
from sat_nb.reproduction.results import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SETTINGS = {size: replace(s, methods=(METHOD,)) for size, s in quickstart.SETTINGS.items()}
ON_PHOTOS = {size: replace(s, methods=(METHOD,)) for size, s in quickstart.ON_PHOTOS.items()}
PAPER = {WATERMARK: 0.0135, "mane": 0.0051, "hooves": 0.0013}
"""Mean attributions of three segments by LRP-Z, from Table 1 of the paper."""


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
    settings: quickstart.Settings | None = None,
) -> Quickstart:
    """Train a model, explain it by LRP-Z and build its table, sharing files with the quickstart.

    Parameters
    ----------
    work : str or path
        The folder for photos, models and maps.
    size : str, default "small"
        A key of SETTINGS.
    data : str or path, optional
        A folder of street photos, as for :func:`quickstart.run`.
    settings : quickstart.Settings, optional
        Replaces the settings of the size.

    Returns
    -------
    Quickstart
        The result of the main job.
    """
    every = SETTINGS if data is None else ON_PHOTOS
    settings = settings or quickstart.settings_of(size, every)
    return quickstart.run(work, data=data, settings=settings)


def table_1(result: Quickstart) -> pd.DataFrame:
    """The Relative aggregate of the model that saw watermarks.

    Parameters
    ----------
    result : Quickstart
        From :func:`run`.

    Returns
    -------
    DataFrame
        Mean |mean attribution| over the photos that have the segment, with bootstrap intervals,
        for segments that a tenth of the photos have.
    """
    return sat.intervals(usual(_rows(result)), value="abs_mean_attribution").round(6)


def draw(result: Quickstart, out: str | os.PathLike[str]) -> list[Path]:
    """Write Table 1 and, of rendered photos only, Figure 1 with the rows of its photo."""
    files = save(draw_table(result), Path(out) / "table_1", table_1(result))
    if result.photos.name == "embedded":
        files += save(draw_figure(result), Path(out) / "figure_1_method", one_image(result))
    return files


def draw_figure(result: Quickstart, image_id: str | None = None) -> Figure:
    """Draw Figure 1: a typical photo, its map, masks and table, and the ranks of all photos.

    Parameters
    ----------
    result : Quickstart
        From :func:`run`.
    image_id : str, optional
        The photo; by default a typical one.

    Returns
    -------
    Figure
        The figure.
    """
    method = _method(result)
    return draw_overview(result.photos, result.maps, _rows(result), method, image_id=image_id)


def draw_table(result: Quickstart) -> Axes:
    """Draw Table 1 as bars.

    Parameters
    ----------
    result : Quickstart
        From :func:`run`.

    Returns
    -------
    Axes
        The bars.
    """
    return sat.plot_segments(table_1(result), highlight=WATERMARK)


def one_image(result: Quickstart, image_id: str | None = None) -> pd.DataFrame:
    """The Segment Attribution Table of one photo.

    Parameters
    ----------
    result : Quickstart
        From :func:`run`.
    image_id : str, optional
        The photo; by default that of Figure 1.

    Returns
    -------
    DataFrame
        Its rows by rank.
    """
    rows = _rows(result)
    chosen = image_id or typical(rows, WATERMARK)
    columns = ["image_id", "segment", "mean_attribution", "rank", "mask_px", "position"]
    return rows.loc[rows["image_id"] == chosen, columns].sort_values("rank").round(6)


def claims(result: Quickstart) -> tuple[Claim, ...]:
    """The claim holds where the watermark leads and the three segments have the paper's order.

    Magnitudes depend on the model's logits; only order and ratios can be compared. For photos
    without mane and hooves the question is whether the watermark leads.

    Parameters
    ----------
    result : Quickstart
        From :func:`run`.

    Returns
    -------
    tuple of Claim
        One claim.
    """
    means = table_1(result).set_index("segment")["abs_mean_attribution"]
    leads = means.idxmax() == WATERMARK
    there = [name for name in PAPER if name in means]
    ordered = list(means[there].sort_values(ascending=False).index) == there
    listed = ", ".join(f"{name} {means[name]:.4f}" for name in there)
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
            f"Model with {result.share:.0%} marked: {listed}; the watermark has "
            f"{means[WATERMARK] / means[second]:.1f} times the next best, {second} "
            f"({means[second]:.4f}).",
            verdict,
        ),
    )


def parts(result: Quickstart) -> dict[str, pd.DataFrame]:
    """The rows behind Table 1."""
    return {MARKED: usual(_rows(result))}


def _method(result: Quickstart) -> str:
    return computed(METHOD, result.table["method"])


def _rows(result: Quickstart) -> pd.DataFrame:
    table = result.table
    return table[(table["model"] == MARKED) & (table["method"] == _method(result))]
