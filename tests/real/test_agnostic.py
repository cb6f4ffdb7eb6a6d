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
def network(squeezenet: Path) -> Any:
    import tensorflow as tf

    return tf.keras.models.load_model(squeezenet, compile=False)


def test_the_fidelity_of_ten_labels_rises_on_fresh_noise(network: Any) -> None:
    maps = sat.input_agnostic_saliency(network, LABELS, steps=15, **OPTIONS)
    rng = np.random.default_rng(99)
    noise = np.clip(127.5 + 255 / 6 * rng.standard_normal((4, 227, 227, 3)), 0, 255) - MEANS
    without = network(noise).numpy().mean(axis=0)
    for label, found in maps.items():
        seen = np.clip(noise + 255 * found.map, -MEANS, 255 - MEANS)
        assert network(seen).numpy()[:, label].mean() > 2 * without[label], label
        assert found.norms.max() <= 40.001


def test_a_randomised_network_gives_another_map(network: Any) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    random = tf.keras.models.clone_model(network)
    random.set_weights([rng.permuted(w.ravel()).reshape(w.shape) for w in network.get_weights()])
    first, again = (
        sat.input_agnostic_saliency(network, 340, steps=8, seed=seed, **OPTIONS).map
        for seed in (0, 1)
    )
    other = sat.input_agnostic_saliency(random, 340, steps=8, **OPTIONS).map
    alike, apart = (np.corrcoef(first.ravel(), m.ravel())[0, 1] for m in (again, other))
    assert abs(apart) < 0.1
    assert alike > 3 * abs(apart)
