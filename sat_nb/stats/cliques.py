"""Groups of segments that do not differ: maximal cliques of a graph of pairs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

# The number of maximal cliques is exponential: 3**20 for 60 segments (Moon & Moser 1965).
MOST = 1000


def maximal_cliques(adjacent: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """All maximal cliques of two or more in a symmetric boolean (k, k), sorted by their members.

    Every two members of a clique are adjacent. "Not different" is not transitive, so cliques may
    overlap, and they need not be contiguous in rank. If there are more than ``MOST``, it warns and
    gives only as many maximal ones as it takes to have each adjacent pair in one of them, at
    most k (k - 1) / 2.

    >>> maximal_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    ((0, 1), (1, 2))
    """
    neighbours = [set(np.flatnonzero(row).tolist()) - {i} for i, row in enumerate(adjacent)]
    # A generator: with one more than MOST it is known that there are too many.
    first = list(islice(_every_clique(neighbours), MOST + 1))
    if len(first) <= MOST:
        return tuple(sorted(tuple(sorted(clique)) for clique in first if len(clique) > 1))
    covering = covering_cliques(adjacent)
    warnings.warn(
        f"groups: there are more than {MOST} maximal groups; these {len(covering)} contain every "
        "pair that does not differ. Read the p-values themselves.",
        stacklevel=2,
    )
    return covering


def _every_clique(neighbours: list[set[int]]) -> Iterator[list[int]]:
    """The maximal cliques, single members included (Bron & Kerbosch 1973).

    What waits is a clique, what it can grow by, and what it could grow by but is done with. Each
    maximal clique holds the pivot or something that is no neighbour of it (Tomita et al. 2006).
    """
    waiting: list[tuple[list[int], set[int], set[int]]] = [([], set(range(len(neighbours))), set())]
    while waiting:
        clique, candidates, done = waiting.pop()
        if not candidates | done:
            yield clique
        if not candidates:
            continue
        pivot = max(candidates | done, key=lambda i: len(candidates & neighbours[i]))
        for i in candidates - neighbours[pivot]:
            near = neighbours[i]
            waiting.append(([*clique, i], candidates & near, done & near))
            candidates, done = candidates - {i}, done | {i}


def covering_cliques(adjacent: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Maximal cliques that contain every adjacent pair, greedily from the first pair on.

    >>> covering_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    ((0, 1), (1, 2))
    """
    neighbours = adjacent & ~np.eye(len(adjacent), dtype=bool)
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
