"""Gradients that are taken another way than TensorFlow's, against TensorFlow's own."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("kernel", [(7, 7), (3, 3), (2, 5), (1, 1), (4, 4)])
def test_gradient_is_tensorflows(kernel, stride, padding, keras):
    import tensorflow as tf

    from sat_nb.saliency.engines.keras.linear import input_gradient

    random = np.random.default_rng(0)
    weights = random.normal(size=(*kernel, 3, 5)).astype(np.float32)
    for size in ((13, 13), (12, 17), (8, 9), (7, 7)):
        x = tf.constant(random.normal(size=(2, *size, 3)).astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.conv2d(x, weights, stride, padding.upper())
        share = random.normal(size=y.shape).astype(np.float32)
        expected = tape.gradient(y, x, output_gradients=tf.constant(share))
        came = input_gradient(tf.constant(share), tf.constant(weights), size, stride, padding)
        np.testing.assert_allclose(came, expected, atol=1e-5 * np.abs(expected).max())


def test_only_convolutions_that_stride_over_few_channels(keras):
    from sat_nb.saliency.engines.keras.linear import strides_over_photos

    def told(channels, *arguments, **options):
        layer = keras.layers.Conv2D(*arguments, **options)
        layer.build((None, 9, 9, channels))
        return strides_over_photos(layer)

    assert told(3, 4, 3, 2)
    assert not told(3, 4, 3)
    assert not told(3, 4, 3, (1, 2))
    assert not told(3, 4, 3, dilation_rate=2)
    assert not told(3, 3, 3, 2, groups=3)
    assert not told(8, 4, 3, 2)


@pytest.mark.parametrize("shape", [(3, 7), (2, 4, 5, 7)])
def test_gradient_of_a_product_with_a_matrix_is_tensorflows(shape, keras):
    import tensorflow as tf

    from sat_nb.saliency.engines.keras.linear import linear, product

    layer = keras.layers.Dense(6)
    x = tf.constant(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    share = np.random.default_rng(1).normal(size=(*shape[:-1], 6)).astype(np.float32)
    layer.build(shape)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = product(linear(layer), x), layer(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    found = [tape.gradient(y, x, output_gradients=tf.constant(share)) for y in (ours, theirs)]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
