"""What every engine gets for free: the four commands, on an engine of a few lines of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.engines.commands import Commands, Engine
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.targets import output_weights

SHAPE = (2, 3, 1)
KERNEL = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
BATCH = np.random.default_rng(1).normal(size=(4, *SHAPE)).astype(np.float32)
FILE, OTHER = ModelFile("linear.npy", "linear", "1f"), ModelFile("other.npy", "other", "2f")


class Linear:
    """Logits that are weighted sums of the pixels."""

    facts = ModelFacts(SHAPE, 3, "logits")
    n_logits = 3

    def outputs(self, batch, output):
        logits = batch.reshape(len(batch), -1) @ KERNEL
        return logits, logits


def slopes(weights):
    return (weights @ KERNEL.T).reshape(-1, *SHAPE)


def explainer(classifier, method, parameters, output):
    if method.engine != "gradient":
        raise NotImplementedError("no such formula")
    if method.sampling:
        return lambda points, weights, shares: (
            shares.sum(axis=1)[:, None, None, None] * slopes(weights[None])
        )
    return lambda batch, weights: slopes(weights)


@pytest.fixture
def log():
    return []


@pytest.fixture
def commands(log):
    return Commands(
        Engine(
            read=lambda file: log.append(file.name) or Linear(),
            explainer=lambda *given: log.append(given[1].name) or explainer(*given),
            culprits=lambda error: ["layer 'odd' (Odd)"],
            working=lambda classifier: ["gradient"],
            clear=lambda: log.append("clear"),
        )
    ).by_name()


def test_the_commands(commands):
    assert list(commands) == ["facts", "predict", "mix", "build", "analyze", "devices"]
    assert commands["devices"]() == ["cpu"]
    assert commands["facts"](FILE) == Linear.facts
    np.testing.assert_allclose(commands["predict"](FILE, BATCH)[0], Linear().outputs(BATCH, "")[0])


def test_maps_are_those_of_each_images_target(commands):
    asked = {"parameters": {}, "targets": [0, 1, 2, 0], "seeds": [0] * 4}
    chunks = commands["analyze"](FILE, "gradient", batch=BATCH, **asked)
    for chunk, target in zip(chunks, asked["targets"], strict=True):
        np.testing.assert_allclose(chunk.attribution, KERNEL[:, target].reshape(SHAPE))
    (chunk, *_) = commands["analyze"](FILE, "gradient", batch=BATCH, against=2, **asked)
    expected = (KERNEL[:, 0] - KERNEL[:, 2]).reshape(SHAPE)
    np.testing.assert_allclose(chunk.attribution, expected, rtol=1e-6)


def test_sampling_and_completeness_are_the_same_for_all_engines(commands):
    parameters = {"n_nodes": 6, "baseline": 0.5, "rule": "midpoint"}
    (chunk,) = commands["analyze"](
        FILE, "integrated_gradients", parameters, BATCH[:1], [1], [0], points_at_once=4
    )
    expected = (BATCH[0] - 0.5) * KERNEL[:, 1].reshape(SHAPE)
    np.testing.assert_allclose(chunk.attribution, expected, rtol=1e-5)
    assert abs(chunk.facts["completeness_error"]) < 1e-5
    masks = np.zeros((2, *SHAPE[:2]), dtype=bool)
    masks[0, 0], masks[1, 1] = True, True
    parameters = {"noise": 0.1, "max_samples": 64}
    (chunk,) = commands["analyze"](
        FILE, "smoothgrad", parameters, BATCH[:1], [1], [0], masks=[masks], points_at_once=4
    )
    assert chunk.facts == {"n_samples": 16, "settled": True}  # of a constant nothing is open


def test_explainers_are_built_once_a_model_and_shared_by_methods_that_sample(commands, log):
    for method in ("gradient", "gradient", "smoothgrad", "integrated_gradients"):
        commands["build"](FILE, method, {})
    assert log == ["clear", "linear", "gradient", "smoothgrad"]
    commands["build"](OTHER, "gradient", {})
    assert log[4:] == ["clear", "other", "gradient"]


def test_what_an_engine_cannot_do_is_said_in_words(commands):
    match = r"'lrp.z' cannot explain 'linear.npy' at layer 'odd' .Odd. .NotImplementedError: no "
    with pytest.raises(InvalidInput, match=match + r".*Methods that can: 'gradient'"):
        commands["build"](FILE, "lrp.z", {})
    with pytest.raises(InvalidInput, match="methods: unknown name 'lrp.y'.*'lrp.z'"):
        commands["build"](FILE, "lrp.y", {})


def test_weights_of_the_outputs():
    np.testing.assert_array_equal(output_weights([1], 3), [[0, 1, 0]])
    np.testing.assert_array_equal(output_weights([1], 3, against=0), [[-1, 1, 0]])
    np.testing.assert_array_equal(output_weights([0, 1], 1), [[-1], [1]])
    np.testing.assert_array_equal(output_weights([1], 1, against=0), [[2]])
