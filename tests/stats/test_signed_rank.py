from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from sat_nb.stats.signed_rank import rank_biserial, signed_rank_p, signed_rank_tests


def by_every_sign(differences: np.ndarray) -> float:
    """Share of all sign patterns whose rank sum is at least as far from its mean."""
    differences = differences[differences != 0]
    ranks = rankdata(np.abs(differences))
    seen = abs(ranks @ np.sign(differences))
    sums = [abs(ranks @ np.array(signs)) for signs in product((-1, 1), repeat=len(ranks))]
    return float(np.mean([total >= seen - 1e-9 for total in sums]))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_exact_with_ties_is_every_sign_pattern(values: list[int]) -> None:
    differences = np.array(values, dtype=float)
    assert signed_rank_p(differences) == pytest.approx(by_every_sign(differences))


@pytest.mark.parametrize("n", [3, 12, 50])
def test_exact_without_ties_is_scipys(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    assert signed_rank_p(differences) == pytest.approx(wilcoxon(differences, method="exact").pvalue)


def test_many_pairs_are_scipys_approximation() -> None:
    differences = np.random.default_rng(0).integers(-5, 7, 200).astype(float)
    expected = wilcoxon(differences, method="approx").pvalue
    assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-12)


def test_exact_and_approximate_meet() -> None:
    differences = np.random.default_rng(0).integers(-9, 12, 50).astype(float)
    approximate = wilcoxon(differences, method="approx").pvalue
    assert signed_rank_p(differences) == pytest.approx(approximate, rel=0.05)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60))
def test_the_sign_of_all_does_not_matter(values: list[int]) -> None:
    differences = np.array(values, dtype=float)
    p_value = signed_rank_p(differences)
    assert 0 < p_value <= 1
    assert signed_rank_p(-differences) == pytest.approx(p_value)


def test_no_difference() -> None:
    assert signed_rank_p(np.zeros(7)) == 1.0


@given(st.lists(st.lists(st.integers(-3, 4), min_size=5, max_size=5), min_size=1, max_size=12))
def test_many_at_once_are_one_by_one_without_what_is_missing(values: list[list[int]]) -> None:
    differences = np.array(values, dtype=float)
    differences[differences == 4] = np.nan
    columns = [c[~np.isnan(c)] for c in differences.T]
    expected = [signed_rank_p(column) for column in columns]
    np.testing.assert_array_equal(signed_rank_tests(differences), expected)
    expected = [simple_difference(column) for column in columns]
    np.testing.assert_allclose(rank_biserial(differences), expected, atol=1e-12)


def simple_difference(differences: np.ndarray) -> float:
    """Kerby 2014: the favourable share of the rank sum less the unfavourable one."""
    differences = differences[differences != 0]
    if not len(differences):
        return 0.0
    sizes = sorted(abs(differences))
    shares = {1: 0.0, -1: 0.0}
    for difference in differences:
        places = [i + 1 for i, size in enumerate(sizes) if size == abs(difference)]
        shares[int(np.sign(difference))] += sum(places) / len(places)
    return (shares[1] - shares[-1]) / (shares[1] + shares[-1])


def test_columns_of_either_kind_in_one_call() -> None:
    """51 differences go by the approximation, 50 exactly."""
    differences = np.random.default_rng(3).integers(1, 9, (51, 3)) * 1.0
    differences[::2] *= -1
    differences[0, 1] = np.nan
    expected = [wilcoxon(differences[:, 0], method="approx").pvalue]
    assert signed_rank_tests(differences)[:1] == pytest.approx(expected, rel=1e-12)
    assert signed_rank_tests(differences)[1] == signed_rank_p(differences[1:, 1])
