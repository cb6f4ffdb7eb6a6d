"""Outliers, against the definitions, on random tables."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.toy import toy
from tests.oracles import unusual as oracle


def random_table(seed: int, methods: tuple[str, ...] = ("a", "b", "c")) -> pd.DataFrame:
    """Seven images, some of whose five segments are missing; whole numbers, so that ranks tie."""
    rng = np.random.default_rng(seed)
    _, segments = toy(7, seed=seed)
    kept = {}
    for image_id, segmentation in segments.items():
        there = rng.random(len(segmentation)) < 0.8
        there[0] |= not there.any()
        kept[image_id] = sat.SegmentationMap(
            tuple(np.array(segmentation.names)[there]), segmentation.masks[there]
        )
    drawn = {
        method: {i: np.repeat(rng.integers(1, 5, 5), 4)[:, None] * np.ones((20, 16)) for i in kept}
        for method in methods
    }
    return sat.build(drawn, kept, pad_px=0)


def by_method(table: pd.DataFrame, method: str) -> list[dict]:
    return table[(table["method"] == method) & table["segment"].notna()].to_dict("records")


@given(st.integers(0, 10_000))
@settings(max_examples=8)
def test_images_segments_and_methods_follow_their_definitions(seed: int) -> None:
    table = random_table(seed)
    of = {method: by_method(table, method) for method in "abc"}
    images = sat.unusual_images(table)
    assert len(images) == 3 * table["image_id"].nunique()
    assert images["distance"].round(9).is_monotonic_decreasing
    for row in images.to_dict("records"):
        rows = of[row["method"]]
        distance, segment = oracle.distance(rows, row["image_id"])
        [own] = [r for r in rows if (r["image_id"], r["segment"]) == (row["image_id"], segment)]
        off = abs(own["rank"] - oracle.mean_rank(rows, segment))
        assert row["distance"] == pytest.approx(distance)
        assert abs(row["rank"] - row["mean_rank"]) == pytest.approx(off)
        assert row["segment"] == segment
        assert row["n_segments"] == sum(r["image_id"] == row["image_id"] for r in rows)
    for row in sat.varying_segments(table).to_dict("records"):
        rows = of[row["method"]]
        ranks = [r["rank"] for r in rows if r["segment"] == row["segment"]]
        assert row["n_images"] == len(ranks)
        assert row["mean_rank"] == pytest.approx(oracle.mean_rank(rows, row["segment"]))
        assert row["sd_rank"] == pytest.approx(oracle.sd_rank(rows, row["segment"]), abs=1e-12)
        assert row["low"] == pytest.approx(oracle.quantile(ranks, 0.25))
        assert row["high"] == pytest.approx(oracle.quantile(ranks, 0.75))
    pairs = sat.disagreeing_methods(table).set_index(["method_a", "method_b"])
    assert sorted(pairs.index) == list(itertools.combinations("abc", 2))
    for (a, b), row in pairs.iterrows():
        names = sorted({r["segment"] for r in of[a]})
        means = [[oracle.mean_rank(of[m], n) for n in names] for m in (a, b)]
        expected = oracle.tau_b(*np.round(means, 9))
        assert row["tau"] == pytest.approx(expected, nan_ok=True)
        gaps = np.abs(np.subtract(*means))
        assert abs(row["rank_a"] - row["rank_b"]) == pytest.approx(gaps.max())


def test_an_image_that_ranks_as_all_do_is_not_unusual_and_the_reversed_one_is(table) -> None:
    sharp = table[table["method"] == "sharp"].copy()
    odd = sharp["image_id"] == "image_01"
    sharp.loc[odd, "rank"] = sharp.loc[odd, "n_segments"] + 1 - sharp.loc[odd, "rank"]
    found = sat.unusual_images(sharp)
    assert found["image_id"].iloc[0] == "image_01"
    assert sat.unusual_images(sharp[~odd])["distance"].max() < 1


@given(st.permutations(range(40)))
@settings(max_examples=5)
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    table = random_table(3).head(40)
    mixed = table.iloc[[i for i in order if i < len(table)]]
    for statistic in (sat.unusual_images, sat.varying_segments, sat.disagreeing_methods):
        pd.testing.assert_frame_equal(statistic(table), statistic(mixed))


def test_one_method_has_nobody_to_differ_from(table) -> None:
    assert sat.disagreeing_methods(table[table["method"] == "sharp"]).empty


def test_a_method_that_ties_everything_comes_last() -> None:
    table = random_table(1)
    table.loc[table["method"] == "a", "rank"] = 2.0
    found = sat.disagreeing_methods(table)
    assert math.isnan(found["tau"].iloc[-1])
    assert not math.isnan(found["tau"].iloc[0])


def test_classes_are_not_mixed_and_an_empty_table_is_refused(table) -> None:
    mixed = table.assign(label=[0, 1] * (len(table) // 2) + [0] * (len(table) % 2))
    for statistic in (sat.unusual_images, sat.varying_segments, sat.disagreeing_methods):
        with pytest.raises(sat.InvalidInput, match="holds 2 classes"):
            statistic(mixed)
        with pytest.raises(sat.InvalidInput, match="no segment"):
            statistic(table[table["segment"].isna()])
        with pytest.raises(sat.InvalidInput, match="table: .*'rank'"):
            statistic(table.drop(columns="rank"))


@pytest.mark.parametrize("find", [sat.unusual_images, sat.varying_segments])
def test_a_table_without_models_is_a_table_of_one(find, table: pd.DataFrame) -> None:
    found = find(table.assign(model=None))
    assert found["model"].isna().all()
    named = find(table)
    pd.testing.assert_frame_equal(found.drop(columns="model"), named.drop(columns="model"))
