"""What cannot be explained is refused in words: argument or file, expected, came, remedy."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput
from sat_nb.saliency.explain import explain

OPTIONS = {"methods": "gradient", "preprocess": "unit", "progress": False}


@pytest.fixture
def refuse(images, tmp_path):
    """refuse(model, match): explaining this model, saved, is an InvalidInput."""

    def check(model, match, **changes):
        path = tmp_path / "my_model.h5"
        model.save(path)
        with pytest.raises(InvalidInput, match=match) as caught:
            explain(path, images, **{**OPTIONS, **changes})
        assert "my_model.h5" in str(caught.value)

    return check


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_other_heads(activation, keras, make_model, refuse):
    end = keras.layers.Dense(3, activation=activation, name="the_end")
    refuse(make_model(end), rf"sigmoid or no activation.*{activation} in layer 'the_end'.*end the")


def test_head_of_a_lone_activation_layer(keras, make_model, refuse):
    ends = keras.layers.Dense(3), keras.layers.ReLU(name="clipped")
    refuse(make_model(*ends), r"got layer 'clipped' \(ReLU\)")


def test_softmax_before_a_reshape(keras, make_model, refuse):
    ends = keras.layers.Dense(3, activation="softmax", name="early"), keras.layers.Reshape((3,))
    refuse(make_model(*ends), "softmax in layer 'early'")


def test_output_that_is_no_list_of_classes(keras, refuse):
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(3, 3, name="pixels")])
    refuse(model, r"expected an output \(None, n_classes\), got \(None, 6, 6, 3\).*'pixels'")


def test_two_outputs(keras, refuse):
    inputs = keras.layers.Input((8, 8, 3))
    flat = keras.layers.Flatten()(inputs)
    outputs = [keras.layers.Dense(2)(flat), keras.layers.Dense(3)(flat)]
    match = r"expected one output, got 2 .*tf.keras.Model\(model.inputs, model.outputs\[0\]\)"
    refuse(keras.Model(inputs, outputs), match)


def test_two_inputs(keras, refuse, images, tmp_path):
    """The remedy is tried: the second input becomes a constant."""
    import tensorflow as tf

    layers = keras.layers
    photo, numbers = layers.Input((8, 8, 3), name="photo"), layers.Input((4,), name="numbers")
    both = layers.Concatenate()([layers.Flatten()(photo), numbers])
    model = keras.Model([photo, numbers], layers.Dense(3)(both))
    refuse(model, r"one input, the image, got 2 \('photo', 'numbers'\); fix the other inputs")
    image = keras.Input((8, 8, 3))
    constant = tf.ones_like(layers.Flatten()(image))[:, :4]
    fixed = keras.Model(image, model([image, constant]))
    fixed.save(tmp_path / "fixed.h5")
    maps = explain(tmp_path / "fixed.h5", images, **{**OPTIONS, "target": 1})
    expected = model.layers[-1].get_weights()[0][:192, 1].reshape(8, 8, 3)
    np.testing.assert_allclose(maps["gradient"]["a"], expected, atol=1e-6)


def test_softmax_of_one_value(keras, make_model, refuse):
    end = keras.layers.Dense(1, activation="softmax")
    refuse(make_model(end), "softmax of one value, which is 1 whatever .*; end it in a sigmoid")


@pytest.mark.parametrize("shape", [(8,), (8, 8, 4), (3, 8, 8)])
def test_input_that_is_no_image(shape, keras, refuse):
    layers = keras.layers
    model = keras.Sequential([layers.Input(shape, name="seen"), layers.Flatten(), layers.Dense(2)])
    refuse(model, r"expected images \(None, height, width, 3\).*'seen'")


def test_open_input_size_must_be_given(keras, images, refuse, tmp_path):
    layers = keras.layers
    steps = [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    model = keras.Sequential([layers.Input((None, None, 3)), *steps])
    refuse(model, r"give input_size=\(height, width\)")
    maps = explain(tmp_path / "my_model.h5", images, **OPTIONS, input_size=(9, 7))
    assert maps["gradient"]["a"].shape == (9, 7, 3)
    assert maps.input_size == (9, 7)
    expected = model.predict(np.stack([images["a"][:9, :7], images["d"][:9, :7]]) / 255, verbose=0)
    small = {"a": images["a"][:9, :7], "d": images["d"][:9, :7]}
    maps = explain(tmp_path / "my_model.h5", small, **OPTIONS, input_size=(9, 7))
    assert [f.predicted for f in maps.facts.values()] == list(expected.argmax(axis=1))


def test_input_size_must_be_the_models(model_files, images):
    with pytest.raises(InvalidInput, match=r"input_size is \(9, 9\), but the model takes \(12, 12"):
        explain(model_files["logits.h5"], images, **OPTIONS, input_size=(9, 9))
    with pytest.raises(InvalidInput, match=r"input_size: expected \(height, width\)"):
        explain(model_files["logits.h5"], images, **OPTIONS, input_size=9)


def test_layer_that_relevance_cannot_do(keras, refuse):
    layers = keras.layers
    inputs = layers.Input((8, 8, 3))
    features = layers.Conv2D(4, 3)(inputs)
    gated = layers.Multiply(name="the_gate")([features, layers.Conv2D(4, 3)(inputs)])
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(gated)))
    match = r"'lrp.z' cannot.*'the_gate' \(Multiply\).*Methods that can: 'gradient', 'smoothgrad'"
    refuse(model, match, methods=["gradient", "lrp.z"])


def test_activation_that_deep_taylor_cannot_do(keras, make_model, refuse):
    end = keras.layers.Dense(4, activation="elu", name="the_elu"), keras.layers.Dense(2)
    match = "'deep_taylor' cannot.*'the_elu'.*Methods that can: .*'lrp.z'"
    refuse(make_model(*end), match, methods="deep_taylor")


def test_function_inside_the_model_that_relevance_cannot_do(keras, refuse):
    import tensorflow as tf

    inputs = keras.layers.Input((8, 8, 3))
    features = tf.image.resize(keras.layers.Conv2D(4, 3)(inputs), (5, 5))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(features)))
    refuse(model, "'lrp.epsilon' cannot.*OpLambda.*Methods that can", methods="lrp.epsilon")


def test_innvestigates_own_refusals_name_the_layer(keras, make_model, refuse):
    end = keras.layers.Dense(4, activation="elu", name="the_elu"), keras.layers.Dense(2)
    match = "'innvestigate.deep_taylor' cannot.*'the_elu'"
    refuse(make_model(*end), match, methods="innvestigate.deep_taylor")


def test_files_that_are_no_models(images, tmp_path, keras, make_model):
    with pytest.raises(FileMissing, match="model: .*absent.h5' does not exist"):
        explain(tmp_path / "absent.h5", images, **OPTIONS)
    (tmp_path / "text.h5").write_text("no model")
    with pytest.raises(InvalidInput, match="text.h5' cannot be read by the Keras"):
        explain(tmp_path / "text.h5", images, **OPTIONS)
    make_model().save_weights(tmp_path / "weights.h5")
    with pytest.raises(InvalidInput, match=r"weights.h5' cannot be read.*not weights alone"):
        explain(tmp_path / "weights.h5", images, **OPTIONS)
    with pytest.raises(InvalidInput, match="model: expected the path .* got int"):
        explain(3, images, **OPTIONS)


def test_a_file_with_code_needs_trust(keras, make_model, images, refuse, tmp_path):
    """Also where the same file was trusted a moment ago; a live model is the user's own code."""
    model = make_model(start=(keras.layers.Lambda(lambda x: 2 * x, name="twice"),))
    match = r"layer 'twice' \(Lambda\) runs Python bytecode stored in the file; .* trust_model=True"
    refuse(model, match)
    path, options = tmp_path / "my_model.h5", {**OPTIONS, "target": 0}
    trusted = explain(path, images, **options, trust_model=True)
    np.testing.assert_array_equal(
        trusted["gradient"]["a"], explain(model, images, **options)["gradient"]["a"]
    )
    refuse(model, match)
    with pytest.raises(InvalidInput, match="trust_model: expected True or False, got 'no'"):
        explain(path, images, **options, trust_model="no")


