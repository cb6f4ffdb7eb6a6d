"""Classifiers trained on ImageNet, and photos with masks to explain them on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.files import existing, written_whole
from sat_nb.models.efficientnet import efficientnet_lite0, lite0_input
from sat_nb.reproduction import photos
from sat_nb.reproduction.studies import paper_data
from sat_nb.saliency.preprocess import Preprocess

VGG16_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
VGG16_MD5 = "64373286793e3c8b2b4e3219cbf3544b"  # as Keras 2.14 checks it
VGG16_ORIGIN = (
    f"Put Keras' file {VGG16_FILE} (528 MB, in the keras-applications folder of TensorFlow's "
    "storage) into $SAT_NB_PAPER_DATA/weights."
)
ORIGIN = (
    "Get ImageNet-1k from image-net.org (free for research, after registration), put photos of "
    "each class into $SAT_NB_PAPER_DATA/imagenet/CLASS/images, about 100 of them, let DINO-X "
    'segment each with a text prompt of twelve names (such as "eyes . ears . nose . mouth . head '
    '. neck . body . legs . paws . tail . collar . grass"), and save every answer as '
    "$SAT_NB_PAPER_DATA/imagenet/CLASS/exports/PHOTO.json."
)


@dataclass(frozen=True)
class Classifier:
    """A Keras file, its preprocessing, and the methods by which iNNvestigate refuses it."""

    file: Path
    preprocess: Preprocess | str
    refused: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in the table's column ``model``."""
        return self.file.stem


@dataclass(frozen=True)
class Photos:
    """The photos of one class and their masks, both by id."""

    images: sat.ImageSet
    segments: Mapping[str, sat.SegmentationMap]


# --- from packages -------------------------------------------------------------------------------


def lite0(work: str | os.PathLike[str]) -> Classifier:
    """EfficientNet-Lite0 with the weights of its package; the Keras file is below ``work``."""
    file = Path(work) / "efficientnet_lite0.h5"
    kept = file if file.exists() else efficientnet_lite0(file)
    # iNNvestigate's LRP has no rule for ReLU6.
    return Classifier(kept, lite0_input, ("innvestigate.lrp.epsilon", "innvestigate.lrp.z"))


def shipped(image_ids: Sequence[str] = tuple(photos.FILES)) -> dict[str, Photos]:
    """Photos of scikit-image with this project's masks, as one class "photos"."""
    segments = sat.read_segments(photos.EXPORTS)
    images = photos.read().select(list(image_ids))
    return {"photos": Photos(images, {i: segments[i] for i in image_ids})}


# --- the paper's: VGG16 and the user's own photos ------------------------------------------------


def vgg16(work: str | os.PathLike[str]) -> Classifier:
    """VGG16 with the weights in $SAT_NB_PAPER_DATA/weights, as a Keras file below ``work``.

    Raises FileMissing where the weights are absent, InvalidInput where the file is not Keras' own.
    """
    weights = paper_data("weights", VGG16_ORIGIN) / VGG16_FILE
    if not weights.is_file():
        raise FileMissing(f"SAT_NB_PAPER_DATA: {str(weights)!r} does not exist. {VGG16_ORIGIN}")
    file = Path(work) / "vgg16.h5"
    if not file.exists():
        _check_md5(weights, VGG16_MD5)
        import tensorflow as tf

        model = tf.keras.applications.VGG16(weights=str(weights))
        with written_whole(file) as part:
            model.save(part, save_format="h5", include_optimizer=False)
    return Classifier(file, "caffe")


def user_classes() -> dict[str, Photos]:
    """{class: its photos} below $SAT_NB_PAPER_DATA/imagenet; every file is checked.

    A class is a folder with ``images/`` and ``exports/``, joined by id. Raises FileMissing for
    absent folders, and InvalidInput for photos that cannot be read and masks that do not fit them;
    both tell where to get the data.
    """
    root = paper_data("imagenet", ORIGIN)
    folders = sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
    if not folders:
        raise FileMissing(f"SAT_NB_PAPER_DATA: {str(root)!r} has no subfolder of a class. {ORIGIN}")
    return {folder.name: _checked_class(folder) for folder in folders}


def _checked_class(folder: Path) -> Photos:
    for part in ("images", "exports"):
        if not (folder / part).is_dir():
            raise FileMissing(
                f"SAT_NB_PAPER_DATA: {str(folder / part)!r} is not a folder. {ORIGIN}"
            )
    images = sat.read_images(folder / "images")
    segments = sat.read_segments(folder / "exports", format="dinox")
    wrong = sat.check_masks(segments, images, progress=False).errors
    if wrong:
        raise InvalidInput(f"{folder}: {wrong[0]} {ORIGIN}")
    return Photos(images, segments)


def _check_md5(file: Path, expected: str) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != expected:
        raise InvalidInput(
            f"{file}: expected the MD5 sum {expected}, got {found}; the file is damaged or "
            f"not Keras' own. {VGG16_ORIGIN}"
        )


# --- a folder of real photos ---------------------------------------------------------------------


def squeezenet(data: str | os.PathLike[str]) -> Classifier:
    """SqueezeNet v1.0 in ``data/weights``."""
    file = Path(data) / "weights" / "squeezenet_v1_0_imagenet.h5"
    return Classifier(existing(file, "data"), squeezenet_input)


def squeezenet_input(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Photos (n, H, W, 3), 0..255, as the input of this SqueezeNet: BGR minus its means.

    >>> squeezenet_input(np.float32([[[[124, 117, 104]]]])).ravel()
    array([0., 0., 1.], dtype=float32)
    """
    return batch[..., ::-1] - np.array([104, 117, 123], dtype=np.float32)


def chihuahuas(data: str | os.PathLike[str]) -> dict[str, Photos]:
    """The chihuahuas in ``data``, with their masks."""
    folder = existing(Path(data) / "chihuahua", "data")
    images, segments = sat.read_images(folder / "images"), sat.read_segments(folder / "exports")
    return {"chihuahua": Photos(images, segments)}
