"""Models as people have them: the maps are those of the equal plain model, or of calculus."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from sat_nb.saliency.methods import PAPER_METHODS

SIZE = 12
PRE = {"preprocess": "unit", "progress": False}
RELEVANCE = ["deep_taylor", "lrp.epsilon", "lrp.z"]
FEW = {"smoothgrad": {"n_samples": 2}, "integrated_gradients": {"n_nodes": 2}}


def with_random_weights(model, seed=0):
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            with_random_weights(layer, seed + 1)
        elif hasattr(layer, "moving_variance"):
            shapes = [w.shape for w in layer.get_weights()]
            *rest, variance = shapes
            values = [random.normal(0.5, 0.3, shape) for shape in rest]
            layer.set_weights([*values, random.uniform(0.5, 2, variance)])
        elif layer.get_weights() and type(layer).__name__ != "Normalization":
            layer.set_weights([random.normal(0, 0.3, w.shape) for w in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def build(keras):
    """build(*steps): a small classifier of three classes that starts with these steps."""
    layers = keras.layers

    def make(*steps, end=None):
        model = keras.Sequential(
            [
                layers.Input((SIZE, SIZE, 3)),
                *steps,
                layers.Conv2D(4, 3, activation="relu"),
                layers.GlobalAveragePooling2D(),
                *(end or [layers.Dense(3)]),
            ]
        )
        with_random_weights(model)
        kernel, bias = model.layers[-1].get_weights()
        model.layers[-1].set_weights([kernel, bias + 3])  # logits above zero, for Deep Taylor
        return model

    return make


def tape_gradient(model, photo, target, share=1.0):
    """The logit's gradient at this share of the photo under preprocess="unit"."""
    import tensorflow as tf

    x = tf.constant(share * photo[None].astype(np.float32) / 255)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logit = model(x, training=False)[0, target]
    return tape.gradient(logit, x)[0].numpy()


