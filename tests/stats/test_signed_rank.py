from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from sat_nb.stats.signed_rank import signed_rank_p


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
    assert signed_rank_p(differences) == wilcoxon(differences).pvalue


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
