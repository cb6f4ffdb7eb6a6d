"""Which states can be shown: the choices of each control, the nearest state, and checks."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from sat_nb.arguments import is_number, is_whole
from sat_nb.errors import InvalidInput, shorten
from sat_nb.stats.plan import MISSING
from sat_nb.stats.rank_tests import TESTS
from sat_nb.table.aggregations import AGGREGATIONS, Aggregation
from sat_nb.table.values import VALUES, Value
from sat_nb.widgets.state import ALL, ORDERS, OUTLINES, ROWS, ExplorerState, Offer
from sat_nb.widgets.views import VIEWS

MULTIPLE = ("methods", "hidden", "positions")
"""Fields of the state that hold several choices."""

LIMITS = {
    "alpha": "a number between 0 and 1",
    "min_fraction": "a share from 0 to max_fraction",
    "max_fraction": "a share from min_fraction to 1",
    "min_score": "a number from 0 to 1",
    "min_images": "a whole number >= 1",
    "opacity": "a number from 0 to 1",
    "page": "a whole number >= 0",
    "search": "text",
    "sort": "the name of a column, or ''",
}
"""What is expected of fields without a list of choices, for errors."""


def choices_of(state: ExplorerState, offer: Offer) -> dict[str, tuple[Any, ...]]:
    """The choices of each field that has a list of them, given the other fields.

    The fields in MULTIPLE may hold several; ``image_id`` may also be None, except in the view
    "image".

    >>> from sat_nb.toy import toy
    >>> from sat_nb.widgets.state import offer_of
    >>> choices_of(ExplorerState(how="top_k"), offer_of(build(*toy())))["value"]
    ('rank',)
    """
    view = VIEWS.get(state.view)
    others = tuple(model for model in offer.models if model != state.model)
    needs_two = view is not None and view.min_models == 2
    return {
        "view": tuple(name for name, entry in VIEWS.items() if entry.is_possible(offer)),
        "methods": offer.methods,
        "model": offer.models or (None,),
        "versus": others if needs_two else (None, *others),
        "label": (*offer.labels, ALL) if len(offer.labels) > 1 else (None,),
        "predicted": (None, *offer.predicted) if len(offer.predicted) > 1 else (None,),
        "correct": (None, True, False) if offer.has_predictions else (None,),
        "how": tuple(aggregations()),
        "value": tuple(values(state.how)),
        "classes": offer.classes,
        "unit": (None, *offer.units),
        "intervals": (False, True) if has_intervals(state.how) else (False,),
        "test": pair_tests(state.missing, len(offer.segments), by_unit=state.unit is not None),
        "missing": tuple(MISSING),
        "hidden": offer.segments,
        "positions": offer.positions,
        "segment": (None, *offer.segments),
        "image_id": offer.image_ids,
        "order": tuple(ORDERS),
        "outlines": tuple(OUTLINES) if offer.has_masks else ("none",),
        "rows": tuple(ROWS),
        "descending": (False, True),
    }


def aggregations() -> dict[str, Aggregation]:
    """The aggregations that the explorer has: those of one class, which is all it shows."""
    return {name: entry for name, entry in AGGREGATIONS.items() if not entry.mixes}


def values(how: str) -> dict[str, Value]:
    """The values that an aggregation takes, its default first."""
    return {name: VALUES[name] for name in AGGREGATIONS[how].takes} if how in AGGREGATIONS else {}


def has_intervals(how: str) -> bool:
    """Whether ``intervals`` supports that aggregation."""
    return how in AGGREGATIONS and AGGREGATIONS[how].needs == "sums"


def pair_tests(missing: str, n_segments: int, *, by_unit: bool = False) -> tuple[str, ...]:
    """The tests that can compare so few segments, with gaps where ``missing`` leaves them.

    ``by_unit`` leaves those that take units.
    """
    return tuple(
        name
        for name, entry in TESTS.items()
        if entry.fewest <= max(n_segments, 2)
        and (missing != "complete" or entry.complete is not None)
        and (not by_unit or entry.by_unit is not None)
    )


def nearest(state: ExplorerState, offer: Offer) -> ExplorerState:
    """The state, with each field that cannot stay replaced by the first choice there is.

    The view stays where it is possible, and the other fields follow it.
    """
    state = replace(state, **_within_limits(state))
    for name in (f.name for f in fields(state)):
        possible = choices_of(state, offer).get(name)
        if possible is None:
            continue
        value = getattr(state, name)
        if name == "image_id" and value is None and state.view != "image":
            continue
        if name in MULTIPLE:
            several: dict[str, Any] = {name: tuple(v for v in possible if v in value)}
            state = replace(state, **several)
        elif value not in possible:
            first: dict[str, Any] = {name: possible[0] if possible else None}
            state = replace(state, **first)
    return _with_enough(state, offer)


def checked(state: ExplorerState, offer: Offer) -> ExplorerState:
    """The state, its open fields filled in; InvalidInput for one that cannot be shown.

    >>> from sat_nb.toy import toy
    >>> from sat_nb.widgets.state import offer_of
    >>> checked(ExplorerState(how="top_k", value="mean_attribution"), offer_of(build(*toy())))
    Traceback (most recent call last):
    sat_nb.errors.InvalidInput: state.value: 'mean_attribution' cannot be shown with the other
    settings; expected one of 'rank'.
    """
    if not isinstance(state, ExplorerState):
        raise InvalidInput(f"state: expected an ExplorerState, got {type(state).__name__}.")
    filled = _filled(state, offer)
    found = nearest(filled, offer)
    for name in (f.name for f in fields(state)):
        given, possible = getattr(filled, name), getattr(found, name)
        different = set(given) != set(possible) if name in MULTIPLE else given != possible
        if different:
            raise InvalidInput(
                f"state.{name}: {given!r} cannot be shown with the other settings; expected "
                f"{_expected(name, filled, offer)}."
            )
    return found


def _expected(name: str, state: ExplorerState, offer: Offer) -> str:
    possible = choices_of(state, offer).get(name, ())
    if not possible:
        return LIMITS.get(name, "another")
    if name == "methods" and set(state.methods) <= set(possible):
        return f"at least {_min_methods(state)} of {shorten(_needed(state, offer), 12)}"
    return f"one of {shorten(possible, 12)}"


def _within_limits(state: ExplorerState) -> dict[str, Any]:
    """Numbers brought into their limits; what is not a number becomes the default."""
    usual = ExplorerState()
    shares = {
        name: min(max(float(getattr(state, name)), 0.0), 1.0)
        if is_number(getattr(state, name))
        else getattr(usual, name)
        for name in ("min_fraction", "max_fraction", "min_score", "opacity")
    }
    if shares["min_fraction"] > shares["max_fraction"]:
        shares["max_fraction"] = 1.0
    alpha = float(state.alpha) if is_number(state.alpha) and 0 < state.alpha < 1 else usual.alpha
    counts = {
        name: max(int(getattr(state, name)), least) if is_whole(getattr(state, name)) else least
        for name, least in (("min_images", 1), ("page", 0))
    }
    texts = {
        name: value if isinstance(value := getattr(state, name), str) else ""
        for name in ("search", "sort")
    }
    return {**shares, **counts, **texts, "alpha": alpha}


def _filled(state: ExplorerState, offer: Offer) -> ExplorerState:
    """The state, its open fields filled in with the first choice there is."""
    possible = choices_of(state, offer)
    if not state.methods:
        state = replace(state, methods=_first_methods(state, offer))
    if state.model is None:
        state = replace(state, model=possible["model"][0])
    if state.label is None:
        state = replace(state, label=possible["label"][0])
    if state.view == "image" and state.image_id is None:
        state = replace(state, image_id=offer.image_ids[0])
    possible = choices_of(state, offer)  # without the model that was just filled in
    if state.versus is None and possible["versus"]:
        state = replace(state, versus=possible["versus"][0])
    if not possible["intervals"][-1] and state.intervals:
        state = replace(state, intervals=False)
    if not offer.has_masks and state.outlines == ExplorerState.outlines:
        state = replace(state, outlines="none")
    return state


def _with_enough(state: ExplorerState, offer: Offer) -> ExplorerState:
    """As many methods as the view needs, and at least one segment."""
    if len(set(state.methods) & set(_needed(state, offer))) < _min_methods(state):
        state = replace(state, methods=_first_methods(state, offer))
    if len(state.hidden) == len(offer.segments):
        state = replace(state, hidden=state.hidden[1:])
    return state


def _first_methods(state: ExplorerState, offer: Offer) -> tuple[str, ...]:
    """All methods for a view that compares them, the first one for others."""
    needed = _needed(state, offer) or offer.methods
    return needed if _min_methods(state) > 1 else needed[:1]


def _needed(state: ExplorerState, offer: Offer) -> tuple[str, ...]:
    """The methods of which the view needs some."""
    view = VIEWS.get(state.view)
    return offer.methods if view is None else view.methods_of(offer)


def _min_methods(state: ExplorerState) -> int:
    view = VIEWS.get(state.view)
    return 1 if view is None else view.min_methods
