"""Pictures as they were when somebody last looked at them: compared pixel by pixel.

After a wanted change: ``python -m pytest tests/plots/test_pictures.py
--mpl-generate-path=tests/plots/baseline``, and look at every one.
"""

from __future__ import annotations

import pytest

import sat_nb as sat
from tests.plots import results

# Root mean square difference of grey levels. Other versions of FreeType move edges of letters
# by part of a pixel, which is up to 3; a bar that is gone is above 10.
compared = pytest.mark.mpl_image_compare(
    baseline_dir="baseline", style="default", tolerance=4, savefig_kwargs={"dpi": 72}
)
THREE = ("deep_taylor", "lrp.epsilon", "lrp.z")


@compared
def test_critical_difference():
    result = sat.compare(results.table(12), method="lrp.z")
    return sat.plot_critical_difference(result, highlight="watermark").figure


@compared
def test_bars():
    return sat.plot_segments(results.intervals(results.table(12)), highlight="watermark").figure


@compared
def test_bars_of_three():
    summary = results.intervals(results.table(5, methods=THREE), "abs_mean_attribution")
    return sat.plot_segments(summary, highlight="ears").figure


@compared
def test_ranks_of_three():
    return sat.plot_segments(results.intervals(results.table(5, methods=THREE), "rank")).figure


@compared
def test_heatmap():
    return sat.plot_heatmap(sat.aggregate(results.table(6, methods=THREE), value="rank")).figure


@compared
def test_rank_distribution():
    return sat.plot_rank_distribution(results.table(8), highlight="legs").figure


@compared
def test_difference():
    return sat.plot_difference(results.difference(8), highlight="legs").figure


@compared
def test_prevalence():
    return sat.plot_prevalence(results.prevalence())


@compared
def test_map_grid():
    photos = {"a": results.photo(), "b": results.photo()[::-1]}
    maps = {
        name: {i: results.heat(phase=phase) for i in photos}
        for name, phase in (("gradient", 0.0), ("lrp.z", 0.3))
    }
    return sat.plot_map_grid(photos, maps)


def one_image():
    segmentation = results.masks(6)
    rows = sat.build({"smoothgrad": {"a": results.heat()}}, {"a": segmentation})
    return segmentation, rows.assign(se_mean_attribution=0.02)


@compared
def test_image():
    segmentation, rows = one_image()
    return sat.plot_image(
        results.photo(),
        rows,
        attribution=results.heat(),
        segmentation=segmentation,
        highlight="mane",
    )


@compared
def test_overview():
    segmentation, rows = one_image()
    summary = sat.aggregate(rows, value="abs_mean_attribution")
    return sat.plot_overview(results.photo(), results.heat(), segmentation, rows, summary)
