"""Many units: counted where they add the same, analytic where all differ; the old numbers below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import sat_nb as sat
from sat_nb.stats import bootstrap as drawn
from sat_nb.stats import intervals as module
from sat_nb.stats import plan, rank_tests
from sat_nb.stats.bootstrap import bootstrap
from sat_nb.stats.joint import counted, differences_of_pairs
from sat_nb.stats.many_units import curve_of, kinds_of, resample_kinds, without_one
from sat_nb.stats.signed_rank import counted_biserial, counted_p, rank_biserial, signed_rank_p
from sat_nb.table.parquet.source import Shards
from tests.oracles import many_units as oracle
from tests.stats.test_on_disk import tables

TAILS = np.array([0.05, 0.95])


def mean(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / sums[:, 1]


def as_sums(values: np.ndarray) -> np.ndarray:
    """Values (n,), NaN where a unit has none, as sums (n, 2)."""
    there = ~np.isnan(values)
    return np.stack([np.where(there, values, 0.0), there.astype(float)], axis=1)


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new way from the first units on."""
    for where in (drawn, module, plan, rank_tests):
        monkeypatch.setattr(where, "MANY", 1)


# --- the same distribution ----------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.sampled_from([np.nan, 1.0, 1.5, 2.0, 7.0]), min_size=1, max_size=30))
def test_kinds_are_the_units_counted(values: list[float]) -> None:
    sums = as_sums(np.array(values))
    kinds = kinds_of(sums)
    expected, counts = np.unique(sums, axis=0, return_counts=True)
    np.testing.assert_array_equal(kinds.sums, expected)
    np.testing.assert_array_equal(kinds.counts, counts)
    again = kinds_of(kinds.sums[::-1], kinds.counts[::-1])
    np.testing.assert_array_equal(again.counts, counts)
    jackknife = without_one(kinds, mean)
    slow = [
        mean(np.delete(sums, i, axis=0).sum(axis=0)[None, :, None])[0, 0] for i in range(len(sums))
    ]
    np.testing.assert_allclose(np.sort(jackknife), np.sort(slow))


def test_counts_are_drawn_as_units_are() -> None:
    """Mean, spread and skewness of 20,000 resamples, both ways."""
    values = np.random.default_rng(0).choice(
        [1.0, 2, 3, 12, np.nan], 50, p=[0.4, 0.2, 0.1, 0.1, 0.2]
    )
    sums = as_sums(values)
    ones = drawn.resample(sums[:, :, None], mean, 20_000, 1)[:, 0]
    others = resample_kinds(kinds_of(sums), mean, 20_000, 2)
    error = ones.std() / np.sqrt(10_000)
    assert abs(ones.mean() - others.mean()) < 4 * error
    assert others.std() == pytest.approx(ones.std(), rel=0.03)
    np.testing.assert_allclose(
        np.quantile(others, [0.025, 0.5, 0.975]), np.quantile(ones, [0.025, 0.5, 0.975]), atol=0.1
    )


