"""Interventions from their definitions: one photo at a time, masks as they are, no sharing."""

from __future__ import annotations

from itertools import chain, combinations, permutations

import numpy as np


def shapley_by_orders(worth, n):
    """Mean contribution of each player over all n! orders; ``worth(frozenset)`` is a number."""
    orders = list(permutations(range(n)))
    values = np.zeros(n)
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            values[player] += worth(before | {player}) - worth(before)
    return values / len(orders)


def minimal_sets(changes, n, most):
    """All sets of at most ``most`` of n segments that change something, and no part of which does.

    ``changes(frozenset)`` says whether a set does.
    """
    sets = chain.from_iterable(combinations(range(n), size) for size in range(1, most + 1))
    changing = [frozenset(one) for one in sets if changes(frozenset(one))]
    return {one for one in changing if not any(other < one for other in changing)}


def kept_by_any(masks, coalition):
    """(H, W): pixels that a coalition keeps; the number len(masks) stands for pixels of no mask."""
    kept = np.zeros(masks.shape[1:], bool)
    for player in coalition:
        kept |= masks[player] if player < len(masks) else ~masks.any(axis=0)
    return kept


def kept_by_top(masks, coalition):
    """The same where every pixel belongs to the smallest mask over it, the first of equal ones."""
    sizes = masks.sum(axis=(1, 2))
    kept = np.zeros(masks.shape[1:], bool)
    for y, x in np.ndindex(kept.shape):
        over = [i for i in range(len(masks)) if masks[i, y, x]]
        owner = min(over, key=lambda i: (sizes[i], i)) if over else len(masks)
        kept[y, x] = owner in coalition
    return kept
