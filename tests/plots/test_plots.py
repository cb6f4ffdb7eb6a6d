from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import sat_nb as sat
from sat_nb.plots.style import ACCENT
from sat_nb.toy import toy

HOSTILE = "$\\frac{1}$ <b>_x_</b>"


@pytest.fixture(scope="module")
def result() -> sat.Comparison:
    with pytest.warns(sat.PresenceWarning):
        return sat.compare(sat.build(*toy()), method="noisy")


def stems(ax) -> list[float]:
    return sorted(line.get_xdata()[0] for line in ax.lines if line.get_gid() == "stem")


def lines(ax, gid: str) -> list[np.ndarray]:
    return [line.get_xdata() for line in ax.lines if line.get_gid() == gid]


def test_labels_are_the_papers(result: sat.Comparison) -> None:
    ax = sat.plot_critical_difference(result)
    texts = [text.get_text().strip() for text in ax.texts]
    for name in result.mean_ranks.index:
        label = f"{name}  {result.relative_ranks[name]:.2f} ({result.n_images[name]})"
        assert label in texts or f"{label} †" in texts, "marked where presence decides"


def test_segments_stand_at_their_mean_rank(result: sat.Comparison) -> None:
    ax = sat.plot_critical_difference(result)
    assert stems(ax) == sorted(result.mean_ranks)


def test_bars_join_the_groups(result: sat.Comparison) -> None:
    ax = sat.plot_critical_difference(result)
    expected = sorted(tuple(sorted(result.mean_ranks[list(g)])) for g in result.groups)
    assert sorted(map(tuple, lines(ax, "bar"))) == expected
    assert lines(ax, "gap") == []


def test_a_group_that_is_not_contiguous_shows_its_gap(result: sat.Comparison) -> None:
    names = list(result.mean_ranks.index)
    ax = sat.plot_critical_difference(dataclasses.replace(result, groups=((names[0], names[2]),)))
    assert lines(ax, "bar") == []
    assert [list(x) for x in lines(ax, "gap")] == [
        [result.mean_ranks.iloc[0], result.mean_ranks.iloc[2]]
    ]


def test_aeons_ranks_on_request(result: sat.Comparison) -> None:
    ranks = result.mean_ranks + 0.25
    by_aeon = dataclasses.replace(result, test="aeon", aeon_ranks=ranks)
    ax = sat.plot_critical_difference(by_aeon, positions="aeon_ranks")
    assert stems(ax) == sorted(by_aeon.aeon_ranks)
    with pytest.raises(sat.InvalidInput, match="expected the result of test='aeon'"):
        sat.plot_critical_difference(result, positions="aeon_ranks")
    with pytest.raises(sat.InvalidInput, match="positions: unknown name"):
        sat.plot_critical_difference(result, positions="ranks")


def test_bars_are_the_aggregate(table: pd.DataFrame) -> None:
    summary = sat.aggregate(table[table["method"] == "sharp"])
    ax = sat.plot_segments(summary, highlight="mouth")
    bars = [patch for patch in ax.patches if patch.get_gid() != "highlight"]
    assert [bar.get_width() for bar in bars] == summary["mean_attribution"].tolist()
    assert [t.get_text() for t in ax.get_yticklabels()] == summary["segment"].tolist()
    marked = [to_hex(bar.get_facecolor()) == ACCENT for bar in bars]
    assert marked == (summary["segment"] == "mouth").tolist()
    assert "n = 15" in [text.get_text() for text in ax.texts]


def test_several_methods_stand_side_by_side(table: pd.DataFrame) -> None:
    ax = sat.plot_segments(sat.aggregate(table), highlight=("mouth",))
    assert len([patch for patch in ax.patches if patch.get_gid() != "highlight"]) == 10
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["noisy", "sharp"]


def test_six_groups_with_long_names_fit_the_figure(table: pd.DataFrame) -> None:
    summary = sat.aggregate(table)
    names = [f"innvestigate.input_t_gradient_{i}" for i in range(6)]
    several = pd.concat([summary[summary["method"] == "sharp"].assign(method=m) for m in names])
    ax = sat.plot_segments(several)
    legend = ax.get_legend().get_window_extent()
    assert ax.figure.bbox.x0 <= legend.x0
    assert legend.x1 <= ax.figure.bbox.x1


def test_at_most_so_many(table: pd.DataFrame) -> None:
    summary = sat.aggregate(table[table["method"] == "sharp"])
    assert len(sat.plot_segments(summary, most=2).patches) == 2


def test_other_things_than_aggregates(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="summary: expected the result of sat_nb.aggregate"):
        sat.plot_segments(table)


def test_overlay_draws_photo_map_and_outlines() -> None:
    maps, segments = toy(1)
    pixels = np.zeros((40, 32, 3), np.uint8)
    big = segments["image_00"].resize((40, 32))
    ax = sat.plot_overlay(pixels, maps["sharp"]["image_00"], big)
    assert len(ax.images) == 2
    numbered = [f"{i} {name}" for i, name in enumerate(big.names, 1)]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == numbered
    numbers = [text for text in ax.texts if text.get_gid() == "number"]
    assert [text.get_text() for text in numbers] == ["1", "2", "3", "4"]
    for text, mask in zip(numbers, big.masks, strict=True):
        x, y = text.get_position()
        assert mask[int(y), int(x)]
    assert len(sat.plot_overlay(pixels).images) == 1
    with pytest.raises(sat.InvalidInput, match=r"pixels: expected an array \(H, W, 3\)"):
        sat.plot_overlay(pixels[..., :2])


def test_photos_of_any_depth_are_drawn_alike() -> None:
    levels = np.linspace(0, 255, 60).reshape(5, 4, 3).astype(np.uint8)
    levels[0, 0], levels[-1, -1] = 0, 255
    drawn = [
        np.asarray(sat.plot_overlay(photo).images[0].get_array()).astype(int)
        for photo in (levels, levels.astype(np.uint16) * 16, levels * np.float32(8) - 1000)
    ]
    for one in drawn[1:]:
        assert np.abs(one - drawn[0]).max() <= 1
    grey = sat.plot_overlay(levels[..., 0], np.ones((5, 4)))
    assert grey.images[0].get_array().shape == (5, 4)


def test_names_are_drawn_as_they_are(tmp_path) -> None:
    """Neither mathematics nor length breaks a picture, and axes of the caller's are used."""
    from matplotlib import pyplot

    maps, segments = toy(6)
    names = {"eyes": HOSTILE, "nose": "n" * 200, "mouth": "two\nlines"}
    renamed = {i: s.rename(names) for i, s in segments.items()}
    table = sat.build({HOSTILE: maps["noisy"]}, renamed)
    result = sat.compare(table, method=HOSTILE)
    _, axes = pyplot.subplots(1, 3)
    assert sat.plot_critical_difference(result, ax=axes[0]) is axes[0]
    assert sat.plot_segments(sat.aggregate(table), ax=axes[1]) is axes[1]
    photo = np.zeros((20, 16, 3), np.uint8)
    assert sat.plot_overlay(photo, segmentation=renamed["image_01"], ax=axes[2]) is axes[2]
    axes[0].figure.savefig(tmp_path / "hostile.png")
    texts = [text.get_text() for ax in axes for text in ax.texts]
    texts += [text.get_text() for text in axes[2].get_legend().get_texts()]
    assert any(HOSTILE in text for text in texts)
    assert not any("n" * 40 in text or "two\n" in text for text in texts)
