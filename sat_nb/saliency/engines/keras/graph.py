"""A model as a flat list of layers: nested models unrolled, layers without effect left out.

The worker runs TensorFlow in graph mode. There a tensor has no value, only a place in the one
default graph, to which every call of a layer adds; weights live in a session and are read and
set in one run for all layers, because every run takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sat_nb.saliency.engines.keras.linear import linear, product


def describe(layer: Any) -> str:
    """A layer's name and class, for messages."""
    return f"layer {layer.name!r} ({type(layer).__name__})"


layers, backend = tf.keras.layers, tf.keras.backend

_DO_NOTHING = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.SpatialDropout2D,
)
INPUT = 0


class Unfit(Exception):
    """A model that cannot be explained: the problem, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True)
class Node:
    """One layer's call; ``inputs`` and ``output`` are the numbers of its values.

    ``weights`` are those of a layer that a rewriting made: it can take them only once it is built
    (see :func:`built`). ``call`` is set for a layer that takes more than its input tensors.
    """

    layer: Any
    inputs: tuple[int, ...]
    output: int
    weights: list[NDArray[np.float32]] | None = None
    call: Callable[[Callable[..., Any], Sequence[Any]], Any] | None = None

    def keras(self, *tensors: Any) -> Any:
        """The layer's output for Keras tensors; builds a layer that is new."""
        if self.call is not None:
            return self.call(self.layer, tensors)
        return self.layer(tensors[0] if len(tensors) == 1 else list(tensors))

    def __call__(self, *tensors: Any) -> Any:
        """The built layer's output for any tensors, without Keras keeping a history of them."""
        if self.call is not None:
            return self.call(self.layer.call, tensors)
        given = tensors[0] if len(tensors) == 1 else list(tensors)
        if isinstance(self.layer, layers.BatchNormalization):
            return self.layer.call(given, training=False)
        map_ = linear(self.layer)
        if map_ is not None and map_.back is not None:
            return self.layer.activation(product(map_, given))
        return self.layer.call(given)


