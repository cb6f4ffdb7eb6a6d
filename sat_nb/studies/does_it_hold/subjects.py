"""What the checks are tried on: a model, photos, masks, and the class that is explained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.files import existing
from sat_nb.studies import quickstart

TRAINED: dict[str, dict[str, Any]] = {
    "tiny": {"n_train": 100, "n_test": 12, "size": 64, "epochs": 14, "n_explained": 8},
    "small": {},
    "full": {},
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and its photos. ``data`` is the name in claims; ``target`` as for ``explain``."""

    data: str
    model: Path
    images: sat.ImageSet
    segments: Mapping[str, sat.SegmentationMap]
    preprocess: Any
    target: Any


def embedded(work: str | os.PathLike[str], size: str, n_images: int) -> Subject:
    """The quickstart's model that saw watermarks, on marked test zebras."""
    result = quickstart.run(work, **TRAINED[size])
    data = result.data
    zebras = [i for i in data.test_marked if data.labels[i] == quickstart.ZEBRA][:n_images]
    return Subject(
        "embedded",
        data.root.parent / f"{quickstart.MARKED}.h5",
        sat.read_images(data.images).select(zebras),
        _only(sat.read_segments(data.exports), zebras),
        "unit",
        quickstart.ZEBRA,
    )


def chihuahuas(data: str | os.PathLike[str], n_images: int) -> Subject:
    """A SqueezeNet with ImageNet's weights on photos of chihuahuas, each one's predicted class."""
    images = sat.read_images(existing(Path(data) / "chihuahua" / "images", "data"))
    ids = list(images)[:n_images]
    return Subject(
        "chihuahua",
        existing(Path(data) / "weights" / "squeezenet_v1_0_imagenet.h5", "data"),
        images.select(ids),
        _only(sat.read_segments(Path(data) / "chihuahua" / "exports"), ids),
        squeezenet_input,
        "predicted",
    )


def squeezenet_input(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """RGB to BGR, minus the means that this SqueezeNet was trained with."""
    return batch[..., ::-1] - np.array([104.0, 117.0, 123.0], dtype=np.float32)


def _only(
    segments: Mapping[str, sat.SegmentationMap], ids: list[str]
) -> dict[str, sat.SegmentationMap]:
    return {i: segments[i] for i in ids}
