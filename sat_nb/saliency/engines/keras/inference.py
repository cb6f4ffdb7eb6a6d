"""Calls with ``training=True``, which act when a model predicts, and what becomes of them.

Dropout called so (Monte Carlo dropout) makes predictions scatter: what is explained is the model
without it. BatchNormalization called so mixes the images of a batch: there is no map of one image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from sat_nb.saliency.engines.keras.graph import Unfit, at_inference, describe

layers = tf.keras.layers


def switched_off(model: Any) -> tuple[str, ...]:
    """Make every call of the model one at inference, in place; what was changed, in words.

    Raises Unfit for a BatchNormalization that takes the statistics of its batch.
    """
    changes = []
    for node in list(_calls_in_training(model)):
        for layer in _acting(node.layer):
            if isinstance(layer, layers.BatchNormalization):
                raise Unfit(
                    f"{describe(layer)} is called with training=True, so that an image's outputs "
                    "depend on the other images of its batch",
                    "build the model without training=True, give it these weights with "
                    "new.set_weights(old.get_weights()), and save it",
                )
            changes.append(
                f"{describe(layer)} is called with training=True, and runs as at inference"
            )
        node.call_kwargs["training"] = False
        node._flat_arguments = tf.nest.flatten((node.call_args, node.call_kwargs))
    return tuple(dict.fromkeys(changes))


_FUNCTION_CALLS = (
    "If",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "StatelessIf",
    "StatelessWhile",
    "While",
)


def must_be_called(model: Any) -> bool:
    """Whether the graph that Keras has made of the model cannot be compared with as it is.

    In graph mode Keras 2 calls layers with ``training=True`` as their default (augmentation) so.
    And calls of functions can be given no gradient any more once a session knows them.
    """
    parts = (part for part in model.submodules if isinstance(part, layers.Layer))
    if any(part._call_spec.default_training_arg for part in parts):
        return True
    operations = model.outputs[0].graph.get_operations()
    return any(operation.type in _FUNCTION_CALLS for operation in operations)


def _calls_in_training(model: Any) -> Iterator[Any]:
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            if node.call_kwargs.get("training") is True:
                yield node
            if _is_graph(node.layer):
                yield from _calls_in_training(node.layer)


def _acting(layer: Any) -> list[Any]:
    """The layers of this one, or it, that may do something else in training."""
    if _is_graph(layer):
        return [part for inner in layer.layers for part in _acting(inner)]
    is_frozen = isinstance(layer, layers.BatchNormalization) and not layer.trainable
    return [layer] if at_inference(layer) and not is_frozen else []


def _is_graph(layer: Any) -> bool:
    return isinstance(layer, tf.keras.Model) and getattr(layer, "_is_graph_network", False)
