from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from scipy.stats import friedmanchisquare

import sat_nb as sat
from sat_nb.stats import cliques
from sat_nb.stats.cliques import covering_cliques, maximal_cliques
from sat_nb.stats.plan import rank_matrix
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.toy import toy
from tests.oracles import tables as oracle

pytestmark = pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")  # see test_presence


@pytest.fixture
def noisy(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["method"] == "noisy"]


@given(st.integers(2, 7), st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.9]))
def test_groups_are_all_maximal_cliques(k: int, seed: int, share: float) -> None:
    alike = np.triu(np.random.default_rng(seed).random((k, k)) < share, 1)
    alike = alike | alike.T
    assert set(maximal_cliques(alike)) == oracle.cliques(alike)
    covering = covering_cliques(alike)
    assert set(covering) <= oracle.cliques(alike)
    assert {p for c in covering for p in combinations(c, 2)} == set(
        zip(*np.nonzero(np.triu(alike)), strict=True)
    )


def test_too_many_groups_become_some_that_cover_all_pairs() -> None:
    """Moon and Moser's graph: 20 triples, alike across and not within, has 3**20 cliques."""
    triple = np.arange(60) // 3
    alike = triple[:, None] != triple[None, :]
    with pytest.warns(UserWarning, match="more than 1000 maximal groups"):
        groups = maximal_cliques(alike)
    assert all(len(set(triple[list(group)])) == 20 for group in groups), "all are maximal"
    assert {p for g in groups for p in combinations(g, 2)} == set(
        zip(*np.nonzero(np.triu(alike)), strict=True)
    )


def test_mean_ranks_are_the_aggregates(noisy: pd.DataFrame) -> None:
    result = sat.compare(noisy, method="noisy")
    for ranks, how in ((result.mean_ranks, "absolute"), (result.relative_ranks, "relative")):
        expected = sat.aggregate(noisy, how=how, value="rank").set_index("segment")["rank"]
        pd.testing.assert_series_equal(ranks.sort_index(), expected.sort_index(), check_names=False)
    assert result.mean_ranks.is_monotonic_increasing
    assert result.n_images["ears"] == 15
    assert result.n_total == 20


def test_p_values_are_wilcoxons_and_holms(noisy: pd.DataFrame) -> None:
    result = sat.compare(noisy, method="noisy")
    ranks = pd.DataFrame(
        rank_matrix(noisy, result.mean_ranks.index), columns=result.mean_ranks.index
    )
    assert ranks.loc[0, "ears"] == 5, "image_00 has four segments, and no ears"
    pairs = [(a, b) for i, a in enumerate(ranks) for b in list(ranks)[i + 1 :]]
    raw = [signed_rank_p((ranks[a] - ranks[b]).to_numpy()) for a, b in pairs]
    for (a, b), p, adjusted in zip(pairs, raw, oracle.holm(raw), strict=True):
        assert result.p_values.loc[a, b] == result.p_values.loc[b, a] == p
        assert result.adjusted_p_values.loc[a, b] == pytest.approx(adjusted)
    assert result.friedman_p == pytest.approx(friedmanchisquare(*ranks.to_numpy().T).pvalue)


def test_groups_do_not_differ_and_others_do(noisy: pd.DataFrame) -> None:
    result = sat.compare(noisy, method="noisy")
    names = list(result.mean_ranks.index)
    together = {frozenset((a, b)) for g in result.groups for a in g for b in g if a != b}
    for a in names:
        for b in names:
            if a != b:
                alike = result.adjusted_p_values.loc[a, b] > result.alpha
                assert (frozenset((a, b)) in together) == alike


def test_all_alike_where_friedman_does_not_reject() -> None:
    rng = np.random.default_rng(0)
    complete = toy(2)[1]["image_01"]
    segments = {f"i{i}": complete for i in range(12)}
    noise = {"m": {i: rng.normal(size=(20, 16)) for i in segments}}
    result = sat.compare(sat.build(noise, segments), method="m")
    assert result.friedman_p > 0.05
    assert [set(group) for group in result.groups] == [{"eyes", "nose", "mouth", "ears", "rest"}]


