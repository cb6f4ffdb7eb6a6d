"""The torch engine: how the four commands are answered, by PyTorch.

It runs in a process of its own (see ``process``), which may be another Python than the caller's.
``import sat_nb`` and ``explain`` load nothing of this folder.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput
from sat_nb.saliency.engines.commands import Commands, Engine, Explainer, formula_of
from sat_nb.saliency.engines.torch.attention import FLOWS, attention_map
from sat_nb.saliency.engines.torch.combined import combined
from sat_nb.saliency.engines.torch.gradients import FORMULAS, Formula, gradient_sums
from sat_nb.saliency.engines.torch.graph import describe
from sat_nb.saliency.engines.torch.load import Classifier, devices, read_classifier
from sat_nb.saliency.engines.torch.relevance import plan, relevance
from sat_nb.saliency.engines.torch.rules import RULES, Rules
from sat_nb.saliency.method import Method
from sat_nb.saliency.methods import METHODS
from sat_nb.saliency.sampling import Points

# --- explainers --------------------------------------------------------------------------------


class Unsupported(NotImplementedError):
    """A method without rules for some operations of the model; ``nodes`` are those."""

    def __init__(self, nodes: list[Any]) -> None:
        super().__init__("the method has no rule for it")
        self.nodes = nodes


def _explainer(
    classifier: Classifier, method: Method, parameters: dict[str, Any], output: str
) -> Explainer:
    if method.engine not in EXPLAINERS:
        working = ", ".join(map(repr, _working(classifier)))
        raise InvalidInput(
            f"methods: {method.name!r} is one of {method.engine!r}, which only the engine 'keras' "
            f"has, for Keras 2 models. Methods that explain this model: {working}."
        )
    return EXPLAINERS[method.engine](classifier.explaining(output), method, parameters)


def _by_formula(classifier: Classifier, method: Method, parameters: dict[str, Any]) -> Explainer:
    formula: Formula = formula_of(method, FORMULAS)
    if method.sampling:
        return _sums_of(classifier, method, formula)
    return _warm(
        classifier, _whole(classifier, partial(formula.function, classifier, **parameters))
    )


def _sums_of(classifier: Classifier, method: Method, formula: Formula) -> Explainer:
    """Sums of the formula at many points, which are made where the model is."""
    if not formula.can_be_summed:
        raise InvalidInput(
            f"methods: {method.name!r} averages over points, which this engine can do for the "
            f"plain gradient only, not for {formula.name!r}."
        )
    if classifier.batch is None:
        return partial(gradient_sums, classifier)

    def explain(points: Points, weights: Any, shares: Float32) -> Float32:
        parts = _filled(points, shares, classifier.batch or 1)
        return np.sum(
            [gradient_sums(classifier, one, weights, part) for one, part in parts], axis=0
        )

    return explain


def _filled(points: Points, shares: Float32, n: int) -> Iterator[tuple[Points, Float32]]:
    """The points in batches of n; those that fill up the last one have no share."""
    directions = np.broadcast_to(points.directions, (len(points), *points.origin.shape))
    for start in range(0, len(points), n):
        some = np.minimum(np.arange(start, start + n), len(points) - 1)
        part = Points(points.origin, directions[some], points.steps[some])
        yield part, shares[:, some] * (np.arange(start, start + n) < len(points))


def _by_rules(classifier: Classifier, method: Method, parameters: dict[str, Any]) -> Explainer:
    rules: Rules = formula_of(method, RULES)
    whole = _by_plan(classifier, rules, parameters)
    explain = _of_neurons(classifier, method, rules, whole, parameters) if rules.positive else whole
    return _warm(classifier, explain)


def _by_plan(classifier: Classifier, rules: Rules, parameters: dict[str, Any]) -> Explainer:
    found = plan(classifier.module, classifier.scaling.end, rules)
    if found.unknown:
        raise Unsupported(found.unknown)

    def explain(batch: Float32, weights: Float32) -> Float32:
        given = torch.from_numpy(np.ascontiguousarray(weights)).to(
            classifier.device, classifier.dtype
        )
        tensor = classifier.tensor(batch)
        return classifier.maps(
            relevance(
                classifier.module, classifier.scaling, rules, found, tensor, given, parameters
            )
        )

    return _whole(classifier, explain)


def _of_neurons(
    classifier: Classifier,
    method: Method,
    rules: Rules,
    single: Explainer,
    parameters: dict[str, Any],
) -> Explainer:
    """``single`` for images of which one logit is explained; others by a neuron that combines."""

    @cache
    def combination(row: tuple[float, ...]) -> Explainer:
        try:
            one = combined(classifier, torch.tensor(row))
        except NotImplementedError as error:
            raise InvalidInput(
                f"target: {method.name!r} explains one class at a time here ({error}); give one "
                "class, or leave the method out."
            ) from error
        return _by_plan(one, rules, parameters)

    def explain(batch: Float32, weights: Float32) -> Float32:
        maps = np.zeros((len(batch), *classifier.shape), np.float32)
        alone = (weights.sum(axis=1) == 1) & (weights.min(axis=1) >= 0)
        if alone.any():
            maps[alone] = single(batch[alone], weights[alone])
        for row in np.unique(weights[~alone], axis=0):
            same = ~alone & (weights == row).all(axis=1)
            ones = np.ones((int(same.sum()), 1), np.float32)
            maps[same] = combination(tuple(row.tolist()))(batch[same], ones)
        return maps

    return explain


def _whole(classifier: Classifier, explain: Explainer) -> Explainer:
    """The explainer for any number of images, where the program takes a fixed number."""
    if classifier.batch is None:
        return explain

    def in_batches(batch: Float32, weights: Float32) -> Float32:
        pairs = zip(classifier.batches(batch), classifier.batches(weights), strict=True)
        return np.concatenate([explain(*pair) for pair in pairs])[: len(batch)]

    return in_batches


def _warm(classifier: Classifier, explain: Explainer) -> Explainer:
    """The explainer, run once, so that what the model cannot do is known before the work."""
    weights = np.eye(classifier.n_logits, dtype=np.float32)[:1]
    explain(np.zeros((1, *classifier.shape), np.float32), weights)
    return explain


def _by_attention(classifier: Classifier, method: Method, parameters: dict[str, Any]) -> Explainer:
    flow = formula_of(method, FLOWS)

    def explain(batch: Float32, weights: Float32) -> Float32:
        return attention_map(classifier, batch, weights, flow)

    return _warm(classifier, _whole(classifier, explain))


EXPLAINERS: dict[str, Callable[[Classifier, Method, dict[str, Any]], Explainer]] = {
    "gradient": _by_formula,
    "grad_cam": _by_formula,
    "relevance": _by_rules,
    "attention": _by_attention,
}
"""How explainers are made, by the method's ``engine``."""


# --- the engine --------------------------------------------------------------------------------


def _culprits(error: Exception) -> list[str]:
    nodes = error.nodes if isinstance(error, Unsupported) else []
    return list(dict.fromkeys(describe(node) for node in nodes))[:3]


def _working(classifier: Classifier) -> list[str]:
    """The methods of this project that support all operations of the model."""
    return [name for name, method in METHODS.items() if _works(classifier, method)]


def _works(classifier: Classifier, method: Method) -> bool:
    if method.engine in ("gradient", "random"):
        return True
    if method.engine == "relevance":
        found = plan(classifier.module, classifier.scaling.end, RULES[method.analyzer])
        return not found.unknown
    if method.engine not in EXPLAINERS:
        return False
    try:
        _explainer(
            classifier, method, {name: p.default for name, p in method.parameters.items()}, "logit"
        )
    except Exception:  # whatever it cannot
        return False
    return True


def _clear() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _set_up() -> None:
    """Full float32 everywhere: on GPUs products would else be rounded to TF32."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


_set_up()

ENGINE = Engine(
    read=read_classifier,
    explainer=_explainer,
    culprits=_culprits,
    working=_working,
    clear=_clear,
    devices=devices,
)

COMMANDS = Commands(ENGINE).by_name()
