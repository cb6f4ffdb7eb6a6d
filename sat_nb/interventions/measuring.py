"""The checked arguments of interventions, which can be sent to other processes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.images import ImageSet
from sat_nb.interventions.asking import Outputs, Plan
from sat_nb.interventions.inquiry import Inquiry
from sat_nb.interventions.inquiry import others_of as others_of
from sat_nb.interventions.measures import MANY, MEASURES, Measure, read_measures
from sat_nb.interventions.photos import Fitted
from sat_nb.interventions.players import OVERLAPS, Overlap
from sat_nb.interventions.replacements import REPLACEMENTS, Replacement, read_replacements
from sat_nb.interventions.rows import Notes, method_of, rows_of
from sat_nb.interventions.scores import SCORES, Score, check_score
from sat_nb.registry import chosen
from sat_nb.saliency.model_file import ModelFacts
from sat_nb.saliency.process.pool import Sender
from sat_nb.saliency.request import OpenModel, Request
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.join import ImageRows, JoinOptions

MANY_PLAYERS = 12
"""Photos with so many players are not rare."""


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """What is measured: the checked arguments of ``intervene`` that are about effects.

    It can be sent to other processes: entries of the registries go by name.
    """

    measures: tuple[tuple[Measure, dict[str, Any]], ...]
    replacements: tuple[Replacement, ...]
    score: Score
    overlap: Overlap
    batch_size: int

    @property
    def keys(self) -> list[str]:
        """What the column ``method`` says."""
        return [
            method_of(measure.key, replacement.key)
            for measure, _ in self.measures
            for replacement in self.replacements
        ]

    @property
    def needs_other(self) -> bool:
        """Whether photos are filled from other ones."""
        return any(replacement.needs_other for replacement in self.replacements)

    def settings(self) -> dict[str, Any]:
        """What decides the effects, as plain data."""
        return {
            "measures": {measure.key: dict(values) for measure, values in self.measures},
            "replace": [replacement.key for replacement in self.replacements],
            "score": self.score.key,
            "overlap": self.overlap.key,
            "batch_size": self.batch_size,
        }

    def inquiry(
        self,
        opened: OpenModel,
        request: Request,
        joining: JoinOptions,
        images: ImageSet,
        others: Mapping[str, str],
    ) -> Inquiry:
        """How these photos are asked about."""
        facts = opened.facts
        return Inquiry(
            overlap=self.overlap,
            batch_size=self.batch_size,
            plan=Plan(self.measures, self.replacements, self.score, facts.head, request.against),
            joining=joining,
            fitted=Fitted(request.fit, request.preprocess, facts.input_shape),
            images=images,
            others=others,
            file=opened.file,
            sender=Sender(opened.pool, threading.Event()),
            seed=request.seed,
        )

    def rows(
        self,
        opened: OpenModel,
        request: Request,
        joining: JoinOptions,
        images: ImageSet,
        others: Mapping[str, str],
        image_ids: Sequence[str],
        masks: Callable[[str], SegmentationMap],
        targets: Mapping[str, int] | None,
        untouched: Mapping[str, Outputs],
        names: Mapping[str, str],
        notes: Notes,
        bar: Any = None,
    ) -> dict[str, list[ImageRows]]:
        """{image_id: rows} of these photos, which are called ``names`` in the table."""
        inquiry = self.inquiry(opened, request, joining, images, others)
        found: dict[str, list[ImageRows]] = {}
        for one, fitted in inquiry.found(image_ids, masks, targets, untouched):
            notes.add(one, inquiry.plan)
            image_id = one.photo.image_id
            found[image_id] = rows_of(one, fitted, inquiry.plan, names[image_id])
            if bar is not None:
                bar.update(1)
        return found

    def notes(self) -> Notes:
        """An empty collection of what is to be said of photos."""
        return Notes()

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: entries of registries by name, others without what was checked."""
        measures = [(_sent(m, MEASURES), values) for m, values in self.measures]
        replacements = [_sent(one, REPLACEMENTS) for one in self.replacements]
        score, overlap = _sent(self.score, SCORES), _sent(self.overlap, OVERLAPS)
        return _received, (measures, replacements, score, overlap, self.batch_size)

    def warnings(self, facts: ModelFacts) -> list[str]:
        """What the user should know of the model's head."""
        if self.score.name != "margin" or facts.head != "sigmoid" or facts.n_outputs < 3:
            return []
        return [
            "score: the labels of a sigmoid head do not exclude each other, so that a margin mixes "
            "two questions; score='log_odds' asks about the target alone."
        ]


