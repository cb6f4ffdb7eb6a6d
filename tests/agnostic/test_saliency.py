"""Maps that are made without inputs: against what must be true of them, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.agnostic.loop import SECOND_MOMENTS, accumulate, otsu, read_settings
from sat_nb.agnostic.network import (
    DISTRIBUTIONS,
    Distribution,
    read_distribution,
    read_inputs,
)
from sat_nb.agnostic.saliency import extreme, strongest_box
from tests.oracles import agnostic as oracle

SHAPE = (8, 8, 1)
FEW: dict[str, Any] = {
    "distribution": "noise",
    "steps": 6,
    "batch_size": 8,
    "threshold": None,
    "progress": False,
}


@pytest.fixture(scope="module")
def keras(tensorflow: Any) -> Any:
    return tensorflow.keras


@pytest.fixture(scope="module")
def cnn(keras: Any) -> Any:
    """A small CNN of four labels with fixed random weights, and a softmax."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.4, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def found(cnn: Any) -> dict[int, sat.agnostic.InputAgnosticSaliency]:
    return sat.input_agnostic_saliency(cnn, range(4), **FEW)


@pytest.fixture(scope="module")
def make_linear(keras: Any) -> Callable[..., Any]:
    """make_linear(weights (H, W, C, n), head): logits are sums of weights times pixels."""

    def make(weights: np.ndarray, head: str = "softmax") -> Any:
        *shape, n = weights.shape
        layers = keras.layers
        model = keras.Sequential(
            [layers.Input(shape), layers.Flatten(), layers.Dense(n, activation=head)]
        )
        model.set_weights([weights.reshape(-1, n), np.zeros(n)])
        return model

    return make


# --- oracles --------------------------------------------------------------------------------------


def test_of_two_linear_classes_the_map_is_the_difference_of_their_weights(
    make_linear: Callable[..., Any],
) -> None:
    weights = np.random.default_rng(0).normal(0, 0.01, (*SHAPE, 2)).astype(np.float32)
    options = {**FEW, "bounds": (-100, 100), "norm": 0.01}  # nothing is cut off
    towards = weights[..., 1] - weights[..., 0]
    for label, sign in ((1, 1), (0, -1)):
        model = make_linear(weights)
        found = sat.input_agnostic_saliency(model, label, second_moment="scalar", **options)
        unit = sign * towards / np.linalg.norm(towards)
        np.testing.assert_allclose(found.map, 0.01 * unit, atol=1e-7)
        found = sat.input_agnostic_saliency(model, label, second_moment="elementwise", **options)
        np.testing.assert_array_equal(np.sign(found.map), np.sign(sign * towards))
        np.testing.assert_allclose(np.abs(found.map), 0.01 / 8, rtol=1e-3)


def test_a_single_sigmoid_is_two_classes(make_linear: Callable[..., Any]) -> None:
    weights = np.random.default_rng(1).normal(0, 0.1, (*SHAPE, 1)).astype(np.float32)
    zero = np.concatenate([np.zeros_like(weights), weights], axis=3)
    one = sat.input_agnostic_saliency(make_linear(weights, "sigmoid"), [0, 1], **FEW)
    two = sat.input_agnostic_saliency(make_linear(zero), [0, 1], **FEW)
    for label in (0, 1):
        np.testing.assert_allclose(one[label].map, two[label].map, atol=1e-6)
        np.testing.assert_allclose(one[label].fidelity, two[label].fidelity, atol=1e-6)


@pytest.mark.parametrize("second_moment", ["scalar", "elementwise"])
def test_the_loop_is_the_slow_oracle(cnn: Any, second_moment: str) -> None:
    options = {**FEW, "norm": 0.7, "second_moment": second_moment}
    found = sat.input_agnostic_saliency(cnn, 2, **options)
    expected, fidelity = oracle.input_agnostic(cnn, 2, n_steps=6, n=8, norm=0.7, kind=second_moment)
    np.testing.assert_allclose(found.map, expected, atol=1e-4)
    np.testing.assert_allclose(found.fidelity, fidelity, atol=1e-4)


@pytest.mark.parametrize("norm", [0.05, 0.5, 5.0])
def test_the_norm_holds_at_every_step(cnn: Any, norm: float) -> None:
    options = {**FEW, "norm": norm, "refine_every": 2}
    found = sat.input_agnostic_saliency(cnn, 1, **options)
    assert len(found.norms) == found.n_steps + 1 == 7
    assert found.norms.max() <= norm * (1 + 1e-6)
    assert found.norms[-1] == pytest.approx(np.linalg.norm(found.map), rel=1e-6)


