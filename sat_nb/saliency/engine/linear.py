"""Layers with weights as linear maps, so that a rule may apply them with other weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from sat_nb.saliency.engine.strided import input_gradient, strides_over_photos

layers = tf.keras.layers


@dataclass(frozen=True)
class Linear:
    """``apply(x, kernel)`` is what the layer does to ``x`` before its bias and activation.

    ``back(share, kernel, x)`` takes a gradient of that to ``x``, where TensorFlow's own is slow;
    ``adds_up`` says that kernels side by side (axis -2) add up what they do to inputs that are
    side by side (axis -1).
    """

    kernel: Any
    apply: Callable[..., Any]
    bias: Any = None
    back: Callable[..., Any] | None = None
    adds_up: bool = False


def _convolution(layer: Any) -> Linear:
    def apply(x: Any, kernel: Any) -> Any:
        return tf.nn.conv2d(
            x, kernel, layer.strides, layer.padding.upper(), dilations=layer.dilation_rate
        )

    def back(share: Any, kernel: Any, x: Any) -> Any:
        return input_gradient(share, kernel, x.shape[1:3], layer.strides[0], layer.padding)

    own = back if strides_over_photos(layer) else None
    return Linear(layer.kernel, apply, layer.bias, own, adds_up=True)


def _depthwise(layer: Any) -> Linear:
    def apply(x: Any, kernel: Any) -> Any:
        strides = (1, *layer.strides, 1)
        return tf.nn.depthwise_conv2d(
            x, kernel, strides, layer.padding.upper(), dilations=layer.dilation_rate
        )

    return Linear(layer.depthwise_kernel, apply, layer.bias)


def _dense(layer: Any) -> Linear:
    return Linear(layer.kernel, _times_matrix, layer.bias, adds_up=True)


def _times_matrix(x: Any, kernel: Any) -> Any:
    return tf.matmul(x, kernel) if x.shape.rank == 2 else tf.tensordot(x, kernel, 1)


def _times_vector(x: Any, kernel: Any) -> Any:
    return x * kernel


def _batchnorm(layer: Any) -> Linear:
    scale = tf.math.rsqrt(layer.moving_variance + layer.epsilon)
    if layer.scale:
        scale = scale * layer.gamma
    bias = -layer.moving_mean * scale
    if layer.center:
        bias = bias + layer.beta
    return Linear(scale, _times_vector, bias)


LINEAR: dict[type, Callable[[Any], Linear]] = {
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _depthwise,
    layers.Dense: _dense,
    layers.BatchNormalization: _batchnorm,
}
"""By the layer's very class: subclasses (a transposed convolution is one) do something else."""


def linear(layer: Any) -> Linear | None:
    """The layer as a linear map; None for layers without weights, and those not known here."""
    make = LINEAR.get(type(layer))
    if make is None or getattr(layer, "groups", 1) != 1:
        return None
    if isinstance(layer, layers.BatchNormalization) and layer.axis[-1] != layer.input_spec.ndim - 1:
        return None
    return make(layer)
