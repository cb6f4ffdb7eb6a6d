"""Scores of a class that a constant added to all logits does not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry


@dataclass(frozen=True)
class Question:
    """What is asked of a photo: its target, and the class that the target is held against.

    ``head`` is the model's: "softmax", "sigmoid" or "logits".
    """

    target: int
    rival: int
    head: str


@dataclass(frozen=True, kw_only=True)
class Score(Entry):
    """A score that segments may lower, for ``intervene(score=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry. Where results are kept on disk, one of your own needs a
        version.
    parameters : Mapping
        Not used.
    function : callable
        ``(logits, question) -> scores``: float64 (m, k) and what is asked, with its ``target``, its
        ``rival`` and the model's ``head`` ("softmax", "sigmoid" or "logits"), give float64 (m,).

    Examples
    --------
    >>> over_mean = Score(
    ...     name="over_mean", version="1", about="The target's logit over the mean of all.",
    ...     function=lambda logits, question: logits[:, question.target] - logits.mean(axis=1),
    ... )
    >>> over_mean.key
    'over_mean@1'
    """

    function: Callable[[Float64, Question], Float64]

    def __call__(self, logits: Float32, question: Question) -> Float64:
        """The scores of m photos."""
        return self.function(logits.astype(np.float64), question)


def margin(logits: Float64, question: Question) -> Float64:
    """The target's logit minus that of its rival; of a model with one output, the log-odds."""
    if logits.shape[1] == 1:
        return (2 * question.target - 1) * logits[:, 0]
    return logits[:, question.target] - logits[:, question.rival]


def log_odds(logits: Float64, question: Question) -> Float64:
    """log p / (1 - p) of the target's probability p, whatever the other classes are."""
    if logits.shape[1] == 1:
        return (2 * question.target - 1) * logits[:, 0]
    if question.head == "sigmoid":
        return logits[:, question.target]
    others = np.delete(logits, question.target, axis=1)
    largest = others.max(axis=1)
    return logits[:, question.target] - (
        largest + np.log(np.exp(others - largest[:, None]).sum(axis=1))
    )


SCORES: dict[str, Score] = registry(
    Score(
        name="margin",
        about="The target's logit minus that of its best rival for the untouched photo, or of the "
        "second class of a pair.",
        function=margin,
    ),
    Score(
        name="log_odds",
        title="log-odds",
        about="log p / (1 - p) of the target's probability p.",
        function=log_odds,
    ),
)
"""What a segment may lower, by name."""


def question_of(
    logits: Float32, predicted: int, target: int | None, against: int | None, head: str
) -> Question:
    """What is asked of a photo whose untouched logits are (k,)."""
    target = predicted if target is None else target
    if against is not None:
        return Question(target, against, head)
    if len(logits) == 1:
        return Question(target, 1 - target, head)
    others = logits.astype(np.float64)
    others[target] = -np.inf
    return Question(target, int(others.argmax()), head)


def check_score(score: Score, against: int | None) -> None:
    """InvalidInput for a pair of classes under a score that is about one class."""
    if against is not None and score.name == "log_odds":
        raise InvalidInput(
            "score: 'log_odds' holds the target against all other classes, so that a pair of "
            "classes as target says nothing; give one class, or score='margin'."
        )
