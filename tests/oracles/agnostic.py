"""Input-agnostic saliency, slowly: finite steps through Keras, and boxes one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def input_agnostic(
    model: Any, label: int, *, n_steps: int, n: int, norm: float, kind: str
) -> tuple[NDArray, list[float]]:
    """The map and its fidelity curve for a softmax model of inputs in [0, 1], seed 0, rate 0.1.

    Moments as Kingma & Ba (2015) write them; the gradient by way of the probabilities.
    """
    import tensorflow as tf

    shape = model.input_shape[1:]
    p = np.zeros(shape)
    gradients: list[NDArray] = []
    fidelity = []
    for t in range(1, n_steps + 2):
        noise = np.random.default_rng([0, t]).standard_normal((n, *shape), dtype=np.float32)
        x = tf.constant(np.clip(np.clip(0.5 + noise / 6, 0, 1) + p, 0, 1), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            probability = model(x)[:, label]
            loss = -tf.math.log(probability)
        fidelity.append(float(probability.numpy().mean()))
        if t > n_steps:
            break
        gradients.append(tape.gradient(loss, x).numpy().mean(axis=0).astype(float))
        m = sum(0.1 * 0.9 ** (t - s) * g for s, g in enumerate(gradients, 1)) / (1 - 0.9**t)
        squares = [g**2 if kind == "elementwise" else (g**2).sum() for g in gradients]
        u = sum(0.001 * 0.999 ** (t - s) * q for s, q in enumerate(squares, 1)) / (1 - 0.999**t)
        r = m / np.sqrt(np.maximum(u, 1e-60))
        p = p - 0.1 * r / np.abs(r).max()
        p = p * min(1.0, norm / np.linalg.norm(p))
    return p, fidelity


def strongest(map: NDArray, height: int, width: int) -> tuple[float, tuple[int, int]]:
    """The most energy that a box of that size holds, and its first row and column."""
    best, where = -1.0, (0, 0)
    for top in range(map.shape[0] - height + 1):
        for left in range(map.shape[1] - width + 1):
            held = float(np.square(map[top : top + height, left : left + width]).sum())
            if held > best:
                best, where = held, (top, left)
    return best, where
