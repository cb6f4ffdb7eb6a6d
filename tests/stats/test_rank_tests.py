from __future__ import annotations

import inspect
import itertools
import sys
from itertools import pairwise

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare, rankdata

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.cliques import maximal_cliques
from sat_nb.stats.pair_test import holm, run_test
from sat_nb.stats.rank_tests import (
    TESTS,
    _grown_downwards,
    aeon,
    friedman,
    midranks,
    nemenyi,
    wilcoxon_holm,
    wilcoxon_holm_complete,
)
from tests.oracles import statistics as oracle
from tests.oracles import tables

NO_AEON = "needs aeon, which does not take the newest numpy"

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
    pytest.importorskip("aeon", reason=NO_AEON)
    from aeon.benchmarking.stats import nemenyi_test

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
    np.testing.assert_allclose(adjusted, tables.holm(raw))


# --- aeon's test ----------------------------------------------------------------------------------


def tied(n: int, k: int, seed: int) -> np.ndarray:
    """Ranks with ties and segments that are missing, whose rank is n_segments + 1."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(n, k)) + np.linspace(0, seed % 3, k), seed % 2)
    here = rng.random((n, k)) < 0.8
    ranks = rankdata(np.where(here, values, np.inf), axis=1)
    return np.where(here, ranks, here.sum(axis=1, keepdims=True) + 1.0)


@pytest.mark.parametrize("seed", range(8))
def test_aeons_numbers_are_aeons_to_the_last_bit(seed: int) -> None:
    pytest.importorskip("aeon", reason=NO_AEON)
    from aeon.benchmarking.stats import check_friedman, wilcoxon_test

    ranks = tied(30, 6, seed)
    ranks[:, 3] = ranks[:, 2]
    averaged = rankdata(ranks, axis=1)
    order = np.argsort(averaged.mean(axis=0), kind="stable")
    found = aeon(ranks, 0.9, names(ranks))
    assert found.friedman_p == check_friedman(averaged) < 0.9
    with pytest.warns(UserWarning, match="the same performance"):
        expected = wilcoxon_test(ranks[:, order], names(ranks), lower_better=True)
    upper = np.triu_indices(6, 1)
    ordered = found.p_values[np.ix_(order, order)]
    np.testing.assert_array_equal(ordered[upper], expected[upper])
    np.testing.assert_array_equal(ordered, ordered.T)


@given(st.integers(2, 9), st.floats(0, 1), st.integers(0, 999))
def test_aeons_groups_are_aeons(k: int, share: float, seed: int) -> None:
    different = np.random.default_rng(seed).random((k, k)) < share
    pytest.importorskip("aeon", reason=NO_AEON)
    from aeon.visualisation.results._critical_difference import _build_cliques

    cliques = _build_cliques(np.triu(~different, 1) | np.eye(k, dtype=bool))
    expected = [np.flatnonzero(clique).tolist() for clique in cliques]
    assert [list(group) for group in _grown_downwards(different)] == expected


# --- cliques --------------------------------------------------------------------------------------


@given(st.integers(1, 14), st.floats(0, 1), st.integers(0, 999))
def test_maximal_cliques_are_networkxs(k: int, share: float, seed: int) -> None:
    upper = np.triu(np.random.default_rng(seed).random((k, k)) < share)
    found = maximal_cliques(upper | upper.T)
    graph = networkx.from_numpy_array(np.triu(upper, 1).astype(int))
    cliques = [tuple(sorted(clique)) for clique in networkx.find_cliques(graph)]
    assert found == tuple(sorted(clique for clique in cliques if len(clique) > 1))


def test_a_group_may_have_more_members_than_python_nests_calls() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 120)
    try:
        assert maximal_cliques(np.ones((150, 150), bool)) == (tuple(range(150)),)
    finally:
        sys.setrecursionlimit(limit)


# --- levels: just below and above the p-value, each decision is the other one -------------------


def gate_decides() -> np.ndarray:
    """Friedman's test has p = 0.07, and the last two segments differ by every pair test."""
    values = np.random.default_rng(0).normal(size=(15, 5))
    return rankdata(np.column_stack([values, values[:, 4] + 1e-6]), axis=1)


def by_chance() -> np.ndarray:
    """Friedman's p is above Nemenyi's smallest."""
    return ranks_of(12, 4, seed=22)


GATED = {"wilcoxon-holm": gate_decides, "aeon": gate_decides, "nemenyi": by_chance}


def test_every_test_has_ranks_on_which_its_gate_decides() -> None:
    assert set(GATED) == set(TESTS), "GATED: add ranks that only the gate of the new test closes"


@pytest.mark.parametrize("name", [name for name, test in TESTS.items() if test.complete])
def test_with_gaps_each_pair_is_tested_on_the_images_that_have_both(name: str) -> None:
    rng = np.random.default_rng(0)
    ranks = np.argsort(np.argsort(rng.random((30, 4)) + np.arange(4) / 3, axis=1), axis=1) + 1.0
    ranks[rng.random(ranks.shape) < 0.2] = np.nan
    complete = TESTS[name].complete
    assert complete is not None
    whole = run_test(complete, ranks, 0.05, names(ranks)).p_values
    for i, j in itertools.combinations(range(4), 2):
        both = ranks[:, [i, j]][~np.isnan(ranks[:, [i, j]]).any(axis=1)]
        alone = run_test(complete, both, 0.05, names(both)).p_values
        assert whole[i, j] == whole[j, i] == pytest.approx(alone[0, 1], rel=1e-12)


