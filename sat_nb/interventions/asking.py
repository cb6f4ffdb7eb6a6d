"""All measures of a photo at once, and many photos in shared batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput, SatError
from sat_nb.interventions.effects import Answers, Asking, Effects
from sat_nb.interventions.measures import Measure
from sat_nb.interventions.photos import ReadyPhoto
from sat_nb.interventions.players import Kept
from sat_nb.interventions.replacements import Replacement
from sat_nb.interventions.scores import Question, Score, question_of

Key = tuple[int, bytes]
"""The number of a replacement, -1 for the untouched photo, and what is kept."""


class Item(NamedTuple):
    """One photo, replaced in part, to be sent through the model."""

    photo: ReadyPhoto
    replacement: Replacement | None
    kept: bytes


Outputs = tuple[Float32, Float32]
"""The model's outputs (n, n_classes), and its logits (n, k)."""

Ask = Callable[[Sequence[Item]], Outputs]
"""Sends items through the model."""


@dataclass(frozen=True)
class Found:
    """What all measures find in one photo; ``effects`` by the number of measure and replacement.

    ``n_forward`` counts the photos that a measure asked about, the untouched one included.
    """

    photo: ReadyPhoto
    question: Question
    predicted: int
    effects: dict[tuple[int, int], Effects]
    n_forward: dict[tuple[int, int], int]


@dataclass(frozen=True)
class Plan:
    """What is asked of every photo."""

    measures: Sequence[tuple[Measure, dict[str, Any]]]
    replacements: Sequence[Replacement]
    score: Score
    head: str
    against: int | None


Steps = Generator[list[Item], Outputs, Found]
"""A photo at work: it yields what is to be asked, and is sent what the model says."""


def steps_of(
    photo: ReadyPhoto, plan: Plan, target: int | None, untouched: Outputs | None = None
) -> Steps:
    """Everything that is asked of a photo; each different photo once.

    The first question holds the untouched photo, unless ``untouched`` says what the model said
    to it, and all that measures ask first.
    """
    games = [
        _Game(measure, number, photo, parameters, (m, number))
        for number in range(len(plan.replacements) if photo.players.n_segments else 0)
        for m, (measure, parameters) in enumerate(plan.measures)
    ]
    whole: Key = (-1, photo.players.everything()[0].tobytes())
    first = [whole, *_new(games, {whole: (0.0, 0)})]
    if untouched is None:
        outputs, logits = yield _items(photo, plan, first)
    elif len(first) > 1:
        more = yield _items(photo, plan, first[1:])
        outputs, logits = (np.concatenate(both) for both in zip(untouched, more, strict=True))
    else:
        outputs, logits = untouched
    predicted = int(outputs[0].argmax())
    question = question_of(logits[0], predicted, target, plan.against, plan.head)
    known: dict[Key, tuple[float, int]] = {}

    def note(keys: Iterable[Key], outputs: Float32, logits: Float32) -> None:
        scores, classes = _scores(plan.score, logits, question), outputs.argmax(axis=1)
        known.update(zip(keys, zip(scores.tolist(), classes.tolist(), strict=True), strict=True))

    note(first, outputs, logits)
    while any(game.asks for game in games):
        if new := _new(games, known):
            note(new, *(yield _items(photo, plan, new)))
        for game in games:
            if game.asks:
                game.answer(known)
    effects = {game.place: game.checked_effects() for game in games}
    return Found(photo, question, predicted, effects, {g.place: len(g.asked) for g in games})


def _scores(score: Score, logits: Float32, question: Question) -> Float64:
    found = np.asarray(score(logits, question), dtype=np.float64)
    if found.shape != (len(logits),) or not np.isfinite(found).all():
        raise InvalidInput(
            f"score: {score.key!r} must return a finite number for each of {len(logits)} photos, "
            f"got {found.shape}{'' if np.isfinite(found).all() else ' with NaN or infinite ones'}."
        )
    return found


def _new(games: Sequence[_Game], known: Mapping[Key, Any]) -> list[Key]:
    """What is asked and not known, each once."""
    return list(dict.fromkeys(key for game in games for key in game.asks if key not in known))


def _items(photo: ReadyPhoto, plan: Plan, keys: Iterable[Key]) -> list[Item]:
    found = {-1: None, **dict(enumerate(plan.replacements))}
    return [Item(photo, found[number], kept) for number, kept in keys]


