"""Artists stand at the numbers of the result that is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgba

import sat_nb as sat
from sat_nb.plots.faithfulness import plot_deletion, plot_randomisation
from sat_nb.plots.style import ACCENT, BARS
from sat_nb.stats.local_ranks import rank_shares
from sat_nb.table.settled import open_gaps
from sat_nb.toy import toy
from tests.plots import results


def lines(ax, gid: str) -> list:
    return [line for line in ax.lines if line.get_gid() == gid]


def collections(ax, gid: str) -> list:
    return [collection for collection in ax.collections if collection.get_gid() == gid]


def dots(ax, gid: str | None = None) -> np.ndarray:
    """The places (n, 2) of all dots that one call has drawn."""
    (found,) = [c for c in collections(ax, gid) if isinstance(c, PathCollection)]
    return np.asarray(found.get_offsets())


def whiskers(ax, along: int = 0) -> np.ndarray:
    """Both ends (n, 2) of all whiskers, in the order of the rows of each series."""
    parts = [part for c in collections(ax, "whiskers") for part in c.get_segments()]
    return np.array([part[:, along] for part in parts])


# --- bars -----------------------------------------------------------------------------------------


def test_whiskers_end_at_low_and_high() -> None:
    summary = results.intervals(results.table(5))
    ax = sat.plot_segments(summary)
    np.testing.assert_array_equal(whiskers(ax), summary[["low", "high"]])


@pytest.mark.parametrize("value", ["abs_mean_attribution", "rank"])
def test_each_group_has_its_own_values_and_whiskers(value: str) -> None:
    """Side by side in the order of groups; a segment that one of them lacks has none."""
    given = results.intervals(results.table(5, methods=("a", "b", "c")), value)
    summary = given.drop(given.index[given["method"].eq("b")][1])
    summary.loc[summary["method"] == "c", "low"] = np.nan
    ax = sat.plot_segments(summary)
    order = [name.get_text() for name in ax.get_yticklabels()]
    groups = {m: rows.set_index("segment").reindex(order) for m, rows in summary.groupby("method")}
    values = np.concatenate([rows[value] for rows in groups.values()])
    known = ~np.isnan(values)
    if value == "rank":
        drawn, heights = dots(ax, "value").T
        colours = [to_hex(c) for c in collections(ax, "value")[0].get_facecolors()]
        assert colours == np.repeat(BARS[:3], 5)[known].tolist()
    else:
        drawn = np.array([bar.get_width() for bar in ax.patches])
        heights = np.array([bar.get_y() + bar.get_height() / 2 for bar in ax.patches])[known]
        assert (drawn[~known] == 0).all()
        drawn = drawn[known]
    np.testing.assert_array_equal(drawn, values[known])
    assert np.round(heights).tolist() == np.tile(np.arange(5.0), 3)[known].tolist()
    assert (np.diff(np.split(heights, [5, 9])[0] - np.arange(5.0)) < 1e-9).all()
    ends = pd.concat([rows[["low", "high"]].dropna() for rows in groups.values()])
    np.testing.assert_array_equal(whiskers(ax), ends)
    assert len(ends) == 9


def test_ranks_are_points_that_start_at_one() -> None:
    summary = results.intervals(results.table(5), "rank")
    ax = sat.plot_segments(summary, highlight="mane")
    assert dots(ax, "value")[:, 0].tolist() == summary["rank"].tolist()
    assert len(ax.patches) == 1  # the band behind the highlighted row
    colours = map(to_hex, collections(ax, "value")[0].get_facecolors())
    assert [colour == ACCENT for colour in colours] == (summary["segment"] == "mane").tolist()
    assert ax.get_xticks()[0] == 1


def test_groups_differ_in_hatch_and_marker() -> None:
    table = results.table(3, methods=("a", "b", "c"))
    bars = sat.plot_segments(sat.aggregate(table)).patches
    assert len({bar.get_hatch() for bar in bars}) == 3
    (points,) = collections(sat.plot_segments(sat.aggregate(table, value="rank")), "value")
    shapes = {path.vertices.tobytes() for path in points.get_paths()}
    assert len(points.get_paths()) == 9
    assert len(shapes) == 3


def test_a_highlighted_segment_is_bold_and_banded_among_several_groups() -> None:
    ax = sat.plot_segments(sat.aggregate(results.table(3, methods=("a", "b"))), highlight="ears")
    bold = [t.get_text() for t in ax.get_yticklabels() if t.get_fontweight() == "bold"]
    assert bold == ["ears"]
    assert [p.get_gid() for p in ax.patches].count("highlight") == 1


def test_the_axis_gives_the_number_of_segments() -> None:
    ax = sat.plot_segments(sat.aggregate(results.table(30)))
    assert "first 20 of 30 segments" in " ".join(ax.get_xlabel().split())


def test_intervals_that_do_not_hold_their_value() -> None:
    summary = results.intervals(results.table(3))
    with pytest.raises(sat.InvalidInput, match="summary: expected low <= mean_attribution <= high"):
        sat.plot_segments(summary.assign(low=summary["high"]))
    with pytest.raises(sat.InvalidInput, match="summary: has only 'high'"):
        sat.plot_segments(summary.drop(columns="low"))


def test_groups_without_a_column_that_separates_them() -> None:
    summary = sat.aggregate(results.table(3, methods=("a", "b"))).drop(columns="method")
    with pytest.raises(sat.InvalidInput, match=r"segment '\w+' occurs twice in group ''"):
        sat.plot_segments(summary)


# --- other pictures -------------------------------------------------------------------------------


def test_heatmap_is_darkest_at_the_best_and_crosses_out_what_is_missing() -> None:
    summary = sat.aggregate(results.table(4, methods=("a", "b")), value="rank")
    lacking = summary[~((summary["method"] == "b") & (summary["segment"] == "mane"))]
    ax = sat.plot_heatmap(lacking)
    order = [t.get_text() for t in ax.get_yticklabels()]
    shades = ax.collections[0].get_array()
    a = summary[summary["method"] == "a"].set_index("segment")["rank"]
    assert order[int(np.argmax(shades[:, 0]))] == a.idxmin()
    assert np.argwhere(np.ma.getmaskarray(shades)).tolist() == [[order.index("mane"), 1]]
    ranks = [f"{rank:.1f}" for rank in summary.set_index(["segment", "method"]).loc[order, "rank"]]
    assert [text.get_text() for text in ax.texts] == [
        rank for i, rank in enumerate(ranks) if i != 2 * order.index("mane") + 1
    ]
    assert len(ax.lines) == 1
    assert len(ax.texts) == 7


def test_heatmap_of_a_segment_that_is_zero_everywhere() -> None:
    summary = sat.aggregate(results.table(3)).assign(mean_attribution=0.0)
    assert (sat.plot_heatmap(summary).collections[0].get_array() == 0).all()


@pytest.mark.filterwarnings("ignore:All-NaN")
def test_a_heatmap_of_nothing_that_is_known_is_crossed_out() -> None:
    summary = sat.aggregate(results.table(3), value="rank").assign(rank=np.nan)
    ax = sat.plot_heatmap(summary)
    assert (len(ax.lines), len(ax.texts)) == (3, 0)


def test_a_consensus_draws_every_tau_where_it_belongs() -> None:
    names = ["a", "b", "c"]
    tau = pd.DataFrame([[1, 0.5, -0.25], [0.5, 1, np.nan], [-0.25, np.nan, 1]], names, names)
    ax = sat.plot_consensus(SimpleNamespace(tau=tau, w=0.5))
    places = {text.get_position(): text.get_text() for text in ax.texts}
    cells = np.argwhere(tau.notna().to_numpy())
    assert places == {
        (j + 0.5, i + 0.5): f"{tau.iloc[i, j]:.2f}".replace("-", "−") for i, j in cells
    }
    assert len(ax.lines) == 2  # what is unknown is crossed out
    shades = np.asarray(ax.collections[0].get_array())
    assert shades[0].tolist() == [1, 0.5, 0]
    with pytest.raises(sat.InvalidInput, match="expected a Consensus from sat_nb.consensus, got D"):
        sat.plot_consensus(tau)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_rank_shares_are_the_counts(ranks: list[int]) -> None:
    ids = [f"image_{i}" for i in range(len(ranks))]
    table = pd.DataFrame({"image_id": ids, "method": "m", "model": "n", "segment": "s"})
    shares = rank_shares(table.assign(rank=ranks)).set_index("rank")
    assert shares["share"].to_dict() == pytest.approx(
        {rank: ranks.count(rank) / len(ranks) for rank in set(ranks)}
    )
    assert shares["mean_rank"].tolist() == pytest.approx([np.mean(ranks)] * len(shares))
    assert (shares["n_images"] == len(ranks)).all()


def test_rank_distribution_draws_shares_and_means() -> None:
    table = results.table(4)
    ax = sat.plot_rank_distribution(table, highlight="ears")
    shares = rank_shares(table)
    (bars,) = [c for c in ax.collections if c.get_gid() == "shares"]
    heights = np.array([np.ptp(path.vertices[:, 1]) for path in bars.get_paths()])
    np.testing.assert_allclose(heights / heights.max(), shares["share"] / shares["share"].max())
    order = [t.get_text() for t in ax.get_yticklabels()]
    expected = table.groupby("segment")["rank"].mean()[order]
    np.testing.assert_allclose(dots(ax, "mean")[:, 0], expected)
    assert expected.is_monotonic_increasing


def test_rank_distribution_of_several_methods() -> None:
    with pytest.raises(sat.InvalidInput, match="holds 2 values of 'method' .*table.method == 'a'"):
        sat.plot_rank_distribution(results.table(3, methods=("a", "b")))
    with pytest.raises(sat.InvalidInput, match="table: the columns 'rank' are missing"):
        sat.plot_rank_distribution(results.table(3).drop(columns="rank"))


def test_difference_draws_intervals_and_fills_what_differs() -> None:
    result = results.difference(8)
    ax = sat.plot_difference(result, highlight="ears")
    np.testing.assert_array_equal(whiskers(ax), result.table[["low", "high"]])
    np.testing.assert_array_equal(dots(ax, "shift")[:, 0], result.table["rank_shift"])
    below = result.table["adjusted_p_value"] <= result.alpha
    fills = [to_hex(colour) for colour in collections(ax, "shift")[0].get_facecolors()]
    assert [fill != "#ffffff" for fill in fills] == below.tolist()
    assert 0 < below.sum() < len(below)
    assert "unmarked → half_marked" in ax.get_title(loc="left")
    with pytest.raises(sat.InvalidInput, match="expected a Difference"):
        sat.plot_difference(result.table)


def test_prevalence_puts_rank_one_on_top() -> None:
    data = results.prevalence()
    ranks, accuracies = sat.plot_prevalence(data).axes
    low, high = ranks.get_ylim()
    assert low > high
    rows = data[data["series"] == "watermark"]
    np.testing.assert_array_equal(ranks.lines[0].get_ydata(), rows["value"])
    np.testing.assert_array_equal(ranks.lines[0].get_xdata(), rows["marked_fraction"])
    for ax, measure in ((ranks, "rank"), (accuracies, "accuracy")):
        ends = data.loc[data["measure"] == measure, ["low", "high"]]
        np.testing.assert_array_equal(whiskers(ax, 1), ends)
    markers = [line.get_marker() for ax in (ranks, accuracies) for line in ax.lines]
    assert len(set(markers)) == 4
    assert len(sat.plot_prevalence(data[data["measure"] == "rank"]).axes) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"marked_fraction": 25.0}, "marked_fraction: expected at least 0 and at most 1, got"),
        ({"value": 0.5}, "value of a rank: expected at least 1, got 0.5"),
        ({"measure": "ranks"}, r"results\['measure'\]: unknown name 'ranks'"),
        ({"measure": "accuracy", "value": 0.9}, "no row has the measure 'rank'"),
        ({"series": "same"}, "two rows for 'same' at marked_fraction 0"),
    ],
)
def test_prevalence_checks_its_columns(change: dict, message: str) -> None:
    ranks = results.prevalence().query("measure == 'rank'").drop(columns=["low", "high"])
    with pytest.raises(sat.InvalidInput, match=message):
        sat.plot_prevalence(ranks.assign(**change))
    with pytest.raises(sat.InvalidInput, match="results: the columns 'value' are missing"):
        sat.plot_prevalence(ranks.drop(columns="value"))


def test_map_grid_names_its_columns_and_what_is_missing() -> None:
    photos = {"a": results.photo(), "b": results.photo()}
    maps = {"one": {"a": results.heat(), "b": results.heat()}, "two": {"a": results.heat()}}
    figure = sat.plot_map_grid(photos, maps, image_ids=["a"])
    assert [ax.get_title() for ax in figure.axes[:3]] == ["photo", "one", "two"]
    with pytest.raises(sat.IdMismatch, match=r"maps\['two'\]: no map of 'b'"):
        sat.plot_map_grid(photos, maps, image_ids=["b"])
    with pytest.raises(sat.IdMismatch, match="images: no photo of 'c'"):
        sat.plot_map_grid(photos, maps, image_ids=["c"])


def test_map_grid_breaks_long_names_after_dots() -> None:
    photos = {"a": np.zeros((8, 8, 3), np.uint8)}

    def titles(*names: object) -> list[str]:
        maps = {name: {"a": np.ones((8, 8, 3), np.float32)} for name in names}
        figure = sat.plot_map_grid(photos, maps)
        return [ax.get_title() for ax in figure.axes[1 : 1 + len(names)]]

    long = "innvestigate.integrated_gradients"
    broken = "innvestigate.\nintegrated_gradients"
    assert titles("a", "b", "gradient", long) == ["a", "b", "gradient", broken]
    assert titles(3, "a") == ["3", "a"]  # models numbered by the user
    cut = titles("a", "b", "a_name_without_dots_that_is_long", long)[2:]
    assert all("…" in title and "\n" not in title for title in cut)


def test_maps_are_dark_red_for_and_light_blue_against_the_target() -> None:
    """Apart in colour, and in a print in grey: the two ends differ in lightness."""
    heat = np.array([[1.0, -1.0]])
    drawn = sat.plot_overlay(np.full((2, 4, 3), 128, np.uint8), heat).images[1].get_array()
    (positive, negative), grey = drawn[0][:, :3], np.array([0.299, 0.587, 0.114])
    assert positive[0] > positive[2]
    assert negative[2] > negative[0]
    assert negative @ grey - positive @ grey > 0.3
    with pytest.raises(sat.InvalidInput, match="attribution: holds NaN"):
        sat.plot_overlay(np.zeros((2, 4, 3), np.uint8), heat * np.nan)


def test_colours_of_groups_are_apart_in_lightness_next_to_each_other() -> None:
    grey = [np.dot(to_rgba(colour)[:3], (0.299, 0.587, 0.114)) for colour in BARS[:4]]
    assert np.abs(np.diff(grey)).min() > 0.15


# --- one image ------------------------------------------------------------------------------------


def one_image(values: list[float], errors: list[float]) -> pd.DataFrame:
    heat = np.array([values])
    masks = np.eye(len(values), dtype=bool)[:, None]
    names = tuple(f"s{i}" for i in range(len(values)))
    segmentation = sat.SegmentationMap(names, masks)
    rows = sat.build({"smoothgrad": {"a": heat}}, {"a": segmentation}, pad_px=0)
    return rows.assign(se_mean_attribution=errors)


def test_one_image_shows_errors_and_brackets() -> None:
    ax = sat.plot_image_table(one_image([0.9, -0.85, 0.2], [0.05, 0.05, 0.01]))
    assert [t.get_text() for t in ax.get_yticklabels()] == ["s0", "s1", "s2"]
    np.testing.assert_allclose(whiskers(ax), [[0.85, 0.95], [-0.9, -0.8], [0.19, 0.21]])
    (bracket,) = lines(ax, "unsettled")
    assert bracket.get_ydata()[0] > 0
    assert bracket.get_ydata()[-1] < 1
    assert "not settled" in " ".join(ax.get_xlabel().split())


def test_one_image_of_a_method_that_does_not_sample() -> None:
    ax = sat.plot_image_table(one_image([0.9, 0.89], [np.nan, np.nan]))
    assert len(ax.collections) == 0
    assert lines(ax, "unsettled") == []


@given(
    st.lists(
        st.tuples(st.floats(-1, 1).map(lambda x: round(x, 3)), st.floats(0.001, 0.3)),
        min_size=1,
        max_size=6,
    )
)
def test_ranks_are_unsettled_below_two_standard_errors(segments: list[tuple]) -> None:
    ranked = sorted(segments, key=lambda segment: -abs(segment[0]))
    rows = pd.DataFrame(ranked, columns=["mean_attribution", "se_mean_attribution"])
    rows["abs_mean_attribution"] = rows["mean_attribution"].abs()
    expected = [
        abs(a[0]) - abs(b[0]) < 2 * (a[1] ** 2 + b[1] ** 2) ** 0.5
        for a, b in itertools.pairwise(ranked)
    ]
    assert open_gaps(rows).tolist() == [*expected, False]


@pytest.mark.filterwarnings("ignore:pad_px=")
@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 2))
def test_held_fractions_count_each_pixel_once(seed: int, n: int, pad_px: int) -> None:
    rng = np.random.default_rng(seed)
    heat = rng.standard_normal((6, 7, 3))
    masks = rng.random((n, 6, 7)) < 0.3
    masks[:, 0, 0] = True
    segmentation = sat.SegmentationMap(tuple(f"s{i}" for i in range(n)), masks)
    rows = sat.build({"m": {"a": heat}}, {"a": segmentation}, pad_px=pad_px)
    held = sat.held_fractions(rows, heat, segmentation, pad_px=pad_px)
    size, seen, expected = np.abs(heat.sum(axis=2)), set(), []
    for name in rows.sort_values(["rank", "segment"])["segment"]:
        padded = segmentation.pad(pad_px).masks[int(name[1:])]
        seen |= {(r, c) for r in range(6) for c in range(7) if padded[r, c]}
        expected.append(sum(size[pixel] for pixel in seen) / size.sum())
    np.testing.assert_allclose(held["held_fraction"], expected)


def test_held_fractions_follow_the_fit_of_the_rows() -> None:
    """The crop shows the middle third: "left" is not in the map, "middle" fills it."""
    masks = np.zeros((2, 4, 12), bool)
    masks[0, :, :4] = masks[1, :2, 4:8] = True
    segmentation, heat = sat.SegmentationMap(("left", "middle"), masks), np.ones((4, 4))
    rows = sat.build({"m": {"a": heat}}, {"a": segmentation}, fit="crop", pad_px=0)
    assert sat.held_fractions(rows, heat, segmentation, pad_px=0)["held_fraction"].tolist() == [0.5]
    figure = sat.plot_image(
        np.zeros((4, 12, 3), np.uint8), rows, attribution=heat, segmentation=segmentation
    )
    assert any(image.get_extent()[:2] == [4, 8] for image in figure.axes[0].images)
    rows.attrs.clear()
    with pytest.raises(sat.InvalidInput, match="attribution is 4 x 4 px .* are 4 x 12: another"):
        sat.held_fractions(rows, heat, segmentation)


def test_rows_of_several_images() -> None:
    table = results.table(3)
    with pytest.raises(sat.InvalidInput, match="rows: hold 12 values of 'image_id'"):
        sat.plot_image_table(table)
    with pytest.raises(sat.InvalidInput, match=r"rows: .*'rank'.* of sat_nb.build for one image"):
        sat.plot_image_table(table.query("image_id == 'image_00'").drop(columns="rank"))
    segmentation = results.masks(2)
    rows = table.query("image_id == 'image_00'")
    with pytest.raises(sat.InvalidInput, match="segmentation: has no mask '"):
        sat.held_fractions(rows, results.heat(), segmentation)


def test_overview_shows_the_five_steps() -> None:
    segmentation = results.masks(3)
    rows = sat.build({"m": {"a": results.heat()}}, {"a": segmentation})
    figure = sat.plot_overview(
        results.photo(), results.heat(), segmentation, rows, sat.aggregate(rows)
    )
    assert [ax.get_title(loc="left")[0] for ax in figure.axes] == list("abcde")


# --- do rankings hold? ----------------------------------------------------------------------------


def test_stability_stands_at_its_taus() -> None:
    rows = results.stability()
    ax = sat.plot_ranking_stability(rows, enough=0.8)
    for method, line in zip(results.METHODS, ax.lines, strict=False):
        assert line.get_label() == method
        own = rows[rows["method"] == method]
        np.testing.assert_allclose(line.get_ydata(), own["tau"])
        np.testing.assert_allclose(line.get_xdata(), own["n_images"], rtol=0.1)
    np.testing.assert_array_equal(whiskers(ax, 1), rows[["low", "high"]])
    assert [line.get_ydata()[0] for line in lines(ax, "enough")] == [0.8]
    with pytest.raises(sat.InvalidInput, match="result: the columns 'tau' are missing"):
        sat.plot_ranking_stability(rows.drop(columns="tau"))


def test_deletions_stand_at_their_taus_and_intervals() -> None:
    rows = results.deletion()
    figure = plot_deletion(rows, titles={"whole": "all of it"})
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["all of it", "by pixel"]
    for ax, measured in zip(figure.axes, ("whole", "by pixel"), strict=True):
        own = rows[rows["measured"] == measured]
        taus, heights = dots(ax).T
        np.testing.assert_array_equal(taus, own["tau"])
        names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert [names[int(y)] for y in np.round(heights)] == own["method"].tolist()
        np.testing.assert_array_equal(whiskers(ax), own[["low", "high"]])


def test_similarities_start_at_the_trained_model_and_end_beside_noise() -> None:
    rows = results.randomisation()
    figure = plot_randomisation(rows)
    for ax, measure in zip(figure.axes, ("map", "ranking"), strict=True):
        names = [text.get_text() for text in ax.get_xticklabels()]
        assert names == ["nothing", *(f"convolution_{i}" for i in range(5, -1, -1)), "(noise)"]
        own = rows[rows["measure"] == measure]
        np.testing.assert_array_equal(whiskers(ax, 1), own[["low", "high"]])
        for line, (_, by_depth) in zip(ax.lines, own.groupby("method", sort=False), strict=False):
            np.testing.assert_allclose(line.get_ydata(), [1.0, *by_depth["similarity"]])
            assert np.round(line.get_xdata()).tolist() == list(range(7))
        noise = own.drop_duplicates("method")["noise"]
        np.testing.assert_array_equal(dots(ax, "noise")[:, 1], noise)
        assert (np.round(dots(ax, "noise")[:, 0]) == 7).all()


@pytest.mark.parametrize("plot", [sat.plot_segments, sat.plot_heatmap])
def test_infinite_numbers_are_refused(plot: Callable[..., object]) -> None:
    table = sat.build(*toy())
    table.loc[table["segment"] == "nose", "rank"] = np.inf
    with pytest.raises(sat.InvalidInput, match="'rank' of segment 'nose' is infinite"):
        plot(sat.aggregate(table, value="rank"))
    with pytest.raises(sat.InvalidInput, match="summary: 'rank' has to hold numbers"):
        plot(sat.aggregate(sat.build(*toy()), value="rank").assign(rank="first"))
