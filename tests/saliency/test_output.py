"""Explaining a probability: what the gradient of softmax or sigmoid adds."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.explain import explain

OPTIONS = {"preprocess": "signed", "progress": False, "output": "probability"}


def gradient_of(model, x, weigh):
    """The gradient of what ``weigh`` makes of the saved model's outputs, by TensorFlow."""
    import tensorflow as tf

    x = tf.constant(x[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = weigh(model(x)[0])
    return tape.gradient(value, x)[0].numpy()


@pytest.mark.parametrize("file", ["activation.h5", "softmax_layer.h5"])
def test_gradient_of_the_probability(file, model_files, keras, images, inputs):
    model = keras.models.load_model(model_files[file], compile=False)
    maps = explain(model_files[file], images, methods="gradient", target=1, **OPTIONS)
    logits = explain(
        model_files[file], images, methods="gradient", target=1, preprocess="signed", progress=False
    )
    for i, x in inputs.items():
        expected = gradient_of(model, x, lambda p: p[1])
        np.testing.assert_allclose(maps["gradient"][i], expected, atol=1e-6)
        assert abs(maps["gradient"][i] - logits["gradient"][i]).max() > 1e-3


def test_why_one_and_not_another(model_files, keras, images, inputs):
    model = keras.models.load_model(model_files["activation.h5"], compile=False)
    maps = explain(
        model_files["activation.h5"], images, methods="gradient", target=(2, 0), **OPTIONS
    )
    for i, x in inputs.items():
        expected = gradient_of(model, x, lambda p: p[2] - p[0])
        np.testing.assert_allclose(maps["gradient"][i], expected, atol=1e-6)


@pytest.mark.parametrize("target", [0, 1])
def test_one_sigmoid_output_has_two_probabilities(target, make_model, keras, images, inputs):
    model = make_model(keras.layers.Dense(1, activation="sigmoid"))
    maps = explain(model, images, methods="gradient", target=target, **OPTIONS)
    for i, x in inputs.items():
        expected = gradient_of(model, x, lambda p: p[0] if target else 1 - p[0])
        np.testing.assert_allclose(maps["gradient"][i], expected, atol=1e-6)


def test_integrated_gradients_add_up_to_the_rise_of_the_probability(
    model_files, keras, images, inputs
):
    model = keras.models.load_model(model_files["activation.h5"], compile=False)
    name = "integrated_gradients"
    maps = explain(model_files["activation.h5"], images, methods=name, samples=600, **OPTIONS)
    for i, x in inputs.items():
        target = maps.facts[i].target
        rise = float(model(x[None])[0, target] - model(0 * x[None])[0, target])
        assert maps[name][i].sum() == pytest.approx(rise, rel=0.02, abs=0.005)
        assert abs(maps.chunk(name, i).facts["completeness_error"]) < 0.05
    assert maps.settings["output"] == "probability"


def test_both_outputs_share_a_folder(model_files, images, tmp_path):
    options = {**OPTIONS, "methods": "gradient", "out": tmp_path / "m"}
    first = explain(model_files["activation.h5"], images, **options)
    second = explain(model_files["activation.h5"], images, **{**options, "output": "logit"})
    assert abs(first["gradient"]["a"] - second["gradient"]["a"]).max() > 1e-3
    again = explain(model_files["activation.h5"], images, **options)
    np.testing.assert_array_equal(again["gradient"]["a"], first["gradient"]["a"])


@pytest.mark.parametrize(
    ("file", "method", "output", "match"),
    [
        ("activation.h5", "lrp.z", "probability", "'lrp.z' explains logits only.*'gradient'"),
        ("activation.h5", "innvestigate.gradient", "probability", "explains logits only"),
        ("logits.h5", "gradient", "probability", "ends in logits.*Save it with"),
        ("logits.h5", "gradient", "odds", "output: unknown name 'odds'.*'probability'"),
    ],
)
def test_refusals(file, method, output, match, model_files, images):
    options = {**OPTIONS, "output": output, "methods": method}
    with pytest.raises(InvalidInput, match=match):
        explain(model_files[file], images, **options)
