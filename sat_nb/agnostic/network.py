"""The classifier as the loop sees it: logits, the last convolution's response, and slopes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sat_nb.agnostic.inputs import Inputs
from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput
from sat_nb.files import existing
from sat_nb.saliency.engines.keras.eager import eager_tensorflow
from sat_nb.saliency.model_file import checked_size


@dataclass(frozen=True)
class Network:
    """A Keras classifier up to its logits, in eager TensorFlow.

    ``logits`` takes a tensor (n, H, W, C) and gives (n, n_classes); ``log_probability`` makes of
    them what the saved model says, by its head; ``features`` gives the last convolution's
    response (n, h, w, channels), and is None where the model has no feature maps.
    """

    shape: tuple[int, int, int]
    n_classes: int
    logits: Callable[[Any], Any]
    log_probability: Callable[[Any], Any]
    features: Callable[[Any], Any] | None


def read_network(model: Any, input_size: tuple[int, int] | None, caller: str) -> Network:
    """``model``, the path of a saved Keras model or a live one, as a Network.

    Raises FileMissing, and InvalidInput where it is unreadable or no classifier of images.
    """
    tf = eager_tensorflow(caller)
    size = checked_size(input_size)
    from sat_nb.saliency.engines.keras.classifier import (
        checked_model,
        with_input,
        without_activation,
    )
    from sat_nb.saliency.engines.keras.graph import Unfit, settled, unrolled

    keras, name = _read(tf, model)
    try:
        fitting = with_input(checked_model(keras), size)
        graph, head = without_activation(unrolled(fitting))
        graph = settled(graph)
    except Unfit as unfit:
        raise InvalidInput(f"model: {name}: {unfit.what}; {unfit.remedy}.") from unfit
    last = _last_features(graph)

    def logits(tensor: Any) -> Any:
        values = graph.run(tensor)[graph.output]
        return tf.concat([tf.zeros_like(values), values], 1) if values.shape[1] == 1 else values

    n_outputs = fitting.outputs[0].shape[1]
    independent = head == "sigmoid" and n_outputs > 1
    return Network(
        graph.shape,
        max(n_outputs, 2),
        logits,
        tf.math.log_sigmoid if independent else tf.nn.log_softmax,
        None if last is None else lambda tensor: graph.run(tensor)[last],
    )


def _read(tf: Any, model: Any) -> tuple[Any, str]:
    """The Keras model, and its name for messages."""
    if not isinstance(model, str | os.PathLike):
        if not isinstance(model, tf.keras.Model):
            raise InvalidInput(
                f"model: expected the path of a saved Keras model or a Keras model, got "
                f"{type(model).__name__}."
            )
        return model, repr(model.name)
    path = existing(model, "model")
    try:
        return tf.keras.models.load_model(path, compile=False), repr(str(path))
    except Exception as error:
        raise InvalidInput(
            f"model: {str(path)!r} cannot be read by the Keras of TensorFlow {tf.__version__} "
            f"({type(error).__name__}: {str(error)[:500]}); expected a whole model (not weights "
            "alone), saved by Keras 2 with model.save('model.h5')."
        ) from error


def _last_features(graph: Any) -> int | None:
    """The number of the last convolution's value; None where the model has none."""
    having = [node for node in graph.nodes if "Conv2D" in type(node.layer).__name__]
    return having[-1].output if having else None


def slope_of(network: Network, inputs: Inputs) -> Callable[..., tuple[Float32, float]]:
    """(samples (n, H, W, C), map (H, W, C), label) -> mean gradient of the loss, probability.

    The samples, with the map added and brought back into the bounds, go through the model. The
    loss is the cross-entropy towards the label, -log p; its gradient (H, W, C) is at the input
    that the model saw, averaged over the samples, in shares of the input's range. The
    probability is the samples' mean. All labels share one compiled graph.
    """
    import tensorflow as tf

    low, span = tf.constant(inputs.low), tf.constant(inputs.span)
    shape = network.shape

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *shape), tf.float32),
            tf.TensorSpec(shape, tf.float32),
            tf.TensorSpec((), tf.int32),
        ]
    )
    def slope(samples: Any, added: Any, label: Any) -> Any:
        seen = tf.clip_by_value(samples + span * added, low, low + span)
        with tf.GradientTape() as tape:
            tape.watch(seen)
            log_p = network.log_probability(network.logits(seen))[:, label]
            loss = -tf.reduce_mean(log_p)
        slopes = tape.gradient(loss, seen, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return span * tf.reduce_sum(slopes, axis=0), tf.reduce_mean(tf.exp(log_p))

    def values(samples: Float32, added: Float32, label: int) -> tuple[Float32, float]:
        gradient, probability = slope(samples, added, label)
        return gradient.numpy(), float(probability)

    return values
