from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

import sat_nb as sat
from sat_nb import SegmentationMap
from tests.oracles import aggregations as oracle


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """One method, two or three classes; every image has some of five segments, or none."""
    maps, segments, labels = {}, {}, {}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for i in range(draw(st.integers(2, 9))):
        present = rng.permutation(5)[: rng.integers(0 if i else 1, 6)]
        masks = np.eye(5, dtype=bool)[present][:, None, :]
        segments[f"i{i}"] = SegmentationMap(tuple("abcde"[k] for k in present), masks)
        maps[f"i{i}"] = rng.integers(-3, 4, (1, 5)).astype(float)
        labels[f"i{i}"] = i if i < 2 else int(rng.integers(3))
    table = sat.build({"m": maps}, segments, pad_px=0, labels=labels)
    nobody = pd.array([pd.NA] * len(table), "Int64")
    return table.assign(predicted=table["label"], label=nobody)


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("median", "mean_attribution", {}),
    ("median", "rank", {}),
    ("trimmed_mean", "mean_attribution", {"share": 0.25}),
    ("trimmed_mean", "rank", {"share": 0.4}),
    ("top_k", "rank", {"k": 1}),
    ("top_k", "rank", {"k": 3}),
    ("lime", "mean_attribution", {}),
    ("homogeneity", "mean_attribution", {}),
    ("homogeneity", "abs_mean_attribution", {"of": 1}),
]


@settings(max_examples=25)
@given(table=tables())
def test_aggregations_are_their_definitions(table: pd.DataFrame) -> None:
    rows = table.to_dict("records")
    for how, value, parameters in CASES:
        summary = sat.aggregate(table, how=how, value=value, parameters=parameters)
        expected = getattr(oracle, how)(rows, value, **parameters)
        result = summary.columns[2]
        assert set(summary["segment"]) == set(expected)
        for segment, number in zip(summary["segment"], summary[result], strict=True):
            assert number == pytest.approx(expected[segment], rel=1e-9, abs=1e-9), (how, segment)


def test_every_entry_is_compared_with_its_definition() -> None:
    assert {how for how, _, _ in CASES} | {"relative", "absolute"} == set(sat.AGGREGATIONS)


def one_segment(values: list[float]) -> pd.DataFrame:
    """A segment that has these means, one an image."""
    masks = {str(i): SegmentationMap(("a",), np.ones((1, 1, 1), bool)) for i in range(len(values))}
    maps = {str(i): np.array([[v]]) for i, v in enumerate(values)}
    return sat.build({"m": maps}, masks, pad_px=0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.29, 0.49])
def test_trimmed_mean_is_scipys(share: float) -> None:
    values = np.random.default_rng(0).standard_cauchy(37).tolist()
    summary = sat.aggregate(one_segment(values), how="trimmed_mean", parameters={"share": share})
    assert summary["mean_attribution"].item() == pytest.approx(trim_mean(values, share))


def test_a_share_is_meant_in_decimals() -> None:
    """0.29 of 100 images are 29, though the product of the floats is a bit less."""
    values = [1e6] * 29 + [0.0] * 42 + [-1e6] * 29
    assert 0.29 * 100 < 29
    summary = sat.aggregate(one_segment(values), how="trimmed_mean", parameters={"share": 0.29})
    assert summary["mean_attribution"].item() == 0


def test_outliers_move_means_and_not_medians() -> None:
    values = [1.0] * 9 + [1e6]
    for how in ("median", "trimmed_mean"):
        assert sat.aggregate(one_segment(values), how=how)["mean_attribution"].item() == 1.0


def test_top_k_counts_absence_and_reads_stored_ranks(table: pd.DataFrame) -> None:
    sharp = table[table["method"] == "sharp"]
    top = sat.aggregate(sharp, how="top_k", parameters={"k": 5}).set_index("segment")
    assert top.loc["ears", "top_k_fraction"] == 15 / 20
    assert top.loc["eyes", "top_k_fraction"] == 1
    without_eyes = sharp[sharp["segment"] != "eyes"]
    first = sat.aggregate(without_eyes, how="top_k", parameters={"k": 1})
    assert (first["top_k_fraction"] == 0).all(), "filtering never re-ranks"


def test_ties_across_the_border_are_not_among_the_best() -> None:
    flat = {"m": {"i": np.ones((1, 4))}}
    four = SegmentationMap(tuple("abcd"), np.eye(4, dtype=bool)[:, None, :])
    table = sat.build(flat, {"i": four}, pad_px=0)
    for k, share in ((2, 0), (3, 1), (4, 1)):  # all four share the rank 2.5
        best = sat.aggregate(table, how="top_k", parameters={"k": k})
        assert (best["top_k_fraction"] == share).all()


