"""LRP and Deep Taylor against the papers' formulas, written slowly, and against iNNvestigate."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.saliency.explain import explain
from tests.oracles import relevance as slow

SIZE = 6
PRE = {"preprocess": "signed", "progress": False}
FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "tanh": np.tanh,
}
RULES = {
    "lrp.z": slow.z_rule,
    "lrp.epsilon": slow.epsilon_rule(1e-7),
    "deep_taylor": slow.z_plus_rule,
}


def matrix(layer, shape):
    """A layer without bias and activation as a matrix, by asking it for every unit vector."""
    n = int(np.prod(shape))
    units = np.eye(n, dtype=np.float32).reshape(n, *shape)
    out = np.asarray(layer(units))
    return out.reshape(n, -1).T.astype(np.float64), out.shape[1:]


def without_bias(keras, layer, shape):
    copy = type(layer).from_config({**layer.get_config(), "activation": None, "use_bias": False})
    copy.build((None, *shape))
    copy.set_weights(layer.get_weights()[:1])
    return copy


def max_groups(shape):
    height, width, channels = shape
    at = np.arange(height * width * channels).reshape(shape)
    return [
        list(at[2 * r : 2 * r + 2, 2 * c : 2 * c + 2, k].flat)
        for r in range(height // 2)
        for c in range(width // 2)
        for k in range(channels)
    ]


def steps_of(keras, model):
    """The model as the oracle's steps."""
    steps, shape, layers = [], model.input_shape[1:], keras.layers
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense | layers.DepthwiseConv2D):
            weights, after = matrix(without_bias(keras, layer, shape), shape)
            bias = np.broadcast_to(layer.get_weights()[1], after).ravel().astype(np.float64)
            steps.append(("linear", weights, bias))
            steps.append(("function", FUNCTIONS[layer.activation.__name__]))
        elif isinstance(layer, layers.MaxPooling2D):
            steps.append(("max", max_groups(shape)))
            after = (shape[0] // 2, shape[1] // 2, shape[2])
        elif isinstance(layer, layers.AveragePooling2D | layers.GlobalAveragePooling2D):
            weights, after = matrix(layer, shape)
            steps.append(("average", weights))
        elif isinstance(layer, layers.ReLU):
            steps.append(("function", FUNCTIONS["relu6" if layer.max_value else "relu"]))
            after = shape
        else:
            assert isinstance(layer, layers.Flatten), layer
            after = (int(np.prod(shape)),)
        shape = after
    return steps


@pytest.fixture(scope="module")
def networks(keras):
    layers = keras.layers
    pooled = [
        layers.Conv2D(3, 3, activation="relu", padding="same"),
        layers.AveragePooling2D(),
        layers.Conv2D(4, 2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]
    chosen = [
        layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu", padding="same"),
        layers.MaxPooling2D(),
        layers.Conv2D(4, 2, strides=2, activation="relu", padding="same"),
        layers.Flatten(),
        layers.Dense(5, activation="relu"),
        layers.Dense(3),
    ]
    bent = [
        layers.Conv2D(4, 3, strides=2, activation="tanh", padding="same"),
        layers.Conv2D(4, 2, padding="same"),
        layers.Conv2D(4, 2, padding="same"),
        layers.ReLU(),
        layers.Conv2D(8, 2, padding="same"),
        layers.ReLU(6.0),
        layers.Flatten(),
        layers.Dense(6, activation="relu6"),
        layers.Dense(3),
    ]
    models = {
        name: keras.Sequential([layers.Input((SIZE, SIZE, 3)), *steps])
        for name, steps in (("pooled", pooled), ("chosen", chosen), ("bent", bent))
    }
    random = np.random.default_rng(2)
    for model in models.values():
        model.set_weights([random.normal(0, 0.4, w.shape) for w in model.get_weights()])
    return models


@pytest.fixture(scope="module")
def photos():
    random = np.random.default_rng(3)
    return {str(i): random.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8) for i in range(3)}


@pytest.mark.parametrize("network", ["pooled", "chosen"])
def test_relevance_is_the_papers(network, networks, photos, keras):
    model = networks[network]
    steps = steps_of(keras, model)
    for target in range(3):
        maps = explain(model, photos, methods=list(RULES), target=target, **PRE)
        for image_id, photo in photos.items():
            x = (photo / np.float32(127.5) - np.float32(1)).ravel()
            logit = slow.forward(steps, x)[-1][target]
            for method, rule in RULES.items():
                expected = slow.relevance(steps, x, target, rule)
                if method == "deep_taylor" and logit < 0:
                    expected = 0 * expected
                came = maps[method][image_id].ravel()
                scale = np.abs(expected).max() or 1.0
                assert np.abs(came - expected).max() < 2e-4 * scale, (method, target, image_id)


@pytest.mark.parametrize("epsilon", [1e-7, 0.25])
def test_lrp_through_bent_and_absent_activations(epsilon, networks, photos, keras):
    """Activations apart from their layers, that saturate, or none, and sums below zero."""
    steps = steps_of(keras, networks["bent"])
    parameters = {"lrp.epsilon": {"epsilon": epsilon}}
    rules = {"lrp.z": slow.z_rule, "lrp.epsilon": slow.epsilon_rule(epsilon)}
    maps = explain(
        networks["bent"], photos, methods=list(rules), parameters=parameters, target=1, **PRE
    )
    for image_id, photo in photos.items():
        x = (photo / np.float32(127.5) - np.float32(1)).ravel()
        for method, rule in rules.items():
            expected = slow.relevance(steps, x, 1, rule)
            off = np.abs(maps[method][image_id].ravel() - expected).max()
            assert off < 2e-4 * np.abs(expected).max(), (method, image_id)


@pytest.mark.parametrize("method", ["gradient", "lrp.z", "lrp.epsilon", "deep_taylor"])
def test_equal_to_innvestigate(method, networks, photos):
    model = networks["pooled"]
    maps = explain(model, photos, methods=[method, f"innvestigate.{method}"], target=1, **PRE)
    for image_id in photos:
        ours, theirs = maps[method][image_id], maps[f"innvestigate.{method}"][image_id]
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * np.abs(theirs).max())


def test_relevance_is_conserved_through_a_sum(keras, photos):
    """A residual block without biases: what comes out of it went in."""
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", use_bias=False)(inputs)
    branch = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.Add()([x, branch, x]))
    x = layers.Dense(3, use_bias=False)(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    maps = explain(model, photos, methods=list(RULES), target=0, **PRE)
    batch = np.stack(list(photos.values())) / np.float32(127.5) - np.float32(1)
    for image_id, logit in zip(photos, model.predict(batch, verbose=0)[:, 0], strict=True):
        for method in ("lrp.z", "lrp.epsilon"):
            assert maps[method][image_id].sum() == pytest.approx(logit, rel=1e-3)
        assert maps["deep_taylor"][image_id].sum() == pytest.approx(max(logit, 0), rel=1e-3)
        assert maps["deep_taylor"][image_id].min() >= -1e-6 * abs(logit)
