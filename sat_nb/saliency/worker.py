"""What runs in the worker: Keras models in graph mode, and iNNvestigate's analyzers on them.

The only module of this package that imports TensorFlow and iNNvestigate. It runs in a process
of its own (see ``process``), because iNNvestigate needs TensorFlow's graph mode, and switching
to that breaks training in the caller.
"""

from __future__ import annotations

import gc
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import innvestigate
import numpy as np
import tensorflow as tf
from innvestigate.analyzer.base import NotAnalyzeableModelException
from innvestigate.backend.graph import model_wo_softmax

from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.saliency.layer_rules import (
    LosesRelevance,
    culprits,
    describe,
    losing_relevance,
)
from sat_nb.saliency.methods import METHODS, Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.sampling import SAMPLINGS, Floats
from sat_nb.saliency.server import is_worker

if not is_worker():
    raise ImportError("sat_nb.saliency.worker runs in a process of its own; call explain instead.")
tf.compat.v1.disable_eager_execution()
tf.get_logger().setLevel(logging.ERROR)
warnings.simplefilter("ignore")

layers, backend = tf.keras.layers, tf.keras.backend

_PASSING = (layers.Flatten, layers.Reshape, layers.Dropout)
_LINEAR_ENDS = (
    layers.Add,
    layers.Average,
    layers.AveragePooling2D,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
)
_HEAD_REMEDY = "end the model in a softmax or in logits (no activation)"


@dataclass
class Loaded:
    """The one model in memory: as it was saved, without its softmax, and its analyzers."""

    file: ModelFile
    model: Any
    logits: Any
    facts: ModelFacts
    analyzers: dict[tuple[str, str], Any] = field(default_factory=dict)


_loaded: Loaded | None = None


# --- commands ----------------------------------------------------------------------------------


def facts(file: ModelFile) -> ModelFacts:
    """Load the model; its input, outputs and head."""
    return _load(file).facts


def predict(file: ModelFile, batch: Floats) -> Floats:
    """The saved model's outputs (n, k), its softmax included."""
    return _load(file).model.predict_on_batch(batch)


def build(file: ModelFile, method: Method, parameters: Mapping[str, Any]) -> None:
    """Build the method's graph, so that what the model cannot do is known before the work."""
    _analyzer(_load(file), method, parameters)


def analyze(
    file: ModelFile,
    method: Method,
    parameters: Mapping[str, Any],
    batch: Floats,
    targets: Sequence[int],
    seeds: Sequence[int],
) -> Floats:
    """The method's maps (n, H, W, C) of the preprocessed images, one target and seed each."""
    gradient = partial(_run, _analyzer(_load(file), method, parameters))
    if method.sampling is None:
        return gradient(batch, targets)
    return SAMPLINGS[method.sampling](gradient, batch, targets, seeds=seeds, **parameters)


COMMANDS = {"facts": facts, "predict": predict, "build": build, "analyze": analyze}


# --- analyzers ---------------------------------------------------------------------------------


def _run(analyzer: Any, batch: Floats, targets: Sequence[int]) -> Floats:
    # By keyword: iNNvestigate's wrappers pass a positional one on twice.
    result = analyzer.analyze(batch, neuron_selection=[int(target) for target in targets])
    if isinstance(result, dict):
        (result,) = result.values()
    return np.asarray(result, dtype=np.float32)


def _analyzer(loaded: Loaded, method: Method, parameters: Mapping[str, Any]) -> Any:
    try:
        return _kept(loaded, method, parameters)
    except (NotImplementedError, NotAnalyzeableModelException, TypeError, ValueError) as error:
        raise _cannot(loaded, method, error) from error


def _kept(loaded: Loaded, method: Method, parameters: Mapping[str, Any]) -> Any:
    """The method's analyzer, built once a model; methods that sample share one."""
    own = {} if method.sampling else dict(parameters)
    key = (method.analyzer, repr(sorted(own.items())))
    if key not in loaded.analyzers:
        loaded.analyzers[key] = _built(loaded.logits, method.analyzer, own)
    return loaded.analyzers[key]


def _built(logits: Any, analyzer: str, parameters: Mapping[str, Any]) -> Any:
    losing = losing_relevance(logits, analyzer)
    if losing:
        raise LosesRelevance(losing)
    built = innvestigate.create_analyzer(
        analyzer, logits, neuron_selection_mode="index", **parameters
    )
    built.create_analyzer_model()
    return built


def _cannot(loaded: Loaded, method: Method, error: Exception) -> InvalidInput:
    said = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
    found = culprits(error, loaded.logits)[:3]
    where = f" at {', '.join(map(describe, found))}" if found else ""
    working = ", ".join(map(repr, _working(loaded))) or "none of the others"
    return InvalidInput(
        f"methods: {method.name!r} cannot explain {loaded.file.path!r}{where} ({said}). "
        f"Methods that can: {working}; or rewrite the layer (BatchNormalization folded into the "
        "layer before it, Activation('relu') for ReLU())."
    )


def _working(loaded: Loaded) -> list[str]:
    return [name for name, method in METHODS.items() if _works(loaded, method)]