def with_classes(importance: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """One image each of class 0 and of class 1, whose segments have these means."""
    names = tuple(importance)
    masks = SegmentationMap(names, np.eye(len(names), dtype=bool)[:, None, :])
    maps = {str(c): np.array([[importance[name][c] for name in names]]) for c in (0, 1)}
    labels = {"0": 0, "1": 1}
    return sat.build({"m": maps}, {"0": masks, "1": masks}, pad_px=0, labels=labels)


def test_homogeneity_favours_what_one_class_has_alone() -> None:
    """By hand: the watermark belongs to class 1, the sky to both, the mane is in between."""
    table = with_classes({"sky": (4.0, 4.0), "watermark": (0.0, -4.0), "mane": (9.0, 1.0)})
    summary = sat.aggregate(table, how="homogeneity", parameters={"classes": "label"})
    by_segment = summary.set_index("segment")["importance"]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))  # of sqrt(9) and sqrt(1)
    assert by_segment["sky"] == pytest.approx(0, abs=1e-12)
    assert by_segment["watermark"] == pytest.approx(2.0)
    assert by_segment["mane"] == pytest.approx((1 - entropy / np.log(2)) * 4)
    of = {"classes": "label", "of": 0}
    zebra = sat.aggregate(table, how="homogeneity", parameters=of).set_index("segment")
    assert zebra.loc["mane", "importance"] == pytest.approx((1 - entropy / np.log(2)) * 3)
    assert zebra.loc["watermark", "importance"] == 0
    plain = sat.aggregate(table.assign(label=pd.NA).astype({"label": "Int64"}), how="lime")
    assert plain["segment"].tolist() == ["mane", "sky", "watermark"]


def test_homogeneity_of_segments_that_are_spread_alike_counts_fully() -> None:
    table = with_classes({"a": (1.0, 1.0), "b": (4.0, 4.0), "none": (0.0, 0.0)})
    summary = sat.aggregate(table, how="homogeneity", parameters={"classes": "label"})
    assert summary["importance"].tolist() == [4.0, 2.0, 0.0]


def test_homogeneity_needs_classes(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="column 'predicted' holds 0 .*labels="):
        sat.aggregate(table, how="homogeneity")
    labelled = with_classes({"a": (1.0, 2.0)})
    with pytest.raises(sat.InvalidInput, match="'label' holds 1 .*out of `by`"):
        sat.aggregate(
            labelled, how="homogeneity", by=("method", "label"), parameters={"classes": "label"}
        )
    with pytest.raises(sat.InvalidInput, match="of: no image of class 7; there are 0, 1"):
        sat.aggregate(labelled, how="homogeneity", parameters={"classes": "label", "of": 7})


@pytest.mark.parametrize("how", ["median", "trimmed_mean", "top_k", "lime"])
def test_groups_are_kept_apart(table: pd.DataFrame, how: str) -> None:
    two = pd.concat([table, table.assign(model="other", rank=1.0, mean_attribution=0.0)])
    both = sat.aggregate(two, how=how, by=("method", "model"))
    for method in ("sharp", "noisy"):
        alone = sat.aggregate(table[table["method"] == method], how=how)
        part = both.query("method == @method and model == 'model'").drop(columns="model")
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.aggregate(two, how=how)


def test_groups_without_a_name_are_groups(table: pd.DataFrame) -> None:
    """An image whose class is not known stays, as it does under the paper's aggregations."""
    labels = pd.array(np.where(table["image_id"] < "image_10", 1, 0), "Int64")
    labels[labels == 0] = pd.NA
    half = table.assign(label=labels)
    keys = ["method", "label", "segment", "n_images"]
    rows = sat.aggregate(half, how="median", by=("method", "label"))
    sums = sat.aggregate(half, how="relative", by=("method", "label"))
    assert len(rows) == 20
    pd.testing.assert_frame_equal(
        rows[keys].sort_values(keys).reset_index(drop=True),
        sums[keys].sort_values(keys).reset_index(drop=True),
    )


@pytest.mark.parametrize("how", ["relative", "median", "top_k", "lime"])
def test_images_without_segments_and_tables_without_rows(how: str) -> None:
    nothing = SegmentationMap((), np.zeros((0, 2, 2), bool))
    vacant = sat.build({"m": {"i": np.ones((2, 2))}}, {"i": nothing})
    assert len(sat.aggregate(vacant, how=how)) == 0
    assert len(sat.aggregate(vacant.iloc[:0], how=how)) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"how": "top_k", "value": "mean_attribution"}, "how='top_k' takes 'rank', got 'mean"),
        ({"how": "lime", "value": "rank"}, "takes 'mean_attribution' or 'abs_mean_attribution'"),
        ({"how": "median", "parameters": {"k": 3}}, "parameters: how='median' takes none, got 'k'"),
        ({"how": "top_k", "parameters": {"n": 3}}, "parameters: unknown name 'n'. .*Valid: 'k'"),
        ({"how": "top_k", "parameters": {"k": 0}}, "k: expected a whole number >= 1, got 0"),
        ({"how": "top_k", "parameters": {"k": True}}, "k: expected a whole number >= 1, got True"),
        ({"how": "trimmed_mean", "parameters": {"share": 0.5}}, "share: expected a share from 0"),
        ({"how": "homogeneity", "parameters": {"classes": "model"}}, "'predicted' or 'label', got"),
        ({"how": "top_k", "parameters": 3}, "parameters: expected a dict such as"),
        ({"how": "top_k", "by": ("segment",)}, "by: 'segment' cannot be kept apart"),
    ],
)
def test_what_an_aggregation_does_not_take(
    table: pd.DataFrame, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.aggregate(table, **options)


@pytest.mark.parametrize("how", ["median", "trimmed_mean", "top_k"])
@given(order=st.permutations(range(40)))
@settings(max_examples=3)
def test_order_of_rows_never_matters(order: list[int], how: str) -> None:
    from sat_nb.toy import toy

    table = sat.build(*toy(4))
    shuffled = table.iloc[[i for i in order if i < len(table)]]
    pd.testing.assert_frame_equal(
        sat.aggregate(table, how=how), sat.aggregate(shuffled, how=how), rtol=1e-12
    )
