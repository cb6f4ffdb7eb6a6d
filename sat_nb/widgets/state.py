"""What the explorer shows, as plain frozen data, and which states make sense on which table.

``allowed(state, facts)`` gives the choices of every control as the others stand,
``settled(state, facts)`` the nearest state that makes sense, and ``checked(state, facts)`` the
state itself or an error that lists the choices.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from sat_nb.arguments import is_number, is_whole
from sat_nb.errors import InvalidInput, shorten
from sat_nb.stats.compare import MISSING
from sat_nb.stats.verdicts import TESTS
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.build import POSITIONS
from sat_nb.widgets.views import VIEWS

ORDERS = ("rank", "attribution", "against", "size")
"""Photos of a segment: best rank, largest, smallest mean attribution, or largest mask first."""

OUTLINES = ("none", "segment", "all")
ROWS = ("segments", "images")


@dataclass(frozen=True)
class ExplorerState:
    """What an explorer shows; each field is a control of the same name.

    ``view`` is a name in VIEWS. ``methods`` stand side by side; ``versus`` is the model that
    ``model`` is compared with, None for none. ``label``, ``predicted`` and ``correct`` choose
    images, None for all. ``how`` and ``value`` are those of ``aggregate``, ``intervals`` asks
    for whiskers, ``test``, ``alpha`` and ``missing`` are those of ``compare``. ``hidden``
    segments, and those outside ``positions`` (empty: anywhere), ``min_fraction`` to
    ``max_fraction`` (mask pixels / pixels of the map), below ``min_score`` or in fewer than
    ``min_images`` images are left out, as by ``select``. ``segment`` is highlighted, and its
    photos are shown in ``order``, ``page`` by page, with the map at ``opacity`` and
    ``outlines`` of masks; ``image_id`` is the photo whose own table is shown. The table shows
    ``rows``, those that hold ``search``, by the column ``sort`` ("": as they come).

    None, and empty methods, mean the first choice there is, and are filled in by ``explore``.

    >>> ExplorerState(view="diagram").alpha
    0.05
    """

    view: str = "bars"
    methods: tuple[str, ...] = ()
    model: str | None = None
    versus: str | None = None
    label: int | None = None
    predicted: int | None = None
    correct: bool | None = None
    how: str = "relative"
    value: str = "rank"
    intervals: bool = True
    test: str = "wilcoxon-holm"
    alpha: float = 0.05
    missing: str = "absolute"
    hidden: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    min_fraction: float = 0.0
    max_fraction: float = 1.0
    min_score: float = 0.0
    min_images: int = 1
    segment: str | None = None
    image_id: str | None = None
    order: str = "rank"
    opacity: float = 0.85
    outlines: str = "segment"
    page: int = 0
    rows: str = "segments"
    search: str = ""
    sort: str = ""
    descending: bool = False


@dataclass(frozen=True)
class Facts:
    """What a table, and what came with it, offers to choose from; all in order of occurrence.

    ``scored``: masks have scores; ``judged``: every image has a label and a prediction;
    ``photos``, ``maps``, ``masks``: they were passed to ``explore``; ``maps_by_model``: the maps
    as {model: maps}.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    segments: tuple[str, ...]
    image_ids: tuple[str, ...]
    positions: tuple[str, ...]
    scored: bool
    judged: bool
    photos: bool = False
    maps: bool = False
    masks: bool = False
    maps_by_model: bool = False


def facts_of(table: pd.DataFrame, **given: bool) -> Facts:
    """What the table offers, and what was given with it; InvalidInput without any segment."""
    names = {c: tuple(table[c].dropna().unique()) for c in ("method", "model", "segment")}
    if not names["segment"]:
        raise InvalidInput("table: holds no segment, so there is nothing to explore.")
    classes = {c: tuple(sorted(map(int, table[c].dropna().unique()))) for c in CLASSES}
    there = set(table["position"].dropna().unique())
    return Facts(
        methods=names["method"],
        models=names["model"],
        labels=classes["label"],
        predicted=classes["predicted"],
        segments=names["segment"],
        image_ids=tuple(table["image_id"].unique()),
        positions=tuple(p for p in POSITIONS if p in there),
        scored=bool(table["score"].notna().any()),
        judged=bool(table["label"].notna().all() and table["predicted"].notna().all()),
        **given,
    )


CLASSES = ("label", "predicted")


def allowed(state: ExplorerState, facts: Facts) -> dict[str, tuple[Any, ...]]:
    """The choices of each control that has a list of them, the others being as they are.

    Of ``methods``, ``hidden`` and ``positions`` several may be taken; ``image_id`` may also be
    None but in the view "image".

    >>> from sat_nb.datasets.toy import toy
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


def stepped(state: ExplorerState, changes: dict[str, Any]) -> ExplorerState:
    """A state with some fields changed; all but the looks of a page lead to the first page.

    What is asked for may make no sense as it stands, and ``settled`` is what is shown then.
    Asking for more, such as another view, starts from what was asked for: who looks at one
    method, then at the agreement of all, comes back to the one.
    """
    stays = {"page", "opacity", "outlines"} & set(changes)
    return replace(state, **(changes if stays else {"page": 0, **changes}))


def checked(state: ExplorerState, facts: Facts) -> ExplorerState:
    """The state, its open fields filled in; InvalidInput for one that makes no sense.

    >>> from sat_nb.datasets.toy import toy
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
