"""Each method against its definition, computed with the test process's own TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain
from sat_nb.saliency.methods import (
    METHODS,
    PAPER_METHODS,
    read_methods,
    read_parameters,
)

PRE = {"preprocess": "signed", "progress": False}


def gradient_tape(model, x, target):
    import tensorflow as tf

    x = tf.constant(x[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        logit = model(x)[0, target]
    return tape.gradient(logit, x)[0].numpy(), float(logit)


def grad_cam(model, x, target):
    """Feature maps weighted by their mean gradients, cut off at 0 and resized (eq. 1-2)."""
    import tensorflow as tf

    features = [layer for layer in model.layers if len(layer.output.shape) == 4][-1]
    both = tf.keras.Model(model.input, [features.output, model.output])
    with tf.GradientTape() as tape:
        values, logits = both(x[None])
        logit = logits[0, target]
    weights = tape.gradient(logit, values)[0].numpy().mean(axis=(0, 1))
    heat = np.maximum((values[0].numpy() * weights).sum(axis=2, keepdims=True), 0)
    return tf.image.resize(heat, x.shape[:2], method="bilinear").numpy()


DEFINITIONS = {
    "gradient": lambda model, x, target: gradient_tape(model, x, target)[0],
    "grad_cam": grad_cam,
}
"""Of each method that is a formula on gradients: (model, input, target) -> map."""


def test_every_formula_on_gradients_has_its_definition():
    formulas = {
        name
        for name, method in METHODS.items()
        if method.engine in ("gradient", "grad_cam") and not method.sampling
    }
    assert formulas == set(DEFINITIONS), "write it slowly in DEFINITIONS"


@pytest.mark.parametrize("name", DEFINITIONS)
def test_formulas_on_gradients_are_their_definitions(name, model_files, keras, images, inputs):
    maps = explain(model_files["logits.h5"], images, methods=name, **PRE)
    model = keras.models.load_model(model_files["logits.h5"], compile=False)
    for i, x in inputs.items():
        assert maps.facts[i].target == int(np.argmax(model(x[None])))
        expected = DEFINITIONS[name](model, x, maps.facts[i].target)
        np.testing.assert_allclose(maps[name][i], expected, atol=1e-5)


def test_lrp_z_without_biases_is_gradient_times_input(model_files, images, inputs):
    methods = ["lrp.z", "lrp.epsilon", "gradient"]
    maps = explain(model_files["no_bias.h5"], images, methods=methods, **PRE)
    for i, x in inputs.items():
        expected = x * maps["gradient"][i]
        np.testing.assert_allclose(maps["lrp.z"][i], expected, atol=1e-4)
        np.testing.assert_allclose(maps["lrp.epsilon"][i], expected, atol=1e-4)


def test_deep_taylor_conserves_a_positive_logit(model_files, keras, images, inputs):
    maps = explain(model_files["no_bias.h5"], images, methods="deep_taylor", **PRE)
    model = keras.models.load_model(model_files["no_bias.h5"], compile=False)
    logits = {i: float(model(x[None])[0, maps.facts[i].target]) for i, x in inputs.items()}
    assert max(logits.values()) > 0
    for i, logit in logits.items():
        if logit > 0:
            assert maps["deep_taylor"][i].min() >= 0
            assert maps["deep_taylor"][i].sum() == pytest.approx(logit, rel=1e-3)


def test_integrated_gradients_are_complete_on_the_logit(model_files, keras, images, inputs):
    values = {"integrated_gradients": {"n_nodes": 512}}
    maps = explain(
        model_files["activation.h5"],
        images,
        methods="integrated_gradients",
        parameters=values,
        **PRE,
    )
    logits = keras.models.load_model(model_files["logits.h5"], compile=False)
    for i, x in inputs.items():
        target = maps.facts[i].target
        change = float(logits(x[None])[0, target] - logits(0 * x[None])[0, target])
        assert maps["integrated_gradients"][i].sum() == pytest.approx(change, rel=0.01, abs=0.01)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_smoothgrad_ignores_batches_and_order(batch_size, model_files, images):
    values = {"smoothgrad": {"n_samples": 5}}
    options = {"methods": "smoothgrad", "parameters": values, **PRE}
    file = model_files["logits.h5"]
    expected = explain(file, images, **options)["smoothgrad"]
    backwards = images.select(list(images)[::-1][:4])
    again = explain(file, backwards, batch_size=batch_size, **options)["smoothgrad"]
    other = explain(file, images, seed=1, **options)["smoothgrad"]
    assert list(again) == list(backwards)
    for i in again:
        np.testing.assert_allclose(again[i], expected[i], atol=1e-6)
        assert abs(other[i] - expected[i]).max() > 1e-3


def test_smoothgrad_without_noise_is_the_gradient(model_files, images):
    values = {"smoothgrad": {"n_samples": 2, "noise": 0.0}}
    methods = ["smoothgrad", "gradient"]
    maps = explain(model_files["logits.h5"], images, methods=methods, parameters=values, **PRE)
    for i in images:
        np.testing.assert_allclose(maps["smoothgrad"][i], maps["gradient"][i], atol=1e-5)


def test_innvestigate_integrated_gradients_are_a_left_sum(model_files, keras, images, inputs):
    name, few = "innvestigate.integrated_gradients", images.select(["a", "b"])
    values = {name: {"steps": 8}}
    maps = explain(model_files["logits.h5"], few, methods=name, parameters=values, **PRE)
    model = keras.models.load_model(model_files["logits.h5"], compile=False)
    for i in few:
        x, target = inputs[i], maps.facts[i].target
        path = [gradient_tape(model, np.float32(k / 8) * x, target)[0] for k in range(8)]
        np.testing.assert_allclose(maps[name][i], x * np.mean(path, axis=0), atol=1e-5)


def test_pair_asks_why_one_and_not_the_other(model_files, images, tmp_path):
    """Every own method of logit a minus logit b is the difference of both methods' maps.

    But for Deep Taylor, which decomposes the difference itself: see ``test_combinations``.
    """
    options = {"methods": PAPER_METHODS, "out": tmp_path / "maps", **PRE}
    maps = {
        target: explain(model_files["logits.h5"], images, target=target, **options)
        for target in (0, 2, (0, 2))
    }
    for method in set(PAPER_METHODS) - {"deep_taylor"}:
        expected = maps[0][method]["a"] - maps[2][method]["a"]
        np.testing.assert_allclose(maps[0, 2][method]["a"], expected, atol=1e-6)
    assert {f.target for f in maps[0, 2].facts.values()} == {0}
    assert maps[0, 2].settings["target"] == [0, 2]
    with pytest.raises(InvalidInput, match="'innvestigate.gradient' explains single outputs"):
        explain(
            model_files["logits.h5"], images, methods="innvestigate.gradient", target=(0, 2), **PRE
        )


def test_completeness_error_is_reported(model_files, images, keras):
    """Few nodes, a larger error: the store tells it, as a share of the logit's rise."""
    model, found = keras.models.load_model(model_files["logits.h5"], compile=False), {}
    for n_nodes in (1, 64):
        maps = explain(
            model_files["logits.h5"],
            images,
            methods=["integrated_gradients", "gradient"],
            target=1,
            parameters={"integrated_gradients": {"n_nodes": n_nodes, "baseline": 0.25}},
            **PRE,
        )
        info = maps.info()["completeness_error"]
        assert np.isnan(info["gradient"])
        found[n_nodes] = info["integrated_gradients"]
    x = np.stack([images[i] for i in ("a", "d")]) / np.float32(127.5) - np.float32(1)
    rise = model.predict(x, verbose=0)[:, 1] - model.predict(0 * x[:1] + 0.25, verbose=0)[:, 1]
    sums = [maps["integrated_gradients"][i].sum() for i in ("a", "d")]
    np.testing.assert_allclose(sums, rise, rtol=2 * found[64] + 1e-5)
    assert found[64] < 0.2 * found[1]


