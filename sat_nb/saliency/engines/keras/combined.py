"""Models whose one output is a combination of logits: -z, or f_a - f_b.

Deep Taylor decomposes a positive value, neuron by neuron. A combination is the output of a neuron
of its own, whose weights are those of the last layer, combined alike: w_a - w_b for f_a - f_b.
The walk must start there; two walks that start at f_a and f_b explain something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from sat_nb.saliency.engines.keras.graph import Graph, Node
from sat_nb.saliency.engines.keras.linear import LINEAR, Linear, linear, matrix_map

layers = tf.keras.layers

_COMBINABLE = (layers.Conv2D, layers.Dense)
_WITHIN_CHANNELS = (layers.AveragePooling2D, layers.GlobalAveragePooling2D)
_FLATTENING = (layers.Flatten, layers.Reshape)


@dataclass(frozen=True)
class Combination:
    """A layer whose weights are another's, or those of a sum of logits; no layer of Keras."""

    name: str
    map: Linear


LINEAR[Combination] = lambda layer: layer.map


def combined(graph: Graph, weights: Any, *, never_negative: bool) -> Graph | None:
    """The graph with the one output sum_k weights[k] * logit_k; ``weights`` is a tensor (k,).

    The last layer with weights takes the combination. Where there is none before the logits, a new
    layer does, which needs logits that are ``never_negative``: None where they may be.
    """
    place = _last_with_weights(graph)
    if place is not None:
        return _folded(graph, place, weights)
    if not never_negative:
        return None
    last = 1 + max(node.output for node in graph.nodes)
    sum_of_logits = Combination("combination", matrix_map(weights[:, None]))
    return replace(
        graph, nodes=(*graph.nodes, Node(sum_of_logits, (graph.output,), last)), output=last
    )


def _last_with_weights(graph: Graph) -> Node | None:
    """The node that makes the logits, but for averages of each of them and reshaping."""
    node = graph.producer(graph.output)
    while node is not None and isinstance(node.layer, (*_WITHIN_CHANNELS, *_FLATTENING)):
        node = graph.producer(node.inputs[0])
        if node is not None and len(graph.consumers(node.output)) != 1:
            return None
    if node is None or type(node.layer) not in _COMBINABLE or linear(node.layer) is None:
        return None
    is_linear = node.layer.activation is tf.keras.activations.linear
    grouped = getattr(node.layer, "groups", 1) != 1
    is_logits = node.layer.kernel.shape[-1] == _n_logits(graph)
    return node if is_linear and not grouped and is_logits else None


def _n_logits(graph: Graph) -> int:
    values = graph.run(graph.scaled(tf.keras.backend.placeholder((None, *graph.shape))))
    return int(values[graph.output].shape[-1])


def _folded(graph: Graph, last: Node, weights: Any) -> Graph:
    whole = linear(last.layer)
    assert whole is not None
    kernel = tf.tensordot(whole.kernel, weights, 1)[..., None]
    bias = None if whole.bias is None else tf.reduce_sum(whole.bias * weights)[None]
    new = replace(
        last, layer=Combination(last.layer.name, replace(whole, kernel=kernel, bias=bias))
    )
    after = graph.nodes.index(last)
    return replace(
        graph,
        nodes=(
            *graph.nodes[:after],
            new,
            *(
                replace(n, layer=layers.Flatten()) if isinstance(n.layer, _FLATTENING) else n
                for n in graph.nodes[after + 1 :]
            ),
        ),
    )
