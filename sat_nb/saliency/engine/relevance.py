"""Relevance methods: LRP-Z, LRP-epsilon and Deep Taylor, by one walk back through the graph.

Every rule takes the relevance of a layer's output to its inputs. A method is a set of rules in
:data:`RULES`; a rule more is one function. Relevance starts as the target's logit and ends at
the input, after the scaling that the model itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from sat_nb.saliency.engine.graph import INPUT, Graph
from sat_nb.saliency.engine.linear import Linear, linear

layers, activations = tf.keras.layers, tf.keras.activations

_SMALL = 1e-7  # in place of a denominator that is exactly zero, as iNNvestigate has it


@dataclass(frozen=True)
class Flow:
    """What a rule sees of one layer's call.

    ``xs`` are its inputs, ``relevance`` is that of its output; ``positive`` says whether no
    input can be negative; ``parameters`` are the method's own.
    """

    call: Call
    xs: Sequence[Any]
    relevance: Any
    positive: bool
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One layer at work on its inputs.

    ``z`` is its output before any activation, ``back`` takes a gradient of its output (for a
    layer with weights: of its linear part) to the inputs, once. ``map`` is its linear map, or
    None.
    """

    z: Any
    back: Callable[[Any], list[Any]]
    map: Linear | None = None


Rule = Callable[[Flow], list[Any]]


@dataclass(frozen=True)
class Rules:
    """A method's rules, for layers with weights, averages, sums and activations.

    Deep Taylor spreads an average's relevance evenly, as iNNvestigate does: what falls where
    nothing was active is lost further down.

    ``activations`` names those through which relevance passes; None means all of them.
    ``positive_start`` drops the relevance of a negative logit.
    """

    kernel: Rule
    average: Rule
    add: Rule
    activations: tuple[str, ...] | None = None
    positive_start: bool = False


# --- rules -------------------------------------------------------------------------------------


def _z(flow: Flow) -> list[Any]:
    """R_i = x_i sum_j w_ij R_j / z_j, z_j with its bias (Bach et al. 2015, eq. 56)."""
    return _times(flow.xs, flow.call.back(_divided(flow.relevance, flow.call.z)))


def _epsilon(flow: Flow) -> list[Any]:
    """As :func:`_z`, with z_j moved away from zero by epsilon (Bach et al. 2015, eq. 58)."""
    epsilon, z = flow.parameters["epsilon"], flow.call.z
    away = tf.where(z >= 0, epsilon, -epsilon)
    return _times(flow.xs, flow.call.back(flow.relevance / (z + away)))


def _z_plus(flow: Flow) -> list[Any]:
    """R_i = sum_j (x_i w_ij)+ R_j / sum_i (x_i w_ij)+ (Montavon et al. 2017, eq. 13).

    Negative inputs meet negative weights, so their products count as well.
    """
    (x,), map_ = flow.xs, flow.call.map
    assert map_ is not None
    signs = [(x, 1)] if flow.positive else [(tf.nn.relu(x), 1), (-tf.nn.relu(-x), -1)]
    parts = [
        (part, recorded(partial(map_.apply, kernel=sign * tf.nn.relu(sign * map_.kernel)), [part]))
        for part, sign in signs
    ]
    share = _divided(flow.relevance, sum(z for _, (z, _) in parts))
    return [sum(part * back(share)[0] for part, (_, back) in parts)]


def _in_proportion_above_zero(flow: Flow) -> list[Any]:
    """A sum by the positive parts of its summands: R_i = x_i+ R_j / sum_i x_i+."""
    above = [tf.nn.relu(x) for x in flow.xs]
    share = _divided(flow.relevance, tf.add_n(above))
    return [part * share for part in above]


def _by_gradient(flow: Flow) -> list[Any]:
    """Where it came from: layers that move, repeat or choose values."""
    return flow.call.back(flow.relevance)


def _unchanged(flow: Flow) -> list[Any]:
    return [flow.relevance]


RULES: dict[str, Rules] = {
    "lrp.z": Rules(_z, _z, _z),
    "lrp.epsilon": Rules(_epsilon, _z, _z),
    "deep_taylor": Rules(
        _z_plus,
        _by_gradient,
        _in_proportion_above_zero,
        activations=("relu", "relu6", "linear"),
        positive_start=True,
    ),
}

_MOVING = (
    layers.Concatenate,
    layers.Cropping2D,
    layers.Flatten,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
    layers.Permute,
    layers.Reshape,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)
_AVERAGES = (layers.AveragePooling2D, layers.GlobalAveragePooling2D)
_ACTIVATIONS = (layers.Activation, layers.ELU, layers.LeakyReLU, layers.PReLU, layers.ReLU)
_FUNCTIONS = ("nn.relu", "nn.relu6", "nn.silu", "math.sigmoid", "nn.sigmoid", "math.tanh")
_NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "softmax")


