"""What was found in photos: rows of a table, and what is to be said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sat_nb.errors import shorten
from sat_nb.interventions.asking import Found, Plan
from sat_nb.interventions.effects import Effects
from sat_nb.interventions.measures import Measure
from sat_nb.interventions.players import REST, Players
from sat_nb.saliency.store.runs import ImageFacts
from sat_nb.table.join import FittedSegments, ImageRows
from sat_nb.table.kernel import mask_runs
from sat_nb.table.schema import N_FORWARD, TEXT

TIE_SHARE = 1e-6
"""Of the largest |effect per pixel| of a photo: effects that differ by less are equal."""


def method_of(measure: str, replacement: str) -> str:
    """What stands in the column ``method``.

    >>> method_of("without", "blur")
    'without.blur'
    """
    return f"{measure}.{replacement}"


def rows_of(found: Found, segments: FittedSegments, plan: Plan, name: str) -> list[ImageRows]:
    """The rows of a photo, called ``name`` in the table: measure by measure."""
    return [
        _rows(found, segments, plan, name, m, number)
        for m in range(len(plan.measures))
        for number in range(len(plan.replacements))
    ]


def _rows(
    found: Found, segments: FittedSegments, plan: Plan, name: str, m: int, number: int
) -> ImageRows:
    measure, _ = plan.measures[m]
    players = found.photo.players
    effects = found.effects.get((m, number), Effects(np.zeros(0)))
    if len(effects.effects) > players.n_segments:
        segments = _with_rest(segments, players)
    px, totals = segments.px, np.asarray(effects.effects, dtype=np.float64)
    largest = np.abs(totals / px).max(initial=0.0)
    return ImageRows(
        image_id=name,
        method=method_of(measure.key, plan.replacements[number].key),
        segments=segments,
        totals=totals,
        errors=None if effects.errors is None else effects.errors / px,
        tolerance=float(TIE_SHARE * largest),
        n_samples=effects.n_samples,
        facts=ImageFacts(found.question.target, found.predicted, *found.photo.photo_size),
        more=_further(measure, effects, found.n_forward.get((m, number), 1), len(px)),
    )


def _further(
    measure: Measure, effects: Effects, n_forward: int, n: int
) -> dict[str, tuple[str, list[Any]]]:
    """The columns that a table of maps does not have."""
    found: dict[str, tuple[str, list[Any]]] = {N_FORWARD: ("Int64", [n_forward] * n)}
    for column, dtype in measure.columns.items():
        values = list(effects.columns.get(column, [None] * n))
        values += [None] * (n - len(values))
        found[column] = TEXT if dtype == "text" else dtype, values
    return found


def _with_rest(segments: FittedSegments, players: Players) -> FittedSegments:
    """The segments, and the pixels of none of them as one more."""
    runs = mask_runs(players.covers[:, -1][players.parts][None])
    return replace(
        segments,
        names=(*segments.names, REST),
        px=np.append(segments.px, runs.px),
        fractions=np.append(segments.fractions, runs.px / np.prod(segments.size)),
        centroids=np.concatenate([segments.centroids, runs.centroids]),
        scores=np.append(segments.scores, np.nan),
        unpadded=None,
    )


class Notes:
    """What the user should know of photos, gathered while they are worked on."""

    def __init__(self) -> None:
        self._of_measures: dict[tuple[str, str], dict[str, None]] = {}
        self._whole: dict[str, str] = {}
        self._n_photos = 0

    def add(self, found: Found, plan: Plan) -> None:
        """Note what is to be said of one photo."""
        self._n_photos += 1
        image_id, players = found.photo.image_id, found.photo.players
        for (m, _), effects in found.effects.items():
            if effects.note:
                key = plan.measures[m][0].key, effects.note
                self._of_measures.setdefault(key, {})[image_id] = None
        whole = (players.covers | players.fixed[:, None])[:, : players.n_segments].all(axis=0)
        if whole.any():
            self._whole[image_id] = players.names[int(whole.argmax())]

    def texts(self) -> list[str]:
        """One text for each thing to say."""
        found = [
            f"measures: {measure!r}, in {len(ids)} of {self._n_photos} photos ({shorten(ids)}): "
            f"{note}."
            for (measure, note), ids in self._of_measures.items()
        ]
        if self._whole:
            first, name = next(iter(self._whole.items()))
            found.append(
                f"segments: in {len(self._whole)} of {self._n_photos} photos a segment covers the "
                f"whole photo ({name!r} in {first!r}): without it nothing of the photo is left, "
                "and under overlap='any' no other segment counts beside it. Leave it out, such as "
                "with SegmentationMap.rename and select, or give overlap='top'."
            )
        return found
