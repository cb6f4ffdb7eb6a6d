"""The plot of input-agnostic maps: its artists, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import sat_nb as sat
from sat_nb.agnostic.saliency import InputAgnosticSaliency
from tests.plots.test_pictures import compared, without_texts


def made(label: int, channels: int = 3) -> InputAgnosticSaliency:
    """A map whose strongest part is at the lower right."""
    map = np.random.default_rng(label).normal(0, 0.05, (16, 20, channels)).astype(np.float32)
    map[11:15, 14:19, 0] += 0.6
    fidelity = np.array([0.02, 0.3, 0.97])
    return InputAgnosticSaliency(label, map, fidelity, np.array([0.0, 1, 2]), "steps", {}, {})


def test_one_label_on_given_axes() -> None:
    ax = Figure().subplots()
    names = {7: "a $\\frac{1}{2}$ <b>zebra</b>"}
    assert sat.plot_input_agnostic(made(7), names=names, ax=ax) is ax
    assert ax.get_title() == "a $\\frac{1}{2}$ <b>zebra</b>"
    assert ax.title.get_parse_math() is False
    assert ax.get_xlabel() == "0.02 → 0.97"


def test_colours_follow_the_channels() -> None:
    rgb, bgr = (sat.plot_input_agnostic(made(0), channels=c).images[0] for c in ("rgb", "bgr"))
    pixel = rgb.get_array()[12, 16]
    assert pixel[0] > 0.9
    assert abs(pixel[1] - 0.5) < 0.2
    np.testing.assert_array_equal(bgr.get_array()[..., ::-1], rgb.get_array())
    grey = sat.plot_input_agnostic(made(0, channels=1)).images[0].get_array()
    red, _, blue = grey[12, 16]
    assert red > blue + 0.3


def test_the_box_is_outlined_where_the_map_is_strong() -> None:
    ax = sat.plot_input_agnostic(made(0), box=0.25)
    (outline,) = (patch for patch in ax.patches if isinstance(patch, Rectangle))
    box = made(0).box(0.25)
    assert (outline.get_x(), outline.get_y()) == (box.left - 0.5, box.top - 0.5)
    assert (outline.get_width(), outline.get_height()) == (box.width, box.height)
    assert not sat.plot_input_agnostic(made(0)).patches


def test_a_grid_has_one_panel_a_label_and_keeps_the_curves() -> None:
    results = {i: made(i) for i in range(7)}
    figure = sat.plot_input_agnostic(results, figure=Figure())
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in shown] == [f"label {i}" for i in range(7)]
    numbers = sat.plots.style.numbers_of(shown)
    assert [int(frame["label"].iloc[0]) for frame in numbers] == list(range(7))
    assert numbers[0]["fidelity"].tolist() == [0.02, 0.3, 0.97]


def test_bad_input_is_refused() -> None:
    for arguments, options, match in (
        ((3,), {}, "found: .*got int"),
        (({},), {}, "found: .*got none"),
        (({0: made(0), 1: "x"},), {}, "got str"),
        ((made(0),), {"channels": "hsv"}, "channels: expected 'rgb' or 'bgr'"),
    ):
        with pytest.raises(sat.InvalidInput, match=match):
            sat.plot_input_agnostic(*arguments, **options)


@compared
def test_input_agnostic() -> Any:
    found = {i: made(i, channels=3 if i < 2 else 1) for i in range(3)}
    return without_texts(sat.plot_input_agnostic(found, box=0.25))
