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
from keras.src.layers.core.tf_op_layer import TFOpLambda

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
from sat_nb.saliency.engines.keras.equal import Pair, check_equal, logits_behind
from sat_nb.saliency.engines.keras.graph import Graph, Unfit, built, unrolled
from sat_nb.saliency.engines.keras.inference import must_be_called, switched_off
from sat_nb.saliency.engines.keras.innvestigate import keras_model
from sat_nb.saliency.engines.keras.precision import in_float32
from sat_nb.saliency.engines.keras.rewrite import rewritten, scaling_of
from sat_nb.saliency.model_file import ModelFacts, ModelFile

layers, backend = tf.keras.layers, tf.keras.backend


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
        model, changes = in_float32(model)
        notes = switched_off(model)
        graph, head = without_activation(rewritten(unrolled(model)))
        graph = built(graph)
        x = backend.placeholder((None, *graph.shape))
        logits = graph.run(graph.scaled(x))[graph.output]
        outputs = HEADS[head](_of_two_classes(logits, head))
        whole = model.inputs[0].dtype.is_integer
        is_new = bool(notes) or must_be_called(model)
        pair = Pair(_saved(model, head, is_new=is_new), (x, outputs, logits), whole)
        check_equal(pair, graph, head)
    except (Unfit, Refused) as unfit:
        raise InvalidInput(f"model: {file.path!r}: {unfit.problem}; {unfit.remedy}.") from unfit
    predict = backend.function([x], [outputs, logits])
    n_logits = logits.shape[1]
    facts = ModelFacts(
        graph.shape, max(n_logits, 2), head, (*changes, *graph.changes), notes, scaling_of(graph)
    )
    return Classifier(
        graph, facts, n_logits, predict=lambda batch: tuple(predict([_checked(batch, whole)]))
    )


def _of_two_classes(logits: Any, head: str) -> Any:
    """The logits of all classes: a lone one z is that of class 1, and class 0 has -z."""
    if logits.shape[1] != 1:
        return logits
    if head == "softmax":
        raise Unfit(
            "its one output is the softmax of one value, which is 1 whatever the model sees",
            "end it in a sigmoid, or in a softmax of one output a class, and train it again",
        )
    return tf.concat([-logits, logits], axis=1)


def _saved(model: Any, head: str, *, is_new: bool) -> tuple[Any, Any, Any]:
    """The saved model's input, outputs and logits; ``is_new`` where it must be called anew."""
    x, outputs = model.inputs[0], model.outputs[0]
    if is_new:
        x = backend.placeholder((None, *x.shape[1:]), dtype=x.dtype)
        outputs = model(x, training=False)
    return x, outputs, logits_behind(outputs, head)


def _checked(batch: Float32, whole: bool) -> Float32:
    if whole and (batch != np.round(batch)).any():
        raise InvalidInput(
            "preprocess: the model's input takes whole numbers only, and fractions would be cut "
            "off; give preprocess='none' (0 to 255), or save it with a float32 input."
        )
    return batch


# --- reading -----------------------------------------------------------------------------------


def _read(file: ModelFile) -> Any:
    backend.set_learning_phase(0)  # or Keras also builds what each layer does in training
    with _weights_by_value(), _numbers_first():
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


@contextmanager
def _numbers_first() -> Iterator[None]:
    """Make models with ``1 - x`` or ``0.5 * x`` load in graph mode.

    There Keras looks for the model's tensors in the first argument only.
    """

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = super(TFOpLambda, layer).__call__(*args, **kwargs)
        of_model = [hasattr(t, "_keras_history") for t in tf.nest.flatten((args, kwargs))]
        if any(of_model) and not hasattr(tf.nest.flatten(outputs)[0], "_keras_history"):
            outputs = layer._set_connectivity_metadata(args, kwargs, outputs)
        return outputs

    TFOpLambda.__call__ = call
    try:
        yield
    finally:
        del TFOpLambda.__call__
