"""A method of the user's own: occlusion and gradient x input, against slow oracles."""

from __future__ import annotations

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.errors import InvalidInput
from sat_nb.saliency.process import worker as process
from sat_nb.saliency.process.budget import Budget

PRE = {"preprocess": "signed", "progress": False}
SIGN = "positive values speak for the target"
PATCH = sat.Parameter(4, lambda v: isinstance(v, int) and v > 0, "a whole number > 0")


def occlusion(image, explained, *, seed, patch):
    """How much the output falls when a square is set to 0 (Zeiler & Fergus 2014)."""
    height, width, _ = image.shape
    corners = [(top, left) for top in range(0, height, patch) for left in range(0, width, patch)]
    batch = np.repeat(image[None], 1 + len(corners), axis=0)
    for copy, (top, left) in zip(batch[1:], corners, strict=True):
        copy[top : top + patch, left : left + patch] = 0
    whole, *without = explained.values(batch)
    found = np.zeros((height, width))
    for value, (top, left) in zip(without, corners, strict=True):
        found[top : top + patch, left : left + patch] = whole - value
    return found


def gradient_x_input(image, explained, *, seed):
    """The input times the gradient (Shrikumar et al. 2016)."""
    return image * explained.gradients(image[None])[0]


def noisy_value(image, explained, *, seed):
    """Noise that depends on the seed, times a value of the model."""
    return np.random.default_rng(seed).normal(size=image.shape) * explained.values(image[None])[0]


def own(function, version="1", **options):
    return sat.Method(
        name=function.__name__, version=version, sign=SIGN, function=function, **options
    )


OCCLUSION = own(occlusion, parameters={"patch": PATCH})


@pytest.fixture(scope="module")
def model(model_files, keras):
    return keras.models.load_model(model_files["activation.h5"], compile=False)


@pytest.fixture(scope="module")
def logits(model_files, keras):
    return keras.models.load_model(model_files["logits.h5"], compile=False)


def slow_occlusion(value, x, patch):
    """Pixel by pixel: one image at a time through the model."""
    found = np.zeros(x.shape[:2])
    for row, column in np.ndindex(*found.shape):
        top, left = row // patch * patch, column // patch * patch
        covered = x.copy()
        covered[top : top + patch, left : left + patch] = 0
        found[row, column] = value(x) - value(covered)
    return found


# --- against oracles ---------------------------------------------------------------------------


