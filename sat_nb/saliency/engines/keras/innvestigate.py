"""iNNvestigate's own analyzers, on the model in layers that they support."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import innvestigate
import numpy as np
import tensorflow as tf
from keras.src.engine import base_layer_utils

from sat_nb.arrays import Float32
from sat_nb.saliency.engines.keras.graph import Graph, Node, built, name_of_copy, read_weights
from sat_nb.saliency.engines.keras.linear import LINEAR
from sat_nb.saliency.engines.keras.relevance import activation_name
from sat_nb.saliency.engines.keras.rewrite import batchnorm_map

layers, activations = tf.keras.layers, tf.keras.activations


def analyzer(
    model: Any, name: str, parameters: dict[str, Any]
) -> Callable[[Float32, Sequence[int]], Float32]:
    """(batch (n, H, W, C), one output an image) -> maps (n, H, W, C), as iNNvestigate gives them.

    ``model`` is from :func:`keras_model`; the batch is already scaled as the model scales it.

    Raises NotImplementedError and others where iNNvestigate cannot analyze the model.
    """
    losing = losing_relevance(model, name)
    if losing:
        raise LosesRelevance(losing)
    with _weights_left_in_the_graph(), _layers_called_once(model):
        made = innvestigate.create_analyzer(
            name, model, neuron_selection_mode="index", **parameters
        )
        made.create_analyzer_model()

    def analyze(batch: Float32, outputs: Sequence[int]) -> Float32:
        # By keyword: iNNvestigate's wrappers pass a positional one on twice.
        result = made.analyze(batch, neuron_selection=[int(i) for i in outputs])
        if isinstance(result, dict):
            (result,) = result.values()
        return np.asarray(result, dtype=np.float32)

    return analyze


@contextmanager
def _weights_left_in_the_graph() -> Iterator[None]:
    """Build an analyzer without reading the value of every weight that an operation takes.

    Keras makes a layer of each operation and evaluates what does not depend on the photo, so that
    the model could be saved, which nobody does here. Every evaluation prepares the whole graph
    anew: the more analyzers it holds, the longer, up to a minute for one. The maps are the same.
    """
    before = base_layer_utils._UNSAFE_GRAPH_OP_LAYER_CREATION
    base_layer_utils._UNSAFE_GRAPH_OP_LAYER_CREATION = True
    try:
        yield
    finally:
        base_layer_utils._UNSAFE_GRAPH_OP_LAYER_CREATION = before


@contextmanager
def _layers_called_once(model: Any) -> Iterator[None]:
    """Forget the calls of the model's layers by an analyzer once it is built.

    iNNvestigate takes a layer for the first only if all of its calls are on the input, and some
    analyzers call layers on tensors of their own: one built later would treat it as any other.
    """
    calls = [
        calls for layer in model.layers for calls in (layer._inbound_nodes, layer._outbound_nodes)
    ]
    counts = [len(own) for own in calls]
    try:
        yield
    finally:
        for own, count in zip(calls, counts, strict=True):
            del own[count:]


def keras_model(graph: Graph) -> Any:
    """The graph as a Keras model, in layers that iNNvestigate's analyzers support.

    Its layers are new ones: iNNvestigate looks at every call of a layer, and would not recognise
    the first layer if the saved model called it, too.
    """
    known = built(_relu_into_the_layer_before(_ordinary_convolutions(_fresh(graph))))
    # iNNvestigate adds inputs that must not take this one's name, so it has an odd one.
    tensor = layers.Input(known.shape, name="explained_photo")
    return tf.keras.Model(tensor, known.keras(tensor))


def _fresh(graph: Graph) -> Graph:
    """A copy of every call of a layer, not built yet, with its weights and a name of its own."""
    weights = read_weights(node for node in graph.nodes if node.call is None)
    nodes = [
        replace(
            _with_config(node, name=name_of_copy(node.layer, node.output)),
            weights=weights[node.output],
        )
        if node.call is None
        else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def _relu_into_the_layer_before(graph: Graph) -> Graph:
    """relu after a linear layer joins that layer; elsewhere it becomes Activation("relu")."""
    for node in graph.nodes:
        if type(node.layer) in LINEAR or activation_name(node.layer) != "relu":
            continue
        before = graph.producer(node.inputs[0])
        if before is not None and _can_take_relu(graph, before):
            joined = _with_config(before, activation="relu")
            kept = [n for n in graph.nodes if n is not node]
            nodes = [replace(joined, output=node.output) if n is before else n for n in kept]
        else:
            relu = replace(node, layer=layers.Activation("relu", name=node.layer.name), call=None)
            nodes = [relu if n is node else n for n in graph.nodes]
        graph = replace(graph, nodes=tuple(nodes))
    return graph


def _can_take_relu(graph: Graph, before: Node) -> bool:
    linear = getattr(before.layer, "activation", None) is activations.linear
    has_weights = type(before.layer) in (layers.Conv2D, layers.Dense)
    return has_weights and linear and len(graph.consumers(before.output)) == 1


def _with_config(node: Node, **changes: Any) -> Node:
    return replace(node, layer=type(node.layer).from_config({**node.layer.get_config(), **changes}))


def _ordinary_convolutions(graph: Graph) -> Graph:
    """Depthwise convolutions and batch normalisation as equal ordinary convolutions."""
    return replace(graph, nodes=tuple(_ordinary(node) for node in graph.nodes))


def _ordinary(node: Node) -> Node:
    if type(node.layer) is layers.DepthwiseConv2D:
        return _from_depthwise(node)
    if type(node.layer) is layers.Conv2D and node.layer.groups > 1:
        return _from_groups(node)
    if isinstance(node.layer, layers.BatchNormalization) and list(node.layer.axis) == [3]:
        return _from_batchnorm(node)
    return node


def _from_depthwise(node: Node) -> Node:
    layer, (kernel, *bias) = node.layer, node.weights or []
    height, width, channels, multiplier = kernel.shape
    full = np.zeros((height, width, channels, channels, multiplier), np.float32)
    full[:, :, np.arange(channels), np.arange(channels)] = kernel
    ordinary = layers.Conv2D(
        channels * multiplier,
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        activation=layer.activation,
        use_bias=bool(bias),
        name=layer.name,
    )
    whole = full.reshape(height, width, channels, channels * multiplier)
    return replace(node, layer=ordinary, weights=[whole, *bias])


def _from_groups(node: Node) -> Node:
    kernel, *bias = node.weights or []
    n_groups, (height, width, n_in, n_out) = node.layer.groups, kernel.shape
    full = np.zeros((height, width, n_groups, n_in, n_groups, n_out // n_groups), np.float32)
    apart = np.moveaxis(kernel.reshape(height, width, n_in, n_groups, -1), 3, 0)
    full[:, :, np.arange(n_groups), :, np.arange(n_groups)] = apart
    ordinary = _with_config(node, groups=1)
    return replace(ordinary, weights=[full.reshape(height, width, -1, n_out), *bias])


def _from_batchnorm(node: Node) -> Node:
    scale, offset = batchnorm_map(node.layer, node.weights or [])
    ordinary = layers.Conv2D(len(scale), 1, name=node.layer.name)
    kernel = np.diag(scale)[None, None].astype(np.float32)
    return replace(node, layer=ordinary, weights=[kernel, offset.astype(np.float32)])


KEEP_RELEVANCE = frozenset(
    {
        "Activation",
        "Add",
        "AveragePooling2D",
        "Concatenate",
        "Cropping2D",
        "Dropout",
        "ELU",
        "Flatten",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "InputLayer",
        "LeakyReLU",
        "MaxPooling2D",
        "PReLU",
        "Permute",
        "ReLU",
        "Reshape",
        "SpatialDropout2D",
        "ThresholdedReLU",
        "UpSampling2D",
        "ZeroPadding2D",
    }
)
"""Layers without weights through which iNNvestigate's Deep Taylor passes relevance by the gradient,
which is right, or which it refuses itself. Any other, such as Rescaling or a model as a layer, it
would compute wrongly without an error."""


class LosesRelevance(NotImplementedError):
    """iNNvestigate would give wrong maps here without an error; ``layers`` are the culprits."""

    def __init__(self, layers: list[Any]) -> None:
        super().__init__("relevance would silently be lost or made up there")
        self.layers = layers


def losing_relevance(model: Any, analyzer: str) -> list[Any]:
    """Layers where iNNvestigate 2.1 computes a relevance method wrongly, without an error.

    LRP and Deep Taylor divide by sqrt(variance ** 2 + epsilon) in BatchNormalization, where
    the layer itself divides by sqrt(variance + epsilon).
    """
    if not analyzer.startswith(("lrp", "deep_taylor")):
        return []
    deep_taylor = analyzer.startswith("deep_taylor")
    return [
        layer
        for layer in model.layers
        if type(layer).__name__ == "BatchNormalization" or (deep_taylor and not _keeps(layer))
    ]


def _keeps(layer: Any) -> bool:
    has_kernel = hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel")
    return has_kernel or type(layer).__name__ in KEEP_RELEVANCE


def culprits(error: Exception) -> list[Any]:
    """The layers at which iNNvestigate failed; only its local variables name them."""
    if isinstance(error, LosesRelevance):
        return error.layers
    found: list[Any] = []
    trace = error.__traceback__
    while trace:
        frame = trace.tb_frame.f_locals
        named = [frame.get("layer"), *(frame.get("checked_layers") or [])]
        found = [one for one in named if hasattr(one, "get_config")] or found
        trace = trace.tb_next
    return found