@pytest.mark.parametrize("name", GATED)
def test_friedmans_gate_opens_at_alpha(name: str) -> None:
    ranks = GATED[name]()
    k = ranks.shape[1]
    p = friedman(ranks)
    smallest = run_test(TESTS[name].padded, ranks, 0.999, names(ranks)).adjusted_p_values.min()
    assert smallest < p * 0.9, "so that the gate alone decides"
    closed = run_test(TESTS[name].padded, ranks, p * (1 - 1e-6), names(ranks))
    assert closed.groups == (tuple(range(k)),)
    opened = run_test(TESTS[name].padded, ranks, p * (1 + 1e-6), names(ranks))
    assert opened.groups != closed.groups
    assert opened.friedman_p == pytest.approx(p, rel=1e-9)
    for alpha, found in ((p * (1 - 1e-6), False), (p * (1 + 1e-6), True)):
        result = sat.compare(as_table(ranks), method="m", test=name, alpha=alpha)
        assert result.different.to_numpy().any() == found


@pytest.mark.parametrize("name", TESTS)
def test_pairs_differ_from_their_p_value_on(name: str) -> None:
    ranks = ranks_of(40, 5, seed=25, apart=1.6)
    assert friedman(ranks) < 1e-4, "so that the gate is open"
    order = np.argsort(midranks(ranks))
    adjusted = run_test(TESTS[name].padded, ranks, 0.5, names(ranks)).adjusted_p_values
    # aeon compares with the first of a group only, and no group but its own has the very first.
    pairs = list(pairwise(order))[: 1 if name == "aeon" else None]
    undecided = [(i, j) for i, j in pairs if adjusted[i, j] < 0.9]
    assert undecided
    for i, j in undecided:
        p = adjusted[i, j]
        for alpha, together in ((p * (1 - 1e-6), True), (p * (1 + 1e-6), False)):
            found = run_test(TESTS[name].padded, ranks, alpha, names(ranks))
            assert any({i, j} <= set(group) for group in found.groups) == together
            if found.critical_difference is not None:
                apart = abs(found.friedman_ranks[i] - found.friedman_ranks[j])
                assert (apart < found.critical_difference) == together
            result = sat.compare(as_table(ranks), method="m", test=name, alpha=alpha)
            assert result.different.loc[f"s{i:02d}", f"s{j:02d}"] != together


def test_pairs_with_gaps_differ_from_their_p_value_on() -> None:
    ranks = ranks_of(30, 3, seed=1, apart=0.7)
    ranks[::3, 0] = np.nan
    adjusted = wilcoxon_holm_complete(ranks, 0.5, names(ranks)).adjusted_p_values
    for i, j in ((0, 1), (1, 2), (0, 2)):
        for factor, together in ((1 - 1e-6, True), (1 + 1e-6, False)):
            alpha = adjusted[i, j] * factor
            found = wilcoxon_holm_complete(ranks, alpha, names(ranks))
            assert any({i, j} <= set(group) for group in found.groups) == together


def test_at_alpha_itself_friedman_rejects_and_a_pair_differs() -> None:
    """p <= alpha rejects, in the groups as in ``different``."""
    ranks = gate_decides()
    p = friedman(ranks)
    assert len(wilcoxon_holm(ranks, p, names(ranks)).groups) > 1
    assert sat.compare(as_table(ranks), method="m", alpha=p).different.to_numpy().any()
    for test in (wilcoxon_holm, nemenyi, wilcoxon_holm_complete):
        ranks = ranks_of(40, 5, seed=1, apart=1.2)
        adjusted = test(ranks, 0.5, names(ranks)).adjusted_p_values
        found = test(ranks, adjusted[0, 1], names(ranks)).groups
        assert not any({0, 1} <= set(group) for group in found)


# --- bare p-values --------------------------------------------------------------------------------


def test_bare_p_values_get_holms_correction_and_groups() -> None:
    raw = np.array([[1, 0.01, 0.04], [0.01, 1, np.nan], [0.04, np.nan, 1]])
    found = run_test(lambda ranks, alpha, names: raw, np.zeros((4, 3)), 0.05, list("abc"))
    np.testing.assert_allclose(
        found.adjusted_p_values, [[1, 0.02, 0.04], [0.02, 1, 1], [0.04, 1, 1]]
    )
    np.testing.assert_array_equal(found.p_values, raw)
    assert found.groups == ((1, 2),)
    assert np.isnan(found.friedman_p)


@pytest.mark.parametrize(
    ("p_values", "said"),
    [
        (np.ones(3), r"test: expected a PairTestResult, or p-values of shape \(2, 2\).*\(3,\)"),
        ([[1, 0.2], [0.8, 1]], "test: expected p-values .* the same for a and b as for b and a"),
        ([[1, 1.5], [1.5, 1]], "test: expected p-values from 0 to 1"),
        ([[1, -0.1], [-0.1, 1]], "test: expected p-values from 0 to 1"),
    ],
)
def test_p_values_of_an_own_test_are_checked(p_values: object, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        run_test(lambda ranks, alpha, names: p_values, np.zeros((4, 2)), 0.05, ["a", "b"])
