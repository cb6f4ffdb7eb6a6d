"""Wilcoxon's signed-rank test for many pairs at once, exact even if differences tie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.compiled import compiled

EXACT_UP_TO = 50  # differences; above it the normal approximation, as in scipy


def signed_rank_p(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value of paired differences (n,); see :func:`signed_rank_tests`.

    >>> signed_rank_p(np.array([1.0, 1.0, 2.0, 3.0, 3.0]))
    0.0625
    """
    return float(signed_rank_tests(differences[:, None])[0])


def signed_rank_tests(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two-sided p-values (m,) of paired differences (n, m), one test a column.

    Zeros are dropped, as by Wilcoxon 1945, and so are NaNs, for images that lack the pair. Up to 50
    differences the test is exact, above it is approximate. Without any difference p is 1.
    """
    # Local ranks are whole numbers, so their differences nearly always tie, and no table of the
    # distribution applies. (scipy permutes up to 13 tied differences and approximates above.)
    signed = signed_ranks(differences)
    n_used = np.count_nonzero(signed, axis=0)
    p_values = np.ones(signed.shape[1])
    many = n_used > EXACT_UP_TO
    p_values[many] = _normal_p(signed[:, many])
    few = (n_used > 0) & ~many
    p_values[few] = _exact_p(signed[:, few])
    return p_values


def rank_biserial(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matched-pairs rank-biserial correlations (m,) of differences (n, m) (Kerby 2014, eq. 5).

    The share of the rank sum from positive differences less the share from negative ones, from -1
    to 1; zeros and NaNs are dropped, and without any difference it is 0.

    >>> rank_biserial(np.array([[1.0], [2.0], [-3.0], [4.0]]))
    array([0.4])
    """
    signed = signed_ranks(differences)
    total = np.abs(signed).sum(axis=0)
    return np.divide(signed.sum(axis=0), total, out=np.zeros(len(total)), where=total > 0)


def counted_p(differences: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """``signed_rank_p`` of differences (d,) that are there so often, (d,).

    >>> counted_p(np.array([1.0, 2.0, 3.0]), np.array([2, 1, 2]))
    0.0625
    """
    doubled, n = _doubled_midranks(differences, counts)
    n_used = int(n.sum())
    if not n_used:
        return 1.0
    if n_used <= EXACT_UP_TO:
        return float(_exact_p(np.repeat(doubled / 2, n)[:, None])[0])
    total, squares = (
        sum(x * int(c) for x, c in zip(of.tolist(), n, strict=True))
        for of in (doubled, doubled.astype(object) ** 2)
    )
    return float(_p_of(np.float64(total / 2) / np.sqrt(np.float64(squares / 4))))


def counted_biserial(differences: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """``rank_biserial`` of differences (d,) that are there so often, (d,).

    >>> counted_biserial(np.array([-3.0, 1.0, 2.0, 4.0]), np.array([1, 1, 1, 1]))
    0.4
    """
    doubled, n = _doubled_midranks(differences, counts)
    total = int(np.abs(doubled) @ n)
    return int(doubled @ n) / total if total else 0.0


def _doubled_midranks(
    differences: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Twice the midranks of |differences|, with their signs, and how often each is there.

    Zeros are dropped. Whole numbers have exact sums, as have the sums of images one by one.
    """
    used = differences != 0
    sizes, place = np.unique(np.abs(differences[used]), return_inverse=True)
    of_size = np.bincount(place, counts[used], minlength=len(sizes)).astype(np.int64)
    doubled = 2 * np.cumsum(of_size) - of_size + 1
    return np.sign(differences[used]).astype(np.int64) * doubled[place], counts[used]


def signed_ranks(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Midranks of the absolute differences by column, with their signs; 0 for zeros and NaNs."""
    from scipy.stats import rankdata

    differences = np.nan_to_num(differences)
    n_zero = np.count_nonzero(differences == 0, axis=0)
    ranks = rankdata(np.abs(differences), axis=0) - n_zero  # zeros have the smallest ranks
    return np.sign(differences) * ranks


def _normal_p(signed: NDArray[np.float64]) -> NDArray[np.float64]:
    """From signed midranks, by the normal approximation; the same as scipy's, also with ties."""
    return _p_of(signed.sum(axis=0) / np.sqrt((signed**2).sum(axis=0)))


def _p_of(z: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    return 2 * ndtr(-np.abs(z))


def _exact_p(signed: NDArray[np.float64]) -> NDArray[np.float64]:
    """From signed midranks: twice the smaller tail, as the distribution is symmetric."""
    # Midranks are multiples of a half, so that doubled they are whole numbers and can be counted.
    doubled = np.round(2 * signed).astype(np.int64).T
    positive = np.where(doubled > 0, doubled, 0).sum(axis=1)
    sizes = np.abs(doubled)
    smaller = np.minimum(positive, sizes.sum(axis=1) - positive)
    return np.minimum(1.0, 2 * _tails(np.ascontiguousarray(sizes), smaller))


@compiled()
def _tails(ranks: NDArray[np.int64], at_most: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities, by row, that a random half of the whole ranks adds up to ``at_most`` or less.

    Each rank is included by a fair coin; zeros are not ranks.
    """
    # Counting sign patterns by their rank sum: outcomes[t] is the number of subsets of the ranks so
    # far that add up to t, and each new rank adds the subsets that include it (the subset-sum
    # recurrence, from the largest total down, so that no rank is used twice). Counts are at most
    # 2**EXACT_UP_TO < 2**53, so that float64 holds them exactly.
    tails = np.empty(len(ranks))
    outcomes = np.empty(at_most.max() + 1 if len(ranks) else 1)
    for row in range(len(ranks)):
        outcomes[:] = 0.0
        outcomes[0] = 1.0
        reach, all_outcomes = 0, 1.0
        for rank in ranks[row]:
            if rank == 0:
                continue
            all_outcomes *= 2.0
            reach = min(reach + rank, at_most[row])
            for total in range(reach, rank - 1, -1):
                outcomes[total] += outcomes[total - rank]
        tails[row] = outcomes[: at_most[row] + 1].sum() / all_outcomes
    return tails