# --- the walk ----------------------------------------------------------------------------------


def unsupported(graph: Graph, rules: Rules) -> list[Any]:
    """The layers that these rules do not know."""
    return [node.layer for node in graph.nodes if not _supported(node.layer, rules)]


def relevance(
    graph: Graph, rules: Rules, tensor: Any, weights: Any, parameters: dict[str, Any]
) -> Any:
    """The relevance (n, H, W, C) of the symbolic, scaled input ``tensor``.

    ``weights`` (n, k) says which of the k logits start with how much of their value.
    """
    values, calls = _forward(graph, tensor)
    positive = _never_negative(graph)
    logits = values[graph.output]
    start = tf.nn.relu(logits) if rules.positive_start else logits
    found = {graph.output: start * weights}
    for node in reversed(graph.nodes):
        if node.output not in found:
            continue  # what the logits do not depend on
        xs = [values[i] for i in node.inputs]
        safe = all(positive[i] for i in node.inputs)
        flow = Flow(calls[node.output], xs, found.pop(node.output), safe, parameters)
        parts = _rule(node.layer, rules)(flow)
        for value, part in zip(node.inputs, parts, strict=True):
            found[value] = found[value] + part if value in found else part
    return found[INPUT]


def _forward(graph: Graph, tensor: Any) -> tuple[dict[int, Any], dict[int, Call]]:
    """All values by number, and the calls that made them."""
    values, calls = {INPUT: tensor}, {}
    for node in graph.nodes:
        xs, map_ = [values[i] for i in node.inputs], linear(node.layer)
        if map_ is None:
            z, back = recorded(node, xs)
            values[node.output] = z
        else:
            product, back = recorded(partial(map_.apply, kernel=map_.kernel), xs)
            z = product if map_.bias is None else product + map_.bias
            activation = getattr(node.layer, "activation", None)
            values[node.output] = z if activation is None else activation(z)
        calls[node.output] = Call(z, back, map_)
    return values, calls


def recorded(function: Callable[..., Any], xs: Sequence[Any]) -> tuple[Any, Callable[..., Any]]:
    """The function's value at ``xs``, and what takes a gradient of it back to each of them, once.

    A tape of its own for every call: ``tf.gradients`` would search the whole graph each time.
    """
    own = [tf.identity(x) for x in xs]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(own)
        y = function(*own)
    return y, lambda share: tape.gradient(y, own, output_gradients=share)


def _rule(layer: Any, rules: Rules) -> Rule:
    if linear(layer) is not None:
        return rules.kernel
    if isinstance(layer, layers.Add):
        return rules.add
    if isinstance(layer, _AVERAGES):
        return rules.average
    return _by_gradient if isinstance(layer, _MOVING) else _unchanged


def _supported(layer: Any, rules: Rules) -> bool:
    function = activation_name(layer)
    if function and rules.activations is not None and function not in rules.activations:
        return False
    known = isinstance(layer, (layers.Add, *_AVERAGES, *_MOVING))
    return known or _is_activation(layer) or linear(layer) is not None


def _is_activation(layer: Any) -> bool:
    softmax = activation_name(layer) == "softmax"
    return not softmax and (
        isinstance(layer, _ACTIVATIONS) or getattr(layer, "symbol", "") in _FUNCTIONS
    )


def activation_name(layer: Any) -> str | None:
    """A layer's activation by name: "relu", "relu6", ...; None for layers without one."""
    if isinstance(layer, layers.ReLU):
        if layer.negative_slope or layer.threshold:
            return "bent relu"
        limit = None if layer.max_value is None else float(layer.max_value)
        return {None: "relu", 6.0: "relu6"}.get(limit, "clipped relu")
    if isinstance(layer, (layers.ELU, layers.LeakyReLU, layers.PReLU)):
        return type(layer).__name__.lower()
    if getattr(layer, "symbol", "") in _FUNCTIONS:
        return layer.symbol.split(".")[1]
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None if activation is None else "function")


def _never_negative(graph: Graph) -> dict[int, bool]:
    """For each value whether it cannot be negative, whatever the input."""
    found = {INPUT: False}
    for node in graph.nodes:
        passes = isinstance(node.layer, (*_MOVING, *_AVERAGES, layers.Add))
        above = all(found[i] for i in node.inputs)
        found[node.output] = activation_name(node.layer) in _NEVER_NEGATIVE or (passes and above)
    return found


def _times(xs: Sequence[Any], parts: Sequence[Any]) -> list[Any]:
    return [x * part for x, part in zip(xs, parts, strict=True)]


def _divided(relevance: Any, by: Any) -> Any:
    return relevance / tf.where(tf.equal(by, 0), _SMALL, by)
