"""Kendall's measures of agreement between rankings: W of many, tau-b of two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64

ROUNDING = 1e-9  # means of ranks that differ by less are equal


def kendall_w(ranks: Float64) -> float:
    """Kendall's coefficient of concordance of m rankings (m, k) of k things, ties averaged.

    W = (12 sum_i R_i^2 - 3 m^2 k (k + 1)^2) / (m^2 k (k^2 - 1) - m sum_j T_j), where R_i is the sum
    of the ranks of i and T_j the sum of t^3 - t over the groups of t tied ranks of ranking j
    (Kendall 1945). NaN for a single thing, and if every ranking ties everything.

    >>> kendall_w(np.array([[1, 2, 3], [1, 2, 3]])), kendall_w(np.array([[1, 2, 3], [3, 2, 1]]))
    (1.0, 0.0)
    """
    m, k = ranks.shape
    ties = sum(int(t**3 - t) for one in ranks for t in np.unique(one, return_counts=True)[1])
    most = m**2 * k * (k**2 - 1) - m * ties
    if most == 0:
        return float("nan")
    return float((12 * np.square(ranks.sum(axis=0)).sum() - 3 * m**2 * k * (k + 1) ** 2) / most)


def kendall_w_of_blocks(ranks: Float64) -> Float64:
    """``kendall_w`` of many blocks (n, m, k) of rankings at once: (n,).

    >>> kendall_w_of_blocks(np.array([[[1.0, 2, 3], [1, 2, 3]], [[1, 2, 3], [3, 2, 1]]]))
    array([1., 0.])
    """
    _, m, k = ranks.shape
    equal = (ranks[..., None] == ranks[..., None, :]).sum(axis=-1)
    ties = (equal.astype(np.int64) ** 2 - 1).sum(axis=(1, 2))  # t of t^2 - 1 are t^3 - t
    most = (m**2 * k * (k**2 - 1) - m * ties).astype(np.float64)
    sums = np.square(ranks.sum(axis=1)).sum(axis=1)
    agreed = 12 * sums - 3 * m**2 * k * (k + 1) ** 2
    return agreed / np.where(most == 0, np.nan, most)


def kendall_tau_b_of_blocks(ranks: Float64) -> Float64:
    """``kendall_tau_b`` of many blocks (n, m, k) of rankings at once: (n, m, m)."""
    first, second = np.triu_indices(ranks.shape[2], 1)
    signs = np.sign(ranks[..., first] - ranks[..., second])
    products = signs @ signs.transpose(0, 2, 1)
    untied = np.diagonal(products, axis1=1, axis2=2)
    norms = np.sqrt(untied[:, :, None] * untied[:, None, :])
    return products / np.where(norms > 0, norms, np.nan)


def kendall_tau_b(ranks: Float64) -> Float64:
    """Kendall's tau-b (m, m) between m rankings (m, k); NaN for one that ties everything.

    >>> kendall_tau_b(np.array([[1, 2, 3], [3, 2, 1], [1.5, 1.5, 3]])).round(2)
    array([[ 1.  , -1.  ,  0.82],
           [-1.  ,  1.  , -0.82],
           [ 0.82, -0.82,  1.  ]])
    """
    # With s_ij = sign(r_i - r_j) over all pairs i < j, tau-b is the cosine of two rankings' s.
    first, second = np.triu_indices(ranks.shape[1], 1)
    signs = np.sign(ranks[:, first] - ranks[:, second])
    products = signs @ signs.T
    untied = np.diag(products)
    norms = np.sqrt(np.outer(untied, untied))
    return products / np.where(norms > 0, norms, np.nan)


def tau_of_rows(a: Float64, b: Float64) -> Float64:
    """Kendall's tau-b between the rows of two arrays (r, k): (r,); pairs with a NaN do not count.

    >>> tau_of_rows(np.array([[1.0, 2, 3], [1, 2, np.nan]]), np.array([[1.0, 3, 2], [2, 1, 3]]))
    array([ 0.33333333, -1.        ])
    """
    first, second = np.triu_indices(a.shape[1], 1)
    x, y = (_signs(of[:, first] - of[:, second]) for of in (a, b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        known = np.isfinite((a + b)[:, first] + (a + b)[:, second])
        x, y = x * known, y * known
    agree, n_x, n_y = ((p * q).sum(axis=1, dtype=int) for p, q in ((x, y), (x, x), (y, y)))
    norms = np.sqrt(n_x * n_y)
    return agree / np.where(norms > 0, norms, np.nan)


def _signs(differences: Float64) -> NDArray[np.int8]:
    """-1, 0 or 1; 0 also for the differences that rounding leaves between equal means."""
    return (differences > ROUNDING).astype(np.int8) - (differences < -ROUNDING).astype(np.int8)
