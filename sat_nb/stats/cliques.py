"""Groups of segments that cannot be told apart: maximal cliques of "not different"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def maximal_cliques(alike: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """All maximal cliques of two or more, of a symmetric boolean (k, k).

    A clique is a set of which every two are alike; "not different" is not transitive, so
    they may overlap, and they need not be contiguous in rank. Sorted by their members.

    >>> maximal_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    ((0, 1), (1, 2))
    """
    import networkx

    graph = networkx.from_numpy_array(np.triu(alike, 1).astype(int))
    cliques = (tuple(sorted(clique)) for clique in networkx.find_cliques(graph))
    return tuple(sorted(clique for clique in cliques if len(clique) > 1))