def test_occlusion_is_the_slow_oracles(model_files, images, inputs, logits):
    few = images.select(["a", "b"])
    maps = sat.explain(
        model_files["activation.h5"],
        few,
        methods=["gradient", OCCLUSION],
        parameters={"occlusion@1": {"patch": 5}},
        **PRE,
    )
    assert list(maps) == ["gradient", "occlusion@1"]
    for i in few:
        target = maps.facts[i].target
        expected = slow_occlusion(lambda x, t=target: float(logits(x[None])[0, t]), inputs[i], 5)
        assert maps["occlusion@1"][i].shape == (12, 12, 1)
        np.testing.assert_allclose(maps["occlusion@1"][i][..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("target", [1, (2, 0)])
def test_values_and_gradients_are_those_of_what_is_explained(
    output, target, model_files, images, inputs, model, logits
):
    import tensorflow as tf

    few, explainable = images.select(["a"]), logits if output == "logit" else model
    first, second = target if isinstance(target, tuple) else (target, None)

    def value(x):
        outputs = explainable(x)[0]
        return outputs[first] - (0 if second is None else outputs[second])

    methods = [own(gradient_x_input), OCCLUSION]
    maps = sat.explain(
        model_files["activation.h5"], few, methods=methods, target=target, output=output, **PRE
    )
    x = tf.constant(inputs["a"][None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        explained = value(x)
    expected = inputs["a"] * tape.gradient(explained, x)[0].numpy()
    np.testing.assert_allclose(maps["gradient_x_input@1"]["a"], expected, atol=1e-6)
    expected = slow_occlusion(lambda x: float(value(x[None])), inputs["a"], 4)
    np.testing.assert_allclose(maps["occlusion@1"]["a"][..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("target", [0, 1])
def test_one_sigmoid_output_has_two_classes(target, make_model, keras, images, inputs):
    model = make_model(keras.layers.Dense(1))
    maps = sat.explain(model, images.select(["a"]), methods=OCCLUSION, target=target, **PRE)
    sign = 1 if target else -1
    expected = slow_occlusion(lambda x: sign * float(model(x[None])[0, 0]), inputs["a"], 4)
    np.testing.assert_allclose(maps["occlusion@1"]["a"][..., 0], expected, atol=1e-5)


# --- the same map, however it is computed ------------------------------------------------------


SEVERAL = [own(gradient_x_input), own(noisy_value), OCCLUSION]


@pytest.fixture(scope="module")
def in_one_batch(model_files, images):
    """Maps of one worker. A call with several ends it, so the tests with one come first."""
    return sat.explain(model_files["logits.h5"], images, methods=SEVERAL, **PRE)


def test_another_seed_gives_another_map(in_one_batch, model_files, images):
    other = sat.explain(model_files["logits.h5"], images, methods=SEVERAL, seed=1, **PRE)
    assert not np.allclose(other["noisy_value@1"]["a"], in_one_batch["noisy_value@1"]["a"])


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 2, "workers": 2}])
def test_batches_and_workers_do_not_change_the_map(options, in_one_batch, model_files, images):
    maps = sat.explain(model_files["logits.h5"], images, methods=SEVERAL, **PRE, **options)
    for method, expected in in_one_batch.items():
        for i in images:
            scale = np.abs(expected[i]).max()
            np.testing.assert_allclose(maps[method][i], expected[i], atol=1e-5 * scale)


@pytest.mark.filterwarnings("ignore:max_memory")
def test_requests_shrink_where_memory_is_short(model_files, images, monkeypatch):
    few = images.select(["a", "b"])
    expected = sat.explain(model_files["logits.h5"], few, methods=OCCLUSION, **PRE)
    asked, request = [], process.Worker.request

    def short_of_memory(worker, command, arguments, *, doing):
        if "occlusion" in doing:
            asked.append(len(arguments["batch"]))
            if asked[-1] > 3:
                raise process.WorkerOutOfMemory("too many")
        return request(worker, command, arguments, doing=doing)

    monkeypatch.setattr(process.Worker, "request", short_of_memory)
    monkeypatch.setattr(Budget, "at_once", lambda b, kind, limit: b._caps.get(kind, limit))
    maps = sat.explain(model_files["logits.h5"], few, methods=OCCLUSION, **PRE)
    assert asked[:3] == [10, 5, 2]
    for i in few:
        np.testing.assert_allclose(maps["occlusion@1"][i], expected["occlusion@1"][i], atol=1e-6)


# --- the store ---------------------------------------------------------------------------------


def test_name_and_version_are_kept_and_another_version_is_another_map(
    model_files, images, tmp_path
):
    calls = []

    def constant(image, explained, *, seed, value):
        calls.append(value)
        return np.full(image.shape[:2], value)

    one = sat.Parameter(1.0, lambda v: isinstance(v, float), "a number")
    options = {**PRE, "out": tmp_path / "maps"}
    file, few = model_files["logits.h5"], images.select(["a", "b"])
    first = own(constant, parameters={"value": one})
    second = own(constant, version="2", parameters={"value": one})
    maps = sat.explain(file, few, methods=[first, "gradient"], **options)
    assert maps.settings["methods"]["constant@1"] == {
        "engine": "function",
        "analyzer": "constant",
        "sampling": "function",
        "version": "1",
        "parameters": {"value": 1.0},
    }
    sat.explain(file, few, methods=first, **options)
    assert len(calls) == 2
    sat.explain(file, few, methods=second, **options)
    assert len(calls) == 4
    given = {"constant@2": {"value": 2.5}}
    changed = sat.explain(file, few, methods=second, parameters=given, **options)
    assert changed["constant@2"]["a"].max() == 2.5
    opened = sat.AttributionStore.open(tmp_path / "maps")
    assert "constant@2" in opened
    table = sat.build(maps, {i: square(few[i]) for i in few})
    assert set(table["method"]) == {"constant@1", "gradient"}


def square(photo):
    masks = np.zeros((1, *photo.shape[:2]), dtype=bool)
    masks[0, :4, :4] = True
    return sat.SegmentationMap(("square",), masks)


def test_without_a_version_maps_stay_in_memory(model_files, images, tmp_path):
    method, few = own(gradient_x_input, version=""), images.select(["a"])
    maps = sat.explain(model_files["logits.h5"], few, methods=method, **PRE)
    assert list(maps) == ["gradient_x_input"]
    with pytest.raises(InvalidInput, match="methods: 'gradient_x_input' is an entry of your own"):
        sat.explain(model_files["logits.h5"], few, methods=method, out=tmp_path / "m", **PRE)
    assert not (tmp_path / "m").exists()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda image, explained, *, seed: image[:5], r"expected a map \(12, 12\) or \(12, 12, 3"),
        (lambda image, explained, *, seed: image * np.nan, "gives NaN or infinite values"),
        (lambda image, explained, *, seed: "map", "failed with ValueError: could not convert"),
        (lambda image, explained: image, "failed with TypeError: .*unexpected keyword.*'seed'"),
        (lambda image, explained, *, seed: 1 / 0, "failed with ZeroDivisionError"),
        (
            lambda image, explained, *, seed: explained.values(image),
            r"asked explained.values for shape \(12, 12, 3\); give preprocessed images \('n', 12",
        ),
        (
            lambda image, explained, *, seed: explained.gradients(image[None, :5]),
            r"asked explained.gradients for shape \(1, 5, 12, 3\)",
        ),
    ],
)
def test_functions_that_go_wrong(function, match, model_files, images):
    method = sat.Method(name="wrong", version="3", sign=SIGN, function=function)
    with pytest.raises(InvalidInput, match=f"methods: 'wrong@3'.*{match}"):
        sat.explain(model_files["logits.h5"], images, methods=method, **PRE)


