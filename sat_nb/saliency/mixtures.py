"""Mixtures of two pictures: one where parts of the photo are kept, the other elsewhere.

An engine makes them itself: of a photo with hundreds of mixtures only two pictures and a few
numbers go through the pipe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Pixels


@dataclass(frozen=True)
class Mixtures:
    """n mixtures of p photos with f fillings.

    Parameters
    ----------
    photos, fillings : sequences of p and f arrays, uint8 or float32 (H, W, C)
        What is kept, and what stands in place of the rest; a filling of one colour is (1, 1, C).
        They are as yet not preprocessed, as bytes take a quarter of the way's time, and not
        stacked: that would be a copy of each.
    parts : sequence of p arrays, uint16 (H, W)
        The number of the part that each pixel of a photo belongs to.
    pairs : int64 (n, 2)
        The photo and the filling of each mixture.
    kept : uint8 (n, n_parts)
        1 for the parts that are kept.
    """

    photos: Sequence[Pixels]
    fillings: Sequence[Pixels]
    parts: Sequence[NDArray[np.uint16]]
    pairs: NDArray[np.int64]
    kept: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pairs)
