"""Saved models, read and checked: the classifier that all methods explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput
from sat_nb.models.keras_file import check_outputs, load_keras
from sat_nb.models.refused import Refused
from sat_nb.saliency.engines.keras.classifier import (
    HEADS,
    checked_model,
    with_input,
    without_activation,
)
from sat_nb.saliency.engines.keras.graph import Graph, Unfit, built, unrolled
from sat_nb.saliency.engines.keras.innvestigate import keras_model
from sat_nb.saliency.engines.keras.rewrite import rewritten
from sat_nb.saliency.model_file import ModelFacts, ModelFile

layers, backend = tf.keras.layers, tf.keras.backend

TOLERANCE = 1e-4
"""How much the rewritten model's outputs may differ, as a share of the largest output."""


@dataclass(frozen=True)
class Classifier:
    """A model up to its logits, in layers that the methods support.

    ``predict`` takes preprocessed images (n, H, W, C) and gives the saved model's outputs
    (n, n_classes) and its logits (n, n_logits). ``explained`` turns the logits' tensor into what
    is explained: the logits themselves, or probabilities.
    """

    graph: Graph
    facts: ModelFacts
    n_logits: int
    predict: Callable[[Float32], tuple[Float32, Float32]]
    explained: Callable[[Any], Any] = tf.identity

    @cached_property
    def keras_model(self) -> Any:
        """The graph as one Keras model for all of iNNvestigate's analyzers."""
        return keras_model(self.graph)

    def explaining(self, output: str) -> Classifier:
        """The classifier whose "logit" or "probability" is explained."""
        return self if output == "logit" else replace(self, explained=HEADS[self.facts.head])

    def outputs(self, batch: Float32, output: str) -> tuple[Float32, Float32]:
        """The saved model's outputs (n, n_classes), and what is explained of them (n, n_logits)."""
        predicted, logits = self.predict(batch)
        return predicted, logits if output == "logit" else predicted[:, -self.n_logits :]


def single_outputs(weights: Float32, method: str) -> list[int]:
    """The one output that each image's weights select, for analyzers that can explain no others."""
    if (weights.sum(axis=1) != 1).any() or weights.min() < 0:
        raise InvalidInput(
            f"target: {method!r} explains single outputs as they are; give one class, and not "
            "class 0 of a model with one output."
        )
    return [int(output) for output in weights.argmax(axis=1)]


def read_classifier(file: ModelFile) -> Classifier:
    """The saved model, rewritten and compared with what it was.

    Raises FileMissing and InvalidInput where it is absent, unreadable, refused, or no classifier
    of images.
    """
    try:
        model = with_input(checked_model(_read(file)), file.input_size)
        if not file.trusted:
            check_outputs(model)
        graph, head = without_activation(rewritten(unrolled(model)))
        graph = built(graph)
    except (Unfit, Refused) as unfit:
        raise InvalidInput(f"model: {file.path!r}: {unfit.problem}; {unfit.remedy}.") from unfit
    x = backend.placeholder((None, *graph.shape))
    logits = graph.run(graph.scaled(x))[graph.output]
    n_logits = logits.shape[1]
    both = tf.concat([-logits, logits], axis=1) if n_logits == 1 else logits
    function = backend.function([x], [HEADS[head](both), logits])
    _check_equal(model, function, head, file)
    facts = ModelFacts(graph.shape, max(n_logits, 2), head, graph.changes)
    return Classifier(graph, facts, n_logits, predict=lambda batch: tuple(function([batch])))


# --- reading -----------------------------------------------------------------------------------


def _read(file: ModelFile) -> Any:
    backend.set_learning_phase(0)  # or Keras also builds what each layer does in training
    with _weights_by_value():
        return load_keras(Path(file.path), trusted=file.trusted)


@contextmanager
def _weights_by_value() -> Iterator[None]:
    """Make ``.keras`` files load in graph mode.

    In graph mode Keras builds an assignment for each weight and never runs it: the model would
    silently keep its random initial weights.
    """
    original = layers.Layer.load_own_variables

    def load_own_variables(layer: Any, store: Any) -> None:
        variables = layer._trainable_weights + layer._non_trainable_weights
        if len(variables) != len(store.keys()):
            raise ValueError(
                f"layer {layer.name!r} has {len(variables)} weights, the file {len(store.keys())}"
            )
        backend.batch_set_value([(v, store[str(i)][()]) for i, v in enumerate(variables)])

    layers.Layer.load_own_variables = load_own_variables
    try:
        yield
    finally:
        layers.Layer.load_own_variables = original


# --- checks ------------------------------------------------------------------------------------


def _check_equal(model: Any, function: Any, head: str, file: ModelFile) -> None:
    """Compare the rewritten model with the saved one on two random batches."""
    random = np.random.default_rng(0)
    saved = backend.function([model.inputs[0]], [model.outputs[0]])
    logits = []
    for low, high in ((0, 1), (-128, 128)):
        batch = random.uniform(low, high, (2, *model.inputs[0].shape[1:])).astype(np.float32)
        (expected,), (outputs, values) = saved([batch]), function([batch])
        logits.append(values)
        if outputs.shape[1] != expected.shape[1]:
            outputs = outputs[:, 1:]  # of two classes a model with one output has the second
        far = np.abs(outputs - expected).max() / max(1.0, float(np.abs(expected).max()))
        if far > TOLERANCE:  # NaN weights compare as equal here, and are reported by image later
            raise InvalidInput(
                f"model: {file.path!r}: rewritten for explaining, its outputs ({head}) differ by "
                f"{far:.1g} of the largest on a random batch, expected at most {TOLERANCE}; "
                f"{_remedy(model)}."
            )
    if not np.ptp(np.concatenate(logits), axis=0).any() and _is_flat(model, batch):
        raise InvalidInput(
            f"model: {file.path!r} gives the same outputs whatever it sees (four random images), "
            "so there is nothing to explain; check that its weights were loaded and trained."
        )


def _remedy(model: Any) -> str:
    """What to do about a model that differs from its rewritten copy, which is in float32."""
    types = {part.compute_dtype for part in model.submodules if isinstance(part, layers.Layer)}
    if lower := sorted(types & {"float16", "bfloat16"}):
        return f"layers of it compute in {lower[0]}: build it in float32, set its weights, save it"
    return "save it without the layers that are rewritten (BatchNormalization, Rescaling, ...)"


def _is_flat(model: Any, batch: Float32) -> bool:
    """Whether no output has a slope; untrained outputs may differ by less than rounding."""
    weights = np.arange(1, model.outputs[0].shape[1] + 1, dtype=np.float32)
    slopes = tf.gradients(tf.reduce_sum(model.outputs[0] * weights), model.inputs[0])[0]
    return slopes is None or not backend.function([model.inputs[0]], [slopes])([batch])[0].any()
