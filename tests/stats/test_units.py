"""Images in units that are alike, such as photos of one patient."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.clustered import (
    friedman_by_unit,
    mean_rank_by_unit,
    signed_rank_by_unit,
    unit_sums_of,
)
from sat_nb.stats.signed_rank import signed_rank_p, signed_ranks
from tests.oracles import clustered as oracle

UNITS = st.lists(st.integers(0, 4), min_size=2, max_size=12)


def codes(units: list[int]) -> np.ndarray:
    return np.unique(units, return_inverse=True)[1]


@settings(max_examples=60)
@given(
    UNITS.flatmap(
        lambda u: st.tuples(
            st.just(u),
            st.lists(
                st.sampled_from([-2.5, -1.0, 0.0, 0.5, 1.0, 3.0, np.nan]),
                min_size=len(u),
                max_size=len(u),
            ),
        )
    )
)
def test_few_units_are_all_flipped(case: tuple[list[int], list[float]]) -> None:
    units, differences = case
    column = np.array(differences)[:, None]
    found = signed_rank_by_unit(column, codes(units))[0]
    assert found == pytest.approx(oracle.flip_p(differences, units))
    sums = unit_sums_of(signed_ranks(column), codes(units))[:, 0]
    by_unit = oracle.signed_rank_sums(differences, units)
    np.testing.assert_allclose(sums, [by_unit[u] for u in sorted(by_unit)])


def test_the_variance_of_the_flips_is_that_of_rosner_glynn_and_lee() -> None:
    rng = np.random.default_rng(0)
    units = rng.integers(0, 9, 40)
    sums = list(oracle.signed_rank_sums(rng.normal(size=40), units).values())
    assert np.var(oracle.flips(sums)) == pytest.approx(sum(s**2 for s in sums))


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.4])
def test_many_units_agree_with_the_large_sample_test(shift: float) -> None:
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(60), rng.integers(1, 7, 60))
    differences = rng.normal(size=60)[units] + rng.normal(size=len(units)) + shift
    found = signed_rank_by_unit(differences[:, None], units)[0]
    p = oracle.rosner_glynn_lee_p(differences, units)
    assert found == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 10_000) + 0.012)


def test_units_of_one_image_are_the_usual_test() -> None:
    rng = np.random.default_rng(2)
    few, many = (np.round(rng.normal(0.4, 1, n), 1) for n in (12, 40))
    assert signed_rank_by_unit(few[:, None], np.arange(12))[0] == pytest.approx(signed_rank_p(few))
    drawn = signed_rank_by_unit(many[:, None], np.arange(40))[0]
    assert drawn == pytest.approx(signed_rank_p(many), abs=0.01)
    assert drawn == signed_rank_by_unit(many[:, None], np.arange(40))[0]
    assert drawn != signed_rank_by_unit(many[:, None], np.arange(40), seed=1)[0]


@settings(max_examples=10)
@given(st.lists(st.permutations([1.0, 2.0, 3.0]), min_size=4, max_size=7), st.integers(0, 99))
def test_segments_are_permuted_alike_within_a_unit(rows: list[list[float]], seed: int) -> None:
    units = np.random.default_rng(seed).integers(0, 3, len(rows))
    found = friedman_by_unit(np.array(rows), codes(units.tolist()))
    assert found == pytest.approx(oracle.friedman_flip_p(rows, units.tolist()))


def test_many_permutations_are_drawn_and_ties_say_nothing() -> None:
    rng = np.random.default_rng(3)
    ranks = np.argsort(rng.normal(size=(40, 5)), axis=1) + 1.0
    units = np.arange(40)
    assert friedman_by_unit(ranks, units) == pytest.approx(sat_friedman(ranks), abs=0.03)
    assert friedman_by_unit(np.ones((6, 4)), np.arange(6)) == 1
    assert np.isnan(friedman_by_unit(ranks[:, :2], units))


def sat_friedman(ranks: np.ndarray) -> float:
    from scipy.stats import friedmanchisquare

    return float(friedmanchisquare(*ranks.T).pvalue)


def patients(n_units: int, sizes: list[int], seed: int = 0, shift: float = 0.0) -> tuple:
    """Four segments whose differences are a patient's own; the last is ``shift`` worse."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), np.resize(sizes, n_units))
    values = 2 * rng.normal(size=(n_units, 4))[units] + rng.normal(size=(len(units), 4))
    values[:, 3] += shift
    table = as_table(values)
    return table, {f"image_{i:04d}": f"patient {u}" for i, u in enumerate(units)}


def test_compare_takes_units_as_a_mapping_and_as_a_column() -> None:
    table, unit = patients(12, [1, 5, 3], shift=3.0)
    result = sat.compare(table, method="m", unit=unit)
    assert (result.n_units, result.n_total, result.unit) == (12, 36, "unit")
    column = table.assign(patient=table["image_id"].map(unit))
    same = sat.compare(column, method="m", unit="patient")
    assert same.unit == "patient"
    pd.testing.assert_frame_equal(same.p_values, result.p_values)
    ranks = table.pivot(index="image_id", columns="segment", values="rank")
    units = [unit[i] for i in ranks.index]
    for a, b in (("s00", "s03"), ("s01", "s02")):
        expected = oracle.flip_p((ranks[a] - ranks[b]).tolist(), units)
        assert result.p_values.loc[a, b] == pytest.approx(expected)
    plain = sat.compare(table, method="m")
    assert (plain.n_units, plain.unit) == (None, None)
    assert (result.p_values.loc["s00", "s03"]) > plain.p_values.loc["s00", "s03"]
    pd.testing.assert_frame_equal(result.effect_sizes, plain.effect_sizes)


