"""What the explorer shows, as plain frozen data, and which states make sense on which table.

``allowed(state, facts)`` gives the choices of every control as the others stand,
``settled(state, facts)`` the nearest state that makes sense, and ``checked(state, facts)`` the
state itself or an error that lists the choices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.table.join import POSITIONS

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


def stepped(state: ExplorerState, changes: dict[str, Any]) -> ExplorerState:
    """A state with some fields changed; all but the looks of a page lead to the first page.

    What is asked for may make no sense as it stands, and ``settled`` is what is shown then.
    Asking for more, such as another view, starts from what was asked for: who looks at one
    method, then at the agreement of all, comes back to the one.
    """
    stays = {"page", "opacity", "outlines"} & set(changes)
    return replace(state, **(changes if stays else {"page": 0, **changes}))
