"""Gradients that are known, asked as the sampling methods ask for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sat_nb.saliency.sampling import Gradients


def sums_of(gradient: Callable[[Any, Any], Any]) -> Gradients:
    """(points, target, shares) -> sums of ``gradient(inputs (m, H, W, C), targets (m,))``."""

    def sums(points, target, shares):
        assert len(points) == shares.shape[1]
        inputs = points.array()
        assert inputs.dtype == shares.dtype == np.float32
        return np.tensordot(shares, gradient(inputs, np.repeat(target, len(inputs))), axes=1)

    return sums
