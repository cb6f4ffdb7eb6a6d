"""The models of the bias study: two kinds of classifiers of actions, trained and explained.

The biased models have seen every action at its usual place only; the less biased ones have also
seen half of the photos taken elsewhere, cropped and mirrored at random.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import sat_nb as sat
from sat_nb.arrays import Pixels
from sat_nb.by_id import ById
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.geometry import stretch_image
from sat_nb.images import ImageSet
from sat_nb.reproduction import actors, cnn
from sat_nb.reproduction.bar import (
    IN_BIAS,
    KINDS,
    LESS,
    ORIGIN,
    OUT_OF_BIAS,
    BiasedPhotos,
    read_bar,
    split,
)
from sat_nb.reproduction.studies import kept_folder, paper_data
from sat_nb.saliency.store.codec import FORMAT

ACTIONS = ("climbing", "diving", "fishing")
METHOD = "lrp.z"
SMALLEST_CROP = 0.7  # of the sides of a photo, for the less biased models


@dataclass(frozen=True)
class Settings:
    """The settings of the bias study.

    ``n_train`` and ``n_test`` are the rendered photos of each action (BAR has its own);
    ``photo_size`` is the models' input in pixels; a model of each kind is trained for each of
    ``seeds``. At most ``n_explained`` photos of each action and part (in bias, out of bias) are
    explained by ``methods``.
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

    ``table`` has the rows of all photos and models, with the columns ``kind`` ("biased" or "less
    biased"), ``seed``, ``action`` and ``part`` ("in bias" or "out of bias"). ``accuracy`` has
    ``kind``, ``seed``, ``part``, ``action``, ``accuracy`` and ``n_images``, on photos that no model
    has seen. ``maps`` is {(kind, seed): store}; ``data`` names the photos.
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
        """Whether the photos are rendered, and may be published in figures."""
        return self.data == "embedded"


def run(
    work: str | os.PathLike[str],
    *,
    size: str = "small",
    data: str | os.PathLike[str] | None = None,
) -> Bias:
    """Train both kinds of models, explain held-out photos and build their table.

    Every photo is explained for its own action, so that all models answer the same question. An
    interrupted run continues; a second one uses what the first has made.

    Parameters
    ----------
    work : str or path
        The folder that keeps photos, models and maps.
    size : str, default "small"
        "tiny" and "small" render actors; "full" takes BAR from $SAT_NB_PAPER_DATA/bar.
    data : str or path, optional
        A folder with ``bar/`` in it, which may lack some photos; it replaces the photos of the
        size.

    Returns
    -------
    Bias
        Table, accuracies and maps.

    Raises
    ------
    InvalidInput
        For an unknown size, and for photos without masks.
    FileMissing
        Where BAR is absent.
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
    found = [one.assign(kind=kind, seed=seed) for (kind, seed), (_, _, one) in parts.items()]
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
        counts = {"n_train": settings.n_train, "n_test": settings.n_test}
        options = {**counts, "size": settings.photo_size}
        photos = actors.make(kept_folder(work, "actors", options, actors.photo), **options)
    return photos


def _segments(photos: BiasedPhotos) -> Mapping[str, sat.SegmentationMap]:
    if photos.exports is None:
        raise InvalidInput(f"data: the photos have no masks: there is no folder exports/. {ORIGIN}")
    return sat.read_segments(photos.exports)


def _explained(photos: BiasedPhotos, settings: Settings) -> list[str]:
    """The held-out photos of ACTIONS to explain: those with masks, up to ``n_explained``."""
    exports = _segments(photos)
    chosen = []
    for ids in split(photos).held.values():
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
    """The maps, table and accuracies of one model."""
    model = train(work, kind, seed, photos, pixels, settings.epochs)
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
    masks = {i: exports[i] for i in chosen}
    table = sat.build(shown, masks, labels=photos.labels, model=model.stem)
    return maps, table, accuracies(model, photos, pixels)


def _described(table: pd.DataFrame, photos: BiasedPhotos) -> pd.DataFrame:
    """The table with the columns ``action`` and ``part``."""
    train = set(photos.train)
    return table.assign(
        action=table["image_id"].map(lambda i: photos.class_names[photos.labels[i]]),
        part=table["image_id"].map(lambda i: IN_BIAS if i in train else OUT_OF_BIAS),
    )


def accuracy_table(result: Bias) -> pd.DataFrame:
    """The accuracy of both kinds of models on photos that none has seen.

    Parameters
    ----------
    result : Bias
        From :func:`run`.

    Returns
    -------
    DataFrame
        A row an action, and the row "all"; a column a kind and part; means over seeds.
    """
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


def over_seeds(
    result: Bias, action: str, *, method: str = METHOD, part: str = IN_BIAS
) -> pd.DataFrame:
    """The rows of one action, with each photo's ranks averaged over the models of a kind.

    The column ``model`` is the kind. The unit of a test is then the photo; the differences between
    trainings are averaged out.
    """
    table = result.table
    rows = table[
        (table["action"] == action) & (table["method"] == method) & (table["part"] == part)
    ]
    if rows.empty:
        raise InvalidInput(
            f"action: no rows of {action!r} under {method!r} {part}; the table has "
            f"{sorted(set(table['action']))} under {sorted(set(table['method']))}."
        )
    means = rows.groupby(["kind", "image_id", "segment"], sort=False)[
        ["rank", "mean_attribution", "abs_mean_attribution"]
    ].mean()
    one = rows[rows["seed"] == rows["seed"].iloc[0]].set_index(["kind", "image_id", "segment"])
    one = one.drop(columns=list(means)).join(means).reset_index()
    return one.assign(model=one["kind"])[[*table.columns]]


# --- one model ----------------------------------------------------------------------------------


class Stretched(ById[Pixels]):
    """Photos stretched to one size, as ``explain`` does; each is read once, when first used."""

    holds = "photo"

    def __init__(self, images: ImageSet, size: int) -> None:
        self._images, self.size = images, size
        self._known: dict[str, Pixels] = {}

    def _keys(self) -> Collection[str]:
        return self._images

    def _value(self, key: str) -> Pixels:
        if key not in self._known:
            self._known[key] = stretch_image(self._images[key], (self.size, self.size))
        return self._known[key]


def train(
    work: Path, kind: str, seed: int, photos: BiasedPhotos, pixels: Stretched, epochs: int
) -> Path:
    """The model file of one kind and seed, below ``work``; it is trained unless it exists."""
    ids, crop = split(photos).train[kind], SMALLEST_CROP if kind == LESS else 1.0
    settings = {
        "photos": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "size": (pixels.size, pixels.size),
        "epochs": epochs,
        "seed": seed,
        "kind": kind,
        "crop": crop,
    }
    model = kept_folder(work, "bias", settings, cnn) / f"{kind.replace(' ', '_')}_{seed}.h5"
    if not model.exists():
        _repeatable()
        cnn.train_cnn(
            pixels,
            {i: photos.labels[i] for i in ids},
            out=model,
            epochs=epochs,
            seed=seed,
            smallest_crop=crop,
        )
    return model


def accuracies(model: Path, photos: BiasedPhotos, pixels: Stretched) -> pd.DataFrame:
    """Accuracies on photos that no model has seen: part, action, accuracy and n_images."""
    rows = []
    for part, ids in split(photos).held.items():
        for label, action in enumerate(photos.class_names):
            labels = {i: label for i in ids if photos.labels[i] == label}
            found = cnn.accuracy(model, pixels, labels)
            rows.append((part, action, found, len(labels)))
    return pd.DataFrame(rows, columns=["part", "action", "accuracy", "n_images"])


def _repeatable() -> None:
    """Let TensorFlow train the same model from the same seed, on any number of threads."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
