"""Relevance by one walk back through the graph, with the rules of a method.

It starts as the target's logit and ends at the input, after the scaling that the model itself does.
Which rule a layer gets depends on its kind.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sat_nb.saliency.engines.keras.combined import combined
from sat_nb.saliency.engines.keras.graph import INPUT, Graph, Node
from sat_nb.saliency.engines.keras.linear import linear
from sat_nb.saliency.engines.keras.rules import (
    Call,
    Flow,
    Rule,
    Rules,
    applied,
    by_gradient,
    recorded,
)

layers, activations = tf.keras.layers, tf.keras.activations


_MOVING = (
    layers.Concatenate,
    layers.Cropping2D,
    layers.Flatten,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
    layers.Maximum,
    layers.Permute,
    layers.Reshape,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)
_SUMS = (layers.Add, layers.Average, layers.Subtract)
_AVERAGES = (layers.AveragePooling2D, layers.GlobalAveragePooling2D)
_ACTIVATIONS = (layers.Activation, layers.ELU, layers.LeakyReLU, layers.PReLU, layers.ReLU)
_FUNCTIONS = ("nn.relu", "nn.relu6", "nn.silu", "math.sigmoid", "nn.sigmoid", "math.tanh")
_NEVER_NEGATIVE = ("relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "softmax")


# --- the walk ----------------------------------------------------------------------------------


def unsupported(graph: Graph, rules: Rules) -> list[Any]:
    """The layers that these rules do not support."""
    return [node.layer for node in graph.nodes if not _supported(node, rules)]


def relevance(
    graph: Graph, rules: Rules, tensor: Any, weights: Any, parameters: dict[str, Any]
) -> Any:
    """The relevance (n, H, W, C) of the symbolic, scaled input ``tensor``.

    ``weights`` (n, k) are the shares of their values with which the k logits start.
    """
    values, calls = _forward(graph, tensor)
    positive = _never_negative(graph)
    found = {graph.output: rules.start(values[graph.output], weights)}
    for node in reversed(graph.nodes):
        if node.output not in found:
            continue  # the logits do not depend on it
        xs = [values[i] for i in node.inputs]
        safe = all(positive[i] for i in node.inputs)
        flow = Flow(calls[node.output], xs, found.pop(node.output), safe, parameters)
        parts = _rule(node, rules)(flow)
        for value, part in zip(node.inputs, parts, strict=True):
            found[value] = found[value] + part if value in found else part
    return rules.end(tensor, found[INPUT])


def of_combination(
    graph: Graph, rules: Rules, tensor: Any, weights: Any, parameters: dict[str, Any]
) -> Any:
    """As :func:`relevance`, of one combination of the logits: ``weights`` (k,) are for all images.

    Raises NotImplementedError where the combination is the output of no neuron.
    """
    safe = _never_negative(graph)[graph.output]
    one = combined(graph, weights, never_negative=safe)
    if one is None:
        raise NotImplementedError("its logits are not made by a Dense or Conv2D layer")
    ones = tf.ones((tf.shape(tensor)[0], 1), tensor.dtype)
    return relevance(one, rules, tensor, ones, parameters)


def _forward(graph: Graph, tensor: Any) -> tuple[dict[int, Any], dict[int, Call]]:
    """All values by number, and the calls that made them."""
    values, calls = {INPUT: tensor}, {}
    for node in graph.nodes:
        xs, map_ = [values[i] for i in node.inputs], linear(node.layer)
        if map_ is None:
            z, back = recorded(node, xs)
            y = z
        else:
            product, back = applied(map_, xs[0], map_.kernel)
            z = product if map_.bias is None else product + map_.bias
            activation = getattr(node.layer, "activation", None)
            y = z if activation is None else activation(z)
        values[node.output] = y
        calls[node.output] = Call(y, z, activation_name(node.layer), back, map_)
    return values, calls


def _rule(node: Node, rules: Rules) -> Rule:
    layer = node.layer
    if node.moves:
        return by_gradient
    if linear(layer) is not None:
        return rules.kernel
    if isinstance(layer, _SUMS):
        return rules.add
    if isinstance(layer, _AVERAGES):
        return rules.average
    return by_gradient if isinstance(layer, _MOVING) else rules.activation


def _supported(node: Node, rules: Rules) -> bool:
    layer = node.layer
    if node.moves:
        return True
    function = activation_name(layer)
    if function and rules.names is not None and function not in rules.names:
        return False
    known = isinstance(layer, (*_SUMS, *_AVERAGES, *_MOVING))
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
    """{value: whether it cannot be negative, whatever the input}."""
    found = {INPUT: False}
    for node in graph.nodes:
        passes = node.moves or isinstance(
            node.layer, (*_MOVING, *_AVERAGES, layers.Add, layers.Average)
        )
        above = all(found[i] for i in node.inputs)
        found[node.output] = activation_name(node.layer) in _NEVER_NEGATIVE or (passes and above)
    return found
