"""Convolutions that stride over a photo: the gradient of their input as an ordinary convolution.

TensorFlow's own is slow for an input of few channels: for the first layer of SqueezeNet (7 x 7,
stride 2) it takes a third of the whole gradient's time, and this a third of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

MOST_CHANNELS = 4
"""Inputs with more channels are left to TensorFlow."""


def strides_over_photos(layer: Any) -> bool:
    """Whether a built Conv2D layer is such a convolution."""
    stride, *others = layer.strides
    return (
        stride > 1
        and others == [stride]
        and tuple(layer.dilation_rate) == (1, 1)
        and layer.groups == 1
        and layer.kernel.shape[2] <= MOST_CHANNELS
    )


def input_gradient(share: Any, kernel: Any, size: Sequence[int], stride: int, padding: str) -> Any:
    """The gradient (n, *size, C) of a convolution's input, given that of its output.

    Input p gets sum_o share[o] kernel[p + before - stride o]. With p + before = stride q + a
    that is for every phase a a convolution of ``share``, with every stride-th tap of the kernel;
    all phases are channels of one, and ``depth_to_space`` puts them side by side.
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
