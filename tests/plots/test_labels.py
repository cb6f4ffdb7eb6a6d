"""Labels do not overlap and stay within their figure, measured on figures that are laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text

import sat_nb as sat
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from tests.plots import results

THREE = ("deep_taylor", "lrp.epsilon", "lrp.z")


def one_image(n: int, long: bool) -> Any:
    return results.table(n, long=long).query("image_id == 'image_03'")


PICTURES: dict[str, Callable[..., Any]] = {
    "critical_difference": lambda n, long, **options: sat.plot_critical_difference(
        results.comparison(n, long=long), **options
    ),
    "bars": lambda n, long, **options: sat.plot_segments(
        results.intervals(results.table(n, long=long)), most=60, **options
    ),
    "ranks_of_three": lambda n, long, **options: sat.plot_segments(
        results.intervals(results.table(n, long=long, methods=THREE), "rank"), most=60, **options
    ),
    "heatmap": lambda n, long, **options: sat.plot_heatmap(
        sat.aggregate(results.table(n, long=long, methods=THREE)), **options
    ),
    "rank_distribution": lambda n, long, **options: sat.plot_rank_distribution(
        results.table(n, long=long), **options
    ),
    "difference": lambda n, long, **options: sat.plot_difference(
        results.difference(n, long=long), **options
    ),
    "image_table": lambda n, long, **options: sat.plot_image_table(
        one_image(n, long), most=60, **options
    ),
    "overlay": lambda n, long, **options: sat.plot_overlay(
        results.photo(), segmentation=results.masks(n, long=long), **options
    ),
}


def texts_of(figure: Figure) -> list[Text]:
    """The visible texts: not those of hidden axes, nor of ticks outside of their axis."""
    axes = [(ax, axis) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    hidden = {id(text) for ax, axis in axes if not ax.axison for text in axis.findobj(Text)}
    for _, axis in axes:
        low, high = sorted(axis.get_view_interval())
        outside = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        hidden |= {id(text) for tick in outside for text in (tick.label1, tick.label2)}
    every = figure.findobj(lambda a: isinstance(a, Text) and a.get_visible() and a.get_text())
    return [text for text in every if id(text) not in hidden]


def corners(text: Text, figure: Figure) -> np.ndarray:
    """The box of a text on the figure: left, bottom, right, top in pixels."""
    return text.get_window_extent(figure.canvas.get_renderer()).extents


def check_labels(figure: Figure) -> None:
    figure.draw_without_rendering()
    texts = [text for text in texts_of(figure) if text.get_rotation() in (0, 90)]
    boxes = np.array([corners(text, figure) for text in texts])
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    overlap = np.triu((high - low > 0.5).all(axis=2), 1)
    pairs = [(texts[i].get_text(), texts[j].get_text()) for i, j in np.argwhere(overlap)]
    assert pairs == []
    width, height = figure.canvas.get_width_height()
    outside = (boxes[:, :2] < -1).any(axis=1) | (boxes[:, 2:] > (width + 1, height + 1)).any(axis=1)
    assert [texts[i].get_text() for i in np.flatnonzero(outside)] == []


@pytest.mark.parametrize(("n", "long"), [(2, False), (12, True), (60, True)])
@pytest.mark.parametrize("picture", PICTURES)
def test_labels_do_not_overlap(picture: str, n: int, long: bool) -> None:
    check_labels(PICTURES[picture](n, long).get_figure())


@pytest.mark.parametrize("picture", sorted(set(PICTURES) - {"overlay"}))
def test_labels_do_not_overlap_in_one_column(picture: str) -> None:
    figure, ax = pyplot.subplots(figsize=(3.5, 7.5), layout="constrained")
    PICTURES[picture](60, True, ax=ax)
    check_labels(figure)


@pytest.mark.parametrize("n", [2, 9])
def test_labels_of_the_checks_do_not_overlap(n: int) -> None:
    methods = tuple(f"innvestigate.lrp.sequential_preset_{i}" for i in range(n))
    check_labels(plot_deletion(results.deletion(methods)))
    check_labels(plot_randomisation(results.randomisation(methods[:6], n_layers=n)))
    rows = results.stability()
    check_labels(sat.plot_ranking_stability(rows.assign(method=rows["method"] * 2)).figure)


def test_names_that_differ_at_their_ends_stay_apart() -> None:
    _, ax = pyplot.subplots(figsize=(3.5, 7.5), layout="constrained")
    PICTURES["critical_difference"](60, True, ax=ax)
    labels = [text.get_text().split("  ")[0] for text in ax.texts if text.get_gid() == "label"]
    assert len(set(labels)) == 60


def test_a_legend_without_room_counts_the_names_it_omits() -> None:
    figure, axes = pyplot.subplots(1, 3, figsize=(7, 3), layout="constrained")
    sat.plot_overlay(results.photo(), segmentation=results.masks(60), ax=axes[0])
    texts = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert texts[-1] == f"and {60 - (len(texts) - 1)} more"
    check_labels(figure)


def test_slanted_column_names_are_a_line_apart() -> None:
    ax = sat.plot_heatmap(sat.aggregate(results.table(3, methods=(*THREE, "x" * 40))))
    ax.figure.draw_without_rendering()
    at = [tick.get_window_extent().x0 for tick in ax.get_xticklabels()]
    apart = np.diff(at).min() * np.sin(np.pi / 4)
    assert ax.get_xticklabels()[0].get_rotation() == 45
    assert apart > ax.get_xticklabels()[0].get_fontsize() / 72 * ax.figure.dpi