@dataclass(frozen=True)
class Graph:
    """A model with one input and one output.

    ``nodes`` are in an order in which they can run. Value 0 is the input after ``scaling``: a
    factor and then an offset, each (C,), or None for a model that does not scale its input.
    ``shape`` is (H, W, C). ``changes`` says in words what was rewritten.
    """

    nodes: tuple[Node, ...]
    output: int
    shape: tuple[int, int, int]
    scaling: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    changes: tuple[str, ...] = field(default=())

    def changed(self, change: str, **fields: Any) -> Graph:
        """The same graph with these fields, and this change on record."""
        return replace(self, **fields, changes=(*self.changes, change))

    def producer(self, value: int) -> Node | None:
        """The node that makes this value; None for the input."""
        return next((node for node in self.nodes if node.output == value), None)

    def consumers(self, value: int) -> list[Node]:
        """The nodes that take this value."""
        return [node for node in self.nodes if value in node.inputs]

    def scaled(self, tensor: Any) -> Any:
        """The input as the model scales it before its first layer."""
        if self.scaling is None:
            return tensor
        scale, offset = self.scaling
        return tensor * tf.constant(scale) + tf.constant(offset)

    def scaled_array(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """As :meth:`scaled`, of an array."""
        if self.scaling is None:
            return batch
        scale, offset = self.scaling
        return batch * scale + offset

    def run(self, tensor: Any) -> dict[int, Any]:
        """All values {number: tensor} of a symbolic input (n, H, W, C) that is scaled already."""
        values = {INPUT: tensor}
        for node in self.nodes:
            values[node.output] = node(*(values[i] for i in node.inputs))
        return values

    def divided(self) -> tuple[Callable[[Any], Any], Graph]:
        """The affine beginning of the model, and the graph of all that comes after it.

        The beginning is a function of a symbolic input (n, H, W, C): the scaling and the first
        layer with weights, without its activation, if only zero padding comes before it. The graph
        takes its result, and scales nothing.
        """
        place = self._first_with_weights()
        if place is None:
            return self.scaled, replace(self, scaling=None)
        before, node, after = self.nodes[:place], self.nodes[place], self.nodes[place + 1 :]
        map_ = linear(node.layer)
        assert map_ is not None

        def first(tensor: Any) -> Any:
            x = self.scaled(tensor)
            for padding in before:
                x = padding(x)
            return product(map_, x)

        activation = layers.Activation(getattr(node.layer, "activation", None))
        nodes = Node(activation, (INPUT,), node.output), *after
        _, *shape = first(backend.placeholder((None, *self.shape))).shape
        return first, replace(self, nodes=nodes, shape=tuple(shape), scaling=None)

    def _first_with_weights(self) -> int | None:
        """The place of the first node with weights, if only zero padding comes before it."""
        for place, node in enumerate(self.nodes):
            if self.consumers(node.inputs[0]) != [node]:
                return None
            if linear(node.layer) is not None:
                return place
            if not isinstance(node.layer, layers.ZeroPadding2D):
                return None
        return None

    def keras(self, tensor: Any) -> Any:
        """The output for a Keras tensor, from which a Keras model can be made."""
        values = {INPUT: tensor}
        for node in self.nodes:
            values[node.output] = node.keras(*(values[i] for i in node.inputs))
        return values[self.output]


def unrolled(model: Any) -> Graph:
    """The graph of a Functional or Sequential Keras model with one input and one output."""
    nodes: list[Node] = []
    (output,) = _unroll(model, [INPUT], nodes)
    return Graph(tuple(nodes), output, tuple(model.inputs[0].shape.as_list()[1:]))


def built(graph: Graph) -> Graph:
    """The graph with its new layers built and their weights set."""
    waiting = [node for node in graph.nodes if node.weights]
    if waiting:
        graph.keras(layers.Input(graph.shape))
        pairs = [zip(node.layer.weights, node.weights or [], strict=True) for node in waiting]
        backend.batch_set_value([pair for one in pairs for pair in one])  # one session's run
    return replace(graph, nodes=tuple(replace(node, weights=None) for node in graph.nodes))


def read_weights(nodes: Iterable[Node]) -> dict[int, list[NDArray[np.float32]]]:
    """{number of a node's output: its weights}, also of layers that are not built yet."""
    nodes = list(nodes)
    variables = [[] if node.weights else node.layer.weights for node in nodes]
    values = iter(backend.batch_get_value([v for some in variables for v in some]))
    return {
        node.output: node.weights or [next(values) for _ in some]
        for node, some in zip(nodes, variables, strict=True)
    }


def _unroll(model: Any, given: Sequence[int], nodes: list[Node]) -> list[int]:
    """Append the model's nodes; the numbers of its outputs."""
    known = {str(id(t)): value for t, value in zip(model.inputs, given, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            inputs = [known[i] for i in node.flat_input_ids]
            known.update(zip(node.flat_output_ids, _outputs(node, inputs, nodes), strict=True))
    return [known[str(id(t))] for t in model.outputs]


def _outputs(node: Any, inputs: list[int], nodes: list[Node]) -> list[int]:
    layer = node.layer
    if isinstance(layer, tf.keras.Model):
        if not getattr(layer, "_is_graph_network", False):
            raise Unfit(
                f"expected Functional or Sequential models inside it, got {describe(layer)}",
                "rebuild that part from layers",
            )
        return _unroll(layer, inputs, nodes)
    if isinstance(layer, _DO_NOTHING) or _is_linear_activation(layer):
        return inputs
    if len(node.flat_output_ids) != 1:
        raise Unfit(
            f"expected layers with one output, got {len(node.flat_output_ids)} from "
            f"{describe(layer)}",
            "rebuild that part from layers with one output",
        )
    call = None if _takes_tensors_only(node) else partial(_call, node)
    nodes.append(Node(layer, tuple(inputs), 1 + len(nodes), call=call))
    return [nodes[-1].output]


def _is_linear_activation(layer: Any) -> bool:
    linear = tf.keras.activations.linear
    return isinstance(layer, layers.Activation) and layer.activation is linear


def _takes_tensors_only(node: Any) -> bool:
    """Whether the layer's one argument is its input tensor, or the list of its input tensors."""
    if len(node.call_args) != 1:
        return False
    extra = {k: v for k, v in node.call_kwargs.items() if k not in ("training", "mask")}
    return not extra and "OpLambda" not in type(node.layer).__name__


def _call(node: Any, layer: Callable[..., Any], tensors: Sequence[Any]) -> Any:
    given: dict[str, list[Any]] = {}
    for name, tensor in zip(node.flat_input_ids, tensors, strict=True):
        given.setdefault(name, []).append(tensor)
    args, kwargs = node.map_arguments(given)
    return layer(*args, **kwargs)
