"""Measures of what segments do to a score. To add a measure, add an entry to MEASURES."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sat_nb.arguments import is_whole
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.interventions.counterfactual import counterfactual
from sat_nb.interventions.effects import Asking, Effects
from sat_nb.interventions.players import Players
from sat_nb.interventions.shapley import MOST_EXACT, passes, shapley
from sat_nb.registry import Entry, Parameter, chosen, completed, registry

MANY = 4096
"""Forward passes a photo that are said before they start."""


@dataclass(frozen=True, kw_only=True)
class Measure(Entry):
    """A measure of what segments do to a score, for ``intervene(measures=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry. Where results are kept on disk, one of your own needs a
        version.
    parameters : Mapping[str, Parameter]
        The parameters of its function, by name.
    function : callable
        ``function(players, *, seed, **parameters)``, a generator: it yields which parts of the
        photo are kept, bool (m, n_parts), as ``players.everything()``, ``nothing()``,
        ``without_each()``, ``alone_each()``, ``without(sets)`` and ``coalitions(members)`` make
        them; it is sent their ``scores`` and predicted ``classes``, arrays (m,); and it returns
        :class:`Effects`. Photos asked for twice are asked once.
    columns : Mapping[str, str]
        The further columns that it fills, and their dtypes.
    passes : callable, optional
        ``passes(n_players, **parameters)``: the most forward passes that a photo takes.

    Examples
    --------
    The mean of a segment's first and last contribution:

    >>> def alone_or_last(players, *, seed):
    ...     asked = [players.everything(), players.without_each(), players.alone_each()]
    ...     n = players.n_segments
    ...     scores = (yield np.concatenate([*asked, players.nothing()])).scores
    ...     last, first = scores[0] - scores[1 : n + 1], scores[n + 1 : -1] - scores[-1]
    ...     return Effects((first + last) / 2)
    >>> measure = Measure(
    ...     name="alone_or_last", about="Mean of `alone` and `without`.", function=alone_or_last
    ... )
    >>> measure.key
    'alone_or_last'
    """

    function: Callable[..., Asking]
    columns: Mapping[str, str] = field(default_factory=dict)
    passes: Callable[..., int] | None = None


def without(players: Players, *, seed: int) -> Asking:
    """By how much the score falls where the segment is replaced."""
    answers = yield np.concatenate([players.everything(), players.without_each()])
    whole, label = answers.scores[0], answers.classes[0]
    flipped = [None if other == label else int(other) for other in answers.classes[1:]]
    return Effects(whole - answers.scores[1:], columns={"flipped_to": flipped})


def alone(players: Players, *, seed: int) -> Asking:
    """By how much the score rises where nothing but the segment is left, over nothing at all."""
    answers = yield np.concatenate([players.nothing(), players.alone_each()])
    return Effects(answers.scores[1:] - answers.scores[0])


def _from(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: is_whole(value) and least <= value <= most


MEASURES: dict[str, Measure] = registry(
    Measure(
        name="without",
        about="By how much the score falls where the whole mask of the segment is replaced.",
        function=without,
        columns={"flipped_to": "Int64"},
        passes=lambda n_players: n_players + 1,
    ),
    Measure(
        name="alone",
        about="By how much the score rises from a photo that is replaced as a whole to one in "
        "which only the segment is left.",
        function=alone,
        passes=lambda n_players: n_players + 1,
    ),
    Measure(
        name="shapley",
        title="Shapley value",
        about="The segment's mean contribution to the score over all orders in which segments and "
        '"(rest)", the pixels of no mask, can come: exact, or else sampled, with standard errors.',
        source="Shapley 1953; of masks in Sun et al. 2023, on a surrogate",
        parameters={
            "max_exact": Parameter(
                12,
                _from(1, MOST_EXACT),
                f"a whole number of players from 1 to {MOST_EXACT}, which takes "
                f"{1 << MOST_EXACT:,} forward passes a photo; photos with more are sampled",
            ),
            "n_permutations": Parameter(
                100,
                lambda value: is_whole(value) and value >= 4 and value % 2 == 0,
                "an even number >= 4",
            ),
        },
        function=shapley,
        passes=passes,
    ),
    Measure(
        name="counterfactual",
        about="The segment's responsibility: 1 / the size of the smallest set with it that changes "
        "the predicted class when it is replaced, and no part of which does; 0 without one.",
        source="Chockler & Halpern 2004; best-first search as in Vermeire & Martens 2020",
        parameters={
            "max_names": Parameter(3, _from(1, 5), "a whole number from 1 to 5"),
            "max_sets": Parameter(
                1000, lambda value: is_whole(value) and value >= 1, "a whole number >= 1"
            ),
        },
        function=counterfactual,
        columns={"flipped_to": "Int64", "counterfactuals": "text"},
    ),
)
"""Measures by name."""


def read_measures(
    measures: Any, parameters: Mapping[str, Mapping[str, Any]] | None, *, kept: bool = False
) -> tuple[tuple[Measure, dict[str, Any]], ...]:
    """The measures, each with all of its parameters, checked."""
    one = isinstance(measures, str | Measure) or not isinstance(measures, Iterable)
    given = [measures] if one else list(measures)
    if not given:
        raise InvalidInput("measures: expected at least one, got none.")
    entries = [chosen("measures", m, MEASURES, own=Measure, kept=kept) for m in given]
    by_key = {entry.key: entry for entry in entries}
    if len(by_key) < len(entries):
        raise InvalidInput(f"measures: one is given twice: {', '.join(e.key for e in entries)}.")
    for name in parameters or {}:
        if name not in by_key:
            raise unknown_name("parameters", name, by_key)
    values = parameters or {}
    return tuple(
        (entry, completed(entry, values.get(key), f"parameters[{key!r}]"))
        for key, entry in by_key.items()
    )
