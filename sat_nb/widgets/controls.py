"""The controls: one entry each, under the name of the field of the state that it sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sat_nb.widgets.fields import Changed, Chips, Choice, Field, Numbers, Shown, Tick, Words


@dataclass(frozen=True)
class Control:
    """``make(changed)`` builds it; ``group`` is the heading that it stands under."""

    group: str
    make: Callable[[Changed], Field]


def _none(word: str) -> Callable[[Any], str]:
    return lambda value: word if value is None else str(value)


def _said(words: dict[Any, str]) -> Callable[[Any], str]:
    return lambda value: words.get(value, str(value).replace("_", " "))


VALUES = {
    "rank": "local rank",
    "mean_attribution": "mean attribution",
    "abs_mean_attribution": "|mean attribution|",
}
ORDERS = {
    "rank": "best rank first",
    "attribution": "most for the target first",
    "against": "most against it first",
    "size": "largest mask first",
}


def _control(group: str, kind: Any, label: str, tip: str, **options: Any) -> Control:
    return Control(group, partial(_made, kind, label, tip, options))


def _made(kind: Any, label: str, tip: str, options: dict, changed: Changed) -> Field:
    return kind(changed, label, tip, **options)


CONTROLS: dict[str, Control] = {
    "methods": _control("What", Chips, "Methods", "saliency methods that are shown, side by side"),
    "model": _control("What", Choice, "Model", "the model that was explained", says=_none("all")),
    "versus": _control(
        "What",
        Choice,
        "against",
        "a second model, shown beside the first",
        says=_none("no other model"),
    ),
    "label": _control("What", Choice, "Class", "photos of this true class only", says=_none("all")),
    "segment": _control(
        "What",
        Choice,
        "Segment",
        "highlighted in every picture; 'Photos' shows the photos that have it",
        says=_none("none in particular"),
    ),
    "how": _control(
        "How",
        Choice,
        "Aggregation",
        "relative: mean over the photos that have the segment; absolute: over all photos, a "
        "missing segment counting 0, or last in rank",
        says=_said({}),
    ),
    "value": _control(
        "How",
        Choice,
        "Value",
        "what is aggregated: local ranks, or attributions",
        says=_said(VALUES),
    ),
    "intervals": _control(
        "How", Tick, "95 % intervals", "bootstrap intervals over photos: how sure each value is"
    ),
    "test": _control(
        "How",
        Choice,
        "Test",
        "how differences are tested: Wilcoxon with Holm's correction; aeon's, as in the paper; or "
        "Nemenyi's",
    ),
    "alpha": _control(
        "How",
        Numbers,
        "Level α",
        "chance of finding any difference where there is none",
        low=0.001,
        high=0.5,
        step=0.01,
    ),
    "missing": _control(
        "How",
        Choice,
        "If missing",
        "absolute: a photo without the segment ranks it last; complete: each pair is compared on "
        "the photos that have both",
    ),
    "search": _control("How", Words, "Search", "rows that hold this text"),
    "rows": _control(
        "How",
        Choice,
        "Rows",
        "one row a segment, or one an image, method and segment",
        says=_said({"segments": "one a segment", "images": "one an image"}),
    ),
    "hidden": _control("Filters", Shown, "Segments", "click to leave it out or take it in"),
    "predicted": _control(
        "Filters", Choice, "Predicted", "photos that the model gave this class", says=_none("any")
    ),
    "correct": _control(
        "Filters",
        Choice,
        "Prediction",
        "photos that the model classifies rightly, or wrongly",
        says=_said({None: "right or wrong", True: "right", False: "wrong"}),
    ),
    "positions": _control(
        "Filters", Chips, "Position", "where the segment's middle lies; none chosen: anywhere"
    ),
    "min_fraction": _control(
        "Filters",
        Numbers,
        "Size from",
        "smallest share of the map that a segment covers, 0 to 1",
        low=0.0,
        high=1.0,
        step=0.01,
    ),
    "max_fraction": _control(
        "Filters",
        Numbers,
        "to",
        "largest share of the map that a segment covers, 0 to 1",
        low=0.0,
        high=1.0,
        step=0.01,
    ),
    "min_score": _control(
        "Filters",
        Numbers,
        "Score from",
        "smallest confidence of the detector, 0 to 1; 0 takes all",
        low=0.0,
        high=1.0,
        step=0.05,
    ),
    "min_images": _control(
        "Filters",
        Numbers,
        "Photos from",
        "leave out segments that fewer photos have",
        low=1,
        high=10**9,
        step=1,
    ),
}

ALWAYS = ("methods", "model", "versus", "label", "segment")
