"""Small photos: the map and the outlines lie where ``plot_overlay`` draws them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.plots.overlay import map_extent
from sat_nb.widgets import thumbnails

PHOTO = (60, 120)


@pytest.mark.parametrize("fit", ["stretch", "crop", "letterbox"])
def test_a_map_lies_where_the_model_saw_it(fit: str) -> None:
    shape = (30, 60)
    heat = thumbnails.heat_on(np.ones((20, 20)), PHOTO, shape, fit)
    left, right, bottom, top = np.array(map_extent(PHOTO, (20, 20), fit)) / 2
    inside = np.zeros(shape, dtype=bool)
    rows = slice(max(round(top), 0), round(bottom))
    inside[rows, max(round(left), 0) : round(right)] = True
    np.testing.assert_array_equal(heat > 0.5, inside)


def test_signs_and_strength_are_kept() -> None:
    attribution = np.zeros((4, 4, 3))
    attribution[0, 0], attribution[3, 3] = 1.0, -1.0
    heat = thumbnails.heat_on(attribution, (4, 4), (4, 4))
    assert heat[0, 0] == pytest.approx(1, abs=0.01)
    assert heat[3, 3] == pytest.approx(-1, abs=0.01)
    drawn = thumbnails.composed(np.full((4, 4, 3), 255, np.uint8), heat, opacity=1.0)
    red, blue = drawn[0, 0].astype(int), drawn[3, 3].astype(int)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_without_opacity_the_photo_is_as_it_is() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    heat = np.linspace(-1, 1, 48, dtype=np.float32).reshape(6, 8)
    np.testing.assert_array_equal(thumbnails.composed(photo, heat, opacity=0.0), photo)
    np.testing.assert_array_equal(thumbnails.composed(photo), photo)


def test_outlines_are_the_rim_of_the_mask_in_its_colour() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:15, 5:15] = True
    masks = sat.SegmentationMap(("a", "b"), np.stack([mask, ~mask]))
    edges = thumbnails.outlines_on(masks, (20, 20), ("a", "nobody"))
    assert list(edges) == ["a"]
    assert edges["a"].sum() == 36
    assert not edges["a"][6:14, 6:14].any()
    colours = thumbnails.colour_by_name(masks)
    drawn = thumbnails.composed(np.zeros((20, 20, 3), np.uint8), outlines=edges, colours=colours)
    assert (drawn[edges["a"]] == colours["a"]).all()


def test_a_mask_too_small_for_the_grid_is_still_there() -> None:
    mask = np.zeros((1, 300, 300), dtype=bool)
    mask[0, 101, 203] = True
    edges = thumbnails.outlines_on(sat.SegmentationMap(("dot",), mask), (30, 30), ("dot",))
    assert np.argwhere(edges["dot"]).tolist() == [[10, 20]]


def test_small_photos_keep_their_shape_and_open_as_jpeg() -> None:
    small = thumbnails.small(np.zeros((300, 600, 3), np.uint8))
    assert small.shape == (116, 232, 3)
    with Image.open(io.BytesIO(thumbnails.jpeg(small))) as image:
        assert (image.format, image.size) == ("JPEG", (232, 116))


def test_deep_photos_are_small_photos_of_8_bits() -> None:
    levels = np.arange(0, 4096, 2, dtype=np.uint16).reshape(32, 64)
    for photo in (levels, levels.astype(np.float32) - 1000):
        made = thumbnails.small(np.repeat(photo[..., None], 3, axis=2), 64)
        assert (made.dtype, made.shape) == (np.uint8, (32, 64, 3))
        assert (made.min(), made.max()) == (0, 255)
