"""Boxes around masks and masks that grow, from their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.boxes import box_of, grown

RNG = np.random.default_rng(0)
SHAPES = [(1, 1), (1, 40), (40, 1), (17, 33), (64, 64)]


def some_masks(shape: tuple[int, int]) -> np.ndarray:
    """Nothing, everything, and pixels here and there."""
    shares = np.array([0.0, 1.0, 0.01, 0.02, 0.1, 0.5])
    return RNG.random((len(shares), *shape)) < shares[:, None, None]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_box_goes_from_the_first_pixel_to_the_last(shape: tuple[int, int], order: str) -> None:
    for mask in some_masks(shape):
        rows, columns = np.nonzero(mask)
        expected = (
            (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
            if mask.any()
            else (slice(0, 0), slice(0, 0))
        )
        assert box_of(np.asarray(mask, order=order)) == expected


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("px", [0, 1, 2, 5, 39, 100])
def test_a_mask_grows_by_a_square(shape: tuple[int, int], px: int) -> None:
    masks = some_masks(shape)
    for mask, found in zip(masks, grown(masks, px), strict=True):
        near = np.pad(mask, px)
        windows = np.lib.stride_tricks.sliding_window_view(near, (2 * px + 1, 2 * px + 1))
        np.testing.assert_array_equal(found, windows.any(axis=(2, 3)))