def test_completeness_is_the_same_of_images_predicted_earlier(model_files, images, tmp_path):
    options = {"preprocess": "unit", "progress": False, "target": 1}
    name = "integrated_gradients"
    explain(model_files["logits.h5"], images, methods="gradient", out=tmp_path, **options)
    resumed = explain(model_files["logits.h5"], images, methods=name, out=tmp_path, **options)
    fresh = explain(model_files["logits.h5"], images, methods=name, **options)
    for i in images:
        found = [maps.chunk(name, i).facts["completeness_error"] for maps in (resumed, fresh)]
        np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def of_the_logits(model_files, images):
    """Two methods' maps of two photos, by the model that ends in logits."""
    few, methods = images.select(["a", "b"]), ["gradient", "lrp.epsilon"]
    return explain(model_files["logits.h5"], few, methods=methods, target=1, **PRE)


@pytest.mark.parametrize(
    "name", ["activation.h5", "activation_layer.h5", "softmax_layer.h5", "zip.keras", "saved_model"]
)
def test_heads_and_files_do_not_change_the_maps(name, model_files, images, of_the_logits):
    few = images.select(["a", "b"])
    maps = explain(model_files[name], few, methods=list(of_the_logits), target=1, **PRE)
    for method in maps:
        for i in few:
            np.testing.assert_allclose(maps[method][i], of_the_logits[method][i], atol=1e-5)


