"""Which states make sense on which table: choices, nearest states, checks."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from sat_nb.arguments import is_number, is_whole
from sat_nb.errors import InvalidInput, shorten
from sat_nb.stats.compare import MISSING
from sat_nb.stats.rank_tests import TESTS
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.widgets.state import ORDERS, OUTLINES, ROWS, ExplorerState, Facts
from sat_nb.widgets.views import VIEWS


def allowed(state: ExplorerState, facts: Facts) -> dict[str, tuple[Any, ...]]:
    """The choices of each control that has a list of them, the others being as they are.

    Of ``methods``, ``hidden`` and ``positions`` several may be taken; ``image_id`` may also be
    None but in the view "image".

    >>> from sat_nb.toy import toy
    >>> from sat_nb.widgets.state import facts_of
    >>> facts = facts_of(build(*toy()))
    >>> allowed(ExplorerState(how="top_k"), facts)["value"]
    ('rank',)
    """
    view = VIEWS.get(state.view)
    others = tuple(model for model in facts.models if model != state.model)
    pairs = view is not None and view.models == 2
    classes = facts.labels if len(facts.labels) > 1 else (None,)
    return {
        "view": tuple(name for name, entry in VIEWS.items() if entry.possible(facts)),
        "methods": facts.methods,
        "model": facts.models or (None,),
        "versus": others if pairs else (None, *others),
        "label": classes,
        "predicted": (None, *facts.predicted) if len(facts.predicted) > 1 else (None,),
        "correct": (None, True, False) if facts.judged else (None,),
        "how": tuple(name for name, entry in AGGREGATIONS.items() if not entry.mixes),
        "value": AGGREGATIONS[state.how].takes if state.how in AGGREGATIONS else (),
        "intervals": (False, True) if has_intervals(state.how) else (False,),
        "test": tests_for(state.missing, len(facts.segments)),
        "missing": MISSING,
        "hidden": facts.segments,
        "positions": facts.positions,
        "segment": (None, *facts.segments),
        "image_id": facts.image_ids,
        "order": ORDERS,
        "outlines": OUTLINES if facts.masks else ("none",),
        "rows": ROWS,
        "descending": (False, True),
    }


def has_intervals(how: str) -> bool:
    """Whether ``intervals`` can be had of that aggregation."""
    return how in AGGREGATIONS and AGGREGATIONS[how].needs == "sums"


def tests_for(missing: str, n_segments: int) -> tuple[str, ...]:
    """The tests that take gaps, if there are any, and as few segments."""
    return tuple(
        name
        for name, entry in TESTS.items()
        if entry.fewest <= max(n_segments, 2)
        and (missing != "complete" or entry.complete is not None)
    )


SEVERAL = ("methods", "hidden", "positions")


def settled(state: ExplorerState, facts: Facts) -> ExplorerState:
    """The nearest state that makes sense: what cannot stay becomes the first choice there is.

    The view stays where it is possible, and the others follow it.
    """
    state = replace(state, **_within_limits(state))
    for name in (f.name for f in fields(state)):
        choices = allowed(state, facts).get(name)
        if choices is None:
            continue
        value = getattr(state, name)
        if name == "image_id" and value is None and state.view != "image":
            continue
        if name in SEVERAL:
            several: dict[str, Any] = {name: tuple(v for v in choices if v in value)}
            state = replace(state, **several)
        elif value not in choices:
            first: dict[str, Any] = {name: choices[0] if choices else None}
            state = replace(state, **first)
    return _with_enough(state, facts)


def checked(state: ExplorerState, facts: Facts) -> ExplorerState:
    """The state, its open fields filled in; InvalidInput for one that makes no sense.

    >>> from sat_nb.toy import toy
    >>> from sat_nb.widgets.state import facts_of
    >>> checked(ExplorerState(how="top_k", value="mean_attribution"), facts_of(build(*toy())))
    Traceback (most recent call last):
    sat_nb.errors.InvalidInput: state.value: 'mean_attribution' cannot be shown as the others
    stand; expected one of 'rank'.
    """
    if not isinstance(state, ExplorerState):
        raise InvalidInput(f"state: expected an ExplorerState, got {type(state).__name__}.")
    filled = _filled(state, facts)
    found = settled(filled, facts)
    for name in (f.name for f in fields(state)):
        was, now = getattr(filled, name), getattr(found, name)
        several = name in SEVERAL
        if (set(was) != set(now)) if several else was != now:
            choices = allowed(filled, facts).get(name, ())
            expected = f"one of {shorten(choices, 12)}" if choices else LIMITS.get(name, "another")
            if name == "methods" and set(was) <= set(choices):
                expected = f"at least {_fewest_methods(filled)} of {shorten(choices, 12)}"
            raise InvalidInput(
                f"state.{name}: {was!r} cannot be shown as the others stand; expected {expected}."
            )
    return found


# --- parts --------------------------------------------------------------------------------------

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


def _within_limits(state: ExplorerState) -> dict[str, Any]:
    """Numbers brought into their limits; what is no number becomes the default."""
    usual = ExplorerState()
    share = {
        name: min(max(float(getattr(state, name)), 0.0), 1.0)
        if is_number(getattr(state, name))
        else getattr(usual, name)
        for name in ("min_fraction", "max_fraction", "min_score", "opacity")
    }
    if share["min_fraction"] > share["max_fraction"]:
        share["max_fraction"] = 1.0
    alpha = float(state.alpha) if is_number(state.alpha) and 0 < state.alpha < 1 else usual.alpha
    counts = {
        name: max(int(getattr(state, name)), least) if is_whole(getattr(state, name)) else least
        for name, least in (("min_images", 1), ("page", 0))
    }
    texts = {
        name: value if isinstance(value := getattr(state, name), str) else ""
        for name in ("search", "sort")
    }
    return {**share, **counts, **texts, "alpha": alpha}


def _filled(state: ExplorerState, facts: Facts) -> ExplorerState:
    """What was left open, filled in with the first choice there is."""
    choices = allowed(state, facts)
    if not state.methods:
        most = facts.methods if _fewest_methods(state) > 1 else facts.methods[:1]
        state = replace(state, methods=most)
    if state.model is None:
        state = replace(state, model=choices["model"][0])
    if state.label is None:
        state = replace(state, label=choices["label"][0])
    if state.view == "image" and state.image_id is None:
        state = replace(state, image_id=facts.image_ids[0])
    choices = allowed(state, facts)
    if state.versus is None and choices["versus"]:
        state = replace(state, versus=choices["versus"][0])
    if not choices["intervals"][-1] and state.intervals:
        state = replace(state, intervals=False)
    if not facts.masks and state.outlines == ExplorerState.outlines:
        state = replace(state, outlines="none")
    return state


def _with_enough(state: ExplorerState, facts: Facts) -> ExplorerState:
    """As many methods as the view takes, and at least one segment."""
    fewest = _fewest_methods(state)
    if len(state.methods) < fewest:
        state = replace(state, methods=facts.methods if fewest > 1 else facts.methods[:1])
    if len(state.hidden) == len(facts.segments):
        state = replace(state, hidden=state.hidden[1:])
    return state


def _fewest_methods(state: ExplorerState) -> int:
    view = VIEWS.get(state.view)
    return 1 if view is None else view.methods
