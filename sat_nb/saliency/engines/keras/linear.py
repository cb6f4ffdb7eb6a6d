"""Layers with weights as linear maps: for other weights, and for faster gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

layers = tf.keras.layers


@dataclass(frozen=True)
class Linear:
    """``apply(x, kernel)`` is what the layer does to ``x`` before its bias and activation.

    ``back(share, kernel, x)`` takes a gradient of its result back to ``x``, where TensorFlow's own
    is slow. ``adds_up`` says that ``apply`` of inputs concatenated along axis -1, with kernels
    concatenated along axis -2, is the sum of both.
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


def _grouped(layer: Any) -> Linear:
    """A convolution of each group of channels by itself."""

    def apply(x: Any, kernel: Any) -> Any:
        parts = zip(tf.split(x, layer.groups, -1), tf.split(kernel, layer.groups, -1), strict=True)
        padding = layer.padding.upper()
        rest = {"strides": layer.strides, "padding": padding, "dilations": layer.dilation_rate}
        return tf.concat([tf.nn.conv2d(one, own, **rest) for one, own in parts], -1)

    return Linear(layer.kernel, apply, layer.bias)


def _depthwise(layer: Any) -> Linear:
    def apply(x: Any, kernel: Any) -> Any:
        strides = (1, *layer.strides, 1)
        return tf.nn.depthwise_conv2d(
            x, kernel, strides, layer.padding.upper(), dilations=layer.dilation_rate
        )

    return Linear(layer.depthwise_kernel, apply, layer.bias)


def _dense(layer: Any) -> Linear:
    return matrix_map(layer.kernel, layer.bias)


def matrix_map(kernel: Any, bias: Any = None) -> Linear:
    """The product with a matrix (n_in, n_out), and a bias."""
    return Linear(kernel, _times_matrix, bias, _back_through_matrix, adds_up=True)


def _times_matrix(x: Any, kernel: Any) -> Any:
    return tf.matmul(x, kernel) if x.shape.rank == 2 else tf.tensordot(x, kernel, 1)


def _back_through_matrix(share: Any, kernel: Any, x: Any) -> Any:
    """``share`` times the transposed kernel, computed as the kernel times the transposed share.

    TensorFlow's own product of a few rows with a transposed matrix is slow: for 16 rows and
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
"""By the layer's exact class: subclasses (a transposed convolution is one) do something else."""


def linear(layer: Any) -> Linear | None:
    """The layer as a linear map; None for layers without weights, and unsupported ones."""
    make = LINEAR.get(type(layer))
    if make is None:
        return None
    if getattr(layer, "groups", 1) != 1:
        make = _grouped
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


MAX_CHANNELS = 4
"""Convolutions of more channels are left to TensorFlow, which is then faster."""


def strides_over_photos(layer: Any) -> bool:
    """Whether a built Conv2D strides over few channels, where TensorFlow's gradient is slow."""
    stride, *others = layer.strides
    return (
        stride > 1
        and others == [stride]
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.groups == 1
        and layer.kernel.shape[2] <= MAX_CHANNELS
    )


def input_gradient(share: Any, kernel: Any, size: Sequence[int], stride: int, padding: str) -> Any:
    """The gradient (n, *size, C) of a convolution's input, given that of its output.

    Input p gets sum_o share[o] kernel[p + before - stride o]. With p + before = stride q + a this
    is, for each phase a, a convolution of ``share`` with every stride-th tap of the kernel. All
    phases are computed as channels of one convolution; ``depth_to_space`` then interleaves them.
    """
    taps = [-(-n // stride) for n in kernel.shape[:2]]
    before = [_padded_before(*of, stride, padding) for of in zip(size, kernel.shape, strict=False)]
    n_places = [-(-(n + b) // stride) for n, b in zip(size, before, strict=True)]
    edges = [
        [n_taps - 1, max(0, wanted - there)]
        for n_taps, wanted, there in zip(taps, n_places, share.shape[1:3], strict=True)
    ]
    by_phase = tf.nn.conv2d(share, _phases(kernel, taps, stride), 1, [[0, 0], *edges, [0, 0]])
    whole = tf.nn.depth_to_space(by_phase, stride)
    (top, left), (height, width) = before, size
    return whole[:, top : top + height, left : left + width]


def _padded_before(size: int, taps: int, stride: int, padding: str) -> int:
    """How many zeros the convolution puts before its input, along one side."""
    if padding.upper() == "VALID":
        return 0
    return max((-(-size // stride) - 1) * stride + taps - size, 0) // 2


def _phases(kernel: Any, taps: Sequence[int], stride: int) -> Any:
    """A kernel (h, w, c, k) as (*taps, k, stride * stride * c), its taps in reverse."""
    height, width, n_in, n_out = kernel.shape
    more = [[0, n * stride - m] for n, m in zip(taps, (height, width), strict=True)]
    whole = tf.pad(kernel, [*more, [0, 0], [0, 0]])
    split = tf.reshape(whole, (taps[0], stride, taps[1], stride, n_in, n_out))
    turned = tf.transpose(tf.reverse(split, [0, 2]), (0, 2, 5, 1, 3, 4))
    return tf.reshape(turned, (*taps, n_out, stride * stride * n_in))
