"""Functions between layers, grouped convolutions: relevance is the slow walk's through them."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from tests.oracles import relevance as slow
from tests.saliency.test_relevance import PRE, RULES, SIZE, matrix, photos
from tests.saliency.test_rewriting import with_random_weights

__all__ = ["photos"]


def tape_gradient(model, x, target):
    import tensorflow as tf

    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        logit = model(given, training=False)[:, target]
    return tape.gradient(logit, given).numpy()


def scaled(photos):
    return np.stack(list(photos.values())) / np.float32(127.5) - np.float32(1)


def relu(x):
    return np.maximum(x, 0)


def test_moving_groups_and_means(keras, photos):
    """Reversed, cropped, padded, turned; grouped convolutions; a mean of pixels as a function."""
    import tensorflow as tf

    layers = keras.layers
    moves = [
        lambda x: x[..., ::-1],
        lambda x: tf.pad(x, [[0, 0], [1, 0], [0, 1], [0, 0]]),
        layers.CenterCrop(SIZE - 1, SIZE),
        lambda x: tf.transpose(x, [0, 2, 1, 3]),
        lambda x: tf.image.flip_left_right(x)[:, 1:],
        lambda x: tf.concat(tf.split(x, 3, axis=-1)[::-1], axis=-1),
    ]
    x = inputs = layers.Input((SIZE, SIZE, 3))
    whole, shape = np.eye(SIZE * SIZE * 3), (SIZE, SIZE, 3)
    for move in moves:
        weights, shape = matrix(move, shape)
        whole, x = weights @ whole, move(x)
    steps = [("average", whole)]
    first, grouped = layers.Conv2D(4, 2), layers.Conv2D(6, 2, groups=2)
    last = layers.Dense(3)
    x = tf.maximum(first(x), 0.0)
    x = layers.ReLU()(grouped(x))
    model = with_random_weights(keras.Model(inputs, last(tf.reduce_mean(x, [1, 2]))))
    for layer in (first, grouped):
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, 0 * bias])
        weights, shape = matrix(layer, shape)
        layer.set_weights([kernel, bias])
        steps.append(("linear", weights, np.broadcast_to(bias, shape).ravel()))
        steps.append(("function", relu))
    weights, shape = matrix(lambda t: tf.reduce_mean(t, [1, 2]), shape)
    kernel, bias = last.get_weights()
    steps += [("average", weights), ("linear", kernel.T.astype(float), bias)]
    batch = scaled(photos)
    target = int(model.predict(batch, verbose=0)[0].argmax())
    maps = explain(model, photos, methods=[*RULES, "gradient"], target=target, **PRE)
    expected = tape_gradient(model, batch, target)
    for number, image_id in enumerate(list(photos)[:2]):
        np.testing.assert_allclose(maps["gradient"][image_id], expected[number], atol=1e-6)
        flat = batch[number].ravel()
        for method, rule in RULES.items():
            right = slow.relevance(steps, flat, target, rule)
            if method == "deep_taylor" and slow.forward(steps, flat)[-1][target] <= 0:
                right = 0 * right
            far = np.abs(maps[method][image_id].ravel() - right).max()
            assert far <= 2e-4 * np.abs(right).max(), (method, image_id)


def residual(keras, add):
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.ReLU()(add(x, layers.Conv2D(4, 3, padding="same")(x)))
    model = with_random_weights(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias + 30])
    return model


def test_sums_that_are_functions_are_sums(keras, photos):
    import tensorflow as tf

    layers, methods = keras.layers, ["lrp.z", "deep_taylor"]
    alike = {
        "Add": [
            lambda x, y: layers.Add()([x, y]),
            lambda x, y: x + y,
            lambda x, y: tf.add_n([x, y]),
            lambda x, y: layers.Lambda(lambda both: both[0] + both[1])([x, y]),
        ],
        "Average": [
            lambda x, y: layers.Average()([x, y]),
            lambda x, y: (x + y) / 2,
        ],
        "Subtract": [lambda x, y: layers.Subtract()([x, y]), lambda x, y: tf.subtract(x, y)],
        "Maximum": [lambda x, y: layers.Maximum()([x, y]), lambda x, y: tf.maximum(x, y)],
    }
    for name, ways in alike.items():
        first, *others = [
            explain(residual(keras, way), photos, methods=methods, target=0, **PRE) for way in ways
        ]
        assert np.abs(first["deep_taylor"]["0"]).max() > 0
        for method in methods:
            for other in others:
                scale = np.abs(first[method]["0"]).max()
                far = np.abs(other[method]["0"] - first[method]["0"]).max()
                assert far < 1e-4 * scale, (name, method)


def test_difference_conserves_relevance(keras, photos):
    """Without biases, what comes out went in; Deep Taylor's is never negative."""
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, activation="relu", use_bias=False)(inputs)
    x = layers.ReLU()(x - layers.Conv2D(4, 1, use_bias=False)(x))
    model = with_random_weights(
        keras.Model(inputs, layers.Dense(3, use_bias=False)(layers.Flatten()(x)))
    )
    logits = model.predict(scaled(photos), verbose=0)
    target = int(logits[0].argmax())
    maps = explain(model, photos, methods=list(RULES), target=target, **PRE)
    assert maps["lrp.z"]["0"].sum() == pytest.approx(logits[0, target], rel=1e-3)
    assert maps["deep_taylor"]["0"].sum() == pytest.approx(max(logits[0, target], 0), rel=1e-3)
    assert maps["deep_taylor"]["0"].min() >= 0


@pytest.mark.parametrize("kind", ["layers", "lambda"])
def test_preprocessing_inside_the_model(kind, keras, photos):
    """From RGB to BGR, minus means: relevance is that of what the first convolution sees."""
    import tensorflow as tf

    layers, scale_input = keras.layers, keras.applications.vgg16.preprocess_input
    end = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    plain = with_random_weights(keras.Sequential([layers.Input((SIZE, SIZE, 3)), *end]))
    inputs = layers.Input((SIZE, SIZE, 3))
    seen = layers.Lambda(scale_input)(inputs) if kind == "lambda" else scale_input(inputs)
    model = keras.Model(inputs, plain(seen))
    options = {"progress": False, "target": 1, "methods": ["gradient", "lrp.z"]}
    maps = explain(model, photos, preprocess="none", **options)
    expected = explain(plain, photos, preprocess="caffe", **options)
    assert tf.executing_eagerly()
    for method in maps:
        right = expected[method]["0"][..., ::-1]
        np.testing.assert_allclose(maps[method]["0"], right, atol=1e-4 * np.abs(right).max())


def test_products_are_refused_where_relevance_is_not_defined(keras, photos):
    model = residual(keras, lambda x, y: x * y)
    with pytest.raises(InvalidInput, match=r"'tf.math.multiply.*Methods that can: 'gradient'"):
        explain(model, photos, methods="lrp.z", target=0, **PRE)
    maps = explain(model, photos, methods="gradient", target=0, **PRE)
    right = tape_gradient(model, scaled(photos), 0)[0]
    np.testing.assert_allclose(maps["gradient"]["0"], right, atol=1e-5 * np.abs(right).max())
