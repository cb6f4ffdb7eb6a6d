"""Groups of segments that cannot be told apart: maximal cliques of "not different"."""

from __future__ import annotations

import warnings
from itertools import islice

import numpy as np
from numpy.typing import NDArray

MOST = 1000
"""A graph of 60 can have 3**20 maximal cliques (Moon & Moser 1965); a reader uses a dozen."""


def maximal_cliques(alike: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """All maximal cliques of two or more, of a symmetric boolean (k, k).

    A clique is a set of which every two are alike; "not different" is not transitive, so
    they may overlap, and they need not be contiguous in rank. Sorted by their members.
    Where there are more than ``MOST``, it warns and gives as many maximal ones as it takes
    to have every pair that is alike in one of them, at most k (k - 1) / 2.

    >>> maximal_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    ((0, 1), (1, 2))
    """
    import networkx

    graph = networkx.from_numpy_array(np.triu(alike, 1).astype(int))
    first = list(islice(networkx.find_cliques(graph), MOST + 1))
    if len(first) <= MOST:
        return tuple(sorted(tuple(sorted(clique)) for clique in first if len(clique) > 1))
    covering = covering_cliques(alike)
    warnings.warn(
        f"groups: there are more than {MOST} maximal groups; {len(covering)} are given, in "
        "which every pair that does not differ stands together. Read the p-values themselves.",
        stacklevel=2,
    )
    return covering


def covering_cliques(alike: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Maximal cliques that hold every pair that is alike, greedily from the first pair on.

    >>> covering_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    ((0, 1), (1, 2))
    """
    neighbours = alike & ~np.eye(len(alike), dtype=bool)
    uncovered = np.triu(neighbours, 1)
    cliques = []
    for i, j in np.argwhere(uncovered).tolist():
        if uncovered[i, j]:
            clique = _grown([i, j], neighbours)
            uncovered[np.ix_(clique, clique)] = False
            cliques.append(tuple(clique))
    return tuple(sorted(cliques))


def _grown(clique: list[int], neighbours: NDArray[np.bool_]) -> list[int]:
    candidates = neighbours[clique].all(axis=0)
    while candidates.any():
        clique = [*clique, int(candidates.argmax())]
        candidates = candidates & neighbours[clique[-1]]
    return sorted(clique)