def test_model_that_always_says_the_same(make_model, keras, refuse):
    model = make_model(keras.layers.Dense(3, activation="softmax"))
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([0 * kernel, bias])
    refuse(model, "gives the same outputs whatever it sees.*check that its weights")


def test_nan_is_refused_and_nothing_of_it_kept(make_model, images, tmp_path):
    model = make_model()
    model.set_weights([np.full_like(w, np.nan) for w in model.get_weights()])
    with pytest.raises(InvalidInput, match="NaN or infinite outputs for image 'a'"):
        explain(model, images, **OPTIONS)


def test_nan_maps_name_method_and_image(model_files, images, tmp_path, monkeypatch):
    from sat_nb.saliency import execute as batches
    from sat_nb.saliency.store.codec import Chunk

    def ask(command, doing, **arguments):
        answer = asked(command, doing, **arguments)
        if command != "analyze":
            return answer
        return [Chunk(chunk.attribution * np.nan) for chunk in answer]

    asked = batches.ask
    monkeypatch.setattr(batches, "ask", ask)
    with pytest.raises(InvalidInput, match="'gradient' gives NaN .* image 'a'"):
        explain(model_files["logits.h5"], images, **OPTIONS, out=tmp_path / "maps")
    assert not list((tmp_path / "maps").rglob("*.map"))