def test_permuted_labels_permute_the_maps(
    keras: Any, cnn: Any, found: dict[int, sat.agnostic.InputAgnosticSaliency]
) -> None:
    order = [2, 0, 3, 1]
    permuted = keras.models.clone_model(cnn)
    *weights, kernel, bias = cnn.get_weights()
    permuted.set_weights([*weights, kernel[:, order], bias[order]])
    again = sat.input_agnostic_saliency(permuted, range(4), **FEW)
    for new, old in enumerate(order):
        np.testing.assert_allclose(again[new].map, found[old].map, atol=1e-5)
        np.testing.assert_allclose(again[new].fidelity, found[old].fidelity, atol=1e-5)


def test_the_same_seed_gives_the_same_map(
    cnn: Any, found: dict[int, sat.agnostic.InputAgnosticSaliency]
) -> None:
    again, other = (sat.input_agnostic_saliency(cnn, 2, seed=seed, **FEW) for seed in (0, 1))
    np.testing.assert_array_equal(again.map, found[2].map)
    np.testing.assert_array_equal(again.fidelity, found[2].fidelity)
    assert not np.array_equal(other.map, again.map)


def test_samples_in_other_units_give_the_same_map(keras: Any, cnn: Any) -> None:
    """A model of 0 to 255 that divides by 255 itself is the same model."""
    layers = keras.layers
    scaled = keras.Sequential([layers.Input(SHAPE), layers.Rescaling(1 / 255), cnn])
    unit = sat.input_agnostic_saliency(cnn, 3, **FEW)
    other = sat.input_agnostic_saliency(scaled, 3, bounds=(0, 255), **FEW)
    np.testing.assert_allclose(other.map, unit.map, atol=1e-4)


def test_the_fidelity_rises_on_samples_that_the_map_never_saw(
    found: dict[int, sat.agnostic.InputAgnosticSaliency], cnn: Any
) -> None:
    fresh = np.random.default_rng(99).normal(0.5, 1 / 6, (64, *SHAPE)).clip(0, 1)
    for label, result in found.items():
        without = cnn(fresh).numpy()[:, label].mean()
        with_map = cnn(np.clip(fresh + result.map, 0, 1)).numpy()[:, label].mean()
        assert with_map > without
        assert with_map == pytest.approx(result.fidelity[-1], abs=0.1)
        assert without == pytest.approx(result.fidelity[0], abs=0.1)


# --- the ends -------------------------------------------------------------------------------------


def test_it_stops_where_the_threshold_is_passed(cnn: Any) -> None:
    options = {**FEW, "steps": 60, "threshold": 0.6}
    found = sat.input_agnostic_saliency(cnn, 0, **options)
    assert found.stopped == "threshold"
    assert found.fidelity[-5:].mean() >= 0.6
    assert found.n_steps < 60
    assert sat.input_agnostic_saliency(cnn, 0, **FEW).stopped == "steps"


def test_an_interrupt_keeps_what_there_is(
    cnn: Any, found: dict[int, sat.agnostic.InputAgnosticSaliency]
) -> None:
    calls = 0

    def noise(rng: np.random.Generator, n: int) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls == 13:  # in the second label's fourth step
            raise KeyboardInterrupt
        return np.clip(0.5 + rng.standard_normal((n, *SHAPE), dtype=np.float32) / 6, 0, 1)

    kept = sat.input_agnostic_saliency(cnn, [0, 1, 2], **{**FEW, "distribution": noise})
    assert list(kept) == [0, 1]
    assert [kept[label].stopped for label in kept] == ["steps", "interrupted"]
    np.testing.assert_array_equal(kept[0].map, found[0].map)
    assert np.linalg.norm(kept[1].map) > 0
    assert len(kept[1].fidelity) == 3


def test_files_and_live_models_give_the_same(cnn: Any, tmp_path: Path) -> None:
    live = sat.input_agnostic_saliency(cnn, 1, **FEW)
    for name in ("model.h5", "model.keras", "saved_model"):
        cnn.save(tmp_path / name)
        read = sat.input_agnostic_saliency(tmp_path / name, 1, **FEW)
        np.testing.assert_allclose(read.map, live.map, atol=1e-6)


# --- parts ----------------------------------------------------------------------------------------


def test_refinement_keeps_the_active_part(cnn: Any) -> None:
    plain = sat.input_agnostic_saliency(cnn, 1, **FEW)
    refined = sat.input_agnostic_saliency(cnn, 1, **{**FEW, "refine_every": 6})
    active = (refined.map != 0).any(axis=2)
    assert 0 < active.sum() < active.size
    assert not (refined.map[active] * plain.map[active] < 0).any()


