"""Which Keras models can be explained: images in, one output a class. Runs in either mode."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sat_nb.saliency.engine.graph import Unfit
from sat_nb.saliency.layer_rules import describe

layers = tf.keras.layers


def checked_model(model: Any) -> Any:
    """The model, or Unfit where it is not Functional, or does not take images and name classes."""
    if not isinstance(model, tf.keras.Model) or not getattr(model, "_is_graph_network", False):
        raise Unfit(
            f"expected a Functional or Sequential Keras model, got {type(model).__name__}",
            "rebuild it from layers and save it with model.save('model.h5')",
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise Unfit(
            f"expected one input and one output, got {len(model.inputs)} and {len(model.outputs)}",
            "save a model with the one output to explain",
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
