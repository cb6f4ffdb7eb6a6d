"""iNNvestigate's own analyzers, on the model in layers that they know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import innvestigate
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sat_nb.saliency.engine.graph import Graph, Node, read_weights, settled
from sat_nb.saliency.engine.linear import LINEAR
from sat_nb.saliency.engine.relevance import activation_name
from sat_nb.saliency.engine.rewrite import batchnorm_map
from sat_nb.saliency.layer_rules import LosesRelevance, losing_relevance

layers, activations = tf.keras.layers, tf.keras.activations
Floats = NDArray[np.float32]


def analyzer(
    model: Any, name: str, parameters: dict[str, Any]
) -> Callable[[Floats, Sequence[int]], Floats]:
    """(batch (n, H, W, C), one output an image) -> maps (n, H, W, C), as iNNvestigate has them.

    ``model`` is from :func:`keras_model`; the batch is scaled as the model scales it itself.

    Raises NotImplementedError and others where iNNvestigate cannot analyze the model.
    """
    losing = losing_relevance(model, name)
    if losing:
        raise LosesRelevance(losing)
    built = innvestigate.create_analyzer(name, model, neuron_selection_mode="index", **parameters)
    built.create_analyzer_model()

    def analyze(batch: Floats, outputs: Sequence[int]) -> Floats:
        # By keyword: iNNvestigate's wrappers pass a positional one on twice.
        result = built.analyze(batch, neuron_selection=[int(i) for i in outputs])
        if isinstance(result, dict):
            (result,) = result.values()
        return np.asarray(result, dtype=np.float32)

    return analyze


def keras_model(graph: Graph) -> Any:
    """The graph as a Keras model, in layers that iNNvestigate's analyzers know.

    Its layers are new ones: iNNvestigate looks at every call of a layer, and would not find
    the first layer where the saved model calls it too.
    """
    known = settled(_relu_into_the_layer_before(_ordinary_convolutions(_fresh(graph))))
    # iNNvestigate adds inputs that must not take this one's name, so it has an odd one.
    tensor = layers.Input(known.shape, name="explained_photo")
    return tf.keras.Model(tensor, known.keras(tensor))


def _fresh(graph: Graph) -> Graph:
    """Every layer anew, with its weights waiting."""
    weights = read_weights(node for node in graph.nodes if node.call is None)
    nodes = [
        replace(_with_config(node), weights=weights[node.output]) if node.call is None else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def _relu_into_the_layer_before(graph: Graph) -> Graph:
    """relu after a linear layer joins it; elsewhere it becomes Activation("relu")."""
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


def _from_batchnorm(node: Node) -> Node:
    scale, offset = batchnorm_map(node.layer, node.weights or [])
    ordinary = layers.Conv2D(len(scale), 1, name=node.layer.name)
    kernel = np.diag(scale)[None, None].astype(np.float32)
    return replace(node, layer=ordinary, weights=[kernel, offset.astype(np.float32)])
