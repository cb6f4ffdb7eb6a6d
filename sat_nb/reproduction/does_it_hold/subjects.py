"""What the checks are tried on: a model, photos, masks, and the class that is explained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sat_nb as sat
from sat_nb.reproduction import imagenet, quickstart
from sat_nb.reproduction.marked_photos import rendered_zebras
from sat_nb.saliency.preprocess import Preprocess
from sat_nb.saliency.targets import Target


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and its photos. ``data`` is the name in claims; ``target`` as for ``explain``."""

    data: str
    model: Path
    images: sat.ImageSet
    segments: Mapping[str, sat.SegmentationMap]
    preprocess: str | Preprocess
    target: Target


def embedded(work: str | os.PathLike[str], size: str, n_images: int) -> Subject:
    """The quickstart's model that saw watermarks, on marked test zebras."""
    settings = quickstart.settings_of(size)
    photos = rendered_zebras(work, n_explained=n_images, **settings.photos())
    model = photos.model(work, settings.share, epochs=settings.epochs, seed=settings.seed)
    images = photos.marked.select(list(photos.segments))
    return Subject(photos.name, model, images, photos.segments, "unit", photos.target)


def chihuahuas(data: str | os.PathLike[str], n_images: int) -> Subject:
    """A SqueezeNet with ImageNet's weights on photos of chihuahuas, each one's predicted class."""
    classifier, photos = imagenet.squeezenet(data), imagenet.chihuahuas(data)["chihuahua"]
    ids = list(photos.images)[:n_images]
    segments = {i: photos.segments[i] for i in ids}
    images = photos.images.select(ids)
    return Subject(
        "chihuahua", classifier.file, images, segments, classifier.preprocess, "predicted"
    )
