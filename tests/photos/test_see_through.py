"""See-through photos lie over white: what a viewer does not show counts for nothing."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sat_nb import ImageSet, read_images
from tests.photos.writers import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, write_png

RANDOM = np.random.default_rng(0)
SHOWN = RANDOM.integers(0, 256, (6, 8, 3)).astype(np.uint8)
ALPHA = np.where(np.arange(48).reshape(6, 8) % 3, 255, 0).astype(np.uint8)


def read_quietly(folder: Path) -> ImageSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_images(folder)


def pixels_of(images: ImageSet, image_id: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return images[image_id]


@pytest.mark.parametrize("form", ["png", "webp", "tif", "tga", "jp2", "qoi"])
def test_hidden_colours_count_for_nothing(tmp_path: Path, form: str) -> None:
    options = {"lossless": True, "exact": True} if form == "webp" else {}
    for name, hidden in (("black", (0, 0, 0)), ("red", (240, 30, 10))):
        colours = np.where(ALPHA[..., None], SHOWN, np.array(hidden, np.uint8))
        Image.fromarray(np.dstack([colours, ALPHA])).save(tmp_path / f"{name}.{form}", **options)
    images = read_quietly(tmp_path)
    expected = np.where(ALPHA[..., None], SHOWN, np.uint8(255))
    for image_id in ("black", "red"):
        np.testing.assert_array_equal(pixels_of(images, image_id), expected)


def test_half_transparent_parts_are_mixed_with_white(tmp_path: Path) -> None:
    alpha = RANDOM.integers(0, 256, (6, 8)).astype(np.uint8)
    Image.fromarray(np.dstack([SHOWN, alpha])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([SHOWN[..., 0], alpha])).save(tmp_path / "la.png")
    images, share = read_quietly(tmp_path), alpha[..., None] / 255
    expected = SHOWN * share + 255 * (1 - share)
    np.testing.assert_allclose(pixels_of(images, "rgba"), expected, atol=0.51)
    grey = np.repeat(expected[..., :1], 3, axis=2)
    np.testing.assert_allclose(pixels_of(images, "la"), grey, atol=0.51)
    white = Image.new("RGBA", (8, 6), "white")
    white.alpha_composite(Image.open(tmp_path / "rgba.png"))
    others = np.asarray(white.convert("RGB")).astype(int)
    assert np.abs(pixels_of(images, "rgba").astype(int) - others).max() <= 1


def test_a_colour_that_is_transparent(tmp_path: Path) -> None:
    grey, colours = SHOWN[..., 0].copy(), SHOWN.copy()
    grey[0], colours[0] = 7, (1, 2, 3)
    write_png(tmp_path / "grey.png", grey, GREY, key=(7,))
    write_png(tmp_path / "colour.png", colours, COLOUR, key=(1, 2, 3))
    write_png(tmp_path / "grey16.png", grey.astype(np.uint16) * 257, GREY, key=(7 * 257,))
    deep = colours.astype(np.uint16) * 257
    write_png(tmp_path / "colour16.png", deep, COLOUR, key=(257, 514, 771))
    images = read_quietly(tmp_path)
    grey_white = np.where((grey == 7)[..., None], 255, np.repeat(grey[..., None], 3, axis=2))
    colour_white = np.where((colours == (1, 2, 3)).all(axis=2)[..., None], 255, colours)
    for depth, factor in (("", 1), ("16", 257)):
        found = pixels_of(images, f"grey{depth}")
        np.testing.assert_array_equal(found, grey_white.astype(int) * factor)
        found = pixels_of(images, f"colour{depth}")
        np.testing.assert_array_equal(found, colour_white.astype(int) * factor)


def test_palettes_and_gifs(tmp_path: Path) -> None:
    numbers = (np.arange(48).reshape(6, 8) % 3).astype(np.uint8)
    image = Image.fromarray(numbers, "P")
    image.putpalette([10, 20, 30, 200, 100, 0, 9, 9, 9])
    image.save(tmp_path / "a.png", transparency=1)
    image.save(tmp_path / "b.gif", transparency=1)
    image.save(tmp_path / "c.png", transparency=bytes([255, 0, 128]))
    images = read_quietly(tmp_path)
    colours = np.array([[10, 20, 30], [255, 255, 255], [9, 9, 9]])
    np.testing.assert_array_equal(pixels_of(images, "a"), colours[numbers])
    np.testing.assert_array_equal(pixels_of(images, "b"), colours[numbers])
    colours[2] = round(9 * 128 / 255 + 255 * 127 / 255)
    np.testing.assert_array_equal(pixels_of(images, "c"), colours[numbers])


def test_alpha_of_16_bits(tmp_path: Path) -> None:
    deep = RANDOM.integers(0, 65536, (6, 8, 3)).astype(np.uint16)
    alpha = RANDOM.integers(0, 65536, (6, 8)).astype(np.uint16)
    write_png(tmp_path / "rgba.png", np.dstack([deep, alpha]), COLOUR_ALPHA)
    write_png(tmp_path / "la.png", np.dstack([deep[..., 0], alpha]), GREY_ALPHA)
    images, share = read_quietly(tmp_path), alpha[..., None] / 65535
    expected = deep * share + 65535 * (1 - share)
    np.testing.assert_allclose(pixels_of(images, "rgba"), expected, atol=0.51)
    np.testing.assert_allclose(pixels_of(images, "la")[..., 1], expected[..., 0], atol=0.51)


def test_one_warning_names_the_first_photo(tmp_path: Path) -> None:
    for name in "ab":
        Image.fromarray(np.dstack([SHOWN, ALPHA])).save(tmp_path / f"{name}.png")
    Image.fromarray(np.dstack([SHOWN, np.full_like(ALPHA, 255)])).save(tmp_path / "opaque.png")
    images = read_images(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(images["opaque"], SHOWN)
    with pytest.warns(UserWarning, match="image 'a': 33% of its pixels are see-through") as told:
        images["a"], images["b"]
    assert len(told) == 1
