"""paint_superpixels: maps of explanations by superpixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput, shorten
from sat_nb.saliency.external.maps import as_array


def paint_superpixels(
    weights: Mapping[int, float] | Iterable[tuple[int, float]], superpixels: Any
) -> NDArray[np.float64]:
    """Paint the map (H, W) of an explanation by superpixels, as LIME returns it.

    Every pixel gets the weight of its superpixel, as in LIME's own pictures; superpixels without a
    weight get 0.

    Parameters
    ----------
    weights : Mapping[int, float] or iterable of pairs
        {superpixel: weight}, or pairs; LIME's ``explanation.local_exp[target]``.
    superpixels : array_like
        Whole numbers (H, W); LIME's ``explanation.segments``.

    Returns
    -------
    ndarray
        The map, float64 (H, W).

    Raises
    ------
    InvalidInput
        For other shapes, for a superpixel that has two weights, and for one that is not there.

    References
    ----------
    Ribeiro, Singh and Guestrin 2016, "Why should I trust you?", KDD.

    Examples
    --------
    >>> paint_superpixels([(1, 0.5), (2, -1.0)], [[0, 1], [2, 2]]).tolist()
    [[0.0, 0.5], [-1.0, -1.0]]
    """
    labels = as_array(superpixels, "superpixels")
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or labels.size == 0:
        raise InvalidInput(
            f"superpixels: expected whole numbers (H, W), got {labels.dtype} {labels.shape}."
        )
    pairs = list(weights.items() if isinstance(weights, Mapping) else weights)
    names, places = np.unique(labels, return_inverse=True)
    by_name = dict(pairs)
    unknown = [name for name in by_name if name not in set(names.tolist())]
    if unknown or len(by_name) < len(pairs):
        wrong = f"unknown {shorten(unknown)}" if unknown else "one of them twice"
        raise InvalidInput(
            f"weights: expected one for each superpixel of {names[0]}..{names[-1]}, got {wrong}; "
            "give the weights and the superpixels of one explanation."
        )
    painted = np.array([by_name.get(name, 0.0) for name in names.tolist()], dtype=np.float64)
    return painted[places.reshape(labels.shape)]
