"""The controls: one entry each, under the name of the field of the state that it sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ipywidgets as widgets

from sat_nb.widgets.choices import allowed
from sat_nb.widgets.code import FILTERS
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
    button,
)
from sat_nb.widgets.state import ExplorerState, Facts
from sat_nb.widgets.views import VIEWS


@dataclass(frozen=True)
class Control:
    """One control: ``make(changed)`` builds it.

    ``group`` is its place: "top", "methods", "what", "how" or "filter".
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

NO_FILTERS = {
    name: getattr(ExplorerState(), name) for name in FILTERS if CONTROLS[name].group == "filter"
}


class ControlPanel:
    """All controls; ``step(**changes)`` is told what a user changes."""

    def __init__(self, step: Callable[..., None]) -> None:
        self.fields = {
            name: entry.make(partial(_tell, step, name)) for name, entry in CONTROLS.items()
        }
        for name, field in self.fields.items():
            field.widget.add_class(f"sat-control-{name}")
        self._filters = widgets.ToggleButton(
            tooltip="Which segments and photos count", layout={"width": "auto"}
        )
        self._filters.add_class("sat-filters")
        self._filters.add_class("sat-plain")
        self._filters.observe(lambda _: self._fold(), "value")
        self._clear = button(
            "Take all off", "Take off all filters", "sat-clear", partial(step, **NO_FILTERS)
        )
        self._clear.add_class("sat-plain")
        self._n = 0
        filters = self._group("filter")
        head = widgets.HBox([self._filters, self._clear])
        self._folded = filters
        self.widget = widgets.Box([self._group(group) for group in ("methods", "what", "how")])
        self.widget.children = [*self.widget.children, _grouped([head, filters])]
        self.widget.add_class("sat-controls")

    def put(self, state: ExplorerState, facts: Facts) -> None:
        """Show a state, and the controls that matter for it."""
        view, choices = VIEWS[state.view], allowed(state, facts)
        others = len(facts.models) > 1
        used = {*ALWAYS, *view.uses, *view.marks, *FILTERS}
        for name, field in self.fields.items():
            offered = choices.get(name, ())
            field.put(getattr(state, name), offered)
            one = name in choices and len(offered) < 2 and not (name == "versus" and others)
            matters = name in used and not one
            field.widget.layout.display = None if matters and _has(name, facts) else "none"
        self._n = sum(getattr(state, name) != none for name, none in NO_FILTERS.items())
        self._fold()

    def _group(self, group: str) -> widgets.Widget:
        return _grouped([f.widget for n, f in self.fields.items() if CONTROLS[n].group == group])

    def _fold(self) -> None:
        opened = self._filters.value
        some = f" ({self._n})" if self._n else ""
        self._filters.description = f"Filters{some} {'▾' if opened else '▸'}"
        self._folded.layout.display = None if opened else "none"
        self._clear.layout.display = None if self._n else "none"


def _tell(step: Callable[..., None], name: str, value: Any) -> None:
    step(**{name: value})


def _grouped(children: list[Any]) -> widgets.Widget:
    box = widgets.VBox(children)
    box.add_class("sat-group")
    return box


def _has(name: str, facts: Facts) -> bool:
    """Whether the data have what a control of no choices is about."""
    if name == "min_score":
        return facts.scored
    if name == "opacity":
        return facts.maps and facts.photos
    return True