def test_order_of_rows_and_names_of_units_do_not_matter() -> None:
    table, unit = patients(12, [1, 5, 3], shift=2.0)
    shuffled = table.sample(frac=1, random_state=1)
    numbers = {u: 7 * n % 997 for n, u in enumerate(sorted(set(unit.values()), reverse=True))}
    renamed = {i: numbers[u] for i, u in unit.items()}
    first, second = (
        sat.compare(t, method="m", unit=u) for t, u in ((table, unit), (shuffled, renamed))
    )
    pd.testing.assert_frame_equal(first.p_values, second.p_values)


def test_gaps_are_padded_or_left_out_with_units_too() -> None:
    table, unit = patients(13, [4, 2], shift=1.0)
    gone = (table["segment"] == "s03") & table["image_id"].str.endswith(("1", "4", "7"))
    table = sat.rerank(table[~gone])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for missing in ("absolute", "complete"):
            result = sat.compare(table, method="m", unit=unit, missing=missing)
            assert np.isnan(result.friedman_p) == (missing == "complete")
        pairs = sat.compare_missing(table, method="m", unit=unit)
    ranks = table.pivot(index="image_id", columns="segment", values="rank")
    both = ranks.dropna(subset="s03")
    expected = oracle.flip_p((both["s00"] - both["s03"]).tolist(), [unit[i] for i in both.index])
    assert result.p_values.loc["s00", "s03"] == pytest.approx(expected)
    row = pairs[(pairs["segment_a"].isin(["s00", "s03"])) & pairs["segment_b"].isin(["s00", "s03"])]
    assert row["p_value_complete"].item() == pytest.approx(expected)


@pytest.mark.parametrize("test", ["aeon", "nemenyi"])
def test_tests_of_independent_images_refuse_units(test: str) -> None:
    table, unit = patients(12, [2])
    for call in (sat.compare, sat.compare_missing):
        with pytest.raises(
            sat.InvalidInput, match=f"unit: test='{test}' takes each .*wilcoxon-holm"
        ):
            call(table, method="m", unit=unit, test=test)


def test_units_that_cannot_be_compared() -> None:
    table, unit = patients(12, [2])
    with pytest.raises(sat.InvalidInput, match="at least 2 units, got 1 for all 24 images"):
        sat.compare(table, method="m", unit=dict.fromkeys(unit, "one"))
    with pytest.raises(sat.IdMismatch, match="unit: 1 images have none: 'image_0000'"):
        sat.compare(table, method="m", unit={i: u for i, u in unit.items() if i != "image_0000"})


def test_effects_of_large_units_alone_are_named() -> None:
    """Ten patients with 1 image each prefer b, three with 20 prefer a."""
    units = np.repeat(np.arange(13), [20] * 3 + [1] * 10)
    values = np.where(units < 3, 1.0, -1.0)[:, None] * [[0.0, 1.0]] + 0.0
    unit = {f"image_{i:04d}": int(u) for i, u in enumerate(units)}
    with pytest.warns(sat.UnitSizeWarning, match="1 of 1 differences .* rest on units with many"):
        result = sat.compare(as_table(values), method="m", unit=unit, alpha=0.3)
    assert result.driven_by_size == (("s00", "s01"),)
    differences = np.where(units < 3, -1.0, 1.0)[:, None]
    assert mean_rank_by_unit(differences, units)[0] == pytest.approx(0.0923, abs=1e-4)  # 10 of 13


FEW = [
    ("wilcoxon-holm", 6, 10),
    ("wilcoxon-holm", 5, 9),
    ("wilcoxon-holm", 2, 6),
    ("wilcoxon-holm", 12, 12),
]


@pytest.mark.parametrize(("test", "k", "needed"), FEW)
@pytest.mark.parametrize("missing", ["absolute", "complete"])
def test_too_few_images_for_so_many_pairs(test: str, k: int, needed: int, missing: str) -> None:
    """Of m pairs, 2 / 2^n must be at most alpha / m."""
    pairs = k * (k - 1) / 2
    assert pairs * 2 / 2**needed <= 0.05 < pairs * 2 / 2 ** (needed - 1)
    order = np.tile(np.arange(float(k)), (needed, 1))
    options = {"method": "m", "test": test, "missing": missing}
    assert sat.compare(as_table(order), **options).n_needed is None
    said = f"in {needed - 1} images, however clear the ranks are; at least {needed} are needed"
    with pytest.warns(sat.TooFewWarning, match=said):
        assert sat.compare(as_table(order[1:]), **options).n_needed == needed


def test_too_few_images_of_each_test_and_too_few_units() -> None:
    for test in ("nemenyi", "aeon"):
        order = as_table(np.tile(np.arange(6.0), (2, 1)))
        with pytest.warns(sat.TooFewWarning):
            needed = sat.compare(order, method="m", test=test).n_needed
        for n, differs in ((needed, True), (needed - 1, False)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = sat.compare(
                    as_table(np.tile(np.arange(6.0), (n, 1))), method="m", test=test
                )
            assert result.different.to_numpy().any() == differs
    table, unit = patients(5, [8])
    with pytest.warns(sat.TooFewWarning, match=r"in 5 units \(unit\), .*at least 8 are needed"):
        assert sat.compare(table, method="m", unit=unit).n_needed == 8


def test_enough_images_that_do_not_differ_are_not_too_few() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = sat.compare(as_table(np.random.default_rng(0).normal(size=(30, 4))), method="m")
    assert result.n_needed is None
