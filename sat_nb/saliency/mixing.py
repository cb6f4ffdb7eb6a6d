"""The loop that makes mixtures; it stands apart, since who sends them needs no compiler."""

from __future__ import annotations

import numpy as np

from sat_nb.arrays import Float32
from sat_nb.compiled import compiled
from sat_nb.saliency.mixtures import Mixtures


def composed(mixtures: Mixtures) -> Float32:
    """The mixtures (n, H, W, C).

    >>> photo, filling = np.ones((1, 3, 1), np.float32), np.zeros((1, 3, 1), np.float32)
    >>> parts = np.array([[0, 1, 1]], np.uint16)
    >>> kept = np.array([[0, 1]], np.uint8)
    >>> composed(Mixtures([photo], [filling], [parts], np.array([[0, 0]]), kept)).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    shape = mixtures.photos[0].shape
    found = np.empty((len(mixtures), *shape), dtype=np.float32)
    fillings = [np.ascontiguousarray(np.broadcast_to(one, shape)) for one in mixtures.fillings]
    for row, (photo, filling) in enumerate(mixtures.pairs.tolist()):
        _compose(
            mixtures.photos[photo].reshape(-1),
            fillings[filling].reshape(-1),
            mixtures.parts[photo].reshape(-1),
            mixtures.kept[row],
            found[row].reshape(-1),
            shape[2],
        )
    return found


@compiled(nogil=True)
def _compose(photo, filling, parts, kept, found, n_channels):  # type: ignore[no-untyped-def]
    """Copy stretches of pixels that are all kept, or all replaced."""
    start = 0
    while start < parts.size:
        is_kept, stop = kept[parts[start]], start + 1
        while stop < parts.size and kept[parts[stop]] == is_kept:
            stop += 1
        source = photo if is_kept else filling
        found[start * n_channels : stop * n_channels] = source[
            start * n_channels : stop * n_channels
        ]
        start = stop
