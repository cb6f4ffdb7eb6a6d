"""Shapley values of segments: exact over all coalitions, or from sampled permutations."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.interventions.effects import Asking, Effects
from sat_nb.interventions.players import Players

MOST_EXACT = 16
"""Players whose 65,536 coalitions are worth asking for; a sampler takes more."""


def shapley(players: Players, *, seed: int, max_exact: int, n_permutations: int) -> Asking:
    """Exact values where there are at most ``max_exact`` players, sampled ones elsewhere."""
    if len(players) > max_exact:
        return (yield from sampled(players, seed, n_permutations, max_exact))
    answers = yield players.coalitions(all_coalitions(len(players)))
    return Effects(shapley_values(answers.scores))


def passes(n_players: int, max_exact: int, n_permutations: int) -> int:
    """The most forward passes that a photo takes."""
    if n_players <= max_exact:
        return 1 << n_players
    return n_permutations * (n_players - 1) + 2


def all_coalitions(n_players: int) -> NDArray[np.bool_]:
    """(2 ** n, n): coalition c has player i where bit i of c is set.

    >>> all_coalitions(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (np.arange(1 << n_players)[:, None] >> np.arange(n_players) & 1).astype(bool)


def shapley_values(worths: Float64) -> Float64:
    """The Shapley values (n,) of the worths (2 ** n,) of all coalitions, in the order above.

    A player's value is its mean contribution worth(S + i) - worth(S): over coalitions S of each
    size, then over sizes (Shapley 1953).

    >>> shapley_values(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]
    """
    n = len(worths).bit_length() - 1
    coalitions = np.arange(len(worths))
    sizes = all_coalitions(n).sum(axis=1)
    shares = np.array([1 / (n * comb(n - 1, size)) for size in range(n)])
    values = np.empty(n)
    for i in range(n):
        without = coalitions[coalitions >> i & 1 == 0]
        values[i] = shares[sizes[without]] @ (worths[without | 1 << i] - worths[without])
    return values


def sampled(players: Players, seed: int, n_permutations: int, max_exact: int) -> Asking:
    """Values from permutations, each beside its reverse; errors from the spread of such pairs.

    In every permutation the contributions add up to worth(all) - worth(none), and so do the means.
    """
    rng, n = np.random.default_rng(seed), len(players)
    halves = [rng.permutation(n) for _ in range(n_permutations // 2)]
    orders = np.array([order for half in halves for order in (half, half[::-1])])
    places = np.argsort(orders, axis=1)  # (n_permutations, n): where each player comes
    members = places[:, None, :] < np.arange(n + 1)[None, :, None]
    answers = yield players.coalitions(members.reshape(-1, n))
    rises = np.diff(answers.scores.reshape(len(orders), n + 1), axis=1)
    gains = np.take_along_axis(rises, places, axis=1)
    pairs = gains.reshape(-1, 2, n).mean(axis=1)
    return Effects(
        gains.mean(axis=0),
        errors=pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs)),
        n_samples=n_permutations,
        note=f"there are more than max_exact={max_exact} players, so that values are sampled from "
        f"{n_permutations} permutations, with their standard errors in se_mean_attribution; exact "
        f"values take up to {MOST_EXACT} players: merge or leave out segments, or raise max_exact",
    )
