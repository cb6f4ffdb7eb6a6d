"""Figures for pages: the places of axes and legends, against those of constrained layout."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine

import sat_nb as sat
from sat_nb.plots.new_figures import made_by
from sat_nb.toy import toy
from sat_nb.widgets.markup import svg_of
from sat_nb.widgets.page_figure import PageLayout, page_figure, svg_text

TABLE = sat.build(*toy())
ONE = TABLE[TABLE["method"] == "sharp"].replace("mouth", "the mouth with all of its teeth")
DRAWN: dict[str, Callable[[], Any]] = {
    "bars": lambda: sat.plot_segments(sat.aggregate(ONE)),
    "bars of two methods": lambda: sat.plot_segments(sat.aggregate(TABLE)),
    "dots of two methods": lambda: sat.plot_segments(sat.aggregate(TABLE, value="rank")),
    "distribution": lambda: sat.plot_rank_distribution(ONE),
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


def test_figures_on_white_are_laid_out_exactly() -> None:
    ax = _on_page(lambda: sat.plot_heatmap(sat.aggregate(TABLE, value="rank")))
    svg_of(ax.figure, "methods", themed=False)
    engine = ax.figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    assert not isinstance(engine, PageLayout)
    left, bottom, right, top = ax.get_tightbbox().extents
    assert min(left, bottom) >= 0
    assert right <= ax.figure.bbox.x1
    assert top <= ax.figure.bbox.y1


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