def starts(layers):
    return {
        "folded batch norm": [layers.Conv2D(3, 3, use_bias=False), layers.BatchNormalization()],
        "batch norm after depthwise": [
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.BatchNormalization(scale=False),
            layers.ReLU(6.0),
        ],
        "batch norm before relu": [
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(center=False),
            layers.Activation("relu"),
        ],
        "relu layer": [layers.Conv2D(3, 3), layers.ReLU()],
        "relu6": [layers.Conv2D(3, 3, activation="relu6")],
        "separable": [layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu")],
        "dropout": [layers.Conv2D(3, 3, activation="relu"), layers.SpatialDropout2D(0.5)],
        "dilated": [layers.Conv2D(3, 3, dilation_rate=2, activation="relu")],
        "padded": [layers.ZeroPadding2D(1), layers.Conv2D(3, 3, strides=2, activation="relu")],
        "pooled": [layers.MaxPooling2D(2), layers.Conv2D(3, 3, activation="relu")],
        "batch norm first": [layers.BatchNormalization(), layers.Activation("relu")],
        "dense over channels": [layers.Dense(4, activation="relu")],
    }


STARTS = tuple(starts(type("Names", (), {"__getattr__": lambda s, n: lambda *a, **k: n})()))


@pytest.mark.parametrize("start", STARTS)
def test_layers_people_use(start, build, keras, images):
    model, few = build(*starts(keras.layers)[start]), images.select(["a", "d"])
    maps = explain(model, few, methods=PAPER_METHODS, target=1, parameters=FEW, **PRE)
    photo = images["a"]
    expected = tape_gradient(model, photo, 1)
    np.testing.assert_allclose(maps["gradient"]["a"], expected, atol=1e-5)
    mean = np.mean([tape_gradient(model, photo, 1, share) for share in (0.25, 0.75)], axis=0)
    integrated = maps["integrated_gradients"]["a"]
    np.testing.assert_allclose(integrated, photo / np.float32(255) * mean, atol=1e-5)
    for method in PAPER_METHODS:
        assert np.abs(maps[method]["a"]).max() > 0, method
    batch = np.stack([images["a"], images["d"]]) / np.float32(255)
    predicted = model.predict(batch, verbose=0).argmax(axis=1)
    assert [maps.facts[i].predicted for i in few] == list(predicted)


def test_folded_batch_norm_is_the_model_with_folded_weights(build, keras, images):
    layers = keras.layers
    model = build(layers.Conv2D(3, 3, name="c"), layers.BatchNormalization(name="b"), layers.ReLU())
    kernel, bias = model.get_layer("c").get_weights()
    gamma, beta, mean, variance = model.get_layer("b").get_weights()
    scale = gamma / np.sqrt(variance + model.get_layer("b").epsilon)
    plain = build(layers.Conv2D(3, 3, activation="relu"))
    weights = [kernel * scale, (bias - mean) * scale + beta, *model.get_weights()[6:]]
    plain.set_weights(weights)
    ours = explain(model, images, methods=RELEVANCE, target=0, **PRE)
    expected = explain(plain, images, methods=RELEVANCE, target=0, **PRE)
    for method in RELEVANCE:
        for i in images:
            scale = np.abs(expected[method][i]).max()
            np.testing.assert_allclose(ours[method][i], expected[method][i], atol=1e-4 * scale)


@pytest.mark.parametrize("kind", ["rescaling", "normalization", "arithmetic"])
def test_scaling_inside_the_model_is_preprocessing(kind, build, keras, images):
    """Relevance is that of the plain model on scaled inputs; the gradient is the saved model's."""
    layers = keras.layers
    plain = build(layers.Conv2D(3, 3, activation="relu"))
    inputs = layers.Input((SIZE, SIZE, 3))
    scaled = {
        "rescaling": lambda x: layers.Rescaling(2.0, offset=-1.0)(x),
        "normalization": lambda x: layers.Normalization(mean=[0.5] * 3, variance=[0.25] * 3)(x),
        "arithmetic": lambda x: x * 2.0 - 1.0,
    }[kind](inputs)
    model = keras.Model(inputs, plain(scaled))
    methods = ["gradient", "smoothgrad", *RELEVANCE]
    maps = explain(model, images, methods=methods, target=2, **PRE)
    expected = explain(
        plain, images, methods=methods, target=2, preprocess="signed", progress=False
    )
    for method in ("gradient", "smoothgrad"):
        ours, theirs = maps[method]["a"], 2 * expected[method]["a"]
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    for method in RELEVANCE:
        far = np.abs(maps[method]["a"] - expected[method]["a"]).max()
        assert far < 1e-4 * np.abs(expected[method]["a"]).max(), method


def test_an_input_that_goes_two_ways(build, keras, images):
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    both = layers.Concatenate()([layers.Conv2D(2, 3, padding="same")(inputs), inputs])
    model = build(keras.Model(inputs, layers.ReLU()(both)))
    maps = explain(model, images, methods=list(FEW), target=1, parameters=FEW, **PRE)
    photo = images["a"]
    mean = np.mean([tape_gradient(model, photo, 1, share) for share in (0.25, 0.75)], axis=0)
    expected = photo / np.float32(255) * mean
    np.testing.assert_allclose(maps["integrated_gradients"]["a"], expected, atol=1e-5)


def test_clipping_the_input_is_no_scaling(build, keras, images):
    """What is linear on a part of the range alone stays a layer of the model."""
    import tensorflow as tf

    inputs = keras.layers.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, build()(tf.minimum(inputs, 100.0)))
    options = {"methods": "gradient", "target": 1, "preprocess": "none", "progress": False}
    maps = explain(model, images, **options)
    assert maps.settings["model"]["rewritten"] == []
    assert (maps["gradient"]["a"][images["a"] > 100] == 0).all()
    assert (maps["gradient"]["a"][images["a"] < 100] != 0).any()


