"""Copies of a model whose weights are random from the output downwards."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.files import existing, written_whole
from sat_nb.saliency.engines.keras.eager import eager_tensorflow


def weighted_layers(model: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the layers with weights, the one next to the output first."""
    tf = eager_tensorflow("does_it_hold")
    network = tf.keras.models.load_model(existing(model, "model"), compile=False)
    return _weighted(network)


def randomise_layers(
    model: str | os.PathLike[str], depth: int, *, out: str | os.PathLike[str], seed: int = 0
) -> Path:
    """Write a copy whose ``depth`` uppermost layers with weights are as before any training.

    The cascading randomisation of Adebayo et al. 2018 (arXiv 1810.03292, section 3.1): the
    weights are drawn anew by the layers' own initialisers, from the output downwards; the rest of
    the model stays as it is trained. With one seed a layer gets the same weights at every depth
    that reaches it. An existing ``out`` is left as it is.

    Raises InvalidInput for a depth that the model does not have.
    """
    tf = eager_tensorflow("does_it_hold")
    file = Path(out)
    if file.exists():
        return file
    network = tf.keras.models.load_model(existing(model, "model"), compile=False)
    names = _weighted(network)
    if checked_whole("depth", depth) > len(names):
        raise InvalidInput(
            f"depth: the model has {len(names)} layers with weights, got {depth}; give at most "
            "as many."
        )
    tf.keras.utils.set_random_seed(seed)
    fresh = tf.keras.models.clone_model(network)
    for name in names[:depth]:
        network.get_layer(name).set_weights(fresh.get_layer(name).get_weights())
    with written_whole(file) as part, _quietly(tf):
        network.save(part, save_format="h5", include_optimizer=False)
    return file


@contextmanager
def _quietly(tf: Any) -> Iterator[None]:
    """Without the warnings that HDF5 is old, which is meant, and that metrics are missing."""
    level = tf.get_logger().level
    tf.get_logger().setLevel("ERROR")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*HDF5 file via")
            yield
    finally:
        tf.get_logger().setLevel(level)


def _weighted(network: Any) -> tuple[str, ...]:
    return tuple(layer.name for layer in reversed(network.layers) if layer.weights)
