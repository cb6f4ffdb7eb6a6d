"""What stands in place of a segment, as pixels of the photo's type."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.interventions.replacements import filled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1, 1), (4, 3), (2, 4, 3)])
def test_colours_become_bytes_as_python_rounds_them(
    shape: tuple[int, ...], dtype: type[np.floating]
) -> None:
    numbers = [-300.0, -0.5, -0.0, 0.5, 1.5, 2.4999, 2.5, 128.0, 254.5, 255.5, 1e9, 77.51]
    colours = np.resize(numbers * 2, shape).astype(dtype)
    found = filled(np.zeros((2, 4, 3), np.uint8), colours)
    size = (2, 4) if len(shape) > 1 else (1, 1)
    right = [round(min(max(float(c), 0), 255)) for c in np.broadcast_to(colours, (*size, 3)).flat]
    assert found.dtype == np.uint8
    assert found.shape == (*size, 3)
    assert found.ravel().tolist() == right


def test_colours_of_a_photo_under_a_window_are_not_rounded() -> None:
    colours = np.array([-1.25, 1.25, 300.0])
    found = filled(np.zeros((2, 4, 3), np.float32), colours)
    assert found.dtype == np.float32
    assert found.ravel().tolist() == [0.0, 1.25, 255.0]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, ">f4", np.longdouble])
def test_colours_may_be_numbers_of_any_kind(dtype: type) -> None:
    colours = np.array([1, 0, 200]).astype(dtype)
    found = filled(np.zeros((2, 4, 3), np.uint8), colours)
    assert found.ravel().tolist() == [1, 0, 1 if dtype is bool else 200]
