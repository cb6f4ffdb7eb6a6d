"""Models as people have them, rewritten into layers that all methods support, equal in value.

To add a rewriting, write a function Graph -> Graph and add an entry to :data:`REWRITINGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32, Float64
from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.keras.graph import INPUT, Graph, Node, describe, read_weights
from sat_nb.saliency.engines.keras.operators import recognised, scaling_before_moving

layers, backend, activations = tf.keras.layers, tf.keras.backend, tf.keras.activations


def input_scaling_joins_preprocessing(graph: Graph) -> Graph:
    """Rescaling, Normalization and arithmetic on the input become its ``scaling``.

    A layer counts if it maps every channel c of the input to scale_c * x + offset_c. This is found
    by running it on numbers, so that every way of writing it is recognised.
    """
    while len(first := graph.consumers(INPUT)) == 1 and first[0].inputs == (INPUT,):
        (node,) = first
        found = _affine(node, graph.shape)
        if found is None or node.output == graph.output:
            return graph
        scale, offset = found
        before, shift = graph.scaling or (np.ones_like(scale), np.zeros_like(offset))
        graph = graph.changed(
            f"{describe(node.layer)} joined the preprocessing",
            nodes=_without(graph, node),
            scaling=(scale * before, scale * shift + offset),
        )
    return graph


def separable_convolutions_in_two(graph: Graph) -> Graph:
    """SeparableConv2D becomes a depthwise and an ordinary convolution."""
    separable = [node for node in graph.nodes if type(node.layer) is layers.SeparableConv2D]
    weights = read_weights(separable)
    between = 1 + max((node.output for node in graph.nodes), default=INPUT)
    for number, node in enumerate(separable):
        graph = graph.changed(
            f"{describe(node.layer)} split into its two convolutions",
            nodes=_with(graph, node, _split(node, weights[node.output], between + number)),
        )
    return graph


def batchnorm_into_the_layer_before(graph: Graph) -> Graph:
    """BatchNormalization right after a linear layer becomes part of its weights."""
    pairs = [(node, before) for node in graph.nodes if (before := _foldable(graph, node))]
    weights = read_weights(node for pair in pairs for node in pair)
    for node, before in pairs:
        scale, offset = batchnorm_map(node.layer, weights[node.output])
        folded = _folded(before, weights[before.output], scale, offset)
        kept = [n for n in graph.nodes if n is not node]
        nodes = tuple(replace(folded, output=node.output) if n is before else n for n in kept)
        graph = graph.changed(
            f"{describe(node.layer)} folded into {describe(before.layer)}", nodes=nodes
        )
    return graph


@dataclass(frozen=True, kw_only=True)
class Rewriting(Entry):
    """A change of the graph that leaves its outputs as they are."""

    function: Callable[[Graph], Graph]


def scaling_of(graph: Graph) -> tuple[float, float] | None:
    """The mean factor and offset by which the model scales its own input, or None."""
    if graph.scaling is None:
        return None
    scale, offset = graph.scaling
    return float(np.abs(scale).mean()), float(offset.mean())


REWRITINGS: dict[str, Rewriting] = registry(
    Rewriting(
        name="input_scaling",
        about="Rescaling, Normalization and arithmetic on the input join the preprocessing.",
        function=input_scaling_joins_preprocessing,
    ),
    Rewriting(
        name="operators",
        about="Sums and scalings that are written as functions become layers.",
        function=recognised,
    ),
    Rewriting(
        name="scaling_before_moving",
        about="Scaling of an input that was only moved, as from RGB to BGR, goes before that.",
        function=scaling_before_moving,
    ),
    Rewriting(
        name="moved_input_scaling",
        about="What then comes first joins the preprocessing.",
        function=input_scaling_joins_preprocessing,
    ),
    Rewriting(
        name="separable_convolutions",
        about="SeparableConv2D becomes a depthwise and an ordinary convolution.",
        function=separable_convolutions_in_two,
    ),
    Rewriting(
        name="batch_normalization",
        about="BatchNormalization right after a linear layer becomes part of its weights.",
        function=batchnorm_into_the_layer_before,
    ),
)
"""Rewritings by name, in the order in which they are applied: one may make what the next needs."""


def rewritten(graph: Graph) -> Graph:
    """The graph after all of :data:`REWRITINGS`, in their order."""
    for rewriting in REWRITINGS.values():
        graph = rewriting.function(graph)
    return graph


# --- input scaling -----------------------------------------------------------------------------


def _affine(node: Node, shape: tuple[int, int, int]) -> tuple[Float32, Float32] | None:
    """(scale, offset), each (C,), if the layer is such a map of its input; else None."""
    random = np.random.default_rng(0)
    trial = random.uniform(-300, 300, (1, *shape)).astype(np.float32)
    tensor = layers.Input(shape)
    try:
        result = node.keras(tensor)
        if result.shape.as_list()[1:] != list(shape):
            return None
        run = backend.function([tensor], [result])
        zero, one = run([0 * trial])[0], run([np.ones_like(trial)])[0]
        offset, scale = zero[0, 0, 0], one[0, 0, 0] - zero[0, 0, 0]
        (result_array,) = run([trial])
    except (ValueError, TypeError, tf.errors.InvalidArgumentError):
        return None
    size = np.abs(scale) * 300 + np.abs(offset)
    far = np.abs(result_array - (trial * scale + offset))
    if not np.isfinite(size).all() or (far > 1e-5 * size).any():
        return None
    return scale.astype(np.float32), offset.astype(np.float32)


# --- batch normalisation -----------------------------------------------------------------------


def batchnorm_map(layer: Any, weights: list[Float32]) -> tuple[Float64, Float64]:
    """(scale, offset), each (C,): what the layer does to its input when it does not learn."""
    *learned, mean, variance = (np.float64(weight) for weight in weights)
    gamma = learned.pop(0) if layer.scale else 1.0
    beta = learned.pop(0) if layer.center else 0.0
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


def _foldable(graph: Graph, node: Node) -> Node | None:
    """The linear layer before a batch normalisation, where one can become part of the other."""
    if not isinstance(node.layer, layers.BatchNormalization):
        return None
    before = graph.producer(node.inputs[0])
    fits = (
        before is not None
        and list(node.layer.axis) == [node.layer.input_spec.ndim - 1]
        and type(before.layer) in (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
        and before.layer.activation is activations.linear
        and len(graph.consumers(before.output)) == 1
    )
    return before if fits else None


def _folded(before: Node, weights: list[Float32], scale: Float64, offset: Float64) -> Node:
    kernel, *bias = weights
    depthwise = isinstance(before.layer, layers.DepthwiseConv2D)
    scaled = kernel * scale.reshape(kernel.shape[-2:] if depthwise else -1)
    moved = bias[0] * scale + offset if bias else offset
    layer = type(before.layer).from_config({**before.layer.get_config(), "use_bias": True})
    new = [scaled.astype(np.float32), moved.astype(np.float32)]
    return replace(before, layer=layer, weights=new)


# --- separable convolutions --------------------------------------------------------------------


def _split(node: Node, weights: list[Float32], between: int) -> list[Node]:
    layer, (depthwise, pointwise, *bias) = node.layer, weights
    first = layers.DepthwiseConv2D(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        depth_multiplier=layer.depth_multiplier,
        use_bias=False,
        name=f"{layer.name}_depthwise",
    )
    second = layers.Conv2D(
        layer.filters, 1, activation=layer.activation, use_bias=bool(bias), name=layer.name
    )
    return [
        Node(first, node.inputs, between, [depthwise]),
        Node(second, (between,), node.output, [pointwise, *bias]),
    ]


# --- graphs ------------------------------------------------------------------------------------


def _with(graph: Graph, node: Node, instead: list[Node]) -> tuple[Node, ...]:
    return tuple(new for n in graph.nodes for new in (instead if n is node else [n]))


def _without(graph: Graph, node: Node) -> tuple[Node, ...]:
    """The nodes except this one; its consumers take its input instead of its output."""
    return tuple(
        replace(n, inputs=tuple(node.inputs[0] if i == node.output else i for i in n.inputs))
        for n in graph.nodes
        if n is not node
    )
