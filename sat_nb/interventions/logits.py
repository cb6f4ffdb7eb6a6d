"""A saved Keras classifier in the caller's own process: its layers, and its logits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.arrays import Float32, Size
from sat_nb.models.keras_file import load_keras
from sat_nb.saliency.engines.keras import eager_tensorflow


@dataclass(frozen=True, eq=False)
class Logits:
    """A model up to its logits: preprocessed float32 (n, H, W, C) -> float32 (n, n_classes)."""

    input_size: Size
    call: Callable[[Float32], Any]

    def of(self, batch: Float32, batch_size: int = 32) -> Float32:
        """The logits of any number of photos, computed in batches."""
        parts = [
            np.asarray(self.call(batch[i : i + batch_size]))
            for i in range(0, len(batch), batch_size)
        ]
        return np.concatenate(parts)


def load_network(
    model: str | os.PathLike[str], caller: str, *, trusted: bool = False
) -> tuple[Any, Any]:
    """TensorFlow and the saved model.

    Raises InvalidInput that names ``caller`` in graph mode, and for a model that is refused.
    """
    tf = eager_tensorflow(caller)
    return tf, load_keras(Path(model), trusted=trusted)


def load_logits(model: str | os.PathLike[str], *, trusted: bool = False) -> Logits:
    """The logits of a saved classifier that ends in a softmax or sigmoid, or in logits."""
    tf, network = load_network(model, "deletion_effects", trusted=trusted)
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
