"""Layers that act in training only, mixed precision, names: what is explained is what predicts."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from tests.saliency.test_operators import tape_gradient
from tests.saliency.test_rewriting import with_random_weights

SIZE = 12
PRE = {"preprocess": "none", "progress": False, "target": 1}


@pytest.fixture(scope="module")
def build(keras):
    """build(start, *end): a classifier of three classes that starts with the function ``start``."""
    layers = keras.layers

    def make(start, *end, dtype="float32"):
        inputs = layers.Input((SIZE, SIZE, 3), dtype=dtype)
        x = layers.Conv2D(4, 3, activation="relu")(start(inputs))
        x = layers.Flatten()(x)
        for layer in end or (layers.Dense(3),):
            x = layer(x)
        return with_random_weights(keras.Model(inputs, x))

    return make


def check_gradient(model, images, given=None, within=1e-5):
    few = images.select(["a", "d"])
    maps = explain(model if given is None else given, few, methods="gradient", **PRE)
    right = tape_gradient(model, np.stack(list(few.values())).astype(np.float32), 1)
    for number, image_id in enumerate(few):
        far = np.abs(maps["gradient"][image_id] - right[number]).max()
        assert far < within * np.abs(right[number]).max()
    return maps


def test_augmentation_does_nothing(build, keras, images):
    """Also nested, and of a model whose softmax is so sure that it hides what changes."""
    layers = keras.layers
    inner = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2)])
    model = build(lambda x: layers.RandomCrop(SIZE, SIZE)(layers.GaussianNoise(9.0)(inner(x))))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([60 * kernel, bias + np.array([0, 500, 0])])
    sure = keras.Model(model.input, layers.Softmax()(model.output))
    check_gradient(model, images, given=sure)
    maps = explain(build(inner), images, methods="lrp.z", **PRE)
    assert np.abs(maps["lrp.z"]["a"]).max() > 0


def test_monte_carlo_dropout_is_said(build, keras, images):
    layers = keras.layers
    model = build(lambda x: layers.SpatialDropout2D(0.5, name="mc")(x, training=True))
    still = build(lambda x: layers.SpatialDropout2D(0.5)(x))
    still.set_weights(model.get_weights())
    with pytest.warns(UserWarning, match=r"'mc' \(SpatialDropout2D\) is called with training=True"):
        check_gradient(still, images, given=model)


def test_batch_statistics_are_refused(build, keras, images):
    """The remedy is tried, too."""
    layers = keras.layers
    inner = keras.Sequential([layers.BatchNormalization(name="norm")])
    match = r"'norm' \(BatchNormalization\) is called with training=True.*new.set_weights"
    old, new = (build(lambda x, t=t: inner(x, training=t)) for t in (True, None))
    with pytest.raises(InvalidInput, match=match):
        explain(old, images, methods="gradient", **PRE)
    new.set_weights(old.get_weights())
    check_gradient(new, images)


@pytest.mark.parametrize("kind", ["dropout", "noise"])
def test_what_is_random_at_inference_is_named(kind, build, images):
    import tensorflow as tf

    starts = {
        "dropout": lambda x: tf.nn.dropout(x, 0.5),
        "noise": lambda x: x + 50 * tf.random.normal(tf.shape(x)),
    }
    with pytest.raises(InvalidInput, match=r"other outputs each time.*'tf\.\S+' .* draws random"):
        explain(build(starts[kind]), images, methods="gradient", **PRE)


def test_mixed_precision_is_explained_in_float32(build, keras, images):
    layers = keras.layers
    lower = [layers.Dense(8, activation="relu", dtype="mixed_float16"), layers.Dense(3)]
    model = build(lambda x: x / 255.0, *lower)
    plain = build(lambda x: x / 255.0, layers.Dense(8, activation="relu"), layers.Dense(3))
    plain.set_weights(model.get_weights())
    maps = check_gradient(plain, images, given=model)
    rewritten = maps.settings["model"]["rewritten"]
    assert "layers that compute in float16 compute in float32" in rewritten


def test_whole_numbers_as_input(build, keras, images):
    model = build(lambda x: keras.layers.Rescaling(1 / 255)(x), dtype="uint8")
    plain = build(lambda x: keras.layers.Rescaling(1 / 255)(x))
    plain.set_weights(model.get_weights())
    check_gradient(plain, images, given=model)
    with pytest.raises(InvalidInput, match="whole numbers only.*preprocess='none'"):
        explain(model, images, methods="gradient", **{**PRE, "preprocess": "signed"})


def test_a_layer_called_twice_and_two_of_one_name(keras, images):
    """By iNNvestigate's analyzers, too; an equal call gives equal maps."""
    layers = keras.layers
    conv, inputs = layers.Conv2D(3, 3, padding="same", name="c"), layers.Input((SIZE, SIZE, 3))
    parts = [layers.ReLU()(conv(x)) for x in (inputs, layers.MaxPooling2D(1)(inputs))]
    pooled = [layers.GlobalAveragePooling2D(name=f"add_{n}")(part) for n, part in enumerate(parts)]
    model = keras.Model(inputs, layers.Dense(3)(layers.Concatenate(name="add")(pooled)))
    with_random_weights(model)
    names = ["lrp.z", "innvestigate.lrp.z", "innvestigate.gradient"]
    first, again = (explain(model, images, methods=names, **PRE) for _ in range(2))
    for name in names:
        np.testing.assert_array_equal(first[name]["a"], again[name]["a"])
    scale = np.abs(first["lrp.z"]["a"]).max()
    far = np.abs(first["lrp.z"]["a"] - first["innvestigate.lrp.z"]["a"]).max()
    assert far < 1e-4 * scale
    layer = {"grad_cam": {"layer": "c"}}
    with pytest.raises(InvalidInput, match=r"'c' names 2 layers .* give 'c:1' or 'c:2'"):
        explain(model, images, methods="grad_cam", parameters=layer, **PRE)
    layer = {"grad_cam": {"layer": "c:2"}}
    assert explain(model, images, methods="grad_cam", parameters=layer, **PRE)["grad_cam"][
        "a"
    ].any()


def test_a_live_model_with_a_layer_of_ones_own(build, keras, images):
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    check_gradient(build(Twice()), images)


@pytest.mark.keras
def test_the_softmax_does_not_hide_other_logits():
    """Outputs that are equal, of logits that are not."""
    from sat_nb.saliency.engines.keras.equal import _differ

    outputs, logits = np.array([[1.0, 0], [1, 0]]), np.array([[90.0, -3], [80, -9]], np.float32)
    assert not _differ([outputs, logits], [outputs, logits + 1e-4])
    assert _differ([outputs, logits], [outputs, logits + np.array([[0, 1], [0, 0]])])
    assert _differ([outputs], [outputs + 1e-3, logits])
