"""A small plain CNN, trained in eager TensorFlow: the classifier of the studies."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.files import written_whole
from sat_nb.models.keras_file import load_keras
from sat_nb.saliency.engines.keras import eager_tensorflow

Images = Mapping[str, NDArray[np.uint8]]
Labels = Mapping[str, int]


@dataclass(frozen=True)
class TrainedCnn:
    """A trained model: file, loss and accuracy by epoch, final training accuracy, seconds."""

    path: Path
    history: dict[str, list[float]]
    accuracy: float
    seconds: float


def train_cnn(
    images: Images,
    labels: Labels,
    *,
    out: str | os.PathLike[str] = "model.h5",
    epochs: int = 28,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
    smallest_crop: float = 1.0,
    progress: bool = True,
) -> TrainedCnn:
    """Train a small CNN on labelled photos and write it as a Keras HDF5 file.

    The network has convolutions with ReLU, max pooling and dense layers only, all of which
    iNNvestigate supports. The file appears whole or not at all.

    Parameters
    ----------
    images : Mapping
        {image_id: uint8 (H, W, 3)}, all of one size. Those that ``labels`` names are used.
    labels : Mapping
        {image_id: class}, classes 0 .. n-1.
    out : str or path, default "model.h5"
        The model file. Its input is float32 (batch, H, W, 3) in [0, 1] (``preprocess="unit"``), its
        output the softmax over the classes.
    epochs : int, default 28
        Passes over the photos.
    batch_size : int, default 32
        Photos per step.
    learning_rate : float, default 1e-3
        Of Adam at the start; it falls to 0 along a cosine.
    seed : int, default 0
        Seed of weights, order and mirroring. The same seed gives the same model on one machine:
        to that end TensorFlow's operations stay deterministic in this process from now on.
    smallest_crop : float, default 1.0
        Below 1, every photo is cropped at random each time, to at least that share of its sides,
        and resized.
    progress : bool, default True
        Whether to show a progress bar.

    Returns
    -------
    TrainedCnn
        The file and the history of the training.

    Raises
    ------
    IdMismatch
        For labels without an image.
    InvalidInput
        For photos of several sizes.

    Examples
    --------
    >>> train_cnn(images, {"zebra_1": 1, "horse_1": 0}, epochs=1)  # doctest: +SKIP
    """
    tf = eager_tensorflow("train_cnn")
    ids = _ids(images, labels)
    pixels, classes = _pixels(images, ids), np.array([labels[i] for i in ids])
    started = time.perf_counter()
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    model = small_cnn(pixels.shape[1:], int(classes.max()) + 1)
    steps = epochs * -(-len(ids) // batch_size)
    falling = tf.keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        tf.keras.optimizers.Adam(falling), "sparse_categorical_crossentropy", ["accuracy"]
    )
    batches = _batches(tf, pixels, classes, batch_size, seed, smallest_crop)
    callbacks = [_progress(tf, epochs)] if progress else []
    fitted = model.fit(batches, epochs=epochs, verbose=0, callbacks=callbacks)
    with written_whole(out) as part:
        _save(model, part)
    history = {name: [float(v) for v in values] for name, values in fitted.history.items()}
    return TrainedCnn(Path(out), history, history["accuracy"][-1], time.perf_counter() - started)


def small_cnn(shape: tuple[int, ...], n_classes: int) -> Any:
    """The untrained Keras model for photos of ``shape`` (H, W, 3); H and W are at least 32."""
    # All layers are named: iNNvestigate adds layers whose automatic names would collide.
    from tensorflow.keras import Sequential, layers

    def convolution(number: int, filters: int, kernel: int = 3, strides: int = 1) -> list[Any]:
        return [
            layers.Conv2D(
                filters,
                kernel,
                strides,
                padding="same",
                activation="relu",
                name=f"convolution_{number}",
            ),
            layers.MaxPooling2D(name=f"pooling_{number}"),
        ]

    return Sequential(
        [
            layers.Input(shape, name="photo"),
            *convolution(1, 16, kernel=5, strides=2),
            *convolution(2, 24),
            *convolution(3, 32),
            *convolution(4, 48),
            layers.Flatten(name="flat"),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(n_classes, activation="softmax", name="classes"),
        ],
        name="small_cnn",
    )


def accuracy(model: str | os.PathLike[str], images: Images, labels: Labels) -> float:
    """The share of images that a model file classifies correctly.

    Parameters
    ----------
    model : str or path
        A Keras file with the input of :func:`train_cnn`.
    images : Mapping
        {image_id: uint8 (H, W, 3)}.
    labels : Mapping
        {image_id: class}, the images to classify.

    Returns
    -------
    float
        0 to 1.
    """
    found = predicted(model, images, labels)
    return sum(found[i] == label for i, label in labels.items()) / len(labels)


def predicted(
    model: str | os.PathLike[str], images: Images, image_ids: Iterable[str]
) -> dict[str, int]:
    """{image_id: the class that the model file predicts}."""
    eager_tensorflow("accuracy")
    ids = _ids(images, image_ids)
    network = load_keras(Path(model), trusted=False)
    found: dict[str, int] = {}
    for start in range(0, len(ids), 64):
        batch = ids[start : start + 64]
        scores = network(_pixels(images, batch).astype(np.float32) / 255).numpy()
        found.update(zip(batch, scores.argmax(axis=1).tolist(), strict=True))
    return found


def _save(model: Any, file: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file via")  # which is intended
        model.save(file, save_format="h5", include_optimizer=False)


def _ids(images: Images, wanted: Iterable[str]) -> list[str]:
    wanted = list(wanted)
    ids = [i for i in wanted if i in images]
    missing = [i for i in wanted if i not in images]
    if missing or not ids:
        raise IdMismatch(
            f"labels: {shorten(missing) or 'no image'} not among the images, which are "
            f"{shorten(images)}; label images that exist."
        )
    return ids


def _pixels(images: Images, ids: list[str]) -> NDArray[np.uint8]:
    arrays = [images[i] for i in ids]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        first, second = sorted(shapes)[:2]
        raise InvalidInput(f"images: expected photos of one size, got {first} and {second}.")
    return np.stack(arrays)


def _batches(
    tf: Any, pixels: NDArray, classes: NDArray, batch_size: int, seed: int, smallest_crop: float
) -> Any:
    """Shuffled batches of float32 in [0, 1]; every photo is mirrored half of the time."""
    data = tf.data.Dataset.from_tensor_slices((pixels, classes.astype(np.int32)))
    data = data.shuffle(len(classes), seed=seed, reshuffle_each_iteration=True)

    def prepare(photo: Any, label: Any) -> tuple[Any, Any]:
        photo = tf.cast(photo, tf.float32) / 255.0
        if smallest_crop < 1:
            photo = _cropped(tf, photo, smallest_crop, seed)
        return tf.image.random_flip_left_right(photo, seed=seed), label

    return data.map(prepare).batch(batch_size).prefetch(1)


def _cropped(tf: Any, photo: Any, smallest: float, seed: int) -> Any:
    """A random crop of the photo (H, W, 3), resized to the photo's size (bilinear)."""
    side = tf.random.uniform([], smallest, 1.0, seed=seed)
    corner = tf.random.uniform([2], seed=seed + 1) * (1.0 - side)
    box = tf.concat([corner, corner + side], axis=0)
    return tf.image.crop_and_resize(photo[None], box[None], [0], tf.shape(photo)[:2])[0]


def _progress(tf: Any, epochs: int) -> Any:
    """A progress bar of epochs that shows loss and accuracy."""
    from tqdm.auto import tqdm

    bar = tqdm(total=epochs, desc="training", unit="epoch")

    def advance(_epoch: int, logs: dict[str, float]) -> None:
        bar.set_postfix({name: f"{value:.3f}" for name, value in logs.items()})
        bar.update()

    return tf.keras.callbacks.LambdaCallback(
        on_epoch_end=advance, on_train_end=lambda _logs: bar.close()
    )
