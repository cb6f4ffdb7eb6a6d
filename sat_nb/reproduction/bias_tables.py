"""What biased and less biased classifiers of actions look at: photos, models, maps and tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

import sat_nb as sat
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.reproduction import actors, biased_models
from sat_nb.reproduction.bar import ORIGIN, BiasedPhotos, read_bar
from sat_nb.reproduction.biased_models import IN_BIAS, KINDS, OUT_OF_BIAS, Stretched
from sat_nb.reproduction.studies import kept_folder, paper_data
from sat_nb.saliency.store.codec import FORMAT

ACTIONS = ("climbing", "diving", "fishing")
METHOD = "lrp.z"
PERSON, BACKGROUND = "person", "background"
PARTS = ("head", "torso", "arms", "legs")
ALPHA = 0.05
COMMON = 0.2  # of an action's photos have a segment that may lead


@dataclass(frozen=True)
class Settings:
    """``n_train`` and ``n_test`` rendered photos an action (not of BAR); models of ``seeds``.

    ``photo_size`` in pixels is the models' input; ``n_explained`` photos at most of each action
    and part, in bias and out of it, are explained by ``methods``.
    """

    n_train: int
    n_test: int
    photo_size: int
    epochs: int
    seeds: tuple[int, ...]
    n_explained: int
    methods: tuple[str, ...] = (METHOD, "deep_taylor", "gradient")


SETTINGS = {
    "tiny": Settings(50, 20, 48, 4, (0,), 10, (METHOD, "deep_taylor")),
    "small": Settings(160, 240, 64, 40, (0, 1, 2), 40),
    "full": Settings(0, 0, 128, 40, (0, 1, 2, 3, 4), 200),
}


@dataclass(frozen=True)
class Bias:
    """What both kinds of models look at.

    ``table``: the rows of all photos and models, with the columns ``kind`` ("biased", "less
    biased"), ``seed``, ``action`` and ``part`` ("in bias", "out of bias"). ``accuracy``: ``kind``,
    ``seed``, ``part``, ``action``, ``accuracy``, ``n_images``, on photos that no model has seen.
    ``maps`` is {(kind, seed): store}; ``data`` says which photos they are.
    """

    size: str
    data: str
    photos: BiasedPhotos
    table: pd.DataFrame
    accuracy: pd.DataFrame
    maps: Mapping[tuple[str, int], sat.AttributionStore]
    settings: Settings

    @property
    def embedded(self) -> bool:
        """Whether the photos are rendered, and so may be drawn."""
        return self.data == "embedded"


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
) -> Bias:
    """Train both kinds of models, explain held-out photos and join; ``work`` keeps all of it.

    Parameters
    ----------
    work: folder for photos, models and maps.
    size: "tiny" and "small" render actors; "full" takes BAR from $SAT_NB_PAPER_DATA/bar.
    data: a folder with ``bar/`` in it, which may lack photos; taken instead, at any size.

    Every photo is explained for its own action, so that all models answer one question.
    """
    if size not in SETTINGS:
        raise unknown_name("size", size, SETTINGS)
    settings, work = SETTINGS[size], Path(work)
    photos = _photos(work, size, settings, data)
    pixels = Stretched(photos.images, settings.photo_size)
    chosen = _explained(photos, settings)
    parts = {
        (kind, seed): _one_model(work, kind, seed, photos, pixels, chosen, settings)
        for seed in settings.seeds
        for kind in KINDS
    }
    tables = [table.assign(kind=kind, seed=seed) for (kind, seed), (_, table, _) in parts.items()]
    found = [
        accuracy.assign(kind=kind, seed=seed) for (kind, seed), (_, _, accuracy) in parts.items()
    ]
    return Bias(
        size,
        "embedded" if data is None and size != "full" else "BAR",
        photos,
        _described(pd.concat(tables, ignore_index=True), photos),
        pd.concat(found, ignore_index=True)[
            ["kind", "seed", "part", "action", "accuracy", "n_images"]
        ],
        {key: maps for key, (maps, _, _) in parts.items()},
        settings,
    )


def _photos(
    work: Path, size: str, settings: Settings, data: str | os.PathLike[str] | None
) -> BiasedPhotos:
    if data is not None:
        photos = read_bar(Path(data) / "bar", complete=False)
    elif size == "full":
        photos = read_bar(paper_data("bar", ORIGIN))
    else:
        options = {
            "n_train": settings.n_train,
            "n_test": settings.n_test,
            "size": settings.photo_size,
        }
        photos = actors.make(kept_folder(work, "actors", options, actors.photo), **options)
    return photos


def _segments(photos: BiasedPhotos) -> Mapping[str, sat.SegmentationMap]:
    if photos.exports is None:
        raise InvalidInput(f"data: no masks, there is no folder exports/. {ORIGIN}")
    return sat.read_segments(photos.exports)


def _explained(photos: BiasedPhotos, settings: Settings) -> list[str]:
    """Held-out photos of ACTIONS that have masks, so many of each action and part."""
    exports = _segments(photos)
    chosen = []
    for ids in biased_models.split(photos).held.values():
        for action in ACTIONS:
            label = photos.class_names.index(action)
            of_it = [i for i in ids if photos.labels[i] == label and i in exports]
            chosen += of_it[: settings.n_explained]
    return chosen


def _one_model(
    work: Path,
    kind: str,
    seed: int,
    photos: BiasedPhotos,
    pixels: Stretched,
    chosen: list[str],
    settings: Settings,
) -> tuple[sat.AttributionStore, pd.DataFrame, pd.DataFrame]:
    """Maps, table and accuracies of one model."""
    model = biased_models.train(work, kind, seed, photos, pixels, settings.epochs)
    maps = sat.explain(
        model,
        photos.images.select(chosen),
        methods=settings.methods,
        preprocess="unit",
        target={i: photos.labels[i] for i in chosen},
        out=model.parent / f"maps_{FORMAT}",
    )
    exports = _segments(photos)
    shown = {m: {i: maps[m][i] for i in chosen} for m in settings.methods}
    table = sat.build(
        shown, {i: exports[i] for i in chosen}, labels=photos.labels, model=model.stem
    )
    return maps, table, biased_models.accuracies(model, photos, pixels)


def _described(table: pd.DataFrame, photos: BiasedPhotos) -> pd.DataFrame:
    """The table with the action and the part of each photo."""
    train = set(photos.train)
    return table.assign(
        action=table["image_id"].map(lambda i: photos.class_names[photos.labels[i]]),
        part=table["image_id"].map(lambda i: IN_BIAS if i in train else OUT_OF_BIAS),
    )


def without_parts(result: Bias) -> Bias:
    """The same with whole persons only, ranked again.

    The mean over a whole lies between the means over its parts, so a person never leads where its
    parts have masks of their own; the paper's plots have the person alone. For the same reason the
    background is left out where the place has masks of its own.
    """
    others = set(result.table["segment"]) - {PERSON, BACKGROUND, *PARTS}
    left_out = (*PARTS, BACKGROUND) if others else PARTS
    return replace(result, table=sat.rerank(sat.select(result.table, without=left_out)))


# --- what it says --------------------------------------------------------------------------------


def over_seeds(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> pd.DataFrame:
    """Rows of both kinds for one action, each photo's ranks averaged over the models of a kind.

    The column ``model`` is the kind: the unit of what is tested is then the photo, and the
    accident of one training is in the mean.
    """
    table = result.table
    rows = table[
        (table["action"] == action) & (table["method"] == method) & (table["part"] == part)
    ]
    if rows.empty:
        raise InvalidInput(
            f"action: no rows of {action!r} under {method!r} {part}; there are "
            f"{sorted(set(table['action']))} under {sorted(set(table['method']))}."
        )
    means = rows.groupby(["kind", "image_id", "segment"], sort=False)[
        ["rank", "mean_attribution", "abs_mean_attribution"]
    ].mean()
    one = rows[rows["seed"] == rows["seed"].iloc[0]].set_index(["kind", "image_id", "segment"])
    one = one.drop(columns=list(means)).join(means).reset_index()
    return one.assign(model=one["kind"])[[*table.columns]]


def leading(
    result: Bias, action: str, kind: str, *, most: int = 7, method: str = METHOD
) -> pd.DataFrame:
    """The up to seven segments of least mean rank (Relative), with bootstrap intervals.

    Those in less than a fifth of the photos are left out: theirs would be means of a few.
    """
    rows = _common(over_seeds(result, action, method=method), kind)
    summary = sat.intervals(rows, value="rank")
    return summary.sort_values(["rank", "segment"], ignore_index=True).head(most)


def first(result: Bias, action: str, kind: str, *, method: str = METHOD) -> str:
    """The segment that :func:`leading` puts first."""
    rows = _common(over_seeds(result, action, method=method), kind)
    return str(rows.groupby("segment")["rank"].mean().sort_index().idxmin())


def _common(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The rows of one kind whose segments are in a fifth of its photos at least."""
    rows = rows[rows["kind"] == kind]
    in_photos = rows.groupby("segment")["image_id"].transform("nunique")
    return rows.loc[in_photos >= COMMON * rows["image_id"].nunique()]


def difference(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> sat.Difference:
    """Where the ranks of one action moved from the biased models to the less biased ones."""
    rows = over_seeds(result, action, method=method, part=part)
    biased, less = (rows[rows["kind"] == kind] for kind in KINDS)
    return sat.difference(biased, less, method=method, alpha=ALPHA)


def person_ranks(result: Bias) -> pd.DataFrame:
    """The person's mean rank by method, part, action and seed: ``biased``, ``less biased``."""
    rows = result.table[result.table["segment"] == PERSON]
    keys = ["method", "part", "action", "seed"]
    return rows.pivot_table(index=keys, columns="kind", values="rank")[[*KINDS]].reset_index()


def above_background(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> dict[str, pd.Series]:
    """{kind: whether the person ranks above the background, by photo}, ranks over the seeds."""
    ranks = over_seeds(result, action, method=method, part=part).pivot_table(
        index=["kind", "image_id"], columns="segment", values="rank"
    )
    above = ranks[PERSON] < ranks[BACKGROUND]
    return {kind: above.xs(kind, level="kind") for kind in KINDS}


def accuracy_table(result: Bias) -> pd.DataFrame:
    """Accuracy by kind and part (columns) and action (rows), mean over seeds; last row: all."""
    found = result.accuracy
    weighted = found.assign(right=found["accuracy"] * found["n_images"])
    sums = weighted.groupby(["kind", "part", "action"], sort=False)[["right", "n_images"]].sum()
    total = sums.groupby(["kind", "part"], sort=False).sum()
    total = total.assign(action="all").set_index("action", append=True)
    both = pd.concat([sums, total])
    shares = (both["right"] / both["n_images"]).rename("accuracy").reset_index()
    wide = shares.pivot_table(
        index="action", columns=["kind", "part"], values="accuracy", sort=False
    )
    return wide[[(kind, part) for kind in KINDS for part in (IN_BIAS, OUT_OF_BIAS)]]
