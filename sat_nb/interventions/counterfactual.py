"""Sets of segments whose replacement changes the predicted class."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from sat_nb.interventions.effects import Answers, Asking, Effects
from sat_nb.interventions.players import Players

Names = frozenset[int]
"""A set of segments by their numbers."""


@dataclass
class Search:
    """A best-first search for all minimal sets that change the class.

    ``open`` holds the sets that do not change it, the one with the lowest score first; ``found``
    is {set: (class, score)}.
    """

    n_segments: int
    max_names: int
    max_sets: int
    asked: set[Names] = field(default_factory=set)
    open: list[tuple[float, list[int]]] = field(default_factory=list)
    found: dict[Names, tuple[int, float]] = field(default_factory=dict)
    ended_early: bool = False

    def larger(self, one: Iterable[int]) -> list[Names]:
        """The sets with one segment more, but for those that hold a set that was found."""
        more = [frozenset({*one, i}) for i in range(self.n_segments) if i not in one]
        new = [s for s in more if s not in self.asked and not any(f <= s for f in self.found)]
        left = self.max_sets - len(self.asked)
        self.ended_early |= len(new) > left
        return new[:left]

    def note(self, sets: list[Names], answers: Answers, predicted: int) -> None:
        """What the model says to these sets."""
        for one, score, label in zip(sets, answers.scores, answers.classes, strict=True):
            self.asked.add(one)
            if label != predicted:
                self.found[one] = int(label), float(score)
            elif len(one) < self.max_names:
                heapq.heappush(self.open, (float(score), sorted(one)))

    def minimal(self) -> dict[Names, tuple[int, float]]:
        """The sets found that hold no other one, the smallest first."""
        order = sorted(self.found, key=lambda s: (len(s), self.found[s][1], sorted(s)))
        return {s: self.found[s] for s in order if not any(other < s for other in self.found)}


def counterfactual(players: Players, *, seed: int, max_names: int, max_sets: int) -> Asking:
    """All minimal sets of at most ``max_names`` segments without which the class is another.

    The effect of a segment is its responsibility: 1 / the size of the smallest of these sets that
    has it, 0 where none has.
    """
    untouched = yield players.everything()
    predicted = int(untouched.classes[0])
    search = Search(players.n_segments, max_names, max_sets)
    sets = search.larger(())
    while sets or search.open:
        if sets:
            search.note(sets, (yield players.without(sets)), predicted)
        sets = search.larger(heapq.heappop(search.open)[1]) if search.open else []
    return _effects(players, search)


def _effects(players: Players, search: Search) -> Effects:
    minimal = search.minimal()
    with_it = [[s for s in minimal if i in s] for i in range(players.n_segments)]
    first = [sets[0] if sets else None for sets in with_it]
    told = [
        json.dumps([[[players.names[i] for i in sorted(s)], minimal[s][0]] for s in sets])
        for sets in with_it
    ]
    return Effects(
        np.array([0.0 if one is None else 1 / len(one) for one in first]),
        columns={
            "flipped_to": [None if one is None else minimal[one][0] for one in first],
            "counterfactuals": told,
        },
        note=f"the search ended after max_sets={search.max_sets} sets, and may have missed some; "
        "raise max_sets, or lower max_names"
        if search.ended_early
        else "",
    )
