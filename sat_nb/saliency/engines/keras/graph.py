"""A model as a flat list of layers: nested models unrolled, layers without effect left out.

The worker runs TensorFlow in graph mode. There a tensor has no value, only a place in the one
default graph, to which every call of a layer adds; weights live in a session and are read and
set in one run for all layers, because every run takes milliseconds.
"""

from __future__ import annotations

import re
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
    return f"layer {_COPY.sub('', layer.name)!r} ({type(layer).__name__})"


def name_of_copy(layer: Any, number: int) -> str:
    """A name for a copy of the layer, which no other copy has and no library gives by itself."""
    return f"explained_{number}_{_COPY.sub('', layer.name)}"


_COPY = re.compile("^explained_[0-9]+_")


layers, backend = tf.keras.layers, tf.keras.backend

_DO_NOTHING = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.RandomBrightness,
    layers.RandomContrast,
    layers.RandomFlip,
    layers.RandomHeight,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomWidth,
    layers.RandomZoom,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
)
"""At inference. RandomCrop is not among them: there it crops the centre, or resizes."""

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
    ``moves`` says that the layer only moves values, or leaves zeros (see ``operators``).
    """

    layer: Any
    inputs: tuple[int, ...]
    output: int
    weights: list[NDArray[np.float32]] | None = None
    call: Callable[[Callable[..., Any], Sequence[Any]], Any] | None = None
    moves: bool = False

    def keras(self, *tensors: Any) -> Any:
        """The layer's output for Keras tensors; builds a layer that is new."""
        function = partial(self.layer, **at_inference(self.layer))
        if self.call is not None:
            return self.call(function, tensors)
        return function(tensors[0] if len(tensors) == 1 else list(tensors))

    def __call__(self, *tensors: Any) -> Any:
        """The built layer's output for any tensors, without Keras keeping a history of them."""
        function = partial(self.layer.call, **at_inference(self.layer))
        if self.call is not None:
            return self.call(function, tensors)
        given = tensors[0] if len(tensors) == 1 else list(tensors)
        map_ = linear(self.layer)
        if map_ is not None and map_.back is not None:
            return self.layer.activation(product(map_, given))
        return function(given)


def at_inference(layer: Any) -> dict[str, bool]:
    """{"training": False} for a layer that takes it: some act as in training unless told."""
    return {"training": False} if layer._expects_training_arg else {}


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
            values[node.output] = _value(node, [values[i] for i in node.inputs])
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


def _value(node: Node, tensors: Sequence[Any]) -> Any:
    try:
        return node(*tensors)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}".split("\n")[0]
        raise Unfit(
            f"{describe(node.layer)} cannot be run by itself ({what:.300})",
            "rebuild that part from Keras layers",
        ) from error


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
    call = None if _takes_tensors_only(node) else partial(_call, node)
    if len(node.flat_output_ids) == 1:
        calls = [call]
    else:
        calls = [partial(_one_of, node, place) for place in range(len(node.flat_output_ids))]
    first = 1 + len(nodes)
    made = [Node(layer, tuple(inputs), first + i, call=one) for i, one in enumerate(calls)]
    nodes.extend(made)
    return [one.output for one in made]


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
    kwargs.pop("training", None)  # the function that is called knows that it is inference
    return layer(*args, **kwargs)


def _one_of(node: Any, place: int, layer: Callable[..., Any], tensors: Sequence[Any]) -> Any:
    """One of several outputs, such as the parts of ``tf.split``."""
    return tf.nest.flatten(_call(node, layer, tensors))[place]