def test_methods_are_read_by_name():
    with pytest.raises(InvalidInput, match="methods: unknown name 'smothgrad'.*'smoothgrad'"):
        read_methods(["smothgrad"])
    with pytest.raises(InvalidInput, match="'gradient' is given 2 times"):
        read_methods(["gradient", "gradient"])
    with pytest.raises(InvalidInput, match="at least one"):
        read_methods([])
    with pytest.raises(InvalidInput, match="methods: expected names, got NoneType"):
        read_methods(None)


def test_parameters_must_be_the_methods_own():
    methods = read_methods(["gradient", "smoothgrad"])
    read = read_parameters(methods, {"smoothgrad": {"noise": 0.2}})
    assert read == {"gradient": {}, "smoothgrad": {"n_samples": 64, "noise": 0.2}}
    with pytest.raises(InvalidInput, match=r"parameters\['smoothgrad'\]: unknown name 'n'"):
        read_parameters(methods, {"smoothgrad": {"n": 2}})
    with pytest.raises(InvalidInput, match="parameters: unknown name 'lrp.z'"):
        read_parameters(methods, {"lrp.z": {}})
    with pytest.raises(InvalidInput, match=r"parameters: expected \{method.*got list"):
        read_parameters(methods, ["smoothgrad"])
    with pytest.raises(InvalidInput, match=r"parameters\['smoothgrad'\]: expected.*got NoneType"):
        read_parameters(methods, {"smoothgrad": None})


@pytest.mark.parametrize(
    ("method", "name", "values"),
    [
        ("smoothgrad", "noise", [-0.1, float("nan"), float("inf"), "0.1", None, True]),
        ("lrp.epsilon", "epsilon", [-1e-7, float("nan"), "x", [0.1]]),
        ("innvestigate.lrp.epsilon", "epsilon", [float("inf"), None]),
        (
            "integrated_gradients",
            "baseline",
            [float("nan"), "black", None, [], [0, 1], [0, 0, "a"]],
        ),
    ],
)
def test_parameters_that_are_no_numbers(method, name, values):
    """Of NaN as noise a ReLU network makes a map of zeros, without a word."""
    for value in values:
        with pytest.raises(
            InvalidInput, match=rf"{method}'\]: {name}: expected a (finite )?number"
        ):
            read_parameters(read_methods(method), {method: {name: value}})


def test_baseline_may_be_one_number_a_channel(model_files, images):
    """Black under "caffe" is another number in each."""
    name = "integrated_gradients"
    options = {"methods": name, "preprocess": "caffe", "progress": False, "target": 1}
    black = {"a": np.zeros((12, 12, 3), np.uint8), "b": images["a"]}
    for baseline in ([-103.939, -116.779, -123.68], (-103.939, -116.779, np.float32(-123.68))):
        parameters = {name: {"baseline": baseline, "n_nodes": 300}}
        maps = explain(model_files["logits.h5"], black, parameters=parameters, **options)
        assert abs(maps[name]["a"]).max() < 1e-3 * abs(maps[name]["b"]).max()
        assert abs(maps.chunk(name, "b").facts["completeness_error"]) < 0.02