def _sent(entry: Any, entries: Mapping[str, Any]) -> Any:
    """Its name, if it is registered; or the entry without the checks of its parameters."""
    registered: Any = entries.get(entry.name)
    return entry.name if registered is entry else replace(entry, parameters={})


def _received(
    measures: Sequence[tuple[Any, dict[str, Any]]],
    replacements: Sequence[Any],
    score: Any,
    overlap: Any,
    batch_size: int,
) -> Measuring:
    def entry(given: Any, entries: Mapping[str, Any]) -> Any:
        return entries[given] if isinstance(given, str) else given

    return Measuring(
        measures=tuple((entry(m, MEASURES), values) for m, values in measures),
        replacements=tuple(entry(one, REPLACEMENTS) for one in replacements),
        score=entry(score, SCORES),
        overlap=entry(overlap, OVERLAPS),
        batch_size=batch_size,
    )


def cost_of(measuring: Measuring, n_names: Iterable[int]) -> str | None:
    """What to say of the forward passes before they start; None where a photo takes few.

    ``n_names`` are the segments of each photo; they are counted only where that may matter.
    """
    costly = [
        (measure, values)
        for measure, values in measuring.measures
        if measure.passes is not None and measure.passes(MANY_PLAYERS, **values) >= MANY
    ]
    if not costly:
        return None
    n_players = [n + 1 for n in n_names]
    for measure, values in costly:
        passes = [measure.passes(n, **values) for n in n_players]  # type: ignore[misc]
        if max(passes, default=0) >= MANY:
            n_replacements = len(measuring.replacements)
            return (
                f"measures: {measure.key!r} asks the model up to {max(passes):,} times a photo and "
                f"replacement, {n_replacements * sum(passes):,} times in all for {len(passes)} "
                f"photos and {n_replacements} replacements. Photos with more than max_exact "
                "players, the segments and the rest, are sampled: lower max_exact in parameters, "
                "or merge segments, for fewer."
            )
    return None


def check_others(measuring: Measuring, n_photos: int) -> None:
    """InvalidInput where there is no other photo to fill from; a warning where there is one."""
    if not measuring.needs_other or n_photos > 2:
        return
    remedy = "give more photos, or replace='blur'"
    if n_photos < 2:
        raise InvalidInput(
            f"replace: 'other_photo' takes the pixels of another photo, and there is no "
            f"other; {remedy}."
        )
    warnings.warn(
        "replace: 'other_photo' fills each of two photos from the other one, so that effects say "
        f"as much about that one as about the segment; {remedy}.",
        stacklevel=4,
    )


def read_measuring(
    *,
    measures: Any,
    parameters: Mapping[str, Mapping[str, Any]] | None,
    replace: Any,
    also: Any,
    score: str,
    overlap: str,
    batch_size: int,
    against: int | None,
    kept: bool,
) -> Measuring:
    """The arguments that are about effects, checked."""
    chosen_score = chosen("score", score, SCORES, own=Score, kept=kept)
    check_score(chosen_score, against)
    return Measuring(
        measures=read_measures(measures, parameters, kept=kept),
        replacements=read_replacements(replace, also, kept=kept),
        score=chosen_score,
        overlap=chosen("overlap", overlap, OVERLAPS, own=Overlap, kept=kept),
        batch_size=checked_whole("batch_size", batch_size, 1),
    )