def test_models_in_models(build, keras, images):
    layers = keras.layers
    inner = keras.Sequential([layers.Input((SIZE, SIZE, 3)), layers.Conv2D(3, 3), layers.ReLU()])
    inputs = layers.Input((SIZE, SIZE, 3))
    body = keras.Model(inputs, inner(inputs), name="body")
    nested = build(body)
    flat = build(layers.Conv2D(3, 3, activation="relu"))
    flat.set_weights(nested.get_weights())
    ours = explain(nested, images, methods=RELEVANCE, target=0, **PRE)
    expected = explain(flat, images, methods=RELEVANCE, target=0, **PRE)
    for method in RELEVANCE:
        np.testing.assert_allclose(ours[method]["b"], expected[method]["b"], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("end", ["sigmoid", "lone sigmoid", "softmax function"])
def test_heads_do_not_change_the_maps(end, build, keras, images):
    import tensorflow as tf

    layers = keras.layers
    plain = build()
    heads = {
        "sigmoid": lambda x: layers.Activation("sigmoid")(x),
        "lone sigmoid": lambda x: tf.sigmoid(x),
        "softmax function": lambda x: tf.nn.softmax(x),
    }
    inputs = layers.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, heads[end](plain(inputs)))
    ours = explain(model, images, methods=["gradient", "lrp.z"], target=1, **PRE)
    expected = explain(plain, images, methods=["gradient", "lrp.z"], target=1, **PRE)
    for method in ours:
        np.testing.assert_allclose(ours[method]["a"], expected[method]["a"], atol=1e-6)
    assert ours.settings["model"]["head"] == end.split()[-1].replace("function", "softmax")


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_has_two_classes(activation, build, keras, images):
    model = build(end=[keras.layers.Dense(1, activation=activation)])
    against = explain(model, images, methods=["gradient", "lrp.z"], target=0, **PRE)
    speaking = explain(model, images, methods=["gradient", "lrp.z"], target=1, **PRE)
    for method in speaking:
        np.testing.assert_allclose(against[method]["a"], -speaking[method]["a"], atol=1e-7)
    facts = explain(model, images, methods="gradient", **PRE).facts
    output = model.predict(images["a"][None] / np.float32(255), verbose=0)[0, 0]
    assert facts["a"].predicted == int(output > (0.5 if activation else 0))
    with pytest.raises(InvalidInput, match=r"target: 2 for image 'a' is out of range.*0..1"):
        explain(model, images, methods="gradient", target=2, **PRE)
    with pytest.raises(InvalidInput, match="'innvestigate.gradient' explains single outputs"):
        explain(model, images, methods="innvestigate.gradient", target=0, **PRE)


def test_innvestigate_takes_rewritten_models(build, keras, images):
    layers = keras.layers
    start = layers.DepthwiseConv2D(3), layers.ReLU(), layers.BatchNormalization(), layers.ReLU()
    model = build(layers.Rescaling(2.0), *start)
    methods = ["lrp.z", "innvestigate.lrp.z", "deep_taylor", "innvestigate.deep_taylor"]
    maps = explain(model, images, methods=methods, target=0, **PRE)
    for ours in methods[::2]:
        theirs = maps[f"innvestigate.{ours}"]["a"]
        np.testing.assert_allclose(maps[ours]["a"], theirs, atol=1e-4 * np.abs(theirs).max())


def test_innvestigates_own_layers_take_no_name_of_the_model(keras, images):
    """Names that Keras gives by itself: LRP adds such layers, too."""
    layers = keras.layers
    inputs = layers.Input((SIZE, SIZE, 3))
    convolved = layers.Conv2D(3, 3, padding="same", activation="relu")(inputs)
    added = layers.Add(name="add")([convolved, layers.Conv2D(3, 1, activation="relu")(convolved)])
    added = layers.Add(name="add_1")([added, convolved])
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(added)))
    name = "lrp.alpha_2_beta_1"
    assert np.abs(explain(model, images, methods=name, **PRE)[name]["a"]).max() > 0


def test_grad_cam_is_its_formula(build, keras, images):
    import tensorflow as tf

    model = build(keras.layers.Conv2D(3, 3, activation="relu"))
    maps = explain(model, images, methods="grad_cam", target=1, **PRE)
    x = tf.constant(images["a"][None] / np.float32(255))
    features_of = keras.Model(model.inputs, [model.layers[-3].output, model.output])
    with tf.GradientTape() as tape:
        features, logits = features_of(x)
        tape.watch(features)
        logits = model.layers[-1](model.layers[-2](features))
        logit = logits[0, 1]
    slopes = tape.gradient(logit, features).numpy()[0]
    heat = np.maximum((features.numpy()[0] * slopes.mean(axis=(0, 1))).sum(axis=-1), 0)
    expected = tf.image.resize(heat[..., None], (SIZE, SIZE)).numpy()
    assert maps["grad_cam"]["a"].shape == (SIZE, SIZE, 1)
    np.testing.assert_allclose(maps["grad_cam"]["a"], expected, atol=1e-6)
    with pytest.raises(InvalidInput, match=r"parameters\['grad_cam'\]\['layer'\].*'absent'"):
        explain(
            model, images, methods="grad_cam", parameters={"grad_cam": {"layer": "absent"}}, **PRE
        )


def test_random_is_the_same_noise_for_every_model(build, images):
    first = explain(build(), images, methods="random", **PRE)["random"]
    other = explain(build(end=None), images, methods="random", **PRE)["random"]
    changed = explain(build(), images, methods="random", seed=1, **PRE)["random"]
    np.testing.assert_array_equal(first["a"], other["a"])
    assert not np.array_equal(first["a"], changed["a"])
    assert not np.array_equal(first["a"], first["d"])
