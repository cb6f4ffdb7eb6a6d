"""The pictures of the three checks, and of one photo from which a segment is deleted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

import sat_nb as sat
from sat_nb.interventions.deletion import DELETIONS
from sat_nb.plots import style
from sat_nb.plots.deletion import plot_deletion
from sat_nb.plots.randomisation import plot_randomisation
from sat_nb.reproduction.figures import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DIGITS = 3
MEASURED = {
    "whole": "by the change of the logit",
    "by pixel": "by the change of the logit for a pixel",
}
MEASURES = {
    "map": "maps (Spearman, pixel by pixel)",
    "ranking": "ranks of segments (Kendall's tau)",
}


def draw(result: Any, out: str | os.PathLike[str]) -> list[Path]:
    """Write the three checks' pictures, each with its numbers, and on rendered data an example."""
    folder, name = Path(out), "does_it_hold"
    rounded = [f.round(DIGITS) for f in (result.deletion, result.randomisation, result.stability)]
    files = [
        *save(plot_deletion(rounded[0], titles=MEASURED), folder / f"{name}_deletion"),
        *save(plot_randomisation(rounded[1], titles=MEASURES), folder / f"{name}_randomisation"),
        *save(sat.plot_ranking_stability(rounded[2]), folder / f"{name}_stability"),
    ]
    if result.data == "embedded":  # photos of others are not ours to publish
        figure, numbers = example(result, "watermark")
        files += save(figure, folder / f"{name}_example", numbers.round(DIGITS))
    return files


def example(result: Any, segment: str) -> tuple[Figure, pd.DataFrame]:
    """The first photo, and what it is without a segment; the effects of deleting that."""
    import matplotlib.pyplot as plt

    effects = result.effects[result.effects["segment"] == segment]
    effects = effects[effects["image_id"] == effects["image_id"].iloc[0]]
    image_id = effects["image_id"].iloc[0]
    pixels = result.subject.images[image_id]
    merged = result.subject.segments[image_id].merged().pad(2)
    mask = merged.masks[merged.names.index(segment)]
    figure, axes = plt.subplots(
        1, 1 + len(DELETIONS), figsize=(style.PAGE, 1.95), layout="constrained"
    )
    shown = {"the photo": pixels, **{n: delete(pixels, mask) for n, delete in DELETIONS.items()}}
    changes = effects.set_index("deletion")["effect"]
    for ax, (name, photo) in zip(axes, shown.items(), strict=True):
        ax.imshow(photo)
        ax.set_axis_off()
        logit = effects["logit"].iloc[0] - changes.get(name, 0.0)
        ax.set_title(f"{name}: logit {logit:.2f}", fontsize=style.TEXT, color=style.INK)
    return figure, effects