@pytest.mark.parametrize("method", ["sharp", "noisy"])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 1e-9])
def test_aeon_says_what_its_diagram_says(table: pd.DataFrame, method: str, alpha: float) -> None:
    """Its p-values, its ranks, and the lines that it draws for its groups."""
    pytest.importorskip("aeon", reason="needs aeon, which does not take the newest numpy")
    from aeon.visualisation import plot_critical_difference

    rows = table[table["method"] == method]
    result = sat.compare(rows, method=method, test="aeon", alpha=alpha)
    names = list(result.mean_ranks.index)
    ranks = rank_matrix(rows, result.mean_ranks.index)
    _, ax, p_values = plot_critical_difference(
        ranks, names, lower_better=True, alpha=alpha, return_p_values=True
    )
    order = list(result.aeon_ranks.sort_values().index)
    upper = np.triu_indices(len(names), 1)
    ours = result.p_values.loc[order, order].to_numpy()[upper]
    np.testing.assert_array_equal(ours, np.asarray(p_values, float)[upper])
    texts = [text.get_text() for text in ax.texts]
    for name in names:
        assert f"{result.aeon_ranks[name]:.4f}" in texts
    bars = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 2.5]
    assert len(bars) == len(result.groups)
    scale = _scale(ax)
    drawn = sorted(tuple(sorted(scale(x) for x in bar)) for bar in bars)
    spans = [result.aeon_ranks[list(group)] for group in result.groups]
    expected = sorted((ranks.min(), ranks.max()) for ranks in spans)
    np.testing.assert_allclose(drawn, expected, atol=0.04, err_msg="its bars reach 0.03 further")


def _scale(ax: Axes) -> Callable[[float], float]:
    """From the axes of aeon's diagram to ranks, by its labelled ticks."""
    ticks = {int(t.get_text()): t.get_position()[0] for t in ax.texts if t.get_text().isdigit()}
    (a, xa), (b, xb) = min(ticks.items()), max(ticks.items())
    return lambda x: a + (x - xa) * (b - a) / (xb - xa)


def test_aeon_adjusts_by_a_constant(table: pd.DataFrame) -> None:
    result = sat.compare(table, method="sharp", test="aeon")
    expected = (result.p_values * 4).clip(upper=1.0).mask(np.eye(5, dtype=bool), 1.0)
    pd.testing.assert_frame_equal(result.adjusted_p_values, expected)


def test_aeons_ranks_average_what_is_missing() -> None:
    """5 of 12 segments present: aeon gives the missing 9, the paper n + 1 = 6."""
    masks = np.eye(12, dtype=bool)[:, None, :]
    names = tuple("abcdefghijkl")
    heat = np.arange(12.0, 0, -1)[None, :]
    few = sat.SegmentationMap(names[:5], masks[:5])
    segments = {f"i{i}": few for i in range(6)} | {"all": sat.SegmentationMap(names, masks)}
    table = sat.build({"m": dict.fromkeys(segments, heat)}, segments, pad_px=0)
    result = sat.compare(table, method="m", test="aeon")
    assert result.mean_ranks["l"] == pytest.approx((6 * 6 + 12) / 7)
    assert result.aeon_ranks["l"] == pytest.approx((6 * 9 + 12) / 7)


@settings(max_examples=5)
@given(st.permutations(range(14)))
def test_order_of_images_never_matters(order: list[int]) -> None:
    table = sat.build(*toy(14))
    shuffled = pd.concat([table[table["image_id"] == f"image_{i:02d}"] for i in order])
    one, two = sat.compare(table, method="noisy"), sat.compare(shuffled, method="noisy")
    pd.testing.assert_frame_equal(one.adjusted_p_values, two.adjusted_p_values)
    assert one.groups == two.groups