class _Game:
    """One measure at work on one photo under one replacement."""

    def __init__(
        self,
        measure: Measure,
        replacement: int,
        photo: ReadyPhoto,
        parameters: dict[str, Any],
        place: tuple[int, int],
    ) -> None:
        self.measure, self.replacement, self.photo, self.place = measure, replacement, photo, place
        self.asks: list[Key] = []
        self.asked: set[Key] = set()
        self.effects: Effects | None = None
        self._asking: Asking
        self._start = partial(measure.function, photo.players, seed=photo.seed, **parameters)
        self._go(None)

    def answer(self, known: dict[Key, tuple[float, int]]) -> None:
        """Tell the measure what it asked for; then it asks on, or is done."""
        scores, classes = zip(*(known[key] for key in self.asks), strict=True)
        self._go(Answers(np.array(scores, dtype=np.float64), np.array(classes, dtype=np.int64)))

    def _go(self, answers: Answers | None) -> None:
        try:
            if answers is None:
                self._asking = self._start()
            kept = next(self._asking) if answers is None else self._asking.send(answers)
            while not len(kept):
                kept = self._asking.send(Answers(np.zeros(0), np.zeros(0, np.int64)))
        except StopIteration as done:
            self.asks, self.effects = [], done.value
            return
        except SatError:
            raise
        except Exception as error:
            raise InvalidInput(
                f"measures: {self.measure.key!r} of image {self.photo.image_id!r} failed with "
                f"{type(error).__name__}: {error}; it is a generator that yields what is kept, and "
                "returns Effects."
            ) from error
        rows = self._checked(kept)
        numbers = np.where(rows.all(axis=1), -1, self.replacement).tolist()
        self.asks = [(number, row.tobytes()) for number, row in zip(numbers, rows, strict=True)]
        self.asked.update(self.asks)

    def _checked(self, kept: Kept) -> Kept:
        n_parts = len(self.photo.players.fixed)
        array = np.asarray(kept)
        if array.dtype != bool or array.ndim != 2 or array.shape[1] != n_parts:
            raise InvalidInput(
                f"measures: {self.measure.key!r} asked for {array.dtype} {array.shape}; yield bool "
                f"(m, {n_parts}), as the methods of `players` make them."
            )
        return array | self.photo.players.fixed

    def checked_effects(self) -> Effects:
        """What the measure returned, or InvalidInput."""
        players, found = self.photo.players, self.effects
        shapes = [(players.n_segments,), (len(players),)]
        shape = np.shape(found.effects) if isinstance(found, Effects) else ()
        if not isinstance(found, Effects) or shape not in shapes:
            raise InvalidInput(
                f"measures: {self.measure.key!r} must return Effects of {players.n_segments} "
                f"segments, or of {len(players)} players, got {type(found).__name__} {shape}."
            )
        if not np.isfinite(np.asarray(found.effects, dtype=np.float64)).all():
            raise InvalidInput(
                f"measures: {self.measure.key!r} gives NaN or infinite effects for image "
                f"{self.photo.image_id!r}; return finite ones."
            )
        return found


@dataclass
class _Working:
    """A photo whose steps are under way: what is still to be answered of its last question."""

    steps: Steps
    outputs: list[Any] = field(default_factory=list)
    n_open: int = 0


def run(
    steps: Iterable[Steps],
    ask: Ask,
    *,
    batch_size: int,
    n_at_once: int,
    stop: Callable[[BaseException], None] = lambda error: None,
) -> Iterator[Found]:
    """Work on photos in turn, so that every batch but the last ones is full.

    ``n_at_once`` batches are under way while the next one is made. Batches are cut and answered in
    one order, whatever takes how long, so that equal calls send equal batches. ``stop`` hears of an
    error or interrupt, so that batches under way give up.
    """
    waiting: deque[tuple[_Working, int, Item]] = deque()
    sent: deque[tuple[list[tuple[_Working, int, Item]], Future[Outputs]]] = deque()
    photos = iter(steps)
    more = True
    with ThreadPoolExecutor(n_at_once + 1) as threads:
        try:
            while more or waiting or sent:
                while more and len(waiting) < batch_size:
                    one = next(photos, None)
                    if one is None:
                        more = False
                    else:
                        yield from _go_on(_Working(one), None, waiting)
                while waiting and len(sent) <= n_at_once:
                    if len(waiting) < batch_size and (more or sent):
                        break
                    batch = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
                    sent.append((batch, threads.submit(ask, [item for _, _, item in batch])))
                if sent and (len(sent) > n_at_once or not more or len(waiting) >= batch_size):
                    yield from _answer(*sent.popleft(), waiting)
        except BaseException as error:
            threads.shutdown(wait=False, cancel_futures=True)
            stop(error)
            raise


def _answer(
    batch: list[tuple[_Working, int, Item]],
    future: Future[Outputs],
    waiting: deque[tuple[_Working, int, Item]],
) -> Iterator[Found]:
    outputs, logits = future.result()
    are_finite = np.isfinite(logits).all(axis=1).tolist()
    for (working, place, item), output, logit, is_finite in zip(
        batch, outputs, logits, are_finite, strict=True
    ):
        if not is_finite:
            raise InvalidInput(
                f"model: gives NaN or infinite outputs for image {item.photo.image_id!r}, replaced "
                "in part; check its weights and preprocess."
            )
        working.outputs[place] = output, logit
        working.n_open -= 1
        if not working.n_open:
            both = tuple(np.stack(part) for part in zip(*working.outputs, strict=True))
            yield from _go_on(working, both, waiting)


def _go_on(
    working: _Working, outputs: Any, waiting: deque[tuple[_Working, int, Item]]
) -> Iterator[Found]:
    try:
        items = next(working.steps) if outputs is None else working.steps.send(outputs)
    except StopIteration as done:
        yield done.value
        return
    working.outputs, working.n_open = [None] * len(items), len(items)
    waiting.extend((working, place, item) for place, item in enumerate(items))