@pytest.mark.parametrize("interval", ["bca", "percentile"])
@pytest.mark.parametrize("kind", ["ranks", "skewed", "symmetric"])
def test_bounds_are_todays_within_monte_carlo_error(
    kind: str, interval: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 1,000 units; of 20,000 resamples, quantiles are off by 0.02 standard errors."""
    rng = np.random.default_rng(3)
    values = {
        "ranks": rng.integers(1, 13, 1000).astype(float),
        "skewed": rng.lognormal(0, 1, 1000),
        "symmetric": rng.standard_normal(1000),
    }[kind]
    values[rng.random(1000) < 0.2] = np.nan
    sums = as_sums(values)[:, :, None]
    today = bootstrap(sums, mean, interval=interval, n_resamples=20_000, seed=1)
    monkeypatch.setattr(drawn, "MANY", 999)
    new = bootstrap(sums, mean, interval=interval, n_resamples=20_000, seed=2)
    error = 0.08 * np.nanstd(values) / np.sqrt(800)
    assert abs(new.low[0] - today.low[0]) < error
    assert abs(new.high[0] - today.high[0]) < error
    analytic = kind != "ranks" and interval == "bca"
    assert new.interval.tolist() == ["abc" if analytic else interval]


def test_few_units_have_the_numbers_that_they_had() -> None:
    """Those of the resamples themselves: units are drawn up to the limit."""
    values = np.random.default_rng(5).lognormal(0, 1, (drawn.MANY, 1))
    sums = np.stack([values, np.ones_like(values)], axis=1)
    found = bootstrap(sums, mean, interval="percentile", n_resamples=400, seed=7)
    resampled = drawn.resample(sums, mean, 400, 7)[:, 0]
    np.testing.assert_array_equal(
        [found.low[0], found.high[0]], np.quantile(resampled, [0.025, 0.975])
    )


def test_few_units_that_decide_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "MANY", 100)
    values = np.random.default_rng(5).standard_normal(700)
    values[0] = 1e4
    sums = as_sums(values)[:, :, None]
    found = bootstrap(sums, mean, interval="percentile", n_resamples=400, seed=7)
    resampled = drawn.resample(sums[np.argsort(values)], mean, 400, 7)[:, 0]
    np.testing.assert_allclose(
        [found.low[0], found.high[0]], np.quantile(resampled, [0.025, 0.975])
    )


def test_values_of_one_unit_and_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "MANY", 10)
    alone = np.full(50, np.nan)
    alone[3] = 2.0
    sums = np.stack([as_sums(alone), as_sums(np.full(50, 4.0))], axis=2)
    found = bootstrap(sums, mean)
    assert found.interval.tolist() == ["none", "point"]
    assert np.isnan(found.low[0])
    assert found.low[1] == found.high[1] == 4.0


# --- ABC ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("statistic", ["mean", "root", "absolute"])
def test_abc_is_the_definition(seed: int, statistic: str) -> None:
    rng = np.random.default_rng(seed)
    values = rng.gamma(2, size=25)
    values[rng.random(25) < 0.2] = np.nan
    sums = np.concatenate([as_sums(values), rng.integers(4, 9, (25, 1)), np.ones((25, 1))], axis=1)

    def value_of(s: np.ndarray) -> np.ndarray:
        if statistic == "root":
            return np.sqrt(s[:, 0])
        return s[:, 0] / s[:, 1] if statistic == "mean" else (s[:, 0] + s[:, 2]) / s[:, 3]

    def of_weights(weights: list[float]) -> float:
        total = 25 * np.array(weights) @ sums
        return float(value_of(total[None, :, None])[0, 0])

    curve = curve_of(kinds_of(sums), value_of)
    expected = oracle.abc_bounds(25, of_weights, TAILS)
    np.testing.assert_allclose(curve.bounds(TAILS), expected, atol=2e-3 * curve.sigma)


def test_quantiles_undo_the_correction() -> None:
    """BCa's levels, taken of the analytic quantiles, are the analytic bounds."""
    curve = curve_of(kinds_of(as_sums(np.random.default_rng(1).lognormal(0, 1, 400))), mean)
    z = curve.z0 + norm.ppf(TAILS)
    levels = norm.cdf(curve.z0 + z / (1 - curve.a * z))  # Efron 1987
    np.testing.assert_allclose(curve.quantiles(levels), curve.bounds(TAILS), rtol=1e-9)
    assert curve.quantiles(norm.cdf([curve.z0]))[0] == pytest.approx(curve.estimate)


@pytest.mark.parametrize(
    ("kind", "worst"), [("normal", 0.03), ("lognormal", 0.03), ("rare and skewed", 0.035)]
)
def test_analytic_intervals_cover(kind: str, worst: float) -> None:
    """90 % intervals of 800 samples of the fewest units that are analytic, and the skewest."""
    rng, n = np.random.default_rng(11), drawn.MANY + 1
    inside, low_side = 0, 0
    for _ in range(800):
        values = rng.standard_normal(n) if kind == "normal" else rng.lognormal(0, 1, n)
        if kind == "rare and skewed":
            values[rng.random(n) < 0.7] = np.nan
        truth = 0.0 if kind == "normal" else np.exp(0.5)
        low, high = curve_of(kinds_of(as_sums(values)), mean).bounds(TAILS)
        inside += low <= truth <= high
        low_side += truth < low
    assert inside / 800 == pytest.approx(0.9, abs=worst)
    assert low_side / 800 == pytest.approx(0.05, abs=0.02)


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("how", ["relative", "absolute"])
@pytest.mark.filterwarnings("ignore:.*units .* are few")
def test_counts_give_what_rows_give(
    table: pd.DataFrame, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Units that are the images, by another name, are added up from the rows."""
    table = table[~((table["image_id"] == "image_02") & (table["segment"] == "nose"))]
    options: dict[str, Any] = {"how": how, "value": "rank", "n_resamples": 300, "level": 0.9}
    by_name = {name: name for name in table["image_id"]}
    expected = sat.intervals(table, unit=by_name, **options)
    path = sat.write_table(table, tmp_path / "t", partition_by=("method",))
    pd.testing.assert_frame_equal(sat.intervals(table, **options), expected)
    pd.testing.assert_frame_equal(
        sat.intervals(path, unit=by_name, **options), expected, check_exact=True
    )
    monkeypatch.setattr(Shards, "rows", None)  # they are not read
    pd.testing.assert_frame_equal(sat.intervals(path, **options), expected, check_exact=True)


@settings(max_examples=5)
@given(table=tables(), missing=st.sampled_from(["absolute", "complete"]))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_counted_comparisons_are_the_same(table: pd.DataFrame, missing: str) -> None:
    options: dict[str, Any] = {"method": "m1", "missing": missing, "classes": "pool"}
    expected = sat.compare(table, **options).pairs()
    with pytest.MonkeyPatch.context() as patch:
        for where in (plan, rank_tests):
            patch.setattr(where, "MANY", 1)
        found = sat.compare(table, **options).pairs()
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([np.nan, -2.0, -1.5, -0.5, 0.0, 0.5, 1.0, 3.0]), max_size=120))
def test_counted_signed_ranks_are_the_same_numbers(values: list[float]) -> None:
    differences = np.array(values)
    d, n = counted(differences)
    known = differences[~np.isnan(differences)]
    assert counted_p(d, n) == signed_rank_p(known)
    assert counted_biserial(d, n) == (rank_biserial(known[:, None])[0] if len(known) else 0.0)


@pytest.mark.parametrize("values", [4, 400])
def test_pairs_are_all_differences(values: int) -> None:
    """Few values are counted jointly, many column by column."""
    rng = np.random.default_rng(0)
    ranks = rng.integers(1, values, (500, 4)) / 2
    ranks[rng.random(ranks.shape) < 0.1] = np.nan
    i, j = np.triu_indices(4, 1)
    for (d, n), a, b in zip(differences_of_pairs(ranks), i, j, strict=True):
        expected = ranks[:, a] - ranks[:, b]
        found, counts = np.unique(expected[~np.isnan(expected)], return_counts=True)
        np.testing.assert_array_equal(d, found)
        np.testing.assert_array_equal(n, counts)


def test_only_the_columns_that_are_needed_are_read(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sat.write_table(table, tmp_path / "t")
    seen: list[tuple[set[str], int]] = []
    read = Shards._read

    def noted(self: Shards, names: list[str], *others: Any) -> pd.DataFrame:
        rows = read(self, names, *others)
        seen.append((set(names), len(rows)))
        return rows

    monkeypatch.setattr(Shards, "_read", noted)
    sat.compare(path, method="sharp")
    of_every_row = {"image_id", "model", "method", "target", "label", "predicted", "n_segments"}
    assert seen == [({*of_every_row, "segment", "rank"}, (table["method"] == "sharp").sum())]
    sat.aggregate(path, value="rank")
    sat.evidence(path, method="noisy")
    assert len(seen) == 2
    assert seen[1][0] == {*of_every_row, "segment", "mean_attribution"}
