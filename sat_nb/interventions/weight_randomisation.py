"""Copies of a model with random weights in its last layers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.interventions.logits import load_network


def weighted_layers(model: str | os.PathLike[str], *, trust_model: bool = False) -> tuple[str, ...]:
    """The names of a model's layers with weights, the one next to the output first.

    ``trust_model`` is as for :func:`sat_nb.explain`.
    """
    return _weighted(load_network(model, "weighted_layers", trusted=trust_model)[1])


def randomise_layers(
    model: str | os.PathLike[str],
    depth: int,
    *,
    out: str | os.PathLike[str],
    seed: int = 0,
    trust_model: bool = False,
) -> Path:
    """Write a copy of a model whose ``depth`` last layers with weights are untrained.

    This is the cascading randomisation of Adebayo et al. 2018 (arXiv 1810.03292, section 3.1):
    from the output downwards, weights are drawn again by the layers' own initialisers; the other
    layers keep theirs. With one seed, a layer gets the same weights at every depth that reaches
    it.

    Parameters
    ----------
    model : path
        A saved Keras model.
    depth : int
        How many layers become random.
    out : path
        The file to write; an existing one is left as it is.
    seed : int, default 0
        Of the random weights.
    trust_model : bool, default False
        Whether the model file may run code of its own, as for :func:`sat_nb.explain`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InvalidInput
        For a depth that the model does not have, and for a model that is refused.
    """
    file = Path(out)
    if file.exists():
        return file
    tf, network = load_network(model, "randomise_layers", trusted=trust_model)
    names = _weighted(network)
    if checked_whole("depth", depth) > len(names):
        raise InvalidInput(
            f"depth: expected at most {len(names)}, the model's layers with weights, got {depth}."
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
    """Silence the warnings that HDF5 is an old format and that metrics are missing."""
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