def test_otsu_is_scikit_image_s() -> None:
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(0)
    for values in (rng.random((9, 9)), np.r_[rng.normal(0, 1, 50), rng.normal(6, 1, 20)]):
        theirs = filters.threshold_otsu(values, nbins=256)
        assert abs(otsu(values) - theirs) <= np.ptp(values) / 256, "one bin apart at most"
    assert not (np.ones(5) > otsu(np.ones(5))).any()


def test_the_strongest_box_is_the_best_of_all() -> None:
    map = np.random.default_rng(0).standard_normal((9, 13, 3)).astype(np.float32)
    for share in (0.1, 0.3, 1.0):
        box, held = strongest_box(map, share)
        best, where = oracle.strongest(map, box.height, box.width)
        assert (box.top, box.left) == where
        assert held == pytest.approx(best / np.square(map).sum())
        patch = extreme(map, share)
        np.testing.assert_array_equal(patch[box.mask(map.shape)], np.sign(map[box.mask(map.shape)]))
        assert np.abs(patch).sum() == box.height * box.width * 3
    assert strongest_box(np.zeros((4, 4, 1)), 0.5)[1] == 0


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_distributions_stay_in_the_bounds(name: str) -> None:
    inputs = read_inputs((6, 6, 3), ([-104, -117, -123], [151, 138, 132]))
    samples = read_distribution(name, inputs)(np.random.default_rng(0), 200)
    assert samples.shape == (200, 6, 6, 3)
    assert samples.dtype == np.float32
    low, middle = samples.min(axis=(0, 1, 2)), samples.mean(axis=(0, 1, 2))
    assert (low >= [-104, -117, -123]).all()
    np.testing.assert_allclose(middle, [23.5, 10.5, 4.5], atol=20 if name == "natural" else 2)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        *(("distribution", name) for name in DISTRIBUTIONS),
        *(("second_moment", name) for name in SECOND_MOMENTS),
    ],
)
def test_an_entry_shows_wherever_it_must(cnn: Any, argument: str, name: str) -> None:
    entry = (DISTRIBUTIONS if argument == "distribution" else SECOND_MOMENTS)[name]
    documented = " ".join(str(sat.input_agnostic_saliency.__doc__).split())
    assert f'- "{name}": {entry.about.removesuffix(".")}' in documented
    found = sat.input_agnostic_saliency(cnn, 1, **{**FEW, "steps": 2, argument: name})
    assert np.abs(found.map).max() > 0
    with pytest.raises(sat.InvalidInput, match=f"{argument}: unknown name 'x'.*'{name}'"):
        sat.input_agnostic_saliency(cnn, 1, **{**FEW, argument: "x"})


def test_a_distribution_of_the_users_own_is_an_entry_or_a_function(cnn: Any) -> None:
    def half(rng: np.random.Generator, n: int, inputs: Any) -> np.ndarray:
        return np.broadcast_to(inputs.low + inputs.span / 2, (n, *inputs.shape))

    entry = Distribution(name="half", function=half)
    one = sat.input_agnostic_saliency(cnn, 1, **{**FEW, "distribution": entry})
    middle = np.full((1, *SHAPE), 0.5, np.float32)
    other = sat.input_agnostic_saliency(cnn, 1, **{**FEW, "distribution": middle})
    np.testing.assert_allclose(one.map, other.map, atol=1e-6)


def test_natural_noise_has_the_spectrum_of_photos() -> None:
    """Power falls as 1/frequency squared; brightness and contrast differ between samples."""
    inputs = read_inputs((64, 64, 1), (0, 1))
    samples = read_distribution("natural", inputs)(np.random.default_rng(0), 400)[..., 0]
    inside = samples[(samples.min(axis=(1, 2)) > 0) & (samples.max(axis=(1, 2)) < 1)]
    assert len(inside) > 20
    power = (np.abs(np.fft.fft2(inside)) ** 2).mean(axis=0)
    low, high = power[0, 2:5].mean(), power[0, 16:26].mean()
    slope = np.log(high / low) / np.log(np.sqrt(16 * 25) / np.sqrt(2 * 4))
    assert slope == pytest.approx(-2, abs=0.3)
    means = samples.mean(axis=(1, 2))
    assert means.min() < 0.15
    assert means.max() > 0.85


def test_an_array_is_drawn_from(cnn: Any) -> None:
    images = np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)
    draw = read_distribution(images, read_inputs(SHAPE, (0, 1)))
    drawn = draw(np.random.default_rng(0), 40)
    assert {image.tobytes() for image in drawn} == {image.tobytes() for image in images}
    options = {**FEW, "distribution": images}
    assert sat.input_agnostic_saliency(cnn, 0, **options).n_steps == 6