@pytest.mark.parametrize(
    ("preprocess", "match"),
    [
        ("vgg", "preprocess: unknown name 'vgg'.*'caffe'.*a function"),
        (lambda batch: batch[:, :5], r"returned shape \(2, 5, 12, 3\).*needs \(2, 12, 12, 3\)"),
        (lambda batch: batch / 0, "returned NaN or infinite"),
        (lambda batch: batch.missing, "preprocess: .*lambda.* failed .*AttributeError"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_preprocess(preprocess, match, model_files, images):
    options = {**OPTIONS, "preprocess": preprocess}
    with pytest.raises(InvalidInput, match=match):
        explain(model_files["logits.h5"], images, **options)


def test_preprocess_is_required(model_files, images):
    with pytest.raises(TypeError, match="preprocess"):
        explain(model_files["logits.h5"], images, methods="gradient")


@pytest.mark.parametrize(
    ("target", "error", "match"),
    [
        (3, InvalidInput, r"target: 3 for image 'a' is out of range.*0..2"),
        (-1, InvalidInput, "out of range"),
        ([0, 1], InvalidInput, "one index for each of the 5 images, got 2"),
        ({"a": 1}, IdMismatch, "target: no index for 4 of 5 images: 'b'"),
        ("best", InvalidInput, "expected 'predicted' or indices, got 'best'"),
        (0.5, InvalidInput, "whole numbers, got float 0.5"),
        ((0, 0), InvalidInput, r"two different classes.*got the tuple \(0, 0\)"),
        ((0, 1, 2), InvalidInput, r"got the tuple \(0, 1, 2\); give one index an image as a list"),
        ((0, 3), InvalidInput, r"target: 3 is out of range.*0..2"),
    ],
)
def test_targets(target, error, match, model_files, images):
    with pytest.raises(error, match=match):
        explain(model_files["logits.h5"], images, **OPTIONS, target=target)


def test_other_arguments(model_files, images, tmp_path):
    file = model_files["logits.h5"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="images: expected at least one"):
        explain(file, {}, **OPTIONS)
    with pytest.raises(InvalidInput, match=r"images: expected an ImageSet.*got str; use read_ima"):
        explain(file, "photos/", **OPTIONS)
    with pytest.raises(InvalidInput, match="fit: unknown name 'cropped'"):
        explain(file, images, **OPTIONS, fit="cropped")
    with pytest.raises(InvalidInput, match="batch_size: expected a whole number >= 1, got 0"):
        explain(file, images, **OPTIONS, batch_size=0)
    with pytest.raises(InvalidInput, match="out: .* is a file"):
        explain(file, images, **OPTIONS, out=tmp_path / "file")