def test_two_segments_and_ties() -> None:
    maps, segments = toy(10)
    two = {i: sat.SegmentationMap(("eyes", "nose"), s.masks[:2]) for i, s in segments.items()}
    result = sat.compare(sat.build({"m": maps["sharp"]}, two), method="m")
    assert np.isnan(result.friedman_p)
    assert result.groups == ()
    flat = {"m": {i: np.ones((20, 16)) for i in segments}}
    with pytest.warns(UserWarning, match="10 of 10 maps of 'm' have the same mean"):
        ties = sat.build(flat, segments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = sat.compare(ties, method="m")
    assert same.p_values.loc["eyes", "nose"] == 1
    assert set(same.groups[0]) >= {"eyes", "nose"}


def test_sixty_segments() -> None:
    rng = np.random.default_rng(0)
    masks = np.eye(60, dtype=bool)[:, None, :]
    segments = {
        f"i{i}": sat.SegmentationMap(tuple(f"s{k}" for k in range(60)), masks) for i in range(20)
    }
    heat = {i: rng.normal(size=(1, 60)) for i in segments}
    table = sat.build({"m": heat}, segments, pad_px=0)
    for test in ("wilcoxon-holm", "nemenyi"):
        result = sat.compare(table, method="m", test=test)
        assert result.p_values.shape == (60, 60)
        assert len(result.pairs()) == 1770


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "lrp"}, "method: unknown name 'lrp'. Valid: 'sharp', 'noisy'"),
        (
            {"test": "t-test"},
            f"test: unknown name 't-test'. Valid: {', '.join(map(repr, sat.TESTS))}",
        ),
        ({"missing": "drop"}, "missing: unknown name 'drop'. Valid: 'absolute', 'complete'"),
        ({"missing": "complete", "test": "aeon"}, "take test='wilcoxon-holm'.*, or missing="),
        ({"missing": "complete", "test": "nemenyi"}, "test='nemenyi' needs every segment"),
        ({"alpha": 0}, "alpha: expected a number between 0 and 1, such as 0.05, got"),
    ],
)
def test_unknown_names(table: pd.DataFrame, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.compare(table, **{"method": "sharp", **options})


def test_too_little_to_test(table: pd.DataFrame) -> None:
    one = table[table["image_id"] == "image_01"]
    with pytest.raises(sat.InvalidInput, match="at least 2 images, got 1"):
        sat.compare(one, method="sharp")
    eyes = table[table["segment"] == "eyes"]
    with pytest.raises(sat.InvalidInput, match="at least 2 segments, got 1"):
        sat.compare(eyes, method="sharp")
    pair = table[table["segment"].isin(["eyes", "nose"])]
    with pytest.raises(sat.InvalidInput, match="'aeon' needs at least 3 segments, got 2"):
        sat.compare(pair, method="sharp", test="aeon")
    two_models = pd.concat([table, table.assign(model="other")])
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.compare(two_models, method="sharp")


def test_it_prints_short(table: pd.DataFrame) -> None:
    text = repr(sat.compare(table, method="sharp"))
    assert text.startswith(
        "Comparison(sharp, 5 segments, 20 images, wilcoxon-holm at alpha 0.05: eyes 1.00"
    )


def test_the_fewest_images_and_segments(table: pd.DataFrame) -> None:
    two = table[table["image_id"].isin(["image_01", "image_02"])]
    assert sat.compare(two, method="sharp").n_total == 2
    three = table[table["segment"].isin(["eyes", "nose", "rest"])]
    assert len(sat.compare(three, method="sharp", test="aeon").mean_ranks) == 3


def test_as_many_groups_as_can_be_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path of four has three maximal groups."""
    alike = np.eye(4, k=1, dtype=bool) | np.eye(4, k=-1, dtype=bool)
    for most, warned in ((3, 0), (2, 1)):
        monkeypatch.setattr(cliques, "MOST", most)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert maximal_cliques(alike) == ((0, 1), (1, 2), (2, 3))
        assert len(caught) == warned
