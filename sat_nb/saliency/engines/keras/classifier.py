"""What makes a model a classifier of images: its input, its logits and its head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from sat_nb.saliency.engines.keras.graph import Graph, Node, Unfit, describe, read_weights

layers, activations = tf.keras.layers, tf.keras.activations

HEADS: dict[str, Callable[[Any], Any]] = {
    "softmax": tf.nn.softmax,
    "sigmoid": tf.nn.sigmoid,
    "logits": tf.identity,
}
"""From logits (n, k) to the saved model's outputs, by the name of its head."""

_PASSING = (layers.Flatten, layers.Reshape)
_LINEAR_ENDS = (
    layers.Add,
    layers.Average,
    layers.AveragePooling2D,
    layers.BatchNormalization,
    layers.Concatenate,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
    layers.MaxPooling2D,
)


def without_activation(graph: Graph) -> tuple[Graph, str]:
    """The graph up to its logits, and the name of its head in :data:`HEADS`.

    Raises Unfit where the model ends in anything else, or not in (None, n_classes).
    """
    last = graph.producer(graph.output)
    if last is None:
        raise Unfit("expected a classifier, got a model without layers", "save a trained model")
    head = _head(last.layer)
    if head is None:
        _check_linear(graph, last)
        return graph, "logits"
    change = f"{head} of {describe(last.layer)} taken off"
    if not isinstance(last.layer, (layers.Activation, layers.Softmax)) and last.call is None:
        linear = _linear_copy(last)
        return graph.changed(change, nodes=(*graph.nodes[:-1], linear)), head
    nodes = tuple(node for node in graph.nodes if node is not last)
    return graph.changed(change, nodes=nodes, output=last.inputs[0]), head


def _head(layer: Any) -> str | None:
    """Its name in HEADS where the layer is softmax or sigmoid, or ends in one."""
    if isinstance(layer, layers.Softmax):
        return "softmax"
    symbol = getattr(layer, "symbol", "")  # tf.nn.softmax and the like, called as functions
    named = {"nn.softmax": "softmax", "math.sigmoid": "sigmoid", "nn.sigmoid": "sigmoid"}
    by_activation = {activations.softmax: "softmax", activations.sigmoid: "sigmoid"}
    return named.get(symbol) or by_activation.get(getattr(layer, "activation", None))


def _linear_copy(node: Node) -> Node:
    config = {**node.layer.get_config(), "activation": "linear"}
    weights = read_weights([node])[node.output]
    return replace(node, layer=type(node.layer).from_config(config), weights=weights)


def _check_linear(graph: Graph, last: Node) -> None:
    node: Node | None = last
    while node is not None and isinstance(node.layer, _PASSING):
        node = graph.producer(node.inputs[0])
    if node is None:
        return
    activation = getattr(node.layer, "activation", None)
    if activation is activations.linear or isinstance(node.layer, _LINEAR_ENDS):
        return
    name = getattr(activation, "__name__", None)
    found = f"{name} in " if name else ""
    raise Unfit(
        f"expected softmax, sigmoid or no activation at its end, got {found}{describe(node.layer)}",
        "end the model in one of these",
    )


def checked_model(model: Any) -> Any:
    """The model; Unfit if it is not Functional, does not take images, or has no classes."""
    if not isinstance(model, tf.keras.Model) or not getattr(model, "_is_graph_network", False):
        raise Unfit(
            f"expected a Functional or Sequential Keras model, got {type(model).__name__}",
            "rebuild it from layers and save it with model.save('model.h5')",
        )
    if len(model.inputs) != 1:
        names = ", ".join(repr(str(one._keras_history.layer.name)) for one in model.inputs)
        raise Unfit(
            f"expected one input, the image, got {len(model.inputs)} ({names})",
            "fix the other inputs: save tf.keras.Model(image, model([image, constant])), with "
            "image = tf.keras.Input(...) and a constant for each other input",
        )
    if len(model.outputs) != 1:
        raise Unfit(
            f"expected one output, got {len(model.outputs)} ({', '.join(model.output_names)})",
            "save a model with the one output to explain: tf.keras.Model(model.inputs, "
            "model.outputs[0])",
        )
    shape = model.inputs[0].shape.as_list()
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise Unfit(
            f"expected images (None, height, width, 3) or (..., 1) as input of layer "
            f"{model.inputs[0]._keras_history.layer.name!r}, got {tuple(shape)}",
            "save a model that takes channels-last images",
        )
    output, layer = model.outputs[0].shape.as_list(), model.outputs[0]._keras_history.layer
    if len(output) != 2 or output[1] is None:
        raise Unfit(
            f"expected an output (None, n_classes), got {tuple(output)} from {describe(layer)}",
            "explain a classifier: one output a class",
        )
    return model


def with_input(model: Any, wanted: tuple[int, int] | None) -> Any:
    """The model at a fixed input size; ``input_size`` fills in what the model leaves open."""
    height, width, channels = model.inputs[0].shape.as_list()[1:]
    if wanted is None and None in (height, width):
        raise Unfit(
            f"the input {(None, height, width, channels)} has no fixed height and width",
            "give input_size=(height, width)",
        )
    size = wanted or (height, width)
    if height not in (None, size[0]) or width not in (None, size[1]):
        raise Unfit(
            f"input_size is {size}, but the model takes {(height, width)}", "leave input_size out"
        )
    if (height, width) == size:
        return model
    fixed = tf.keras.models.clone_model(model, input_tensors=[layers.Input((*size, channels))])
    fixed.set_weights(model.get_weights())
    return fixed
