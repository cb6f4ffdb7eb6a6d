"""Beyond the paper: what a ranking of a Segment Attribution Table is worth.

Three questions, about the quickstart's model and about real photos. Does deleting a segment change
the prediction as much as its rank suggests? Do rankings and maps vanish when the weights of the
model are randomised layer by layer (Adebayo et al. 2018)? How many images does a stable ranking
need?
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import sat_nb as sat
from sat_nb.errors import unknown_name
from sat_nb.interventions import deletion, logits
from sat_nb.interventions.deletion import DELETIONS, deletion_effects
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.plots import style
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from sat_nb.reproduction import imagenet, quickstart
from sat_nb.reproduction.does_it_hold_checks import (
    NOISE,
    claims,
    layer_names,
    similarities,
    summary_of_effects,
    summary_of_similarities,
)
from sat_nb.reproduction.marked_photos import rendered_zebras
from sat_nb.reproduction.results import OF_MAPS, save
from sat_nb.reproduction.studies import kept_folder
from sat_nb.saliency.preprocess import Preprocess
from sat_nb.saliency.store.codec import FORMAT
from sat_nb.saliency.targets import Target
from sat_nb.stats.stability import ranking_stability

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["SETTINGS", "DoesItHold", "Settings", "claims", "draw", "run"]

METHODS = (*sat.PAPER_METHODS, NOISE)
DIGITS = 3
MEASURED = {
    "whole": "by the change of the logit",
    "by pixel": "by the change of the logit for a pixel",
}
MEASURES = {
    "map": "maps (Spearman, pixel by pixel)",
    "ranking": "ranks of segments (Kendall's tau)",
}


@dataclass(frozen=True)
class Settings:
    """How much is computed.

    Segments are deleted from ``n_images`` images, and samples are drawn from them: ``n_repeats``
    pairs for each number of images. The first ``n_randomised`` images are explained for randomised
    models, of at most ``n_depths`` depths, once for each of ``seeds``.
    """

    n_images: int
    n_randomised: int
    n_depths: int
    seeds: tuple[int, ...]
    n_repeats: int
    methods: tuple[str, ...] = METHODS


SETTINGS: dict[str, Settings] = {
    "tiny": Settings(8, 4, 2, (0,), 20, ("deep_taylor", "lrp.z", "gradient", NOISE)),
    "small": Settings(100, 16, 6, (0, 1), 200),
    "full": Settings(100, 60, 26, (0, 1, 2, 3, 4), 1000),
}

ON_PHOTOS: dict[str, Settings] = {
    "tiny": Settings(4, 2, 1, (0,), 20, ("lrp.z", "gradient", NOISE)),
    "small": Settings(24, 8, 5, (0,), 200),
    "full": Settings(24, 24, 26, (0, 1, 2), 1000),
}
"""On real photos, for a model that is a hundred times slower."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked: a model, its photos and masks, and the class to explain.

    ``data`` is the name in claims; ``target`` is as for ``explain``.
    """

    data: str
    model: Path
    images: sat.ImageSet
    segments: Mapping[str, sat.SegmentationMap]
    preprocess: str | Preprocess
    target: Target


@dataclass(frozen=True, eq=False)
class DoesItHold:
    """The results of the three checks, for the data set named ``data``.

    ``deletion`` has a row for each deletion, ``measured`` ("whole" or "by pixel") and ``method``.
    ``tau`` is the mean over images of Kendall's tau-b between ranks and effects, with ``low``,
    ``high`` and ``n_images``; ``gain`` is by how much it exceeds the tau of a map of noise, image
    by image, with ``gain_low`` and ``gain_high``. Three of the methods are controls: "random" is a
    map of noise, "smallest first" a ranking by size alone, "shuffled" a random ranking.

    ``randomisation`` has a row for each method, ``measure`` ("map" or "ranking") and ``depth``.
    ``layer`` is the lowest random layer; ``similarity`` has ``low``, ``high`` and ``n_images``;
    ``noise`` is the similarity with a map of noise; ``left`` is by how much the similarity exceeds
    it, image by image, with ``left_low`` and ``left_high``.

    ``stability`` is from ``ranking_stability``, ``effects`` from ``deletion_effects``, ``table``
    from ``build``; ``subject`` is what they were computed for.
    """

    data: str
    deletion: pd.DataFrame
    randomisation: pd.DataFrame
    stability: pd.DataFrame
    effects: pd.DataFrame
    table: pd.DataFrame
    subject: Subject


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
) -> DoesItHold:
    """Delete segments, randomise weights and resample images.

    A second call, and one after an interruption, use what is kept.

    Parameters
    ----------
    work : str or path
        The folder that keeps models, maps and effects.
    size : str, default "small"
        A key of SETTINGS.
    data : str or path, optional
        A folder that holds ``chihuahua/`` and ``weights/``; by default the checks are of the
        quickstart's model, on the photos that the package renders.

    Returns
    -------
    DoesItHold
        The results of the three checks.

    Raises
    ------
    InvalidInput
        For an unknown size.
    """
    every = SETTINGS if data is None else ON_PHOTOS
    if size not in every:
        raise unknown_name("size", size, every)
    settings = every[size]
    if data is None:
        subject = embedded(work, size, settings.n_images)
    else:
        subject = chihuahuas(data, settings.n_images)
    folder = _folder(Path(work), subject)
    maps = sat.explain(
        subject.model,
        subject.images,
        methods=settings.methods,
        preprocess=subject.preprocess,
        target=subject.target,
        out=folder / f"maps_{FORMAT}",
    )
    table = sat.build(maps, subject.segments)
    effects = deletion_effects(
        subject.model,
        subject.images,
        subject.segments,
        _targets(table),
        preprocess=subject.preprocess,
        kept=kept_folder(folder, "deletion", {}, deletion, logits),
    )
    ranked = table[table["method"] != NOISE]
    return DoesItHold(
        subject.data,
        summary_of_effects(table, effects),
        _randomised(subject, maps, table, settings, folder),
        ranking_stability(ranked, n_repeats=settings.n_repeats),
        effects,
        table,
        subject,
    )


def _randomised(
    subject: Subject,
    maps: sat.AttributionStore,
    table: pd.DataFrame,
    settings: Settings,
    folder: Path,
) -> pd.DataFrame:
    """The frame ``randomisation`` of :class:`DoesItHold`."""
    depths = chosen_depths(len(weighted_layers(subject.model)), settings.n_depths)
    found = similarities(
        subject.model,
        maps,
        table,
        subject.images.select(list(subject.images)[: settings.n_randomised]),
        subject.segments,
        depths=depths,
        seeds=settings.seeds,
        preprocess=subject.preprocess,
        work=kept_folder(folder, "randomised", {}, randomise_layers),
    )
    return summary_of_similarities(found, layer_names(subject.model, depths))


def chosen_depths(n_layers: int, most: int) -> tuple[int, ...]:
    """At most ``most`` depths from 1 to ``n_layers``, in a geometric series: denser at the output.

    >>> chosen_depths(6, 6), chosen_depths(26, 6), chosen_depths(6, 1)
    ((1, 2, 3, 4, 5, 6), (1, 2, 4, 7, 14, 26), (6,))
    """
    if most >= n_layers:
        return tuple(range(1, n_layers + 1))
    if most == 1:
        return (n_layers,)
    ratio = n_layers ** (1 / (most - 1))
    return tuple(sorted({round(ratio**i) for i in range(most)}))


def _folder(work: Path, subject: Subject) -> Path:
    """The folder for everything that is computed for this model; the hash tells models apart."""
    digest = hashlib.sha256(subject.model.read_bytes()).hexdigest()
    return kept_folder(work, f"does_it_hold_{subject.data}", {"model": digest})


def _targets(table: pd.DataFrame) -> dict[str, int]:
    targets = table.drop_duplicates("image_id")
    return {str(i): int(t) for i, t in zip(targets["image_id"], targets["target"], strict=True)}


# --- subjects ------------------------------------------------------------------------------------


def embedded(work: str | os.PathLike[str], size: str, n_images: int) -> Subject:
    """The model of the quickstart that saw watermarks, on marked test zebras."""
    settings = quickstart.settings_of(size)
    photos = rendered_zebras(work, n_explained=n_images, **settings.photos())
    model = photos.model(work, settings.share, epochs=settings.epochs, seed=settings.seed)
    images = photos.marked.select(list(photos.segments))
    return Subject(photos.name, model, images, photos.segments, "unit", photos.target)


def chihuahuas(data: str | os.PathLike[str], n_images: int) -> Subject:
    """A SqueezeNet with weights of ImageNet, on photos of chihuahuas; explained: the prediction."""
    classifier, photos = imagenet.squeezenet(data), imagenet.chihuahuas(data)["chihuahua"]
    ids = list(photos.images)[:n_images]
    segments = {i: photos.segments[i] for i in ids}
    images = photos.images.select(ids)
    return Subject(
        "chihuahua", classifier.file, images, segments, classifier.preprocess, "predicted"
    )


# --- figures -------------------------------------------------------------------------------------


def draw(result: DoesItHold, out: str | os.PathLike[str]) -> list[Path]:
    """Write a figure of each check with its numbers, and on rendered data an example."""
    folder, name = Path(out), "does_it_hold"
    rounded = [f.round(DIGITS) for f in (result.deletion, result.randomisation, result.stability)]
    files = [
        *save(plot_deletion(rounded[0], titles=MEASURED), folder / f"{name}_deletion"),
        *save(plot_randomisation(rounded[1], titles=MEASURES), folder / f"{name}_randomisation"),
        *save(sat.plot_ranking_stability(rounded[2]), folder / f"{name}_stability"),
    ]
    if result.data == "embedded":  # real photos may not be published
        figure, numbers = example(result, "watermark")
        files += save(figure, folder / f"{name}_example", numbers.round(DIGITS), formats=OF_MAPS)
    return files


def example(result: DoesItHold, segment: str) -> tuple[Figure, pd.DataFrame]:
    """Draw the first photo without one of its segments, by every deletion.

    Parameters
    ----------
    result : DoesItHold
        From :func:`run`.
    segment : str
        The name of a segment.

    Returns
    -------
    tuple
        The figure, and the effects of the deletions (DataFrame).
    """
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
