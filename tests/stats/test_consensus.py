from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.stats.kendall import kendall_tau_b, kendall_w
from tests.oracles import agreement as oracle


@st.composite
def rankings(draw: st.DrawFn, most: int = 6) -> np.ndarray:
    """Two to four rankings of the same things, with ties."""
    k = draw(st.integers(2, 6))
    values = st.lists(st.integers(0, most), min_size=k, max_size=k)
    scores = draw(st.lists(values, min_size=2, max_size=4))
    return rankdata(np.array(scores), axis=1)


@given(rankings())
def test_w_is_the_variance_of_rank_sums_over_its_most(ranks: np.ndarray) -> None:
    expected = oracle.kendall_w_by_variance(ranks.tolist())
    assert kendall_w(ranks) == pytest.approx(expected, nan_ok=True)


@given(st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_w_without_ties_is_the_mean_rank_correlation(k: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranks = np.array([rng.permutation(k) + 1.0 for _ in range(m)])
    assert kendall_w(ranks) == pytest.approx(oracle.kendall_w(ranks.tolist()))


def test_w_with_ties_is_the_textbooks() -> None:
    """Siegel & Castellan's form of the correction, by hand: three judges, four things."""
    ranks = np.array([[1, 2.5, 2.5, 4], [1, 2, 3, 4], [2, 2, 2, 4]], dtype=float)
    sums = [4, 6.5, 7.5, 12]
    ties = (2**3 - 2) + (3**3 - 3)
    by_hand = (12 * sum(s**2 for s in sums) - 3 * 9 * 4 * 25) / (9 * 4 * 15 - 3 * ties)
    assert kendall_w(ranks) == by_hand < 1
    assert kendall_w(ranks[[0, 0]]) == pytest.approx(1), "alike with ties is alike"


def test_random_rankings_have_w_of_one_in_m() -> None:
    rng = np.random.default_rng(0)
    for m in (2, 5):
        ws = [
            kendall_w(np.array([rng.permutation(6) for _ in range(m)]) + 1.0) for _ in range(4000)
        ]
        assert np.mean(ws) == pytest.approx(1 / m, abs=0.01)


@given(rankings(most=3))
def test_tau_is_scipys_and_the_count_of_pairs(ranks: np.ndarray) -> None:
    taus = kendall_tau_b(ranks)
    for i, a in enumerate(ranks):
        for j, b in enumerate(ranks):
            assert taus[i, j] == pytest.approx(oracle.tau_b(a, b), nan_ok=True)
            assert taus[i, j] == pytest.approx(kendalltau(a, b).statistic, nan_ok=True)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Three methods on another scale each; images with two to five of five segments."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    segments, maps = {}, {"a": {}, "b": {}, "c": {}}
    for i in range(draw(st.integers(1, 6))):
        present = rng.permutation(5)[: rng.integers(2, 6)]
        masks = np.eye(5, dtype=bool)[present][:, None, :]
        segments[f"i{i}"] = SegmentationMap(tuple("vwxyz"[k] for k in present), masks)
        for method, scale in (("a", 1.0), ("b", 1e-6), ("c", 1e3)):
            heat = rng.integers(1, 5, (1, 5)) * rng.choice([-1.0, 1.0], (1, 5))
            maps[method][f"i{i}"] = scale * heat
    return sat.build(maps, segments, pad_px=0)


@settings(max_examples=12)
@given(tables())
def test_combinations_are_their_definitions(table: pd.DataFrame) -> None:
    images = table["image_id"].unique()
    by_image, names = {}, {}
    for i in images:
        rows = table[table["image_id"] == i]
        names[i] = sorted(set(rows["segment"]))
        of = dict(
            zip(
                zip(rows["method"], rows["segment"], strict=True),
                rows["abs_mean_attribution"],
                strict=True,
            )
        )
        by_image[i] = [[of[method, name] for name in names[i]] for method in "abc"]
    for combination in sat.COMBINATIONS:
        scores = getattr(oracle, combination)(by_image)
        result = sat.consensus(table, combination=combination)
        found = result.table.set_index(["image_id", "segment"])
        found = found[["mean_attribution", "rank"]].T.to_dict()
        for i in images:
            rounded = [round(score, 9) for score in scores[i]]
            for name, score, near in zip(names[i], scores[i], rounded, strict=True):
                assert found[i, name]["mean_attribution"] == pytest.approx(score)
                assert found[i, name]["rank"] == oracle.rank(near, rounded)


@settings(max_examples=12)
@given(tables())
def test_agreement_is_by_image_and_averaged(table: pd.DataFrame) -> None:
    result = sat.consensus(table)
    ranks = {
        i: rows.pivot(index="method", columns="segment", values="rank").to_numpy()
        for i, rows in table.groupby("image_id")
    }
    for i, w in result.w_by_image.items():
        assert w == pytest.approx(oracle.kendall_w_by_variance(ranks[i].tolist()), nan_ok=True)
    for m, a in enumerate("abc"):
        for n, b in enumerate("abc"):
            taus = [oracle.tau_b(one[m], one[n]) for one in ranks.values()]
            expected = oracle.mean_without_nan(taus)
            assert result.tau.loc[a, b] == pytest.approx(expected, nan_ok=True)


def test_the_ranking_is_beside_the_methods_own(table: pd.DataFrame) -> None:
    result = sat.consensus(table)
    assert result.methods == ("sharp", "noisy")
    assert result.ranking.index[0] == "eyes"
    assert result.ranking.loc["ears", "n_images"] == 15
    for method in result.methods:
        own = sat.aggregate(table[table["method"] == method], value="rank").set_index("segment")
        pd.testing.assert_series_equal(
            result.ranking[method].sort_index(), own["rank"].sort_index(), check_names=False
        )
    overall = oracle.kendall_w_by_variance(
        [rankdata(result.ranking[method]).tolist() for method in result.methods]
    )
    assert result.w == pytest.approx(overall)


def test_the_combined_table_goes_on(table: pd.DataFrame) -> None:
    """Into aggregate and compare, as one method, with images that have no segments."""
    maps, segments = {"a": {}, "b": {}}, {}
    for i in range(6):
        n = 3 if i else 0
        segments[str(i)] = SegmentationMap(tuple("xyz")[:n], np.eye(3, dtype=bool)[:n, None, :])
        for m in maps:
            maps[m][str(i)] = np.array([[3.0, 2.0, 1.0]])
    result = sat.consensus(sat.build(maps, segments, pad_px=0), combination="agg_mean")
    assert result.n_total == 6
    means = sat.aggregate(result.table, how="absolute").set_index("segment")["mean_attribution"]
    assert means["x"] == pytest.approx(3 / 6 * 5 / 6)
    assert sat.compare(result.table, method="agg_mean").mean_ranks["x"] == 1
    assert sat.consensus(table).table["method"].unique().tolist() == ["mean_rank"]


def test_agg_var_prefers_what_methods_agree_on() -> None:
    """Equal mean shares; on "agreed" the methods are one, on "disputed" they differ."""
    masks = SegmentationMap(("disputed", "agreed", "other"), np.eye(3, dtype=bool)[:, None, :])
    maps = {"a": {"i": np.array([[0.7, 0.4, 0.1]])}, "b": {"i": np.array([[0.1, 0.4, 0.7]])}}
    table = sat.build(maps, {"i": masks}, pad_px=0)
    mean = sat.consensus(table, combination="agg_mean").ranking["rank"]
    assert mean.to_dict() == {"agreed": 2, "disputed": 2, "other": 2}
    variance = sat.consensus(table, combination="agg_var").ranking["rank"]
    assert variance.to_dict() == {"agreed": 1, "disputed": 2.5, "other": 2.5}


def test_agg_var_is_the_mean_where_methods_differ_in_scale_alone() -> None:
    """Their shares are equal up to rounding, which must not lead."""
    heat = np.array([[1.0, 1.0, 7.0, 4.0, 1.0, 11.0]])
    masks = SegmentationMap(tuple("uvwxyz"), np.eye(6, dtype=bool)[:, None, :])
    maps = {f"by {scale}": {"i": scale * heat} for scale in (1.0, 0.1, 0.7, 3.0, 1e-6, 1e3)}
    for some in ([*maps][:3], [*maps][2:], [*maps]):
        table = sat.build({m: maps[m] for m in some}, {"i": masks}, pad_px=0)
        found = sat.consensus(table, combination="agg_var").table.set_index("segment")
        expected = dict(zip("uvwxyz", (heat[0] / heat.sum()).tolist(), strict=True))
        assert found["mean_attribution"].to_dict() == pytest.approx(expected)
        assert found["rank"].to_dict() == {"u": 5, "v": 5, "w": 2, "x": 3, "y": 5, "z": 1}


def test_means_that_differ_by_rounding_alone_tie() -> None:
    """0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1."""
    masks = SegmentationMap(tuple("xyz"), np.eye(3, dtype=bool)[:, None, :])
    heat = {"a": [0.1, 0.3, 0.6], "b": [0.2, 0.2, 0.6], "c": [0.3, 0.1, 0.6]}
    maps = {method: {"i": np.array([values])} for method, values in heat.items()}
    result = sat.consensus(sat.build(maps, {"i": masks}, pad_px=0), combination="agg_mean")
    assert result.ranking["rank"].to_dict() == {"z": 1, "x": 2.5, "y": 2.5}


def test_methods_that_say_nothing() -> None:
    """A map of zeros ties everything: no tau, no deviation where all do so."""
    masks = SegmentationMap(tuple("xy"), np.eye(2, dtype=bool)[:, None, :])
    zero, other = np.zeros((1, 2)), np.array([[1.0, 3.0]])
    table = sat.build({"a": {"i": zero}, "b": {"i": other}}, {"i": masks}, pad_px=0)
    result = sat.consensus(table, combination="agg_mean")
    assert math.isnan(result.tau.loc["a", "b"])
    assert result.tau.loc["b", "b"] == 1
    scores = result.table.set_index("segment")["mean_attribution"]
    assert scores.to_dict() == {"x": 0.375, "y": 0.625}
    nothing = sat.build({"a": {"i": zero}, "b": {"i": zero}}, {"i": masks}, pad_px=0)
    tied = sat.consensus(nothing, combination="agg_var")
    assert math.isnan(tied.w)
    assert tied.ranking["rank"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize("combination", sat.COMBINATIONS)
def test_scale_and_order_of_images_never_matter(table: pd.DataFrame, combination: str) -> None:
    """A method in other units says the same; so do the images the other way round."""
    one = sat.consensus(table, combination=combination)
    larger = table["abs_mean_attribution"].where(
        table["method"] == "sharp", 1e5 * table["abs_mean_attribution"]
    )
    two = sat.consensus(table.assign(abs_mean_attribution=larger), combination=combination)
    three = sat.consensus(table.iloc[::-1], combination=combination)
    for other in (two, three):
        pd.testing.assert_frame_equal(one.ranking, other.ranking[one.ranking.columns])
        pd.testing.assert_frame_equal(one.tau, other.tau.loc[one.tau.index, one.tau.columns])


def test_filtered_tables_are_ranked_among_themselves(table: pd.DataFrame) -> None:
    without = table[table["segment"] != "eyes"]
    result = sat.consensus(without)
    reranked = sat.consensus(sat.rerank(without))
    pd.testing.assert_series_equal(result.w_by_image, reranked.w_by_image)
    pd.testing.assert_frame_equal(result.ranking, reranked.ranking)
    assert result.w_by_image.between(0, 1 + 1e-12).all()


def test_images_without_rows_of_some_method_are_left_out(table: pd.DataFrame) -> None:
    """As Deep Taylor has none where what is explained is not positive."""
    other = table["image_id"] != "image_03"
    lacks = table[(table["method"] == "sharp") | other]
    with pytest.warns(UserWarning, match="1 of 20 images have no rows .*: 'image_03'"):
        result = sat.consensus(lacks)
    expected = sat.consensus(table[other])
    pd.testing.assert_frame_equal(result.ranking, expected.ranking)
    assert (result.w, result.n_total) == (expected.w, 19)
    with pytest.warns(UserWarning, match="1 of 20 images have no rows of some method"):
        stability = sat.ranking_stability(lacks, sizes=[3], n_repeats=9)
    pd.testing.assert_frame_equal(
        stability, sat.ranking_stability(table[other], sizes=[3], n_repeats=9)
    )


def test_what_cannot_be_compared(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="at least 2 methods with segments, got 1"):
        sat.consensus(table[table["method"] == "sharp"])
    eyes = (table["image_id"] == "image_03") & (table["segment"] == "eyes")
    with pytest.raises(
        sat.InvalidInput, match=r"1 segments lack rows of some methods: .*'image_03', 'eyes'"
    ):
        sat.consensus(table[(table["method"] == "sharp") | ~eyes])
    first = table["image_id"].unique()[:10]
    with pytest.raises(sat.InvalidInput, match="20 of 20 images have no rows of some method"):
        sat.consensus(table[(table["method"] == "sharp") == table["image_id"].isin(first)])
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.consensus(pd.concat([table, table.assign(model="other")]))
    with pytest.raises(sat.InvalidInput, match="combination: unknown name 'mean'.*'mean_rank'"):
        sat.consensus(table, combination="mean")
    with pytest.raises(sat.InvalidInput, match="expected a DataFrame"):
        sat.consensus({})  # type: ignore[arg-type]


def test_it_prints_short(table: pd.DataFrame) -> None:
    assert repr(sat.consensus(table)).startswith("Consensus(2 methods, 5 segments, 20 images: W 0.")
