"""What the worker does when asked: load a model, predict, build a method's graph, explain.

It runs in a process of its own (see ``process``), because iNNvestigate needs TensorFlow's
graph mode, and switching to that breaks training in the caller. This module and those of
``engine`` are the only ones that import TensorFlow and iNNvestigate.
"""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32, Masks
from sat_nb.errors import InvalidInput
from sat_nb.saliency.engines.keras import gradients
from sat_nb.saliency.engines.keras import innvestigate as parity
from sat_nb.saliency.engines.keras.graph import Graph, describe
from sat_nb.saliency.engines.keras.innvestigate import LosesRelevance, culprits
from sat_nb.saliency.engines.keras.load import Classifier, read_classifier, single_outputs
from sat_nb.saliency.engines.keras.relevance import RULES, relevance, unsupported
from sat_nb.saliency.methods import METHODS, Method
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.process.server import is_worker
from sat_nb.saliency.sampling import SAMPLINGS, Points
from sat_nb.saliency.sampling_until_settled import SETTLINGS
from sat_nb.saliency.store.codec import Chunk

if not is_worker():
    raise ImportError(f"{__name__} runs in a process of its own; call explain instead.")
tf.compat.v1.disable_eager_execution()
tf.get_logger().setLevel(logging.ERROR)
warnings.simplefilter("ignore")

layers, backend = tf.keras.layers, tf.keras.backend

Weights = Any  # float32 (n, k): which of the k logits are explained, with which sign
Explainer = Callable[..., Float32]
"""(batch, weights) -> maps; for methods that sample what ``sampling.Gradients`` says."""


@dataclass
class Loaded:
    """The one model in memory, and the methods' graphs built on it."""

    file: ModelFile
    classifier: Classifier
    explainers: dict[tuple[str, str], Explainer] = field(default_factory=dict)
    starts: dict[tuple[str, str], Float32] = field(default_factory=dict)

    def at_baseline(self, baseline: float | Sequence[float], output: str) -> Float32:
        """(1, k): the outputs for an input of this value, or of one a channel."""
        key = output, repr(baseline)
        if key not in self.starts:
            start = np.full((1, *self.classifier.graph.shape), baseline, dtype=np.float32)
            _, self.starts[key] = self.classifier.outputs(start, output)
        return self.starts[key]


_loaded: Loaded | None = None


# --- commands ----------------------------------------------------------------------------------


def facts(file: ModelFile) -> ModelFacts:
    """Load the model; its input, outputs, head and what was rewritten."""
    return _load(file).classifier.facts


def predict(file: ModelFile, batch: Float32, output: str = "logit") -> tuple[Float32, Float32]:
    """The saved model's outputs (n, n_classes), and what ``output`` explains of them (n, k)."""
    return _load(file).classifier.outputs(batch, output)


def build(
    file: ModelFile, method: Method, parameters: Mapping[str, Any], output: str = "logit"
) -> None:
    """Build the method's graph, so that what the model cannot do is known before the work."""
    _explainer(_load(file), method, parameters, output)


def analyze(
    file: ModelFile,
    method: Method,
    parameters: Mapping[str, Any],
    batch: Float32,
    targets: Sequence[int],
    seeds: Sequence[int],
    against: int | None = None,
    output: str = "logit",
    masks: Sequence[Masks] | None = None,
    points_at_once: int = 1,
    outputs: Float32 | None = None,
) -> list[Chunk]:
    """The method's maps (H, W, C) of the preprocessed images, one target and seed each.

    With ``against`` the target's output minus that one is explained. ``points_at_once`` holds
    for methods that sample; with ``masks`` (k, H, W) they go on until these segments' ranks are
    settled. Integrated Gradients carry their completeness error as a fact, for which they need
    the explained ``outputs`` (n, k): those of :func:`predict`, where it was asked before.
    """
    loaded = _load(file)
    explain = _explainer(loaded, method, parameters, output)
    classifier = loaded.classifier
    weights = classifier.weights(targets)
    if against is not None:
        weights = weights - classifier.weights([against])
    if method.sampling is None:
        return [Chunk(attribution) for attribution in explain(batch, weights)]
    functions = SAMPLINGS if masks is None else SETTLINGS
    sample = partial(
        functions[method.sampling], explain, points_at_once=points_at_once, **parameters
    )
    extra = [{} if masks is None else {"masks": mask} for mask in masks or batch]
    chunks = [
        sample(image, row, seed=seed, **more)
        for image, row, seed, more in zip(batch, weights, seeds, extra, strict=True)
    ]
    if method.sampling != "integrated_gradients":
        return chunks
    if outputs is None:
        _, outputs = classifier.outputs(batch, output)
    rises = (outputs - loaded.at_baseline(parameters["baseline"], output)) * weights
    return _with_completeness(chunks, rises.sum(axis=1, dtype=np.float64))


def _with_completeness(chunks: list[Chunk], rises: Float32) -> list[Chunk]:
    """Add (sum of the map - rise) / |rise|, the rise being the output's from the baseline."""
    sums = np.array([chunk.attribution.sum(dtype=np.float64) for chunk in chunks])
    errors = (sums - rises) / np.maximum(np.abs(rises), 1e-12)
    return [
        replace(chunk, facts={**chunk.facts, "completeness_error": float(error)})
        for chunk, error in zip(chunks, errors, strict=True)
    ]


