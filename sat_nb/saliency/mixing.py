"""The loop that makes mixtures; it stands apart, since who sends them needs no compiler."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sat_nb.arrays import Float32, Pixels
from sat_nb.compiled import compiled
from sat_nb.saliency.mixtures import Mixtures


def as_numbers(picture: Pixels) -> Float32:
    """The picture as it is."""
    return np.ascontiguousarray(picture, dtype=np.float32)


def composed(mixtures: Mixtures, prepare: Callable[[Pixels], Float32] = as_numbers) -> Float32:
    """The mixtures (n, H, W, C), of pictures that ``prepare`` gives of theirs.

    >>> photo, filling = np.ones((1, 3, 1), np.uint8), np.zeros((1, 1, 1), np.uint8)
    >>> parts = np.array([[0, 1, 1]], np.uint16)
    >>> kept = np.array([[0, 1]], np.uint8)
    >>> composed(Mixtures([photo], [filling], [parts], np.array([[0, 0]]), kept)).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    photos = [prepare(one) for one in mixtures.photos]
    shape = photos[0].shape
    found = _aligned((len(mixtures), *shape))
    fillings = [
        np.ascontiguousarray(np.broadcast_to(prepare(one), shape)) for one in mixtures.fillings
    ]
    stretches = [_stretches(parts.reshape(-1)) for parts in mixtures.parts]
    for row, (photo, filling) in enumerate(mixtures.pairs.tolist()):
        _compose(
            photos[photo].reshape(-1),
            fillings[filling].reshape(-1),
            *stretches[photo],
            mixtures.kept[row],
            found[row].reshape(-1),
            shape[2],
        )
    return found


def _aligned(shape: tuple[int, ...]) -> Float32:
    """An array from a multiple of 64 bytes on, of which TensorFlow needs no copy."""
    n_bytes = 4 * math.prod(shape)
    memory = np.empty(n_bytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + n_bytes].view(np.float32).reshape(shape)


@compiled(nogil=True)
def _stretches(parts):  # type: ignore[no-untyped-def]
    """Where each stretch of pixels of one part begins, and the end of all; the part of each."""
    starts = np.empty(parts.size + 1, dtype=np.int64)
    count = 0
    for i in range(parts.size):
        if i == 0 or parts[i] != parts[i - 1]:
            starts[count] = i
            count += 1
    starts[count] = parts.size
    return starts[: count + 1].copy(), parts[starts[:count]]


@compiled(nogil=True)
def _compose(photo, filling, starts, parts, kept, found, n_channels):  # type: ignore[no-untyped-def]
    """Copy stretches of pixels that are all kept, or all replaced."""
    first = 0
    while first < parts.size:
        is_kept, last = kept[parts[first]], first + 1
        while last < parts.size and kept[parts[last]] == is_kept:
            last += 1
        source = photo if is_kept else filling
        start, stop = starts[first] * n_channels, starts[last] * n_channels
        found[start:stop] = source[start:stop]
        first = last