def test_a_vanished_gradient_moves_nothing() -> None:
    settings = read_settings(3, 1.0, 0.1, 2, "scalar", None, None, 0)

    def slope(samples: np.ndarray, added: np.ndarray, label: int) -> tuple[np.ndarray, float]:
        return np.zeros_like(added), 1.0

    draw = read_distribution("noise", read_inputs(SHAPE, (0, 1)))
    result = accumulate(slope, draw, 0, SHAPE, settings)
    assert not result.map.any()
    assert len(result.fidelity) == 4


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"target": 4}, "target: expected a label from 0 to 3.*got 4"),
        ({"target": -1}, "target: .*got -1"),
        ({"target": [0, 7]}, "target: .*got 7"),
        ({"target": []}, r"target: .*got \[\]"),
        ({"target": "cat"}, "target: .*got 'cat'"),
        ({"target": True}, "target: .*got True"),
        ({"target": 1.5}, "target: .*got 1.5"),
        ({"distribution": "nois"}, "distribution: unknown name 'nois'. Did you mean 'noise'?"),
        ({"distribution": np.zeros((2, 5, 5, 1))}, r"distribution: .*\('n', 8, 8, 1\).*5, 5"),
        ({"distribution": np.zeros((0, *SHAPE))}, "distribution: .*got .0, 8"),
        ({"distribution": lambda rng, n: np.zeros(SHAPE)}, r"distribution: .*\(4, 8, 8, 1\)"),
        ({"distribution": np.full((2, *SHAPE), np.nan)}, "distribution: has NaN"),
        ({"distribution": np.full((2, *SHAPE), 200.0)}, "200, outside the bounds.*bounds="),
        ({"bounds": (1, 0)}, "bounds: expected .low, high."),
        ({"bounds": (0, np.nan)}, "bounds: "),
        ({"bounds": ([0, 0, 0], 1)}, "bounds: .*1 of them"),
        ({"bounds": 1}, "bounds: "),
        ({"norm": 0}, "norm: expected a number > 0"),
        ({"norm": np.nan}, "norm: "),
        ({"rate": None}, "rate: "),
        ({"steps": 0}, "steps: expected a whole number >= 1"),
        ({"batch_size": 0}, "batch_size: "),
        ({"refine_every": 0}, "refine_every: "),
        ({"threshold": 1.5}, "threshold: expected a probability"),
        ({"second_moment": "adam"}, "second_moment: unknown name 'adam'"),
        ({"seed": -1}, "seed: "),
        ({"input_size": (9, 9)}, "input_size is .9, 9.*takes .8, 8"),
        ({"input_size": 9}, "input_size: expected .height, width."),
    ],
)
def test_bad_arguments_are_refused(cnn: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(sat.InvalidInput, match=match):
        sat.input_agnostic_saliency(cnn, **{"target": 0, "progress": False, **options})


def test_models_that_cannot_be_asked_are_refused(
    keras: Any, cnn: Any, make_linear: Callable[..., Any], tmp_path: Path
) -> None:
    import tensorflow as tf

    layers = keras.layers
    tensor = layers.Input(SHAPE)
    rounded = keras.Model(tensor, layers.Dense(2)(layers.Flatten()(tf.round(tensor))))
    unknown = keras.Sequential(
        [layers.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    )
    broken = keras.models.clone_model(cnn)
    broken.set_weights([np.full_like(w, np.nan) for w in cnn.get_weights()])
    flat = make_linear(np.zeros((*SHAPE, 3), np.float32))
    (tmp_path / "text.h5").write_text("no model")
    cases: list[tuple[Any, str]] = [
        (rounded, "no gradient"),
        (flat, "no gradient at its input"),
        (broken, "NaN"),
        (unknown, "no fixed height and width.*give input_size="),
        (keras.Sequential([layers.Input((5,)), layers.Dense(2)]), "expected images"),
        (tmp_path / "text.h5", "cannot be read"),
        (3, "model: expected the path.*got int"),
    ]
    for model, match in cases:
        with pytest.raises(sat.InvalidInput, match=match):
            sat.input_agnostic_saliency(model, 0, progress=False)
    with pytest.raises(sat.FileMissing, match="does not exist"):
        sat.input_agnostic_saliency(tmp_path / "absent.h5", 0)
    assert sat.input_agnostic_saliency(unknown, 0, input_size=(6, 7), **FEW).map.shape == (6, 7, 1)
