"""Rankings of separate samples are compared as whole studies would be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.image_taus import by_size, means, shuffled, taus_with
from tests.oracles import stability as oracle


@pytest.mark.parametrize("how", ["relative", "absolute"])
@pytest.mark.parametrize("n", [1, 3, 10])
def test_taus_are_those_of_separate_studies(table: pd.DataFrame, how: str, n: int) -> None:
    found = sat.ranking_stability(table, sizes=[n], how=how, n_repeats=15, seed=3)
    for row in found.itertuples():
        expected = np.array(oracle.taus(table.query("method == @row.method"), n, 15, 3, how))
        expected = expected[np.isfinite(expected)]
        assert row.tau == pytest.approx(expected.mean(), abs=1e-9)
        assert [row.low, row.high] == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=1e-9)
    assert (found["n_total"] == 20).all()


def test_samples_share_no_image() -> None:
    for ones, others in oracle.samples([f"{i}" for i in range(9)], 4, 20, 0):
        assert len({*ones, *others}) == 8


def test_the_order_of_the_rows_does_not_matter(table: pd.DataFrame) -> None:
    mixed = table.sample(frac=1, random_state=1)
    ones, others = (
        sat.ranking_stability(t, n_repeats=20).sort_values(["method", "n_images"])
        for t in (table, mixed)
    )
    pd.testing.assert_frame_equal(ones.reset_index(drop=True), others.reset_index(drop=True))


def test_larger_samples_are_more_alike(table: pd.DataFrame) -> None:
    found = sat.ranking_stability(table.query("method == 'noisy'"))
    assert found["n_images"].tolist() == [2, 3, 5, 7, 10]
    assert found["tau"].iloc[-1] > found["tau"].iloc[0]


def test_images_needed_are_those_from_which_on_it_stays() -> None:
    rows = pd.DataFrame(
        {
            "method": ["a"] * 4 + ["b"] * 4,
            "n_images": [2, 5, 10, 20] * 2,
            "tau": [0.95, 0.8, 0.9, 0.97, 0.5, 0.6, 0.95, 0.89],
            "low": [0.1, 0.2, 0.5, 0.9, 0.0, 0.0, 0.0, 0.0],
        }
    )
    needed = sat.images_needed(rows.sample(frac=1, random_state=0))
    assert needed["a"] == 10
    assert needed["b"] is pd.NA
    assert sat.images_needed(rows, column="low")["a"] == 20
    assert sat.images_needed(rows, tau=0.6)["b"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizes": [11]}, "sizes: expected at most 10, .* the table has 20, got 11"),
        ({"sizes": [0]}, "sizes: expected a whole number >= 1, got 0"),
        ({"how": "top_k"}, "how: unknown name 'top_k'"),
        ({"n_repeats": 0}, "n_repeats: expected a whole number >= 1"),
        ({"level": 95}, "level: expected a number between 0 and 1"),
    ],
)
def test_what_makes_no_sense(table: pd.DataFrame, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.ranking_stability(table, **options)


def test_too_few_images(table: pd.DataFrame) -> None:
    few = table[table["image_id"].isin(["image_00", "image_01", "image_02"])]
    with pytest.raises(sat.InvalidInput, match="table: expected at least 4 images, .* got 3"):
        sat.ranking_stability(few)
    with pytest.raises(sat.InvalidInput, match="column: unknown name 'high'"):
        sat.images_needed(pd.DataFrame(), column="high")
    lacking = table[(table["method"] == "sharp") | (table["image_id"] > "image_16")]
    with (
        pytest.warns(UserWarning, match="17 of 20 images have no rows of some method"),
        pytest.raises(sat.InvalidInput, match="table: expected at least 4 images, .* got 3"),
    ):
        sat.ranking_stability(lacking)


# --- ranks and effects --------------------------------------------------------------------------


def effects_of(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    keys = table[["image_id", "segment"]].dropna().drop_duplicates()
    values = np.random.default_rng(seed).integers(0, 6, len(keys)).astype(float)
    return pd.Series(values, pd.MultiIndex.from_frame(keys))


def test_taus_with_effects_are_the_oracles(table: pd.DataFrame) -> None:
    effects = effects_of(table)
    found = taus_with(table, effects)
    for (image_id, method), rows in table.groupby(["image_id", "method"]):
        expected = oracle.tau_with_effects(rows, effects[image_id].to_dict())
        assert found.loc[image_id, method] == pytest.approx(expected, nan_ok=True)


def test_only_the_order_of_effects_counts(table: pd.DataFrame) -> None:
    effects = effects_of(table)
    pd.testing.assert_frame_equal(taus_with(table, effects), taus_with(table, np.exp(effects)))
    reversed_ = taus_with(table, -effects)
    np.testing.assert_allclose(reversed_, -taus_with(table, effects), atol=1e-12)


def test_a_segment_without_an_effect_is_named(table: pd.DataFrame) -> None:
    with pytest.raises(sat.IdMismatch, match=r"effects: 1 segments .*'image_00', 'nose'"):
        taus_with(table, effects_of(table).drop(("image_00", "nose")))


def test_means_leave_out_what_is_not_there() -> None:
    values = pd.DataFrame({"a": [1.0, math.nan, 3.0, 2.0], "b": [0.5] * 4})
    found = means(values)
    assert found["mean"].tolist() == [2.0, 0.5]
    assert found["n_images"].tolist() == [3, 4]
    assert found.loc["a", "low"] < 2 < found.loc["a", "high"]
    assert found.loc["b", ["low", "high"]].tolist() == [0.5, 0.5]


def test_controls_know_sizes_or_nothing(table: pd.DataFrame) -> None:
    small = by_size(table)
    for _, rows in small.groupby("image_id"):
        assert rows.sort_values("rank")["mask_px"].is_monotonic_increasing
    dealt = shuffled(table, seed=1)
    for image_id, rows in dealt.groupby("image_id"):  # noqa: B007, image_id is in the query
        own = table.query("image_id == @image_id and method == 'sharp'")
        assert sorted(rows["rank"]) == sorted(own["rank"])
    assert not dealt["rank"].equals(shuffled(table, seed=2)["rank"])
    pd.testing.assert_frame_equal(shuffled(table), shuffled(table, seed=0))
    again = shuffled(table.sample(frac=1, random_state=0).sort_index(), seed=1)
    pd.testing.assert_series_equal(again["rank"], dealt["rank"])


def test_tables_of_two_models_are_not_mixed(table: pd.DataFrame) -> None:
    both = pd.concat([table, table.assign(model="other")])
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.ranking_stability(both.assign(model=both["model"].fillna("one")))


def test_a_segment_counts_once_an_image(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="several rows for"):
        sat.ranking_stability(pd.concat([table, table]))


# --- edges --------------------------------------------------------------------------------------


def test_sizes_are_round_numbers_up_to_half_of_the_images() -> None:
    table = as_table(np.random.default_rng(0).normal(size=(2400, 2)))
    found = sat.ranking_stability(table, n_repeats=1)["n_images"].tolist()
    assert found == [
        *(2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000), 1200,
    ]  # fmt: skip


def test_four_images_are_enough(table: pd.DataFrame) -> None:
    four = table[table["image_id"] < "image_04"]
    assert sat.ranking_stability(four, n_repeats=2)["n_images"].tolist() == [2, 2]


@pytest.mark.parametrize("tau", [-1, 1, 0.5])
def test_any_tau_can_be_asked_for(tau: float) -> None:
    stability = pd.DataFrame({"method": ["a"], "n_images": [5], "tau": [1.0]})
    assert sat.images_needed(stability, tau=tau)["a"] == 5
    for beyond in (-1.01, 1.01, "0.9"):
        with pytest.raises(sat.InvalidInput, match="tau: expected a number from -1 to 1"):
            sat.images_needed(stability, tau=beyond)
