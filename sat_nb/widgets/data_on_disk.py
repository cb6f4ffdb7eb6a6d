"""The data behind an explorer of a table on disk: DuckDB answers what a view asks."""

from __future__ import annotations

import os
import warnings
import weakref
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread, current_thread
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.table.classes import CLASSES, Classes
from sat_nb.table.filters import FILTERS
from sat_nb.table.parquet.by_method import copied_by_method
from sat_nb.table.parquet.opened import Opened
from sat_nb.table.parquet.source import Shards
from sat_nb.table.parquet.sql import quoted
from sat_nb.table.schema import COLUMNS, N_FORWARD, POSITIONS
from sat_nb.widgets.code import row_filters
from sat_nb.widgets.coded import READ
from sat_nb.widgets.data import Data, check_mappings
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ORDERS, ExplorerState, Offer

MANY = 2_000_000
"""Rows from which a table is copied, so that a click reads those of one method."""

OF_PHOTOS = (
    *("image_id", "label", "predicted", "n_segments", "segment", "rank", "mean_attribution"),
    "mask_fraction",
)
"""The columns that a list of photos needs."""

MOST_SHOWN = 1_000
"""Photos, or rows of the table, that can be paged through."""


class DataOnDisk(Data):
    """A table on disk with its photos, maps and masks."""

    def __init__(
        self,
        table: str | os.PathLike[str],
        images: Mapping | None = None,
        maps: Mapping | None = None,
        segments: Mapping | None = None,
    ) -> None:
        check_mappings(images, maps, segments)
        self._whole = Shards.opened(table)
        self._whole.table.keep_connection()
        self._kinds = kinds = _kinds(self._whole)
        self._start(images, maps, segments, _offer(self._whole, kinds))
        self.table = self._whole.empty
        n_rows = kinds.groupby(["method", "model"], dropna=False)["n"].sum()
        self._n_rows = dict(zip(n_rows.index.to_list(), n_rows.tolist(), strict=True))
        many = self._whole.n_rows >= MANY
        self.copy = CopyByMethod(self._whole) if many else None

    @property
    def n_total(self) -> int:
        """The number of rows of the table."""
        return self._whole.n_rows

    def n_rows(self, panels: tuple[Panel, ...]) -> int:
        """The number of rows of the panels' methods and models, before filters."""
        pairs = {(method, model) for p in panels for method in p.methods for model in p.models}
        return sum(
            n
            for (method, model), n in self._n_rows.items()
            if (method, model) in pairs or (method, None) in pairs
        )

    def chosen(self, state: ExplorerState, panel: Panel) -> Shards:
        """What the filters leave of the panel's methods and models, as statistics read it."""
        seen = self.copy and self.copy.found
        return (seen or self._whole).narrowed(self._wanted(state, panel))

    def whole(self, state: ExplorerState, panel: Panel) -> Shards:
        """The same with all columns."""
        return self._whole.narrowed(self._wanted(state, panel))

    def rows(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """The rows with all columns, which may take much memory and time."""
        return self.whole(state, panel).rows()

    def rows_of_image(
        self, state: ExplorerState, panel: Panel, image_id: str | None
    ) -> pd.DataFrame:
        """The rows of one photo, with all columns."""
        one = self.whole(state, panel)
        return one.rows().iloc[:0] if image_id is None else one.rows(image_id=image_id)

    def first_image(self, state: ExplorerState, panel: Panel) -> str | None:
        """The first photo, by its id, that has a segment among the chosen rows."""
        chosen = self.chosen(state, panel)
        return chosen.ask("SELECT min(image_id) FROM {rows} WHERE segment IS NOT NULL")[0][0]

    def listed(self, state: ExplorerState, panel: Panel, columns: list[str]) -> pd.DataFrame:
        """Some columns of the first rows."""
        chosen = self.chosen(state, panel)
        found = chosen.first(columns, order_by="image_id", most=MOST_SHOWN)
        return self._noted(found, chosen)

    def best(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """The rows of the first photos in the state's order."""
        chosen = self.chosen(state, panel)
        if state.segment is None:
            return chosen.first(OF_PHOTOS, order_by="image_id", most=MOST_SHOWN)
        order = ORDERS[state.order]
        having = chosen.narrowed({"segments": [state.segment]})
        columns = list(dict.fromkeys([*OF_PHOTOS, order.column]))
        found = having.first(
            columns, order_by=order.column, ascending=order.ascending, most=MOST_SHOWN
        )
        return self._noted(found, having)

    def _noted(self, found: pd.DataFrame, chosen: Shards) -> pd.DataFrame:
        """The first of the chosen rows; a warning where they are not all."""
        n = len(found) if len(found) < MOST_SHOWN else self._n_with_segment(chosen)
        if n > len(found):
            warnings.warn(
                f"the first {len(found):,} of {n:,} are shown; a filter leaves fewer.",
                stacklevel=2,
            )
        return found

    def _n_with_segment(self, chosen: Shards) -> int:
        """The number of rows that have a segment, counted if the kinds of rows do not tell it."""
        wanted = [(FILTERS[name], value) for name, value in chosen.where.wanted.items()]
        if any(entry.column not in self._kinds for entry, _ in wanted):
            return int(chosen.ask("SELECT count(*) FROM {rows} WHERE segment IS NOT NULL")[0][0])
        there = self._kinds["segment"].notna()
        for entry, value in wanted:
            there &= entry.function(self._kinds, value)
        return int(self._kinds["n"][there].sum())

    def _wanted(self, state: ExplorerState, panel: Panel) -> dict[str, Any]:
        """The filters of ``select``, in the form in which it checks them."""
        wanted = row_filters(state)
        for name in ("labels", "predicted"):
            if name in wanted:
                wanted[name] = [wanted[name]]
        models = [model for model in panel.models if model is not None]
        return {"methods": list(panel.methods), **({"models": models} if models else {}), **wanted}


class CopyByMethod:
    """A copy of a table's rows by method, made in a thread while the table itself answers.

    ``found`` is the copy once it is there, and stays None if there cannot be one, whatever the
    reason: the table itself then answers, or says what is wrong with it.
    """

    def __init__(self, whole: Shards) -> None:
        self._copies: list[Shards] = []
        # A database of its own, so that it takes no memory from the questions meanwhile.
        apart = whole.table.of_files(whole.table.files)
        cursors: list[Any] = []
        columns = [*READ, *_own_columns(whole.empty)]
        self._thread = Thread(
            target=_copy, args=(apart, columns, cursors, self._copies), daemon=True
        )
        self._thread.start()
        weakref.finalize(self, _give_up, self._thread, cursors)

    @property
    def found(self) -> Shards | None:
        """The copy, or None as long as there is none."""
        return self._copies[0] if self._copies else None

    def wait(self) -> None:
        """Wait until there is a copy, or none can be made."""
        self._thread.join()


def _copy(table: Opened, columns: list[str], cursors: list[Any], copies: list[Shards]) -> None:
    with suppress(Exception), table.cursor() as cursor:
        cursors.append(cursor)
        found = copied_by_method(table, columns, cursor)
        found.keep_connection()
        copies.append(Shards(found))


def _give_up(thread: Thread, cursors: list[Any]) -> None:
    """End the thread: at exit, and when nobody needs the copy any longer."""
    while thread.is_alive() and thread is not current_thread():
        for cursor in cursors:
            with suppress(Exception):  # it may just have been closed
                cursor.interrupt()
        thread.join(0.1)


def _own_columns(empty: pd.DataFrame) -> list[str]:
    return [str(c) for c in empty if c not in COLUMNS]


def _kinds(whole: Shards) -> pd.DataFrame:
    """The kinds of rows that occur, found in one pass: ``n`` of each, and how many have values."""
    kinds = ["method", "model", "segment", "position", "correct"]
    counts = ["n", "n_score", "n_label", "n_predicted"]
    found = whole.ask(
        "SELECT method, model, segment, position, label = predicted, count(*), count(score), "
        "count(label), count(predicted) FROM {rows} GROUP BY ALL",
        "position",
    )
    return pd.DataFrame(found, columns=[*kinds, *counts]).astype(dict.fromkeys(kinds, object))


def _offer(whole: Shards, kinds: pd.DataFrame) -> Offer:
    """What the table offers, as ``offer_of`` finds it in memory."""
    names = {c: _in_order(whole, kinds, c) for c in ("method", "model", "segment")}
    if not names["segment"]:
        raise InvalidInput("table: has no segments, so there is nothing to explore.")
    of_classes = whole.ask("SELECT DISTINCT label, predicted FROM {rows}")
    labels, predicted = (
        tuple(sorted({int(n) for n in column if n is not None}))
        for column in zip(*of_classes, strict=True)
    )
    n = kinds[["n", "n_score", "n_label", "n_predicted"]].sum()
    known = {column: n[f"n_{column}"] == n["n"] for column in ("label", "predicted")}
    n_kinds = {"label": len(labels), "predicted": len(predicted)}
    n_kinds["correct"] = kinds["correct"].nunique()
    image_ids = tuple(whole.distinct("image_id"))
    mixed = not labels and len(whole.distinct("target")) > 1
    return Offer(
        methods=names["method"],
        models=names["model"],
        labels=labels,
        predicted=predicted,
        segments=names["segment"],
        image_ids=image_ids,
        positions=tuple(p for p in POSITIONS if p in set(kinds["position"])),
        has_scores=bool(n["n_score"]),
        has_predictions=all(known.values()),
        pooled={"classes": "pool"} if mixed else {},
        classes=tuple(name for name, e in CLASSES.items() if _tells_apart(e, known, n_kinds)),
        units=tuple(c for c in _own_columns(whole.empty) if _groups_images(whole, c, image_ids)),
        measures=_measures(whole) if N_FORWARD in whole.empty else (),
    )


def _in_order(whole: Shards, kinds: pd.DataFrame, column: str) -> tuple[str, ...]:
    """The values of a column, those of the first file first, in the order of its rows."""
    first = Shards.names(Shards(whole.table.of_files(whole.table.files[:1])), column)
    return tuple(dict.fromkeys([*first, *sorted(kinds[column].dropna().unique())]))


def _tells_apart(entry: Classes, known: dict[str, bool], kinds: dict[str, int]) -> bool:
    """Whether every image has a class of that kind, and not all the same one."""
    return not entry.column or (
        all(known[column] for column in entry.needs) and kinds[entry.column] > 1
    )


def _groups_images(whole: Shards, column: str, image_ids: tuple[str, ...]) -> bool:
    """Whether a column of the user's own puts the images into groups, each image into one."""
    name = quoted(column)
    pairs = f"SELECT DISTINCT image_id, {name} AS one FROM {{rows}}"
    ((n_pairs, n_known, n_groups),) = whole.ask(
        f"SELECT count(*), count(one), count(DISTINCT one) FROM ({pairs})", column
    )
    return n_pairs == n_known == len(image_ids) and 1 < n_groups < n_pairs


def _measures(whole: Shards) -> tuple[str, ...]:
    sql = f"SELECT DISTINCT method FROM {{rows}} WHERE {N_FORWARD} IS NOT NULL ORDER BY 1"
    return tuple(method for (method,) in whole.ask(sql, N_FORWARD))
