"""What a prediction loses when a segment is taken out of the photo."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import sat_nb as sat
from sat_nb.arrays import Float32, Mask, Pixels
from sat_nb.errors import unknown_name
from sat_nb.files import existing, written_whole
from sat_nb.geometry import get_fit
from sat_nb.saliency.engines.keras.eager import eager_tensorflow
from sat_nb.saliency.preprocess import get_preprocess

COLUMNS = ("image_id", "segment", "deletion", "logit", "effect", "mask_px")


# --- the ways: (pixels uint8 (H, W, 3), mask bool (H, W)) -> pixels without the segment ----------


def grey(pixels: Pixels, mask: Mask) -> Pixels:
    """Middle grey in its place: easy to see, and unlike anything the model was trained on."""
    return _filled(pixels, mask, np.float64(128))


def blur(pixels: Pixels, mask: Mask) -> Pixels:
    """The photo blurred there: a Gaussian whose deviation is a twelfth of the shorter side.

    Colours and the coarse shape stay.
    """
    from skimage.filters import gaussian

    sigma = min(mask.shape) / 12
    smooth = gaussian(pixels.astype(np.float64), sigma, channel_axis=-1, preserve_range=True)
    return _filled(pixels, mask, smooth)


def inpaint(pixels: Pixels, mask: Mask) -> Pixels:
    """What the surroundings suggest, a smooth surface from edge to edge (biharmonic).

    Source: Damelin & Hoang 2018, as scikit-image computes it. A segment without surroundings
    becomes grey.
    """
    from skimage.restoration import inpaint_biharmonic

    if mask.all():
        return grey(pixels, mask)
    filled = inpaint_biharmonic(pixels / 255.0, mask.copy(), channel_axis=-1)  # refuses read-only
    return _filled(pixels, mask, 255 * filled)


DELETIONS: dict[str, Callable[[Pixels, Mask], Pixels]] = {
    "grey": grey,
    "blur": blur,
    "inpaint": inpaint,
}
"""Name -> a way to delete a segment. One way more is one entry more."""


def _filled(pixels: Pixels, mask: Mask, colours: Any) -> Pixels:
    filled = np.where(mask[..., None], colours, pixels)
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8)


# --- what it does to the prediction -------------------------------------------------------------


def deletion_effects(
    model: str | os.PathLike[str],
    images: Mapping[str, Pixels],
    segments: Mapping[str, sat.SegmentationMap],
    targets: Mapping[str, int],
    *,
    preprocess: Any,
    kept: str | os.PathLike[str],
    deletions: Iterable[str] = tuple(DELETIONS),
    pad_px: int = 2,
) -> pd.DataFrame:
    """How far the target's logit falls when a segment is deleted, for every segment of every image.

    Deleted are the very pixels over which ``build`` takes the mean: masks of one name merged,
    brought to the model's input and padded.

    Parameters
    ----------
    model: a saved Keras classifier; ``preprocess`` is what its input needs, as for ``explain``.
    images: {image_id: uint8 (H, W, 3)}; stretched to the model's input.
    segments: {image_id: SegmentationMap}.
    targets: {image_id: class}, the images to measure.
    kept: folder that keeps each image's rows; a run that was stopped goes on.
    deletions: names in DELETIONS.
    pad_px: as for ``build``.

    Returns a DataFrame, one row an image, segment and deletion: ``logit`` of the target on the
    whole photo, ``effect``, by how much it is lower without the segment (negative: it rises),
    ``mask_px``.
    """
    from tqdm.auto import tqdm

    names = tuple(deletions)
    for name in names:
        if name not in DELETIONS:
            raise unknown_name("deletions", name, DELETIONS)
    logits = load_logits(model)
    parts = []
    for image_id in tqdm(targets, desc="deletion", unit="photo"):
        file = Path(kept) / f"{image_id}.csv"
        if not file.exists():
            size = logits.input_size
            pixels = get_fit("stretch").image(images[image_id], size)
            fitted = segments[image_id].merged().resize(size, fit="stretch", pad_px=pad_px)
            rows = _image_effects(pixels, fitted, targets[image_id], names, logits, preprocess)
            with written_whole(file) as part:
                rows.assign(image_id=image_id)[list(COLUMNS)].to_csv(part, index=False)
        parts.append(pd.read_csv(file, dtype={"image_id": str, "segment": str}))
    return pd.concat(parts, ignore_index=True)


def _image_effects(
    pixels: Pixels,
    segmentation: sat.SegmentationMap,
    target: int,
    deletions: tuple[str, ...],
    logits: Logits,
    preprocess: Any,
) -> pd.DataFrame:
    keys = [(name, i) for name in deletions for i in range(len(segmentation))]
    photos = [pixels, *(DELETIONS[name](pixels, segmentation.masks[i]) for name, i in keys)]
    batch = get_preprocess(preprocess)(np.stack(photos).astype(np.float32))
    whole, *without = logits.of(np.asarray(batch, dtype=np.float32))[:, target].astype(float)
    return pd.DataFrame(
        {
            "segment": [segmentation.names[i] for _, i in keys],
            "deletion": [name for name, _ in keys],
            "logit": whole,
            "effect": [whole - one for one in without],
            "mask_px": [int(segmentation.masks[i].sum()) for _, i in keys],
        }
    )


@dataclass(frozen=True, eq=False)
class Logits:
    """A model up to its logits: preprocessed float32 (n, H, W, C) -> float32 (n, n_classes)."""

    input_size: tuple[int, int]
    call: Callable[[Float32], Any]

    def of(self, batch: Float32, batch_size: int = 32) -> Float32:
        """The logits of any number of photos, computed in batches."""
        parts = [
            np.asarray(self.call(batch[i : i + batch_size]))
            for i in range(0, len(batch), batch_size)
        ]
        return np.concatenate(parts)


def load_logits(model: str | os.PathLike[str]) -> Logits:
    """The logits of a saved classifier that ends in a softmax or sigmoid, or in logits."""
    tf = eager_tensorflow("does_it_hold")
    network = tf.keras.models.load_model(existing(model, "model"), compile=False)
    last = network.layers[-1]
    if isinstance(last, tf.keras.layers.Activation | tf.keras.layers.Softmax):
        network = tf.keras.Model(network.inputs, last.input)
    elif getattr(last, "activation", None) in (
        tf.keras.activations.softmax,
        tf.keras.activations.sigmoid,
    ):
        last.activation = tf.keras.activations.linear
    height, width = network.input_shape[1:3]
    return Logits((height, width), lambda batch: network(batch, training=False))
