"""A map lies on the photo where the model saw it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import sat_nb as sat
from sat_nb.geometry import get_fit
from sat_nb.plots.overlay import attribution_colours, map_extent


@pytest.mark.parametrize("fit", sat.FITS)
@pytest.mark.parametrize("photo", [(60, 100), (100, 60), (80, 80)])
def test_a_spot_of_the_photo_is_under_its_own_map(fit, photo):
    """A white square, brought to the map's grid by the fit, is drawn over itself."""
    pixels = np.zeros((*photo, 3), dtype=np.uint8)
    top, left = photo[0] // 2 - 12, photo[1] // 2 + 2
    pixels[top : top + 10, left : left + 10] = 255
    seen = get_fit(fit).image(pixels, (40, 40)).mean(axis=2)
    ax = sat.plot_overlay(pixels, seen / 255, fit=fit)
    left_end, right_end, bottom_end, top_end = ax.images[1].get_extent()
    rows, columns = np.nonzero(seen > 127)
    down = top_end + (np.array([rows.min(), rows.max() + 1]) / 40) * (bottom_end - top_end)
    across = left_end + (np.array([columns.min(), columns.max() + 1]) / 40) * (right_end - left_end)
    cell = max(photo) / 40
    assert down == pytest.approx([top, top + 10], abs=cell)
    assert across == pytest.approx([left, left + 10], abs=cell)
    assert ax.get_xlim() == (0, photo[1])
    assert ax.get_ylim() == (photo[0], 0)


def test_a_letterboxs_bars_lie_beside_the_photo():
    assert map_extent((100, 200), (224, 224), "letterbox") == (0.0, 200.0, 150.0, -50.0)


def test_a_map_of_another_shape_needs_its_fit():
    """As in build: stretched, cropped and letterboxed maps cannot be told apart."""
    photo, heat = np.zeros((40, 80, 3), np.uint8), np.ones((20, 20))
    rows = sat.build({"m": {"a": np.ones((40, 80))}}, {"a": mask_of((40, 80))}, pad_px=0)
    rows.attrs = {}
    for draw in (
        lambda **fit: sat.plot_overlay(photo, heat, **fit),
        lambda **fit: sat.plot_map_grid({"a": photo}, {"m": {"a": heat}}, **fit),
        lambda **fit: sat.plot_image(photo, rows, attribution=heat, **fit),
        lambda **fit: sat.plot_overview(
            photo, heat, mask_of((40, 80)), rows, sat.aggregate(rows, value="rank"), **fit
        ),
    ):
        with pytest.raises(sat.InvalidInput, match=r'20 x 20 px.*40 x 80(.|\n)*fit="letterbox"'):
            draw()
        draw(fit="crop")
        plt.close("all")


def test_a_map_of_the_photos_shape_needs_none():
    ax = sat.plot_overlay(np.zeros((40, 80, 3), np.uint8), np.ones((10, 20)))
    assert ax.images[1].get_extent() == [0, 80, 40, 0]
    assert sat.plot_overlay(np.zeros((37, 80, 3), np.uint8), np.ones((9, 20))), "but for rounding"


def test_columns_of_a_grid_may_know_their_fit():
    """As the maps of one method of a store do: {model: store[method]}."""

    class Known(dict):
        fit = "crop"

    grid = sat.plot_map_grid(
        {"a": np.zeros((40, 80, 3), np.uint8)}, {"model": Known(a=np.ones((20, 20)))}
    )
    assert grid.axes[1].images[1].get_extent() == [20, 60, 40, 0]


def mask_of(size):
    return sat.SegmentationMap(("s",), np.ones((1, *size), bool))


def test_unknown_fit():
    with pytest.raises(sat.InvalidInput, match="fit.*unknown name 'cropped'.*'letterbox'"):
        sat.plot_overlay(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4)), fit="cropped")


@pytest.mark.parametrize("value", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_the_scale_shows_the_colours_that_a_map_has_on_white(value):
    white = np.full((2, 2, 3), 255, dtype=np.uint8)
    ax = sat.plot_overlay(white, np.array([[value, 1.0], [1.0, 1.0]]), opacity=1.0)
    red, green, blue, covered = ax.images[1].get_array()[0, 0]
    seen = np.array([red, green, blue]) * covered + 1 - covered
    assert attribution_colours()((value + 1) / 2)[:3] == pytest.approx(seen, abs=0.01)
    assert attribution_colours()(0.5)[:3] == (1.0, 1.0, 1.0)
