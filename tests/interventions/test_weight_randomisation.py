from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers


def weights_of(file: Path) -> dict[str, list[np.ndarray]]:
    import tensorflow as tf

    network = tf.keras.models.load_model(file, compile=False)
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def test_weights_are_random_from_the_top_down(saved: Path, tmp_path: Path) -> None:
    assert weighted_layers(saved / "fused.h5") == ("top", "middle", "low")
    own = weights_of(saved / "fused.h5")
    found = {}
    for depth in range(4):
        file = randomise_layers(saved / "fused.h5", depth, out=tmp_path / f"{depth}.h5", seed=1)
        found[depth] = weights_of(file)
        for place, name in enumerate(("top", "middle", "low")):
            same = np.array_equal(found[depth][name][0], own[name][0])
            assert same == (place >= depth)
    np.testing.assert_array_equal(found[1]["top"][0], found[3]["top"][0])
    again = randomise_layers(saved / "fused.h5", 3, out=tmp_path / "again.h5", seed=1)
    np.testing.assert_array_equal(weights_of(again)["low"][0], found[3]["low"][0])
    other = randomise_layers(saved / "fused.h5", 3, out=tmp_path / "other.h5", seed=2)
    assert not np.array_equal(weights_of(other)["low"][0], found[3]["low"][0])
    with pytest.raises(sat.InvalidInput, match="depth: expected at most 3, .* got 4"):
        randomise_layers(saved / "fused.h5", 4, out=tmp_path / "4.h5")