def _works(loaded: Loaded, method: Method) -> bool:
    try:
        _kept(loaded, method, method.parameters)
    except Exception:
        return False
    return True


# --- models ------------------------------------------------------------------------------------


def _load(file: ModelFile) -> Loaded:
    global _loaded
    if _loaded is None or _identity(_loaded.file) != _identity(file):
        _loaded = None
        gc.collect()
        backend.clear_session()
        _loaded = _read(file)
    return _loaded


def _identity(file: ModelFile) -> tuple[Any, ...]:
    return file.sha256, file.input_size


def _read(file: ModelFile) -> Loaded:
    if not Path(file.path).exists():
        raise FileMissing(f"model: {file.path!r} does not exist; give the path of a saved model.")
    try:
        with _weights_by_value():
            model = tf.keras.models.load_model(file.path, compile=False)
    except Exception as error:
        raise InvalidInput(
            f"model: {file.path!r} cannot be read by the Keras of TensorFlow {tf.__version__} "
            f"({type(error).__name__}: {str(error)[:500]}); expected a whole model (not weights "
            "alone) without custom layers, saved by Keras 2 with model.save('model.h5')."
        ) from error
    model = _with_input(_checked_model(model, file), file)
    _skip_input_names(model)
    logits, head = _without_softmax(model, file)
    return Loaded(
        file, model, logits, ModelFacts(model.input_shape[1:], model.output_shape[1], head)
    )


@contextmanager
def _weights_by_value() -> Iterator[None]:
    """Make ``.keras`` files load in graph mode.

    There Keras builds an assignment for each weight and never runs it: the model would
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


def _skip_input_names(model: Any) -> None:
    """Keep the inputs that iNNvestigate adds from taking the model's own name ("input_1")."""
    number = re.fullmatch(r"input_(\d+)", model.input_names[0])
    for _ in range(int(number[1]) if number else 0):
        backend.get_uid("input")


def _refuse(file: ModelFile, what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"model: {file.path!r}: {what}; {remedy}.")


def _checked_model(model: Any, file: ModelFile) -> Any:
    if not isinstance(model, tf.keras.Model) or not getattr(model, "_is_graph_network", False):
        raise _refuse(
            file,
            f"expected a Functional or Sequential Keras model, got {type(model).__name__}",
            "rebuild it from layers and save it with model.save('model.h5')",
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _refuse(
            file,
            f"expected one input and one output, got {len(model.inputs)} and {len(model.outputs)}",
            "save a model with the one output to explain",
        )
    shape = model.inputs[0].shape.as_list()
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise _refuse(
            file,
            f"expected images (None, height, width, 3) or (..., 1) as input of layer "
            f"{model.inputs[0]._keras_history.layer.name!r}, got {tuple(shape)}",
            "save a model that takes channels-last images",
        )
    return model


def _with_input(model: Any, file: ModelFile) -> Any:
    """The model at a fixed input size; ``input_size`` fills in what the model leaves open."""
    height, width, channels = model.inputs[0].shape.as_list()[1:]
    if file.input_size is None and None in (height, width):
        raise _refuse(
            file,
            f"the input {(None, height, width, channels)} has no fixed height and width",
            "give input_size=(height, width)",
        )
    size = file.input_size or (height, width)
    if height not in (None, size[0]) or width not in (None, size[1]):
        raise _refuse(
            file,
            f"input_size is {size}, but the model takes {(height, width)}",
            "leave input_size out",
        )
    if (height, width) == size:
        return model
    fixed = tf.keras.models.clone_model(model, input_tensors=[layers.Input((*size, channels))])
    fixed.set_weights(model.get_weights())
    return fixed


def _without_softmax(model: Any, file: ModelFile) -> tuple[Any, str]:
    """The model up to its logits, and "softmax" or "logits" for the head it was saved with."""
    output = model.outputs[0]
    shape = output.shape.as_list()
    layer, node, _ = output._keras_history
    if len(shape) != 2 or shape[1] is None:
        raise _refuse(
            file,
            f"expected an output (None, n_classes), got {tuple(shape)} from {describe(layer)}",
            "explain a classifier: one output a class",
        )
    if isinstance(layer, layers.Softmax):
        return tf.keras.Model(model.inputs, layer.get_input_at(node), name=model.name), "softmax"
    activation = getattr(layer, "activation", None)
    if activation is tf.keras.activations.softmax:
        return model_wo_softmax(model), "softmax"
    return _checked_logits(model, file, layer), "logits"


def _checked_logits(model: Any, file: ModelFile, layer: Any) -> Any:
    while isinstance(layer, _PASSING):
        layer = layer.input._keras_history.layer
    linear = getattr(layer, "activation", None) is tf.keras.activations.linear
    if not linear and not isinstance(layer, _LINEAR_ENDS):
        activation = getattr(getattr(layer, "activation", None), "__name__", None)
        came = f"{activation} in " if activation else ""
        raise _refuse(
            file,
            f"expected a softmax or no activation at its end, got {came}{describe(layer)}",
            _HEAD_REMEDY,
        )
    return model
