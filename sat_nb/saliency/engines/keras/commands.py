"""The Keras engine: how its commands are answered for Keras 2 models, by TensorFlow.

It runs in a process of its own (see ``process``), because iNNvestigate needs TensorFlow's
graph mode, and switching to that breaks training in the caller. ``import sat_nb`` and ``explain``
load nothing of this folder.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput
from sat_nb.saliency.engines.commands import Commands, Engine, Explainer, formula_of
from sat_nb.saliency.engines.keras import innvestigate
from sat_nb.saliency.engines.keras.gradients import FORMULAS, Formula, gradient_sums
from sat_nb.saliency.engines.keras.graph import describe
from sat_nb.saliency.engines.keras.innvestigate import LosesRelevance
from sat_nb.saliency.engines.keras.load import Classifier, read_classifier, single_outputs
from sat_nb.saliency.engines.keras.relevance import of_combination, relevance, unsupported
from sat_nb.saliency.engines.keras.rules import RULES
from sat_nb.saliency.method import Method
from sat_nb.saliency.methods import METHODS
from sat_nb.saliency.process.server import is_worker
from sat_nb.saliency.sampling import Points

if not is_worker():
    raise ImportError(f"{__name__} runs in a process of its own; call explain instead.")
# iNNvestigate works in graph mode only. There tensors are symbolic: a formula is built once a
# model and run by backend.function, which is also what makes a second batch cheap.
tf.compat.v1.disable_eager_execution()
tf.get_logger().setLevel(logging.ERROR)
warnings.simplefilter("ignore")

backend = tf.keras.backend


# --- explainers --------------------------------------------------------------------------------


def _explainer(
    classifier: Classifier, method: Method, parameters: dict[str, Any], output: str
) -> Explainer:
    if method.engine not in EXPLAINERS:
        raise InvalidInput(
            f"methods: {method.name!r}: this engine has no {method.engine!r}; leave the method "
            "out, or explain a model of another engine."
        )
    return EXPLAINERS[method.engine](classifier.explaining(output), method, parameters)


def _by_formula(classifier: Classifier, method: Method, parameters: dict[str, Any]) -> Explainer:
    formula: Formula = formula_of(method, FORMULAS)
    if method.sampling:
        return _sums_of(classifier, method, formula)
    function = partial(formula.function, classifier.graph, classifier.explained, **parameters)
    return _of_a_batch(classifier, function)


def _sums_of(classifier: Classifier, method: Method, formula: Formula) -> Explainer:
    """Sums of the formula at many points, which are made where the model is."""
    if not formula.can_be_summed:
        raise InvalidInput(
            f"methods: {method.name!r} averages over points, which this engine can do for the "
            f"plain gradient only, not for {formula.name!r}."
        )
    function = partial(gradient_sums, classifier.graph, classifier.explained)
    shape, n_logits = classifier.graph.shape, classifier.n_logits
    sums = _compiled(function, shape, (None, *shape), (None,), (None, None), (1, n_logits))

    def explain(points: Points, weights: Any, shares: Float32) -> Float32:
        return sums(points.origin, points.directions, points.steps, shares, weights[None])

    return explain


def _by_rules(classifier: Classifier, method: Method, parameters: dict[str, Any]) -> Explainer:
    graph, rules = classifier.graph, formula_of(method, RULES)
    unknown = unsupported(graph, rules)
    if unknown:
        raise LosesRelevance(unknown)

    def formula(of: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        return lambda x, weights: of(graph, rules, graph.scaled(x), weights, parameters)

    whole = _of_a_batch(classifier, formula(relevance))
    return (
        _of_neurons(classifier, method, whole, formula(of_combination)) if rules.positive else whole
    )


def _of_neurons(
    classifier: Classifier, method: Method, single: Explainer, formula: Callable[[Any, Any], Any]
) -> Explainer:
    """``single`` for images of which one logit is explained, and the formula for combinations."""
    shapes = (None, *classifier.graph.shape), (classifier.n_logits,)

    @cache
    def combination() -> Explainer:
        try:
            return _compiled(formula, *shapes)
        except NotImplementedError as error:
            raise InvalidInput(
                f"target: {method.name!r} explains one class at a time here ({error}); give one "
                "class, or leave the method out."
            ) from error

    def explain(batch: Float32, weights: Float32) -> Float32:
        maps = np.zeros((len(batch), *classifier.graph.shape), np.float32)
        alone = (weights.sum(axis=1) == 1) & (weights.min(axis=1) >= 0)
        if alone.any():
            maps[alone] = single(batch[alone], weights[alone])
        for row in np.unique(weights[~alone], axis=0):
            same = ~alone & (weights == row).all(axis=1)
            maps[same] = combination()(batch[same], row)
        return maps

    return explain


def _by_innvestigate(
    classifier: Classifier, method: Method, parameters: dict[str, Any]
) -> Explainer:
    graph = classifier.graph
    analyze = innvestigate.analyzer(classifier.keras_model, method.analyzer, parameters)
    if method.images_at_once is None:  # the others send so many points that a first run is long
        analyze(np.zeros((1, *graph.shape), np.float32), [0])
    return lambda batch, weights: analyze(
        graph.scaled_array(batch), single_outputs(weights, method.name)
    )


EXPLAINERS: dict[str, Callable[[Classifier, Method, dict[str, Any]], Explainer]] = {
    "gradient": _by_formula,
    "grad_cam": _by_formula,
    "relevance": _by_rules,
    "innvestigate": _by_innvestigate,
}
"""How explainers are made, by the method's ``engine``."""


def _of_a_batch(classifier: Classifier, formula: Callable[[Any, Any], Any]) -> Explainer:
    """The formula of (input, weights) as a function of arrays."""
    return _compiled(formula, (None, *classifier.graph.shape), (None, classifier.n_logits))


def _compiled(formula: Callable[..., Any], *shapes: tuple[int | None, ...]) -> Explainer:
    """The formula of tensors as a function of arrays, run once so that it is warm."""
    tensors = [backend.placeholder(shape) for shape in shapes]
    function = backend.function(tensors, [formula(*tensors)])
    function([np.zeros([n or 1 for n in shape], np.float32) for shape in shapes])
    return lambda *arrays: function(list(arrays))[0]


# --- the engine --------------------------------------------------------------------------------


def _culprits(error: Exception) -> list[str]:
    return [describe(layer) for layer in innvestigate.culprits(error)[:3]]


def _working(classifier: Classifier) -> list[str]:
    """The methods of this project that support all layers of the model."""
    return [
        name
        for name, method in METHODS.items()
        if method.engine in ("gradient", "grad_cam", "random")
        or (
            method.engine == "relevance"
            and not unsupported(classifier.graph, RULES[method.analyzer])
        )
    ]


def _devices() -> list[str]:
    """GPUs, which TensorFlow takes where there are some, then the processor."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return [f"gpu ({name or 'unknown'})" for name in names] + ["cpu"]


def _clear() -> None:
    gc.collect()
    backend.clear_session()


COMMANDS = Commands(
    Engine(
        read=read_classifier,
        explainer=_explainer,
        culprits=_culprits,
        working=_working,
        clear=_clear,
        devices=_devices,
    )
).by_name()