COMMANDS = {"facts": facts, "predict": predict, "build": build, "analyze": analyze}


# --- methods -----------------------------------------------------------------------------------


def _explainer(
    loaded: Loaded, method: Method, parameters: Mapping[str, Any], output: str
) -> Explainer:
    """The method's graph, built once a model; methods that sample share one."""
    own = {} if method.sampling else dict(parameters)
    engine = "gradient sums" if method.sampling and method.engine == "gradient" else method.engine
    key = (f"{engine} {method.analyzer} {output}", repr(sorted(own.items())))
    if key not in loaded.explainers:
        try:
            make = ENGINES[engine]
            loaded.explainers[key] = make(loaded.classifier.explaining(output), method, own)
        except InvalidInput:
            raise
        except Exception as error:  # iNNvestigate has many ways to say that it cannot
            raise _cannot(loaded, method, error) from error
    return loaded.explainers[key]


def _gradient(classifier: Classifier, _method: Method, _own: dict[str, Any]) -> Explainer:
    return _of_a_batch(
        classifier, partial(gradients.gradient, classifier.graph, classifier.explained)
    )


def _gradient_sums(classifier: Classifier, _method: Method, _own: dict[str, Any]) -> Explainer:
    formula = partial(gradients.gradient_sums, classifier.graph, classifier.explained)
    shape, n_logits = classifier.graph.shape, classifier.n_logits
    sums = _compiled(formula, shape, (None, *shape), (None,), (None, None), (1, n_logits))

    def explain(points: Points, weights: Weights, shares: Float32) -> Float32:
        return sums(points.origin, points.directions, points.steps, shares, weights[None])

    return explain


def _grad_cam(classifier: Classifier, _method: Method, own: dict[str, Any]) -> Explainer:
    return _of_a_batch(
        classifier, partial(gradients.grad_cam, classifier.graph, classifier.explained, **own)
    )


def _relevance(classifier: Classifier, method: Method, own: dict[str, Any]) -> Explainer:
    graph, rules = classifier.graph, RULES[method.analyzer]
    unknown = unsupported(graph, rules)
    if unknown:
        raise LosesRelevance(unknown)
    return _of_a_batch(
        classifier, lambda x, weights: relevance(graph, rules, graph.scaled(x), weights, own)
    )


def _innvestigate(classifier: Classifier, method: Method, own: dict[str, Any]) -> Explainer:
    graph = classifier.graph
    analyze = parity.analyzer(classifier.keras_model, method.analyzer, own)
    if method.images_at_once is None:  # the others send so many points that a first run is long
        analyze(np.zeros((1, *graph.shape), np.float32), [0])
    return lambda batch, weights: analyze(
        graph.scaled_array(batch), single_outputs(weights, method.name)
    )


ENGINES: dict[str, Callable[[Classifier, Method, dict[str, Any]], Explainer]] = {
    "gradient": _gradient,
    "gradient sums": _gradient_sums,
    "grad_cam": _grad_cam,
    "relevance": _relevance,
    "innvestigate": _innvestigate,
}


def _of_a_batch(classifier: Classifier, formula: Callable[[Any, Any], Any]) -> Explainer:
    """The formula of (input, weights) as a function of arrays."""
    return _compiled(formula, (None, *classifier.graph.shape), (None, classifier.n_logits))


def _compiled(formula: Callable[..., Any], *shapes: tuple[int | None, ...]) -> Explainer:
    """The formula of tensors as a function of arrays, run once so that it is warm."""
    tensors = [backend.placeholder(shape) for shape in shapes]
    function = backend.function(tensors, [formula(*tensors)])
    function([np.zeros([n or 1 for n in shape], np.float32) for shape in shapes])
    return lambda *arrays: function(list(arrays))[0]


def _cannot(loaded: Loaded, method: Method, error: Exception) -> InvalidInput:
    said = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(": ")
    found = culprits(error)[:3]
    where = f" at {', '.join(map(describe, found))}" if found else ""
    working = ", ".join(map(repr, _working(loaded.classifier.graph)))
    return InvalidInput(
        f"methods: {method.name!r} cannot explain {loaded.file.path!r}{where} ({said}). "
        f"Methods that can: {working}."
    )


def _working(graph: Graph) -> list[str]:
    """The methods of this project that know all layers of the model."""
    return [
        name
        for name, method in METHODS.items()
        if method.engine in ("gradient", "grad_cam", "random")
        or (method.engine == "relevance" and not unsupported(graph, RULES[method.analyzer]))
    ]


# --- models ------------------------------------------------------------------------------------


def _load(file: ModelFile) -> Loaded:
    global _loaded
    if _loaded is None or _identity(_loaded.file) != _identity(file):
        _loaded = None
        gc.collect()
        backend.clear_session()
        _loaded = Loaded(file, read_classifier(file))
    return _loaded


def _identity(file: ModelFile) -> tuple[Any, ...]:
    return file.sha256, file.input_size
