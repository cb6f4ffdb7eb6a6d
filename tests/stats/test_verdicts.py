from __future__ import annotations

import numpy as np
import pytest
from aeon.benchmarking.stats import nemenyi_test
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata
from statsmodels.stats.multitest import multipletests

from sat_nb.stats.rank_tests import friedman, holm, nemenyi, wilcoxon_holm, wilcoxon_holm_complete
from tests.oracles import statistics as oracle
from tests.oracles import tables

# Demsar 2006, table 5 (a): q at 0.05 for 2 to 10 classifiers
CRITICAL = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]


def ranks_of(n: int, k: int, seed: int = 0, apart: float = 0.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(n, k)) + np.linspace(0, apart, k)
    return rankdata(values, axis=1)


def names(ranks: np.ndarray) -> list[str]:
    return [f"s{i:02d}" for i in range(ranks.shape[1])]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_step_by_step(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(np.array(p_values)), tables.holm(p_values), rtol=1e-12)


def test_holm_is_statsmodels() -> None:
    p_values = np.random.default_rng(0).random(50) ** 4
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, rtol=1e-12)


@given(st.integers(2, 30), st.integers(3, 8), st.integers(1, 9), st.integers(0, 99))
def test_friedman_is_scipys_with_ties(n: int, k: int, n_values: int, seed: int) -> None:
    ranks = np.random.default_rng(seed).integers(0, n_values + 1, (n, k)).astype(float)
    if not np.ptp(ranks, axis=1).any():
        assert friedman(ranks) == 1.0
        return
    assert friedman(ranks) == pytest.approx(friedmanchisquare(*ranks.T).pvalue, rel=1e-9)


@pytest.mark.parametrize(("k", "q"), list(enumerate(CRITICAL, start=2)))
def test_nemenyis_critical_difference_is_demsars(k: int, q: float) -> None:
    ranks = ranks_of(14, k)
    width = nemenyi(ranks, 0.05, names(ranks)).critical_difference
    assert width / np.sqrt(k * (k + 1) / (6 * 14)) == pytest.approx(q, abs=0.001)


def test_nemenyis_p_values_from_the_range_of_normals() -> None:
    ranks = ranks_of(30, 6, apart=1.0)
    verdict = nemenyi(ranks, 0.05, names(ranks))
    means = ranks.mean(axis=0)
    for i in range(6):
        for j in range(i):
            expected = oracle.nemenyi_p(means[i], means[j], 30, 6)
            assert verdict.p_values[i, j] == pytest.approx(expected, abs=1e-8)
            apart = abs(means[i] - means[j]) > verdict.critical_difference
            assert (verdict.p_values[i, j] < 0.05) == apart
    np.testing.assert_array_equal(verdict.p_values, verdict.p_values.T)


def test_nemenyis_groups_are_aeons() -> None:
    """Those of aeon's that no other holds."""
    ranks = ranks_of(40, 7, seed=3, apart=1.5)
    means = ranks.mean(axis=0)
    order = np.argsort(means)
    cliques = nemenyi_test(means[order], 40, 0.05)
    grown = [set(order[np.flatnonzero(c)].tolist()) for c in cliques]
    expected = {tuple(sorted(c)) for c in grown if not any(c < other for other in grown)}
    found = set(nemenyi(ranks, 0.05, names(ranks)).groups)
    assert found == {group for group in expected if len(group) > 1}
    assert len(found) > 2


def test_nothing_differs_where_friedman_does_not_reject() -> None:
    """A pair alone would: the last two are always neighbours, among chance."""
    values = np.random.default_rng(0).normal(size=(15, 5))
    ranks = rankdata(np.column_stack([values, values[:, 4] + 1e-6]), axis=1)
    by_chance = ranks_of(12, 4, seed=22)
    for test, overruled in ((wilcoxon_holm, ranks), (nemenyi, by_chance)):
        verdict = test(overruled, 0.05, names(overruled))
        assert verdict.friedman_p > 0.05
        assert (verdict.adjusted_p_values <= 0.05).any()
        assert verdict.groups == (tuple(range(overruled.shape[1])),)


def test_without_gaps_pairs_are_the_same_but_for_friedman() -> None:
    ranks = ranks_of(25, 5, apart=1.0)
    one, two = (test(ranks, 0.05, names(ranks)) for test in (wilcoxon_holm, wilcoxon_holm_complete))
    np.testing.assert_array_equal(one.adjusted_p_values, two.adjusted_p_values)
    assert one.groups == two.groups
    assert np.isnan(two.friedman_p)


@settings(max_examples=30)
@given(st.integers(0, 999), st.floats(0.2, 0.9))
def test_changing_places_changes_nothing(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    ranks = np.where(rng.random((15, 5)) < share, ranks_of(15, 5, seed, 1.0), np.nan)
    order = rng.permutation(5)
    one = wilcoxon_holm_complete(ranks, 0.05, names(ranks))
    two = wilcoxon_holm_complete(ranks[rng.permutation(15)][:, order], 0.05, names(ranks))
    turned = one.adjusted_p_values[np.ix_(order, order)]
    np.testing.assert_allclose(turned, two.adjusted_p_values, rtol=1e-12)


def test_a_pair_that_no_row_has_is_no_part_of_the_family() -> None:
    ranks = ranks_of(20, 3, apart=2.0)
    ranks[::2, 0] = ranks[1::2, 1] = np.nan
    verdict = wilcoxon_holm_complete(ranks, 0.05, names(ranks))
    assert np.isnan(verdict.p_values[0, 1])
    assert verdict.adjusted_p_values[0, 1] == 1
    raw = [verdict.p_values[0, 2], verdict.p_values[1, 2]]
    adjusted = [verdict.adjusted_p_values[0, 2], verdict.adjusted_p_values[1, 2]]
    np.testing.assert_allclose(adjusted, multipletests(raw, method="holm")[1])
