"""Layers with weights as linear maps: to apply with other weights, or to go back through fast."""

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
    return Linear(layer.kernel, _times_matrix, layer.bias, _back_through_matrix, adds_up=True)


def _times_matrix(x: Any, kernel: Any) -> Any:
    return tf.matmul(x, kernel) if x.shape.rank == 2 else tf.tensordot(x, kernel, 1)


def _back_through_matrix(share: Any, kernel: Any, x: Any) -> Any:
    """``share`` times the transposed kernel, taken as the kernel times the transposed share.

    TensorFlow's own product, of a few rows with a transposed matrix, is slow: of 16 rows with
    VGG16's 25088 x 4096 it takes four times as long.
    """
    if x.shape.rank == 2:
        return tf.transpose(tf.matmul(kernel, share, transpose_b=True))
    return tf.tensordot(share, tf.transpose(kernel), 1)


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


def product(map_: Linear, x: Any) -> Any:
    """What the layer does to ``x`` before its activation; its gradient is ``back`` where set."""
    z = _with_own_gradient(map_, x) if map_.back else map_.apply(x, map_.kernel)
    return z if map_.bias is None else tf.nn.bias_add(z, map_.bias)


def _with_own_gradient(map_: Linear, x: Any) -> Any:
    back = map_.back
    assert back is not None

    @tf.custom_gradient
    def apply(x: Any, kernel: Any) -> tuple[Any, Any]:
        return map_.apply(x, kernel), lambda share: (back(share, kernel, x), None)

    return apply(x, tf.convert_to_tensor(map_.kernel))
