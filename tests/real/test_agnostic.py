"""Input-agnostic maps of a pretrained model, in its own units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sat_nb as sat

LABELS = (151, 207, 292, 340, 388, 407, 555, 717, 817, 963)
MEANS = np.array([104.0, 117.0, 123.0], dtype=np.float32)
OPTIONS: dict[str, Any] = {"bounds": (-MEANS, 255 - MEANS), "batch_size": 2, "progress": False}


@pytest.fixture(scope="module")
def network(tensorflow: Any, squeezenet: Path) -> Any:
    import tensorflow as tf

    return tf.keras.models.load_model(squeezenet, compile=False)


@pytest.fixture(scope="module")
def maps(network: Any) -> Any:
    return sat.input_agnostic_saliency(network, LABELS, steps=15, **OPTIONS)


def test_the_fidelity_of_ten_labels_rises_on_fresh_noise(network: Any, maps: Any) -> None:
    for label, found in maps.items():
        without = probability(network, label, 0 * found.map)
        assert probability(network, label, found.map) > 2 * without, label
        assert found.norms.max() <= 40.001


def test_a_randomised_network_gives_another_map(network: Any, maps: Any) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    random = tf.keras.models.clone_model(network)
    random.set_weights([rng.permuted(w.ravel()).reshape(w.shape) for w in network.get_weights()])
    own = maps[340].map
    other = sat.input_agnostic_saliency(random, 340, steps=15, **OPTIONS).map
    assert abs(np.corrcoef(own.ravel(), other.ravel())[0, 1]) < 0.1
    without, by_own, by_other = (probability(network, 340, map) for map in (0 * own, own, other))
    assert by_own > 2 * without
    assert by_other < by_own / 2, "it speaks for the label in its own network only"


def probability(network: Any, label: int, map: np.ndarray) -> float:
    """The label's mean probability on noise of its own, with the map."""
    rng = np.random.default_rng(99)
    noise = np.clip(127.5 + 255 / 6 * rng.standard_normal((4, 227, 227, 3)), 0, 255) - MEANS
    seen = np.clip(noise + 255 * map, -MEANS, 255 - MEANS)
    return float(network(seen).numpy()[:, label].mean())
