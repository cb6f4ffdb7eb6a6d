"""The data behind an explorer of a table on disk: DuckDB answers what a view asks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.table.classes import CLASSES, Classes
from sat_nb.table.join import POSITIONS
from sat_nb.table.parquet.opened import copied_by_method
from sat_nb.table.parquet.source import Shards
from sat_nb.table.parquet.sql import quoted
from sat_nb.table.schema import COLUMNS, N_FORWARD
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
        self._seen = self._whole
        if self._whole.n_rows >= MANY:
            read = [*READ, *_own_columns(self._whole.empty)]
            self._seen = Shards(copied_by_method(self._whole.table, read))
            self._seen.table.keep_connection()
        self._start(images, maps, segments, offer_on_disk(self._whole, self._seen))
        self.table = self._whole.empty
        groups = self._seen.ask("SELECT method, model, count(*) FROM {rows} GROUP BY ALL")
        self._n_rows = {(method, model): n for method, model, n in groups}

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
        return self._seen.narrowed(self._wanted(state, panel))

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
        return _noted(*chosen.first(columns, order_by="image_id", most=MOST_SHOWN))

    def best(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """The rows of the first photos in the state's order."""
        chosen = self.chosen(state, panel)
        if state.segment is None:
            return chosen.first(OF_PHOTOS, order_by="image_id", most=MOST_SHOWN)[0]
        order = ORDERS[state.order]
        having = chosen.narrowed({"segments": [state.segment]})
        columns = list(dict.fromkeys([*OF_PHOTOS, order.column]))
        found = having.first(
            columns, order_by=order.column, ascending=order.ascending, most=MOST_SHOWN
        )
        return _noted(*found)

    def _wanted(self, state: ExplorerState, panel: Panel) -> dict[str, Any]:
        """The filters of ``select``, in the form in which it checks them."""
        wanted = row_filters(state)
        for name in ("labels", "predicted"):
            if name in wanted:
                wanted[name] = [wanted[name]]
        models = [model for model in panel.models if model is not None]
        return {"methods": list(panel.methods), **({"models": models} if models else {}), **wanted}


def _noted(found: pd.DataFrame, n: int) -> pd.DataFrame:
    """The rows; a warning where they are not all."""
    if n > len(found):
        warnings.warn(
            f"the first {len(found):,} of {n:,} are shown; a filter leaves fewer.", stacklevel=2
        )
    return found


def _own_columns(empty: pd.DataFrame) -> list[str]:
    return [str(c) for c in empty if c not in COLUMNS]


def offer_on_disk(whole: Shards, seen: Shards) -> Offer:
    """What the table offers, as ``offer_of`` finds it in memory; ``seen`` may be a copy."""
    names = {c: _in_order(whole, seen, c) for c in ("method", "model", "segment")}
    if not names["segment"]:
        raise InvalidInput("table: has no segments, so there is nothing to explore.")
    labels, predicted = (tuple(map(int, seen.distinct(c))) for c in ("label", "predicted"))
    counted = "count(*), count(score), count(label), count(predicted)"
    ((n_rows, n_scores, n_labels, n_predicted),) = seen.ask(f"SELECT {counted} FROM {{rows}}")
    known = {"label": n_labels == n_rows, "predicted": n_predicted == n_rows}
    right = seen.ask("SELECT count(DISTINCT label = predicted) FROM {rows}")[0][0]
    kinds = {"label": len(labels), "predicted": len(predicted), "correct": right}
    occurring = set(seen.distinct("position"))
    image_ids = tuple(seen.distinct("image_id"))
    mixed = not labels and len(seen.distinct("target")) > 1
    return Offer(
        methods=names["method"],
        models=names["model"],
        labels=labels,
        predicted=predicted,
        segments=names["segment"],
        image_ids=image_ids,
        positions=tuple(p for p in POSITIONS if p in occurring),
        has_scores=n_scores > 0,
        has_predictions=all(known.values()),
        pooled={"classes": "pool"} if mixed else {},
        classes=tuple(name for name, e in CLASSES.items() if _tells_apart(e, known, kinds)),
        units=tuple(c for c in _own_columns(whole.empty) if _groups_images(seen, c, image_ids)),
        measures=_measures(seen) if N_FORWARD in whole.empty else (),
    )


def _in_order(whole: Shards, seen: Shards, column: str) -> tuple[str, ...]:
    """The values of a column, those of the first file first, in the order of its rows."""
    first = Shards.names(Shards(whole.table.of_files(whole.table.files[:1])), column)
    return tuple(dict.fromkeys([*first, *seen.distinct(column)]))


def _tells_apart(entry: Classes, known: dict[str, bool], kinds: dict[str, int]) -> bool:
    """Whether every image has a class of that kind, and not all the same one."""
    return not entry.column or (
        all(known[column] for column in entry.needs) and kinds[entry.column] > 1
    )


def _groups_images(seen: Shards, column: str, image_ids: tuple[str, ...]) -> bool:
    """Whether a column of the user's own puts the images into groups, each image into one."""
    name = quoted(column)
    pairs = f"SELECT DISTINCT image_id, {name} AS one FROM {{rows}}"
    ((n_pairs, n_known, n_groups),) = seen.ask(
        f"SELECT count(*), count(one), count(DISTINCT one) FROM ({pairs})", column
    )
    return n_pairs == n_known == len(image_ids) and 1 < n_groups < n_pairs


def _measures(seen: Shards) -> tuple[str, ...]:
    sql = f"SELECT DISTINCT method FROM {{rows}} WHERE {N_FORWARD} IS NOT NULL ORDER BY 1"
    return tuple(method for (method,) in seen.ask(sql, N_FORWARD))
