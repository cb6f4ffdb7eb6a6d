"""The loop that makes mixtures; it stands apart, since who sends them needs no compiler."""

from __future__ import annotations

import numpy as np

from sat_nb.arrays import Float32
from sat_nb.compiled import compiled
from sat_nb.saliency.mixtures import Mixtures


def composed(mixtures: Mixtures) -> Float32:
    """The mixtures (n, H, W, C).

    >>> photo, filling = np.ones((1, 1, 3, 1), np.float32), np.zeros((1, 1, 3, 1), np.float32)
    >>> parts = np.array([[[0, 1, 1]]], np.uint16)
    >>> kept = np.array([[0, 1]], np.uint8)
    >>> composed(Mixtures(photo, filling, parts, np.array([[0, 0]]), kept)).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    shape = mixtures.photos.shape[1:]
    found = np.empty((len(mixtures), *shape), dtype=np.float32)
    _compose(
        mixtures.photos.reshape(len(mixtures.photos), -1, shape[2]),
        mixtures.fillings.reshape(len(mixtures.fillings), -1, shape[2]),
        mixtures.parts.reshape(len(mixtures.parts), -1),
        mixtures.pairs,
        mixtures.kept,
        found.reshape(len(found), -1, shape[2]),
    )
    return found


@compiled(nogil=True)
def _compose(photos, fillings, parts, pairs, kept, found):  # type: ignore[no-untyped-def]
    for i in range(len(pairs)):
        photo, filling, part = photos[pairs[i, 0]], fillings[pairs[i, 1]], parts[pairs[i, 0]]
        for pixel in range(photo.shape[0]):
            if kept[i, part[pixel]]:
                for channel in range(photo.shape[1]):
                    found[i, pixel, channel] = photo[pixel, channel]
            else:
                for channel in range(photo.shape[1]):
                    found[i, pixel, channel] = filling[pixel, channel]
