"""The explorer's state as plain data, and what a table offers to choose from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, lists, registry
from sat_nb.table.classes import CLASSES, Classes, pooled, with_classes
from sat_nb.table.schema import COLUMNS, N_FORWARD, POSITIONS


@dataclass(frozen=True, kw_only=True)
class Order(Entry):
    """An order of photos: the column of the table they are sorted by, and in which direction."""

    column: str
    ascending: bool


ORDERS: dict[str, Order] = registry(
    Order(
        name="rank",
        title="best rank",
        about="Photos in which the segment has its best rank come first.",
        column="rank",
        ascending=True,
    ),
    Order(
        name="attribution",
        title="most for the class",
        about="The largest mean attribution comes first.",
        column="mean_attribution",
        ascending=False,
    ),
    Order(
        name="against",
        title="most against it",
        about="The smallest mean attribution, which may be far below 0, comes first.",
        column="mean_attribution",
        ascending=True,
    ),
    Order(
        name="size",
        title="largest mask",
        about="The largest mask comes first.",
        column="mask_fraction",
        ascending=False,
    ),
)
"""Orders of the photos that have the chosen segment."""

OUTLINES: dict[str, Entry] = registry(
    Entry(name="none", about="No mask is outlined."),
    Entry(name="segment", title="of the segment", about="Masks of the chosen segment."),
    Entry(name="all", title="of all segments", about="All masks of the photo."),
)
"""Masks that are outlined on photos."""

ROWS: dict[str, Entry] = registry(
    Entry(name="segments", title="one per segment", about="The aggregate of all photos."),
    Entry(
        name="images",
        title="one per photo",
        about="The rows of the Segment Attribution Table, one per photo, method and segment.",
    ),
)
"""Rows of the view "table"."""


@lists(classes=CLASSES, order=ORDERS, outlines=OUTLINES, rows=ROWS)
@dataclass(frozen=True)
class ExplorerState:
    """What an explorer shows; each field has a control of the same name.

    Fields that are None, and empty ``methods``, take the first choice when they are given to an
    explorer.

    Parameters
    ----------
    view : str, default "bars"
        Name of a view in ``VIEWS``; ``explore`` lists them.
    methods : tuple of str, default ()
        Saliency methods, shown side by side.
    model : str, default None
        The model whose rows are shown.
    versus : str, default None
        Another model to compare ``model`` with.
    label : int or "all", default None
        True class: only photos of this class, or those of all classes, which are pooled unless
        ``classes`` keeps them apart. None takes the first class.
    predicted : int, default None
        Only photos for which this class was predicted; None for all.
    correct : bool, default None
        Only photos that are classified correctly (True) or wrongly (False); None for all.
    how, value : str, default "relative" and "rank"
        The arguments of ``aggregate``.
    classes : str, default "pool"
        What becomes of several classes in aggregates:

        [[classes]]
    intervals : bool, default True
        Whether aggregates have bootstrap intervals.
    unit : str, default None
        The argument of ``intervals``, ``compare`` and ``difference``: the column of what is
        independent, such as "patient"; None for images.
    test : str, default "wilcoxon-holm"
        The argument of ``compare``.
    alpha : float, default 0.05
        The level of ``compare`` and ``difference``.
    missing : str, default "absolute"
        The argument of ``compare``.
    hidden : tuple of str, default ()
        Segments that are left out.
    positions : tuple of str, default ()
        Only segments whose middle lies there; empty for anywhere.
    min_fraction, max_fraction : float, default 0 and 1
        Only segments whose masks cover a share of the map in this range.
    min_score : float, default 0
        Only segments whose masks have this confidence or more.
    min_images : int, default 1
        Only segments that this many photos have.
    segment : str, default None
        The segment that is highlighted, and whose photos are shown.
    image_id : str, default None
        The photo whose own table is shown.
    order : str, default "rank"
        The order of the photos of a segment:

        [[order]]
    opacity : float, default 0.85
        How strongly the map covers a photo, from 0 to 1.
    outlines : str, default "segment"
        Masks that are outlined on photos:

        [[outlines]]
    page : int, default 0
        The page of photos or rows, counted from 0.
    rows : str, default "segments"
        The rows of the view "table":

        [[rows]]
    search : str, default ""
        Only rows of the view "table" that contain this text, in any case.
    sort : str, default ""
        The column that the view "table" is sorted by; empty for the order of the result.
    descending : bool, default False
        Whether the largest value of ``sort`` comes first.

    Examples
    --------
    >>> ExplorerState(view="diagram").alpha
    0.05
    """

    view: str = "bars"
    methods: tuple[str, ...] = ()
    model: str | None = None
    versus: str | None = None
    label: int | str | None = None
    predicted: int | None = None
    correct: bool | None = None
    how: str = "relative"
    value: str = "rank"
    classes: str = "pool"
    intervals: bool = True
    unit: str | None = None
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


ALL = "all"
"""The value of ``label`` for all classes of a table that has several."""

ROW_FILTERS = (
    *("label", "predicted", "correct", "hidden", "positions", "min_fraction", "max_fraction"),
    *("min_score", "min_images"),
)
"""Fields of the state that select rows of the table; every view depends on them."""

PANEL_FIELDS = ("view", "methods", "model", "versus")
"""Fields of the state that decide which panels a view has; every view depends on them."""

_KEEP_PAGE = ("page", "opacity", "outlines")


def with_changes(state: ExplorerState, changes: dict[str, Any]) -> ExplorerState:
    """The state with some fields changed, back on the first page unless the photos are the same."""
    keeps_page = any(name in changes for name in _KEEP_PAGE)
    return replace(state, **(changes if keeps_page else {"page": 0, **changes}))


@dataclass(frozen=True)
class Offer:
    """What can be chosen with a table and the data given beside it, in order of occurrence.

    ``has_scores``: masks have scores. ``has_predictions``: every photo has a label and a
    prediction. ``has_images``, ``has_maps``, ``has_masks``: these were given to ``explore``.
    ``maps_by_model``: the maps were given as {model: maps}. ``pooled``: what makes statistics take
    several targets together, in a table without labels. ``classes``: what can become of several
    classes. ``units``: columns that group images. ``measures``: the methods that are effects of
    interventions.
    """

    methods: tuple[str, ...]
    models: tuple[str, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    segments: tuple[str, ...]
    image_ids: tuple[str, ...]
    positions: tuple[str, ...]
    has_scores: bool
    has_predictions: bool
    has_images: bool = False
    has_maps: bool = False
    has_masks: bool = False
    maps_by_model: bool = False
    pooled: dict[str, Any] = field(default_factory=dict, hash=False)
    classes: tuple[str, ...] = ("pool",)
    units: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()


def offer_of(table: pd.DataFrame, **given: bool) -> Offer:
    """What the table offers; ``given`` are the fields ``has_*`` and ``maps_by_model``."""
    names = {c: _texts(table, c) for c in ("method", "model", "segment")}
    if not names["segment"]:
        raise InvalidInput("table: has no segments, so there is nothing to explore.")
    classes = {
        c: tuple(sorted(map(int, table[c].dropna().unique()))) for c in ("label", "predicted")
    }
    occurring = set(table["position"].dropna().unique())
    return Offer(
        methods=names["method"],
        models=names["model"],
        labels=classes["label"],
        predicted=classes["predicted"],
        segments=names["segment"],
        image_ids=tuple(table["image_id"].unique()),
        positions=tuple(p for p in POSITIONS if p in occurring),
        has_scores=bool(table["score"].notna().any()),
        has_predictions=bool(table["label"].notna().all() and table["predicted"].notna().all()),
        pooled=pooled(table),
        classes=tuple(name for name, entry in CLASSES.items() if _tells_apart(table, entry)),
        units=tuple(name for name in _own_columns(table) if _groups_images(table, name)),
        measures=_measures(table),
        **given,
    )


def _texts(table: pd.DataFrame, column: str) -> tuple[str, ...]:
    found = tuple(table[column].dropna().unique())
    for name in found:
        if not isinstance(name, str):  # such as seeds as models, which titles and links cannot hold
            raise InvalidInput(
                f"table: the column {column!r} holds {name!r}, expected texts; give "
                f"table.assign({column}=table[{column!r}].astype(str))."
            )
    return found


def _measures(table: pd.DataFrame) -> tuple[str, ...]:
    if N_FORWARD not in table:
        return ()
    return tuple(table.loc[table[N_FORWARD].notna(), "method"].unique())


def _own_columns(table: pd.DataFrame) -> list[str]:
    """The names of columns that a table from ``build`` does not have."""
    return [c for c in table if isinstance(c, str) and c not in COLUMNS]


def _tells_apart(table: pd.DataFrame, classes: Classes) -> bool:
    """Whether every image has a class of that kind, and not all the same one."""
    if not classes.column:
        return True
    if not table[list(classes.needs)].notna().all(axis=None):
        return False
    return len(with_classes(table, classes)[classes.column].unique()) > 1


def _groups_images(table: pd.DataFrame, column: str) -> bool:
    """Whether a column of the user's own puts the images into groups, each image into one."""
    try:
        pairs = table[["image_id", column]].drop_duplicates()
    except TypeError:  # lists, for one
        return False
    of_one_image = len(pairs) == pairs["image_id"].nunique()
    known = bool(pairs[column].notna().all())
    return of_one_image and known and 1 < pairs[column].nunique() < len(pairs)
