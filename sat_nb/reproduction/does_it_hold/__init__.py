"""Beyond the paper: what a Segment Attribution Table's ranking is worth.

Three questions, on the quickstart's model and on real photos: does deleting a segment change the
prediction as much as its rank says? Do rankings and maps vanish when the model's weights are
randomised layer by layer (Adebayo et al. 2018)? And how many images are needed until a ranking
is stable?
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import sat_nb as sat
from sat_nb.interventions import deletion
from sat_nb.interventions.deletion import DELETIONS, deletion_effects
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.reproduction.does_it_hold.pictures import draw
from sat_nb.reproduction.does_it_hold.randomisation import NOISE, layer_names, similarities
from sat_nb.reproduction.does_it_hold.subjects import Subject, chihuahuas, embedded
from sat_nb.reproduction.does_it_hold.verdicts import (
    claims,
    summary_of_effects,
    summary_of_similarities,
)
from sat_nb.reproduction.studies import kept_folder
from sat_nb.saliency.store.codec import FORMAT
from sat_nb.stats.stability import ranking_stability

METHODS = (*sat.PAPER_METHODS, NOISE)


@dataclass(frozen=True)
class Settings:
    """How much is computed.

    ``n_images`` are deleted from and resampled, the first ``n_randomised`` of them explained for
    randomised models, of ``n_depths`` depths at most, once for each of ``seeds``;
    ``n_repeats`` pairs of samples are drawn for each number of images.
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
"""On real photos, of a model a hundred times as slow."""


@dataclass(frozen=True, eq=False)
class DoesItHold:
    """What came of the three checks, of the data set named ``data``.

    ``deletion``: a row a deletion, ``measured`` ("whole" or "by pixel") and ``method``: ``tau``,
    the mean over images of Kendall's tau-b between ranks and effects, ``low``, ``high``,
    ``n_images``, and ``gain``, ``gain_low``, ``gain_high``: how much higher than that of a map
    of noise, image by image. Three controls are among the methods: "random", a map of noise;
    "smallest first", a ranking by size alone; "shuffled", one by chance.

    ``randomisation``: a row a method, ``measure`` ("map" or "ranking") and ``depth``: ``layer``,
    the lowest random one; ``similarity``, ``low``, ``high``, ``n_images``; ``noise``, the
    similarity with a map of noise; ``left``, ``left_low``, ``left_high``, by how much the
    similarity is higher than that, image by image.

    ``stability`` is from ``ranking_stability``, ``effects`` from ``deletion_effects``, ``table``
    from ``build``; ``images`` and ``segments`` are what they are of.
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
    """Delete, randomise and resample; ``work`` keeps all of it, and a second call uses it again.

    ``data`` is a folder that holds ``chihuahua/`` and ``weights/``; by default the checks are
    of the quickstart's model on the photos that the package renders.
    """
    settings = SETTINGS[size] if data is None else ON_PHOTOS[size]
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
        kept=kept_folder(folder, "deletion", {}, deletion),
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
    """At most that many depths from 1 to ``n_layers``, denser near the output.

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
    """Of all that is computed of this very model."""
    digest = hashlib.sha256(subject.model.read_bytes()).hexdigest()
    return kept_folder(work, f"does_it_hold_{subject.data}", {"model": digest})


def _targets(table: pd.DataFrame) -> dict[str, int]:
    targets = table.drop_duplicates("image_id")
    return {str(i): int(t) for i, t in zip(targets["image_id"], targets["target"], strict=True)}


__all__ = ["DELETIONS", "SETTINGS", "DoesItHold", "Settings", "claims", "draw", "run"]
