"""The controls: one entry each, under the name of the field of the state that it sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sat_nb.widgets.fields import (
    Changed,
    Chips,
    Choice,
    Field,
    Number,
    OneId,
    Shown,
    Tabs,
    Tick,
    Words,
)
from sat_nb.widgets.views import VIEWS


@dataclass(frozen=True)
class Control:
    """``make(changed)`` builds it; ``group`` is where it stands: "top", "methods", "what", "how",
    "filter".
    """

    group: str
    make: Callable[[Changed], Field]


def control(group: str, kind: Any, label: str, tip: str, **options: Any) -> Control:
    """The entry of one control: what it is called, and a tooltip that says what it does."""
    return Control(group, partial(_made, kind, label, tip, options))


def _made(kind: Any, label: str, tip: str, options: dict[str, Any], changed: Changed) -> Field:
    return kind(changed, label, tip, **options)


def _said(words: dict[Any, str]) -> Callable[[Any], str]:
    return lambda value: words.get(value, str(value))


CONTROLS: dict[str, Control] = {
    "view": control(
        "top",
        Tabs,
        "View",
        "what is shown",
        says=lambda name: VIEWS[name].title,
        tips={name: view.about for name, view in VIEWS.items()},
    ),
    "methods": control(
        "methods", Chips, "Saliency methods", "show this saliency method, beside the others ticked"
    ),
    "model": control("what", Choice, "Model", "The model that was explained.", says=_said({})),
    "versus": control(
        "what",
        Choice,
        "Against",
        "A second model, shown beside the first.",
        says=_said({None: "no other model"}),
    ),
    "label": control(
        "what", Choice, "Class", "Only photos of this true class.", says=_said({None: "all"})
    ),
    "segment": control(
        "what",
        Choice,
        "Segment",
        "Highlighted in every picture; the view 'Photos' shows the photos that have it.",
        says=_said({None: "– none –"}),
    ),
    "image_id": control("what", OneId, "Photo", "The photo whose own table is shown."),
    "how": control(
        "how",
        Choice,
        "Aggregation",
        "How a segment's values in many photos become one. relative: mean over the photos that "
        "have the segment; absolute: over all photos, where a missing segment counts 0, or last "
        "in rank.",
        says=_said({"trimmed_mean": "trimmed mean", "top_k": "among the first 3", "lime": "LIME"}),
    ),
    "value": control(
        "how",
        Choice,
        "Value",
        "What is aggregated: local ranks (1 = most attribution), or mean attributions.",
        says=_said(
            {
                "rank": "rank",
                "mean_attribution": "mean attribution",
                "abs_mean_attribution": "|mean attribution|",
            }
        ),
    ),
    "intervals": control(
        "how",
        Tick,
        "95 % intervals",
        "Bootstrap intervals over photos: how sure each value is.",
    ),
    "test": control(
        "how",
        Choice,
        "Test",
        "How differences are tested: Wilcoxon's test with Holm's correction; aeon's, which the "
        "paper's diagrams use; or Nemenyi's.",
    ),
    "alpha": control(
        "how",
        Number,
        "Level α",
        "The chance to find any difference where there is none.",
        low=0.001,
        high=0.5,
        step=0.01,
    ),
    "missing": control(
        "how",
        Choice,
        "If missing",
        "absolute: a photo that lacks a segment ranks it last; complete: each two segments are "
        "compared on the photos that have both.",
    ),
    "order": control(
        "how",
        Choice,
        "Order",
        "Which photos of the segment come first.",
        says=_said(
            {
                "rank": "best rank",
                "attribution": "most for the class",
                "against": "most against it",
                "size": "largest mask",
            }
        ),
    ),
    "opacity": control(
        "how",
        Number,
        "Map, %",
        "How strongly the map covers the photo: 0 to 100.",
        low=0,
        high=100,
        step=5,
        times=100,
    ),
    "outlines": control(
        "how",
        Choice,
        "Outlines",
        "Which masks are outlined.",
        says=_said({"none": "none", "segment": "of the segment", "all": "of all segments"}),
    ),
    "rows": control(
        "how",
        Choice,
        "Rows",
        "One row a segment, aggregated, or one a photo, method and segment.",
        says=_said({"segments": "one a segment", "images": "one a photo"}),
    ),
    "search": control("how", Words, "Search", "Only rows that hold this text, in any case."),
    "hidden": control("filter", Shown, "Segments", "click to leave it out or to take it in"),
    "positions": control(
        "filter",
        Chips,
        "Position of the segment's middle",
        "only segments here; where none is ticked, anywhere",
    ),
    "predicted": control(
        "filter",
        Choice,
        "Predicted",
        "Only photos that the model gave this class.",
        says=_said({None: "any class"}),
    ),
    "correct": control(
        "filter",
        Choice,
        "Prediction",
        "Only photos that the model classifies rightly, or wrongly.",
        says=_said({None: "right or wrong", True: "right", False: "wrong"}),
    ),
    "min_fraction": control(
        "filter",
        Number,
        "Size from",
        "The smallest share of the map that a segment may cover: 0 to 1.",
        low=0.0,
        high=1.0,
        step=0.01,
    ),
    "max_fraction": control(
        "filter",
        Number,
        "Size to",
        "The largest share of the map that a segment may cover: 0 to 1.",
        low=0.0,
        high=1.0,
        step=0.01,
    ),
    "min_score": control(
        "filter",
        Number,
        "Score from",
        "The smallest confidence of the mask's detector: 0 to 1; 0 takes all.",
        low=0.0,
        high=1.0,
        step=0.05,
    ),
    "min_images": control(
        "filter",
        Number,
        "Photos from",
        "Only segments that at least so many photos have.",
        low=1,
        high=10**9,
        step=1,
    ),
}

ALWAYS = ("view", "methods", "model", "versus", "label", "segment")
"""Controls that every view has; the others are there where the view uses them."""
