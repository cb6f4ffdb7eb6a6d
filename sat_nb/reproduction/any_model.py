"""The same question to models of four kinds, trained on the same photos: any classifier of today.

A share of the zebras they were trained on carries a watermark. Two of the models are Keras' and two
PyTorch's; they are trained where their engines are installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.reproduction import torch_models
from sat_nb.reproduction.marked_photos import MarkedPhotos, rendered_zebras
from sat_nb.reproduction.studies import kept_folder


@dataclass(frozen=True)
class Kind:
    """A kind of model: ``make(photos, work, share, seed)`` trains it, or finds it trained."""

    make: Callable[[MarkedPhotos, Path, float, int], Path]


def _keras(epochs: int) -> Kind:
    return Kind(
        lambda photos, work, share, seed: photos.model(work, share, epochs=epochs, seed=seed)
    )


def _torch(kind: str, epochs: int) -> Kind:
    def make(photos: MarkedPhotos, work: Path, share: float, seed: int) -> Path:
        decides = {**photos.key, "share": share, "epochs": epochs, "seed": seed}
        folder = kept_folder(work, f"{kind}_{share:g}", decides, torch_models)
        file = folder / f"{kind}{torch_models.KINDS[kind]}"
        if not file.exists():
            options = {"epochs": epochs, "seed": seed}
            torch_models.train(kind, photos.train(share), photos.labels, file, **options)
        return file

    return Kind(make)


KINDS: Mapping[str, Kind] = {
    "Keras 2 CNN": _keras(28),
    "Keras 3 CNN": _torch("keras3", 24),
    "PyTorch CNN": _torch("cnn", 12),
    "Vision transformer": _torch("vit", 24),
}
"""The kinds by the names that tables show."""

SIZES: Mapping[str, Mapping[str, int]] = {
    "tiny": {"n_explained": 8, "n_train": 60, "n_test": 12, "px": 96},
    "small": {"n_explained": 30, "n_train": 150, "n_test": 60, "px": 96},
}
"""How many photos, of how many pixels, by the size of a study; nothing is larger than "small"."""


def marked_photos(work: str | os.PathLike[str], *, size: str) -> MarkedPhotos:
    """The embedded data set at that size of a study; ``work`` keeps what was rendered."""
    return rendered_zebras(work, **SIZES.get(size, SIZES["small"]))


def models(
    photos: MarkedPhotos, work: str | os.PathLike[str], share: float, *, seed: int = 0
) -> dict[str, Path]:
    """{kind: model file} for that share of marked zebras; ``work`` keeps what was trained."""
    return {name: kind.make(photos, Path(work), share, seed) for name, kind in KINDS.items()}


def predicted(model: Path, images: sat.ImageSet) -> dict[str, int]:
    """{image_id: the class that a model of any kind predicts}."""
    maps = sat.explain(model, images, methods="random", preprocess="unit", progress=False)
    return {image_id: maps.facts[image_id].predicted for image_id in images}


def accuracies(photos: MarkedPhotos, files: Mapping[str, Path]) -> pd.DataFrame:
    """The share of test photos that each model classifies correctly: clean, and all marked."""
    rows: dict[str, dict[str, float]] = {}
    for name, file in files.items():
        for column, images in {"clean": photos.clean, "marked": photos.marked}.items():
            found = predicted(file, images)
            right = [found[image_id] == label for image_id, label in photos.test_labels.items()]
            rows.setdefault(name, {})[column] = float(np.mean(right))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
