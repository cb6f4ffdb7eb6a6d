"""The classifier that is asked, and the samples that it is asked with.

To add a distribution of samples, add an entry to :data:`DISTRIBUTIONS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput
from sat_nb.models.keras_file import check_outputs, load_keras
from sat_nb.models.refused import Refused
from sat_nb.registry import Entry, chosen, registry
from sat_nb.saliency.engines.keras import eager_tensorflow
from sat_nb.saliency.model_file import checked_size

Bounds = tuple[Any, Any]
Draw = Callable[[np.random.Generator, int], Any]


# --- samples ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inputs:
    """The model's input (H, W, C) and its range: from ``low`` to ``low + span``, float32 (C,)."""

    shape: tuple[int, int, int]
    low: Float32
    span: Float32


def uniform(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """All values of the range are equally likely, independently in each pixel and channel."""
    drawn = rng.random((n, *inputs.shape), dtype=np.float32)
    return inputs.low + inputs.span * drawn


def noise(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """Gaussian around the middle of the range, a sixth of it wide, clipped to its ends."""
    drawn = rng.standard_normal((n, *inputs.shape), dtype=np.float32)
    return inputs.low + inputs.span * np.clip(0.5 + drawn / 6, 0, 1)


def natural(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """Clouds with the spectrum of photos, amplitudes falling as 1/frequency (Field 1987).

    Each sample has its own brightness, from one end of the range to the other, and its own
    contrast (standard deviation), 5 to 40 % of the range; each channel has its own clouds.
    """
    height, width, channels = inputs.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)  # or the mean, subtracted below, divides by 0
    drawn = rng.standard_normal((n, channels, height, width), dtype=np.float32)
    clouds = np.fft.irfft2(np.fft.rfft2(drawn) / frequency, s=(height, width))
    clouds -= clouds.mean(axis=(2, 3), keepdims=True)
    clouds /= np.maximum(clouds.std(axis=(2, 3), keepdims=True), 1e-12)
    brightness = rng.uniform(0, 1, (n, 1, 1, 1))
    contrast = rng.uniform(0.05, 0.4, (n, 1, 1, 1))
    shares = np.clip(brightness + contrast * np.moveaxis(clouds, 1, 3), 0, 1)
    return inputs.low + inputs.span * shares.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Distribution(Entry):
    """What samples are drawn from: ``function(rng, n, inputs)`` gives float32 (n, H, W, C)."""

    function: Callable[[np.random.Generator, int, Inputs], Float32]


DISTRIBUTIONS: dict[str, Distribution] = registry(
    Distribution(
        name="natural",
        title="Natural",
        about="Clouds with the spectrum of photos.",
        source="Field 1987",
        function=natural,
    ),
    Distribution(
        name="noise",
        title="Noise",
        about="Gaussian around the middle of the range, a sixth of it wide.",
        function=noise,
    ),
    Distribution(
        name="uniform",
        title="Uniform",
        about="All values of the range are equally likely.",
        function=uniform,
    ),
)
"""Distributions of samples by name."""

Samples = str | Distribution | NDArray | Draw
"""What ``distribution=`` takes."""


def read_inputs(shape: tuple[int, int, int], bounds: Bounds) -> Inputs:
    """The range that ``bounds`` = (low, high) gives, each a number or one for each channel.

    >>> read_inputs((8, 8, 3), (-1, 1)).span
    array([2., 2., 2.], dtype=float32)
    """
    wrong = InvalidInput(
        f"bounds: expected (low, high), the range of the model's input, each a finite number or "
        f"{shape[2]} of them, one for each channel, with low < high; got {bounds!r}."
    )
    try:
        low, high = (
            np.broadcast_to(np.asarray(end, dtype=np.float32), shape[2:]) for end in bounds
        )
    except (TypeError, ValueError):
        raise wrong from None
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise wrong
    return Inputs(shape, low.copy(), high - low)


def read_distribution(distribution: Samples, inputs: Inputs) -> Draw:
    """A function (rng, n) -> float32 (n, H, W, C), each of whose results is checked.

    Images are drawn from an array (n, H, W, C) with replacement. Values outside the range are an
    error: the model never sees such values.
    """
    if isinstance(distribution, str | Distribution):
        entry = chosen("distribution", distribution, DISTRIBUTIONS, own=Distribution)
        return lambda rng, n: _checked(entry.function(rng, n, inputs), inputs, n)
    if callable(distribution):
        return lambda rng, n: _checked(distribution(rng, n), inputs, n)
    images = _checked(distribution, inputs)
    return lambda rng, n: images[rng.integers(0, len(images), n)]


def _checked(samples: Any, inputs: Inputs, n: int | None = None) -> Float32:
    expected = (n or "n", *inputs.shape)
    try:
        array = np.asarray(samples, dtype=np.float32)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"distribution: expected samples {expected} of numbers, got {type(samples).__name__}."
        ) from None
    if array.ndim != 4 or array.shape[1:] != inputs.shape or len(array) != (n or len(array) or 1):
        raise InvalidInput(
            f"distribution: expected samples {expected} as the model takes them, got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise InvalidInput("distribution: has NaN or infinite values; give finite ones.")
    slack = 1e-4 * inputs.span  # for rounding in the caller's preprocessing
    if (array < inputs.low - slack).any() or (array > inputs.low + inputs.span + slack).any():
        raise InvalidInput(
            f"distribution: has values from {array.min():g} to {array.max():g}, outside the "
            f"bounds {inputs.low.tolist()} to {(inputs.low + inputs.span).tolist()}; give samples "
            "in the model's units, or their range as bounds=(low, high)."
        )
    return array


# --- the classifier ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """A Keras classifier up to its logits, in eager TensorFlow.

    ``logits`` maps a tensor (n, H, W, C) to (n, n_classes); ``log_probability`` turns these into
    the saved model's log-probabilities, by its head; ``features`` gives the last convolution's
    response (n, h, w, channels), or is None for a model without feature maps.
    """

    shape: tuple[int, int, int]
    n_classes: int
    logits: Callable[[Any], Any]
    log_probability: Callable[[Any], Any]
    features: Callable[[Any], Any] | None


def read_network(
    model: Any, input_size: tuple[int, int] | None, caller: str, *, trusted: bool = False
) -> Network:
    """``model``, the path of a saved Keras model or a live one, as a Network.

    Raises FileMissing, and InvalidInput where it is unreadable, refused, or no classifier of
    images.
    """
    tf = eager_tensorflow(caller)
    size = checked_size(input_size)
    from sat_nb.saliency.engines.keras.classifier import (
        checked_model,
        with_input,
        without_activation,
    )
    from sat_nb.saliency.engines.keras.graph import Unfit, built, unrolled

    keras, name = _read(tf, model, trusted)
    try:
        fitting = with_input(checked_model(keras), size)
        if isinstance(model, str | os.PathLike) and not trusted:
            check_outputs(fitting)
        graph, head = without_activation(unrolled(fitting))
        graph = built(graph)
    except (Unfit, Refused) as unfit:
        raise InvalidInput(f"model: {name}: {unfit.problem}; {unfit.remedy}.") from unfit
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


def _read(tf: Any, model: Any, trusted: bool) -> tuple[Any, str]:
    """The Keras model, and its name for messages."""
    if not isinstance(model, str | os.PathLike):
        if not isinstance(model, tf.keras.Model):
            raise InvalidInput(
                f"model: expected the path of a saved Keras model or a Keras model, got "
                f"{type(model).__name__}."
            )
        return model, repr(model.name)
    return load_keras(Path(model), trusted=trusted), repr(str(model))


def _last_features(graph: Any) -> int | None:
    """The number of the last convolution's value; None where the model has none."""
    having = [node for node in graph.nodes if "Conv2D" in type(node.layer).__name__]
    return having[-1].output if having else None


def slope_of(network: Network, inputs: Inputs) -> Callable[..., tuple[Float32, float]]:
    """(samples (n, H, W, C), map (H, W, C), label) -> mean gradient of the loss, probability.

    The map is added to the samples, which are clipped to the bounds and go through the model. The
    loss is the cross-entropy towards the label, -log p. Its gradient (H, W, C) is taken at the
    clipped input, averaged over the samples, in units of the input's range. The probability is the
    samples' mean. All labels share one compiled graph.
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
