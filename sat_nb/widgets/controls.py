"""The registry of controls: one entry for each field of the state that a user can set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sat_nb.registry import Entry, registry
from sat_nb.stats.plan import MISSING
from sat_nb.stats.rank_tests import TESTS
from sat_nb.table.classes import CLASSES
from sat_nb.table.values import VALUES
from sat_nb.widgets.choices import aggregations
from sat_nb.widgets.fields import (
    Chips,
    Choice,
    Field,
    HidingChips,
    Number,
    OnChange,
    SearchChoice,
    Tabs,
    TextField,
    Toggle,
)
from sat_nb.widgets.state import ALL, ORDERS, OUTLINES, ROWS, Offer
from sat_nb.widgets.views import VIEWS

GROUPS = ("top", "methods", "what", "how", "filter")
"""Where controls stand, from the top down."""

WITH_TEXT = (Tabs, Chips, Choice)
"""Kinds of controls that show choices as text."""


@dataclass(frozen=True, kw_only=True)
class Control(Entry):
    """A control of the explorer.

    Parameters
    ----------
    name : str
        The field of the state that it sets.
    title, about : str
        Its label and its tooltip.
    kind : type
        The class of the control.
    group : str
        Where it stands, one of GROUPS.
    entries : callable, default none
        The registry whose names are the choices: their titles are shown, and the tooltip lists
        what they are.
    words : Mapping, default {}
        The texts of choices that are in no registry.
    options : Mapping, default {}
        Further arguments of ``kind``.
    in_every_view : bool, default False
        Whether it is shown in views that do not name the field.
    is_offered : callable, default always
        Whether the data has what the control is about.
    """

    kind: type[Field]
    group: str
    entries: Callable[[], Mapping[str, Entry]] = dict
    words: Mapping[Any, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    in_every_view: bool = False
    is_offered: Callable[[Offer], bool] = lambda offer: True

    def wording(self, choice: Any) -> str:
        """The text of a choice."""
        if choice in self.words:
            return self.words[choice]
        entries = self.entries()
        return _title(entries[choice]) if choice in entries else str(choice)

    @property
    def tip(self) -> str:
        """The tooltip, with a line for each entry."""
        lines = [f"{_title(entry)}: {entry.about}" for entry in self.entries().values()]
        return "\n".join([self.about, *lines])

    def make(self, on_change: OnChange) -> Field:
        """The control itself, which passes what a user sets to ``on_change``."""
        options: dict[str, Any] = dict(self.options)
        if issubclass(self.kind, WITH_TEXT):
            options["wording"] = self.wording
        return self.kind(on_change, self.title, self.tip, **options)  # type: ignore[call-arg]


def _title(entry: Entry) -> str:
    """The title of a choice, with the defaults of its parameters, which the explorer uses.

    >>> from sat_nb.registry import Parameter
    >>> _title(Entry(name="top_k", parameters={"k": Parameter(3, bool, "a number")}))
    'top k (k = 3)'
    """
    defaults = ", ".join(f"{name} = {p.default}" for name, p in entry.parameters.items())
    return f"{entry.title} ({defaults})" if defaults else entry.title


CONTROLS: dict[str, Control] = registry(
    Control(
        name="view",
        title="View",
        about="What is shown.",
        kind=Tabs,
        group="top",
        entries=lambda: VIEWS,
        options={"tip_of": lambda name: VIEWS[name].about},
        in_every_view=True,
    ),
    Control(
        name="methods",
        title="Saliency methods",
        about="Show this saliency method next to the other selected ones.",
        kind=Chips,
        group="methods",
        in_every_view=True,
    ),
    Control(
        name="model",
        title="Model",
        about="The model that was explained.",
        kind=Choice,
        group="what",
        in_every_view=True,
    ),
    Control(
        name="versus",
        title="Against",
        about="A second model, shown next to the first.",
        kind=Choice,
        group="what",
        words={None: "no other model"},
        in_every_view=True,
    ),
    Control(
        name="label",
        title="Class",
        about="Only photos of this true class, or those of all classes together.",
        kind=Choice,
        group="what",
        words={None: "all", ALL: "all classes"},
        in_every_view=True,
    ),
    Control(
        name="segment",
        title="Segment",
        about="The segment that is highlighted, and whose photos the view 'Photos' shows.",
        kind=SearchChoice,
        group="what",
        words={None: "– none –"},
        in_every_view=True,
    ),
    Control(
        name="image_id",
        title="Photo",
        about="The photo whose own table is shown.",
        kind=SearchChoice,
        group="what",
    ),
    Control(
        name="how",
        title="Aggregation",
        about="How a segment's values in many photos become one number.",
        kind=Choice,
        group="how",
        entries=aggregations,
    ),
    Control(
        name="value",
        title="Value",
        about="What is aggregated.",
        kind=Choice,
        group="how",
        entries=lambda: VALUES,
    ),
    Control(
        name="classes",
        title="Classes",
        about="Whether photos of several classes are pooled, or one kind is kept apart.",
        kind=Choice,
        group="how",
        entries=lambda: CLASSES,
    ),
    Control(
        name="intervals",
        title="95 % intervals",
        about="Bootstrap intervals over photos: how certain each value is.",
        kind=Toggle,
        group="how",
    ),
    Control(
        name="unit",
        title="Unit",
        about="What is independent: photos, or groups of them, such as those of one patient.",
        kind=Choice,
        group="how",
        words={None: "photo"},
    ),
    Control(
        name="test",
        title="Test",
        about="How differences between segments are tested.",
        kind=Choice,
        group="how",
        entries=lambda: TESTS,
    ),
    Control(
        name="alpha",
        title="Level α",
        about="The probability of finding any difference where there is none.",
        kind=Number,
        group="how",
        options={"low": 0.001, "high": 0.5, "step": 0.01},
    ),
    Control(
        name="missing",
        title="If missing",
        about="How photos count that lack a segment.",
        kind=Choice,
        group="how",
        entries=lambda: MISSING,
    ),
    Control(
        name="order",
        title="Order",
        about="Which photos of the segment come first.",
        kind=Choice,
        group="how",
        entries=lambda: ORDERS,
    ),
    Control(
        name="opacity",
        title="Map, %",
        about="How strongly the map covers the photo, from 0 to 100.",
        kind=Number,
        group="how",
        options={"low": 0, "high": 100, "step": 5, "scale": 100},
        is_offered=lambda offer: offer.has_maps and offer.has_images,
    ),
    Control(
        name="outlines",
        title="Outlines",
        about="Which masks are outlined.",
        kind=Choice,
        group="how",
        entries=lambda: OUTLINES,
    ),
    Control(
        name="rows",
        title="Rows",
        about="What a row of the table is.",
        kind=Choice,
        group="how",
        entries=lambda: ROWS,
    ),
    Control(
        name="search",
        title="Search",
        about="Only rows that contain this text, in any case.",
        kind=TextField,
        group="how",
    ),
    Control(
        name="hidden",
        title="Segments",
        about="Click to leave this segment out or to bring it back.",
        kind=HidingChips,
        group="filter",
    ),
    Control(
        name="positions",
        title="Position of the segment's middle",
        about="Only segments in this position; if none is selected, all segments.",
        kind=Chips,
        group="filter",
    ),
    Control(
        name="predicted",
        title="Predicted",
        about="Only photos for which the model predicts this class.",
        kind=Choice,
        group="filter",
        words={None: "any class"},
    ),
    Control(
        name="correct",
        title="Prediction",
        about="Only photos that the model classifies correctly, or only those it gets wrong.",
        kind=Choice,
        group="filter",
        words={None: "right or wrong", True: "right", False: "wrong"},
    ),
    Control(
        name="min_fraction",
        title="Size from",
        about="The smallest share of the map that a segment may cover, from 0 to 1.",
        kind=Number,
        group="filter",
        options={"low": 0.0, "high": 1.0, "step": 0.01},
    ),
    Control(
        name="max_fraction",
        title="Size to",
        about="The largest share of the map that a segment may cover, from 0 to 1.",
        kind=Number,
        group="filter",
        options={"low": 0.0, "high": 1.0, "step": 0.01},
    ),
    Control(
        name="min_score",
        title="Score from",
        about="The lowest confidence of a mask's detector, from 0 to 1, where 0 accepts all masks.",
        kind=Number,
        group="filter",
        options={"low": 0.0, "high": 1.0, "step": 0.05},
        is_offered=lambda offer: offer.has_scores,
    ),
    Control(
        name="min_images",
        title="Photos from",
        about="Only segments that at least this many photos have.",
        kind=Number,
        group="filter",
        options={"low": 1, "high": 10**9, "step": 1},
    ),
)
"""The controls, by the field of the state that they set."""