def test_names_and_parameters_that_are_refused(model_files, images):
    file = model_files["logits.h5"]
    taken = sat.Method(name="gradient", sign=SIGN, function=gradient_x_input)
    with pytest.raises(InvalidInput, match="methods: the name 'gradient' is taken"):
        sat.explain(file, images, methods=taken, **PRE)
    with pytest.raises(InvalidInput, match="'occlusion@1' is given 2 times"):
        sat.explain(file, images, methods=[OCCLUSION, OCCLUSION], **PRE)
    with pytest.raises(InvalidInput, match="unknown name 'occlusion'.*'occlusion@1'"):
        sat.explain(file, images, methods=OCCLUSION, parameters={"occlusion": {}}, **PRE)
    given = {"occlusion@1": {"patch": 0}}
    with pytest.raises(InvalidInput, match="patch: expected a whole number > 0, got 0"):
        sat.explain(file, images, methods=OCCLUSION, parameters=given, **PRE)
    with pytest.raises(InvalidInput, match="methods: unknown name 'occlusion'.*a sat_nb.Method"):
        sat.explain(file, images, methods="occlusion", **PRE)


def test_an_empty_batch_has_no_values(model_files, images):
    def count(image, explained, *, seed):
        nothing = image[None][:0]
        shapes = explained.values(nothing).shape, explained.gradients(nothing).shape
        assert shapes == ((0,), (0, 12, 12, 3))
        return image[..., 0]

    sat.explain(model_files["logits.h5"], images.select(["a"]), methods=own(count), **PRE)
