"""Two classifiers of the same photos: one trained in bias only, one that saw photos out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.geometry import stretch_image
from sat_nb.images import ImageSet
from sat_nb.reproduction import cnn
from sat_nb.reproduction.bar import BiasedPhotos
from sat_nb.reproduction.studies import kept_folder

BIASED, LESS = "biased", "less biased"
KINDS = (BIASED, LESS)
IN_BIAS, OUT_OF_BIAS = "in bias", "out of bias"
HELD_OUT = 0.2  # of each action's training photos; half of its test photos
SMALLEST_CROP = 0.7  # of a photo's sides, for the less biased model


@dataclass(frozen=True)
class Split:
    """Image ids: what each kind of model is trained on, and what no model has seen."""

    train: dict[str, tuple[str, ...]]
    held: dict[str, tuple[str, ...]]


def split(photos: BiasedPhotos, seed: int = 0) -> Split:
    """Hold out a fifth of each action's training photos and half of its test photos.

    The other half of the test photos is mixed into what the less biased model is trained on.
    """
    rng = np.random.default_rng(seed)
    held: dict[str, list[str]] = {IN_BIAS: [], OUT_OF_BIAS: []}
    used: dict[str, list[str]] = {IN_BIAS: [], OUT_OF_BIAS: []}
    for part, ids, share in (
        (IN_BIAS, photos.train, HELD_OUT),
        (OUT_OF_BIAS, photos.test, 0.5),
    ):
        for label in range(len(photos.class_names)):
            of_it = rng.permutation([i for i in ids if photos.labels[i] == label]).tolist()
            n_held = max(round(share * len(of_it)), 1)
            held[part] += of_it[:n_held]
            used[part] += of_it[n_held:]
    return Split(
        {BIASED: tuple(used[IN_BIAS]), LESS: tuple(used[IN_BIAS] + used[OUT_OF_BIAS])},
        {part: tuple(sorted(ids)) for part, ids in held.items()},
    )


class Stretched(Mapping[str, NDArray[np.uint8]]):
    """Photos brought to one size as ``explain`` brings them, each read once, when asked for."""

    def __init__(self, images: ImageSet, size: int) -> None:
        self._images, self._size = images, (size, size)
        self._known: dict[str, NDArray[np.uint8]] = {}

    def __getitem__(self, image_id: str) -> NDArray[np.uint8]:
        if image_id not in self._known:
            self._known[image_id] = stretch_image(self._images[image_id], self._size)
        return self._known[image_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._images


def train(
    work: Path, kind: str, seed: int, photos: BiasedPhotos, pixels: Stretched, epochs: int
) -> Path:
    """The model of one kind and seed, below ``work``, trained unless it is there."""
    ids, crop = split(photos).train[kind], SMALLEST_CROP if kind == LESS else 1.0
    settings = {
        "photos": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "size": pixels._size,
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
    """``part``, ``action``, ``accuracy`` and ``n_images`` on photos that no model has seen."""
    rows = []
    for part, ids in split(photos).held.items():
        for label, action in enumerate(photos.class_names):
            labels = {i: label for i in ids if photos.labels[i] == label}
            found = cnn.accuracy(model, pixels, labels)
            rows.append((part, action, found, len(labels)))
    return pd.DataFrame(rows, columns=["part", "action", "accuracy", "n_images"])


def _repeatable() -> None:
    """Let TensorFlow train the same model from the same seed, on any number of threads."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
