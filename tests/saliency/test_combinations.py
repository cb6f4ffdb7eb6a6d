"""Deep Taylor of -z and of f_a - f_b: the slow walk of a network whose last layer is combined."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from tests.oracles import relevance as slow
from tests.saliency.test_relevance import FUNCTIONS, PRE, SIZE, photos, steps_of

__all__ = ["photos"]

WARNING = r"'deep_taylor' decomposes positive outputs only, .* not positive for [123] of 3 images"


def quietly(model, photos, **options):
    """The store; the warning about what is not positive is checked by a test of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", WARNING)
        return explain(model, photos, methods="deep_taylor", **{**PRE, **options})


def combined(steps, c):
    """The steps with one output, the last layer's weights combined by ``c`` (k,)."""
    (_, matrix, bias), _ = steps[-2:]
    last = ("linear", (c @ matrix)[None], np.array([c @ bias]))
    return [*steps[:-2], last, ("function", FUNCTIONS["linear"])]


def check(maps, steps, photos):
    """The maps are the slow walk's where the value is positive, else zero, with that value."""
    signs = set()
    for image_id, photo in photos.items():
        x = (photo / np.float32(127.5) - np.float32(1)).ravel()
        value = slow.forward(steps, x)[-1][0]
        chunk = maps.chunk("deep_taylor", image_id)
        signs.add(value > 0)
        if value > 0:
            expected = slow.relevance(steps, x, 0, slow.z_plus_rule)
            far = np.abs(chunk.attribution.ravel() - expected).max()
            assert far < 2e-4 * np.abs(expected).max()
            assert "not_positive" not in chunk.facts
        else:
            assert not chunk.attribution.any()
            assert chunk.facts["not_positive"] == pytest.approx(value, rel=1e-3, abs=1e-5)
    return signs


@pytest.fixture(scope="module")
def network(keras):
    """A function (*end) -> a small network that begins alike, of logits around zero."""
    layers = keras.layers

    def make(*end):
        start = [layers.Conv2D(4, 3, activation="relu"), layers.AveragePooling2D()]
        model = keras.Sequential([layers.Input((SIZE, SIZE, 3)), *start, *end])
        random = np.random.default_rng(4)
        model.set_weights([random.normal(0, 0.5, w.shape) for w in model.get_weights()])
        return model

    return make


def test_a_pair_is_one_neuron(network, keras, photos):
    model = network(keras.layers.Flatten(), keras.layers.Dense(3))
    steps, signs = steps_of(keras, model), set()
    for a, b in ((0, 1), (1, 0)):
        maps = quietly(model, photos, target=(a, b))
        signs |= check(maps, combined(steps, np.eye(3)[a] - np.eye(3)[b]), photos)
    assert signs == {True, False}
    maps = explain(model, photos, methods=["lrp.z", "gradient"], target=(0, 1), **PRE)
    single = [explain(model, photos, methods=["lrp.z"], target=k, **PRE)["lrp.z"] for k in (0, 1)]
    np.testing.assert_allclose(maps["lrp.z"]["0"], single[0]["0"] - single[1]["0"], atol=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_class_0_of_one_output_is_minus_z(activation, network, keras, photos):
    model = network(keras.layers.Flatten(), keras.layers.Dense(1, activation=activation))
    model.layers[-1].activation = keras.activations.linear
    steps = steps_of(keras, model)
    model.layers[-1].activation = keras.activations.get(activation)
    signs = set()
    for target, c in ((0, -1.0), (1, 1.0)):
        signs |= check(
            quietly(model, photos, target=target), combined(steps, np.array([c])), photos
        )
    assert signs == {True, False}
    mixed = quietly(model, photos)  # each photo's own class, in one batch
    assert all(mixed["deep_taylor"][i].any() for i in photos)


def test_ends_without_a_dense_layer(network, keras, photos):
    layers = keras.layers
    folded = network(layers.Conv2D(3, 1), layers.GlobalAveragePooling2D())
    one = network(layers.Conv2D(1, 1), layers.GlobalAveragePooling2D())
    kernel, bias = folded.get_weights()[2:]
    one.set_weights(
        [*folded.get_weights()[:2], kernel[..., 2:] - kernel[..., :1], bias[2:] - bias[:1]]
    )
    ours, expected = quietly(folded, photos, target=(2, 0)), quietly(one, photos, target=1)
    for i in photos:
        np.testing.assert_allclose(ours["deep_taylor"][i], expected["deep_taylor"][i], atol=1e-6)
    positive = network(layers.Conv2D(3, 1, activation="relu"), layers.GlobalAveragePooling2D())
    last = [
        ("linear", np.array([[-1.0, 1.0, 0.0]]), np.zeros(1)),
        ("function", FUNCTIONS["linear"]),
    ]
    steps = [*steps_of(keras, positive), *last]
    check(quietly(positive, photos, target=(1, 0)), steps, photos)


def test_a_combination_that_is_no_neuron_is_refused(keras, photos):
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    flat = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Add()([layers.Dense(3)(flat), layers.Dense(3)(flat)]))
    assert quietly(model, photos, target=0)["deep_taylor"]["0"].shape == (SIZE, SIZE, 3)
    with pytest.raises(InvalidInput, match="target: 'deep_taylor' explains one class at a time"):
        explain(model, photos, methods="deep_taylor", target=(0, 1), **PRE)


def test_it_is_counted_and_said(network, keras, photos, tmp_path):
    model = network(keras.layers.Flatten(), keras.layers.Dense(1))
    options = {**PRE, "methods": "deep_taylor", "out": tmp_path / "maps"}
    batch = np.stack(list(photos.values())) / np.float32(127.5) - 1
    kernel, bias = model.layers[-1].get_weights()
    middle = np.sort(model.predict(batch, verbose=0)[:, 0])[:2].mean()
    model.layers[-1].set_weights([kernel, bias - middle])
    model.save(tmp_path / "model.h5")
    z = model.predict(batch, verbose=0)[:, 0]
    below = int((z <= 0).sum())
    assert 0 < below < 3
    for _ in range(2):  # also where nothing is left to compute
        with pytest.warns(UserWarning, match=rf"not positive for {below} of 3 images \('"):
            explain(tmp_path / "model.h5", photos, target=1, **options)
