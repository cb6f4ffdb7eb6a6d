"""The layout places axes where matplotlib's own does, and measures less for it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

import sat_nb as sat
from sat_nb.plots.layout import RowLayout, left_out, shorter_names
from sat_nb.toy import toy

NAMES = ["eye", "a very long name of a segment", "nose", "hoof", "W" * 12, "tail of it"]


def placed(ax, engine):
    ax.figure.set_layout_engine(engine)
    engine.execute(ax.figure)
    plt.close(ax.figure)
    return ax.get_position().bounds


def rows():
    ax = plt.subplots(figsize=(4, 2))[1]
    ax.barh(range(len(NAMES)), np.linspace(1, 2, len(NAMES)))
    ax.set_yticks(range(len(NAMES)), NAMES)
    return ax


def titled(ax):
    ax.set_title("a title", loc="left")
    ax.set_xlabel("what is\nmeasured")
    return ax


def labelled(ax):
    ax.set_ylabel("segment")
    return ax


def bold(ax):
    ax.get_yticklabels()[4].set_fontweight("bold")
    return ax


def cut(ax):
    ax.set_ylim(5.5, 1.5)  # the longest name is not drawn
    return ax


def numbers(ax):
    ax.set_yticks([0, 2, 5])
    return ax


def turned(ax):
    ax.tick_params(axis="y", rotation=30)
    return ax


@pytest.mark.parametrize("change", [titled, labelled, bold, cut, numbers, turned])
def test_axes_are_placed_as_by_matplotlib(change):
    ours = placed(change(rows()), RowLayout())
    theirs = placed(change(rows()), ConstrainedLayoutEngine())
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_automatic_ticks_are_all_measured():
    ax = plt.subplots()[1]
    ax.plot([0, 1e6])
    assert shorter_names(ax) == []
    plt.close(ax.figure)


def test_every_plot_with_rows_has_it_and_measures_less(monkeypatch):
    ax = sat.plot_segments(sat.aggregate(sat.build(*toy()), value="rank"))
    engine = ax.figure.get_layout_engine()
    assert isinstance(engine, RowLayout)
    measured = []
    original = Text.get_window_extent
    monkeypatch.setattr(
        Text, "get_window_extent", lambda self, *a, **k: measured.append(self) or original(self)
    )
    engine.execute(ax.figure)
    ours = len(measured)
    ConstrainedLayoutEngine.execute(engine, ax.figure)
    assert ours < len(measured) - ours
    plt.close(ax.figure)


def test_names_are_in_the_layout_again_afterwards():
    ax = rows()
    names = ax.get_yticklabels()
    names[0].set_in_layout(False)
    with left_out(names):
        assert not any(text.get_in_layout() for text in names)
    assert [text.get_in_layout() for text in names] == [False] + [True] * 5
    plt.close(ax.figure)
