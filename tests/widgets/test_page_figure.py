"""Figures for pages: the places of axes and legends, against those of constrained layout."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

import sat_nb as sat
from sat_nb.plots.new_figures import made_by
from sat_nb.toy import toy
from sat_nb.widgets.markup import svg_of
from sat_nb.widgets.page_figure import page_figure, svg_text

TABLE = sat.build(*toy())
ONE = TABLE[TABLE["method"] == "sharp"].replace("mouth", "the mouth with all of its teeth")
LONG = pd.concat(
    [
        TABLE[TABLE["method"] == "sharp"].assign(method=f"a method with a long name {i}")
        for i in range(6)
    ]
)
DRAWN: dict[str, Callable[[], Any]] = {
    "bars": lambda: sat.plot_segments(sat.aggregate(ONE)),
    "bars of two methods": lambda: sat.plot_segments(sat.aggregate(TABLE)),
    "dots of two methods": lambda: sat.plot_segments(sat.aggregate(TABLE, value="rank")),
    "distribution": lambda: sat.plot_rank_distribution(ONE),
    "heatmap": lambda: sat.plot_heatmap(sat.aggregate(TABLE, value="rank")),
    "heatmap, names turned": lambda: sat.plot_heatmap(sat.aggregate(LONG, value="rank")),
    "diagram": lambda: sat.plot_critical_difference(sat.compare(ONE, method="sharp")),
}


@pytest.mark.parametrize("name", DRAWN)
def test_axes_are_about_where_constrained_layout_places_them(name: str) -> None:
    exact, estimated = DRAWN[name](), _on_page(DRAWN[name])
    inches = []
    for ax in (exact, estimated):
        ax.figure.get_layout_engine().execute(ax.figure)
        width, height = ax.figure.get_size_inches()
        inches.append(np.array(ax.get_position().extents) * [width, height, width, height])
    pyplot.close(exact.figure)
    assert inches[1] == pytest.approx(inches[0], abs=0.12)


def test_a_page_figure_is_unknown_to_pyplot() -> None:
    before = pyplot.get_fignums()
    _on_page(DRAWN["bars"])
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("name", ["bars of two methods", "dots of two methods"])
def test_the_keys_of_a_legend_are_within_the_picture(name: str) -> None:
    ax = _on_page(DRAWN[name])
    figure = ax.figure
    svg = svg_of(figure, "two methods")
    box = ax.get_legend().get_window_extent()
    assert "sharp" in svg
    assert ax.bbox.y1 - 1 <= box.y0 < box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("themed", [True, False])
def test_all_text_is_within_the_picture(name: str, themed: bool) -> None:
    ax = _on_page(DRAWN[name])
    svg = svg_of(ax.figure, name, themed=themed)
    box: Any = re.search(r'viewBox="([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+)"', svg)
    left, top, width, height = map(float, box.groups())
    tall = 72 * ax.figure.get_figheight()
    for text in set(ax.figure.findobj(Text)) - _beyond_the_axis(ax.xaxis):
        if not text.get_visible() or not text.get_text():
            continue
        extent = text.get_window_extent()
        assert left <= extent.x0 <= extent.x1 <= left + width
        assert top <= tall - extent.y1 <= tall - extent.y0 <= top + height


def _beyond_the_axis(axis: Any) -> set[Text]:
    """Numbers of ticks that are not drawn."""
    low, high = sorted(axis.get_view_interval())
    return {t.label1 for t in axis.get_major_ticks() if not low <= t.get_loc() <= high}


def test_several_axes_are_left_to_constrained_layout() -> None:
    figures = page_figure(5, 3), pyplot.figure(figsize=(5, 3), layout="constrained")
    places = []
    for figure in figures:
        axes = figure.subplots(1, 2)
        axes[1].set_ylabel("label")
        engine: Any = figure.get_layout_engine()
        engine.execute(figure)
        places.append([ax.get_position().extents for ax in axes])
    pyplot.close(figures[1])
    assert np.allclose(*places, atol=0.001)  # letters are not hinted


def test_a_picture_is_the_svg_that_matplotlib_writes() -> None:
    ax = _on_page(DRAWN["bars of two methods"])
    ax.figure.set_layout_engine("none")
    plain = io.StringIO()
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "page"}):
        found = svg_text(ax.figure)
        ax.figure.savefig(plain, format="svg", metadata={"Date": None})
    assert found == plain.getvalue()


def test_texts_are_measured_in_the_fonts_that_the_user_sets() -> None:
    font, widths = FontProperties(family="sans-serif", size=10), []
    for name in ("DejaVu Sans", "DejaVu Sans Mono"):
        with pyplot.rc_context({"font.sans-serif": [name]}):
            renderer = page_figure(1, 1)._get_renderer()
            widths.append(renderer.get_text_width_height_descent("illi", font, False)[0])
    assert widths[1] > 1.5 * widths[0]


def _on_page(draw: Callable[[], Any]) -> Any:
    with made_by(page_figure):
        return draw()
