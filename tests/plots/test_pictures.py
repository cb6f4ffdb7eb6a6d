"""Pictures, compared pixel by pixel with those that somebody checked by eye.

After an intended change run ``python -m pytest tests/plots/test_pictures.py
--mpl-generate-path=tests/plots/baseline`` and check every picture.
"""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

import sat_nb as sat
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from tests.plots import results

# The tolerance is the root mean square difference of grey levels. Other fonts change nothing (texts
# are hidden, see ``without_texts``); a dot that is filled instead of hollow makes 4, a whisker that
# is too long 15.
compared = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", style="default", tolerance=2, savefig_kwargs={"dpi": 72}
)
THREE = ("deep_taylor", "lrp.epsilon", "lrp.z")


def without_texts(picture: Axes | Figure) -> Figure:
    """The figure without texts and legends, with its panels at fixed places.

    Letters depend on the version of FreeType, and so does a layout that makes room for them.
    ``test_labels`` and the tests of numbers check texts.
    """
    figure = picture.get_figure(root=True) if isinstance(picture, Axes) else picture
    figure.set_layout_engine("none")
    for artist in figure.findobj(lambda artist: isinstance(artist, (Text, Legend))):
        artist.set_visible(False)
    for ax in figure.axes:
        place = ax.get_subplotspec()
        fixed = [0.3, 0.03, 0.4, 0.02] if place is None else place.get_position(ax.get_figure())
        ax.set_position(fixed)
    return figure


@compared
def test_critical_difference():
    result = results.comparison(12)
    return without_texts(sat.plot_critical_difference(result, highlight="watermark"))


@compared
def test_bars():
    return without_texts(
        sat.plot_segments(results.intervals(results.table(12)), highlight="watermark")
    )


@compared
def test_bars_of_three():
    summary = results.intervals(results.table(5, methods=THREE), "abs_mean_attribution")
    return without_texts(sat.plot_segments(summary, highlight="ears"))


@compared
def test_ranks_of_three():
    return without_texts(
        sat.plot_segments(results.intervals(results.table(5, methods=THREE), "rank"))
    )


@compared
def test_heatmap():
    return without_texts(
        sat.plot_heatmap(sat.aggregate(results.table(6, methods=THREE), value="rank"))
    )


@compared
def test_rank_distribution():
    return without_texts(sat.plot_rank_distribution(results.table(8), highlight="legs"))


@compared
def test_difference():
    return without_texts(sat.plot_difference(results.difference(8), highlight="legs"))


@compared
def test_prevalence():
    return without_texts(sat.plot_prevalence(results.prevalence()))


@compared
def test_ranking_stability():
    return without_texts(sat.plot_ranking_stability(results.stability()))


@compared
def test_deletion():
    return without_texts(plot_deletion(results.deletion()))


@compared
def test_randomisation():
    return without_texts(plot_randomisation(results.randomisation()))


@compared
def test_map_grid():
    photos = {"a": results.photo(), "b": results.photo()[::-1]}
    maps = {
        name: {i: results.heat(phase=phase) for i in photos}
        for name, phase in (("gradient", 0.0), ("lrp.z", 0.3))
    }
    return without_texts(sat.plot_map_grid(photos, maps))


def one_image():
    segmentation = results.masks(6)
    rows = sat.build({"smoothgrad": {"a": results.heat()}}, {"a": segmentation})
    return segmentation, rows.assign(se_mean_attribution=0.02)


@compared
def test_image():
    segmentation, rows = one_image()
    return without_texts(
        sat.plot_image(
            results.photo(),
            rows,
            attribution=results.heat(),
            segmentation=segmentation,
            highlight="mane",
        )
    )


@compared
def test_overview():
    segmentation, rows = one_image()
    summary = sat.aggregate(rows, value="abs_mean_attribution")
    return without_texts(
        sat.plot_overview(results.photo(), results.heat(), segmentation, rows, summary)
    )
