"""The window that brings photos to 0..255, and photos as pictures show them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sat_nb import IdMismatch, ImageSet, InvalidInput
from sat_nb.photos.window import shown

DEEP = np.arange(0, 4096, dtype=np.uint16).reshape(64, 64)


def test_a_window_is_linear_and_cuts_off_what_lies_beyond() -> None:
    found = ImageSet({"a": DEEP}, window=(1000, 3000))["a"]
    assert found.dtype == np.float32
    expected = np.interp(DEEP, [1000, 3000], [0, 255])
    np.testing.assert_allclose(found, np.repeat(expected[..., None], 3, axis=2), atol=1e-4)
    assert (found.min(), found.max()) == (0, 255)


@given(st.integers(-1000, 4000), st.integers(1, 5000))
def test_no_two_levels_within_the_window_become_one(low: int, width: int) -> None:
    inside = np.unique(np.clip(DEEP.astype(int), low, low + width))
    found = ImageSet({"a": DEEP}, window=(low, low + width))["a"]
    assert len(np.unique(found)) == len(inside)
    assert (np.diff(found[..., 0].ravel()) >= 0).all()


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (np.array([[0, 65535]], np.uint16), 0, 255),
        (np.array([[-32768, 32767]], np.int16), 0, 255),
        (np.array([[0, 7]], np.uint8), 0, 7),
    ],
)
def test_the_range_of_a_type(array: np.ndarray, low: float, high: float) -> None:
    found = ImageSet({"a": array}, window="dtype")["a"]
    assert (found.min(), found.max()) == (low, high)


def test_a_window_for_each_photo() -> None:
    plain = np.full((2, 2, 3), 200, np.uint8)
    photos = {"a": DEEP, "b": plain, "c": DEEP}
    images = ImageSet(photos, window={"a": (0, 4095), "c": "dtype"})
    assert images["a"].max() == 255
    assert images["b"] is plain
    assert images["c"].max() == np.float32(4095 * 255 / 65535)
    assert [images.has_window(i) for i in "abc"] == [True, False, True]
    some = images.select(["b", "c"])
    np.testing.assert_array_equal(some["c"], images["c"])
    with pytest.raises(IdMismatch, match="'d' has no photo"):
        ImageSet(photos, window={"d": (0, 1)})


def test_photos_of_8_bits_under_a_window() -> None:
    plain = np.arange(0, 252, 2, dtype=np.uint8).reshape(6, 7, 3)
    for window in ((0, 255), "dtype", "file"):
        assert ImageSet({"a": plain}, window=window)["a"] is plain
    found = ImageSet({"a": plain}, window=(100, 200))["a"]
    np.testing.assert_allclose(found, np.interp(plain, [100, 200], [0, 255]), atol=1e-4)
    with pytest.raises(InvalidInput, match=r"image 'a': .* of 8 bits.*window=\{image_id: "):
        ImageSet({"a": plain}, window=(0, 4095))["a"]


@pytest.mark.parametrize(
    "wrong", [(1, 1), (2, 1), (0, np.nan), (0, np.inf), (1, 2, 3), "auto", 255, {"a": "x"}, "12"]
)
def test_windows_are_checked(wrong: object) -> None:
    with pytest.raises(InvalidInput, match=r"window: expected \(low, high\)"):
        ImageSet({"a": DEEP}, window=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("window", ["dtype", "file"])
def test_floats_have_no_range_of_their_own(window: str) -> None:
    images = ImageSet({"a": DEEP / 4096}, window=window)
    with pytest.raises(InvalidInput, match=r"give \(low, high\), of values from 0 to 0\.99"):
        images["a"]


def test_pictures_show_any_photo() -> None:
    plain = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert shown(plain) is plain
    for deep in (DEEP, DEEP.astype(np.float32) - 1000, DEEP / 4096):
        found = shown(deep)
        assert found.dtype == np.uint8
        assert (found.min(), found.max()) == (0, 255)
    under_a_window = ImageSet({"a": DEEP}, window=(0, 8190))["a"]
    assert shown(under_a_window).max() == 128
    assert shown(np.full((2, 2), 7, np.uint16)).max() == 0
    with pytest.raises(InvalidInput, match=r"photo: expected an array \(H, W, 3\).*got int"):
        shown(3, "photo")
