"""Refinement of a map, and the region that it points at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sat_nb.agnostic.inputs import Inputs
from sat_nb.agnostic.network import Network

Floats = NDArray[np.float32]
AMPLIFY = 5.0
"""By how much the active part is amplified, before the ball takes its share back."""


def refine_of(network: Network, inputs: Inputs) -> Callable[[Floats], Floats] | None:
    """The refinement for a network; None where it has no feature maps.

    The last convolution answers to the map, added to the middle of the range; the mean over its
    channels, brought to the input's size, is cut by Otsu's threshold (Jalwana et al. 2020). Where
    it is active the map is amplified, elsewhere it is set to 0.
    """
    import tensorflow as tf

    if network.features is None:
        return None
    middle, features = inputs.low + inputs.span / 2, network.features

    @tf.function(input_signature=[tf.TensorSpec(network.shape, tf.float32)])
    def response(added: tf.Tensor) -> tf.Tensor:
        seen = tf.clip_by_value(middle + inputs.span * added, inputs.low, inputs.low + inputs.span)
        mean = tf.reduce_mean(features(seen[None]), axis=3, keepdims=True)
        return tf.image.resize(mean, network.shape[:2])[0, :, :, 0]

    def refine(added: Floats) -> Floats:
        values = response(added).numpy()
        active = values > otsu(values)
        if not (added * active[:, :, None]).any():
            return added
        return np.where(active[:, :, None], np.float32(AMPLIFY) * added, np.float32(0))

    return refine


def otsu(values: NDArray, bins: int = 256) -> float:
    """The threshold that parts values into two groups as far apart as can be (Otsu 1979).

    It maximises the variance between the groups; all values equal give that value.

    >>> round(otsu(np.array([0.0, 0.1, 0.1, 0.9, 1.0])), 1)
    0.1
    """
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    best = int(np.nanargmax(np.where(above > 0, apart, -1.0)))
    return float(edges[best + 1])
