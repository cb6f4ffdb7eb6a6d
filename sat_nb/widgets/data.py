"""The data behind an explorer: the table, indexed once so that selecting rows is quick."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Map, Pixels
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.printable import literal
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.schema import check_table
from sat_nb.table.select import select
from sat_nb.table.source import Frame, Table
from sat_nb.widgets.code import row_filters
from sat_nb.widgets.coded import MANY, Chosen, Coded, without_unused
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.state import ROW_FILTERS, ExplorerState, Offer, offer_of

N_RESULTS, N_SELECTIONS = 96, 24  # kept; of rows fewer, as they take more memory


class Cache:
    """The most recently used results by key, with the warnings that came with them.

    >>> cache = Cache(1)
    >>> [cache.get(key, lambda: key.upper()) for key in ("a", "b", "b", "a")], cache.misses
    (['A', 'B', 'B', 'A'], 3)
    """

    def __init__(self, size: int) -> None:
        self.size, self.misses = size, 0
        self._entries: OrderedDict[Hashable, tuple[Any, list[Warning]]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The result under the key, computed if it is not kept; errors are not kept.

        Its warnings are issued every time.
        """
        if key not in self._entries:
            self.misses += 1
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                value = compute()
            issued = [w.message for w in caught if isinstance(w.message, UserWarning)]
            self._entries[key] = value, [*issued]
            while len(self._entries) > self.size:
                self._entries.popitem(last=False)
        self._entries.move_to_end(key)
        value, messages = self._entries[key]
        for message in messages:
            warnings.warn(message, stacklevel=2)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries


class Data:
    """A table with its photos, maps and masks, indexed by method, model and class."""

    def __init__(
        self,
        table: pd.DataFrame,
        images: Mapping | None = None,
        maps: Mapping | None = None,
        segments: Mapping | None = None,
    ) -> None:
        self.table = check_table(table)
        check_mappings(images, maps, segments)
        self._start(images, maps, segments, offer_of(table))
        self._row_numbers = _row_numbers(table)
        self._coded = Coded(table, self._row_numbers) if len(table) >= MANY else None

    def _start(
        self,
        images: Mapping | None,
        maps: Mapping | None,
        segments: Mapping | None,
        offer: Offer,
    ) -> None:
        self.images, self.maps, self.segments = images, maps, segments
        self.offer = replace(
            offer,
            has_images=images is not None,
            has_maps=maps is not None,
            has_masks=segments is not None,
            maps_by_model=maps is not None and _are_by_model(maps, offer),
        )
        self._results, self._rows = Cache(N_RESULTS), Cache(N_SELECTIONS)

    @property
    def n_total(self) -> int:
        """The number of rows of the table."""
        return len(self.table)

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """The result under the key, computed if it is not kept."""
        return self._results.get(key, compute)

    def has(self, key: Hashable) -> bool:
        """Whether a result is kept."""
        return key in self._results

    def n_rows(self, panels: tuple[Panel, ...]) -> int:
        """The number of rows of the panels' methods and models, before filters."""
        pairs = {(method, model) for p in panels for method in p.methods for model in p.models}
        return sum(
            len(numbers)
            for (method, model, _), numbers in self._row_numbers.items()
            if (method, model) in pairs or (method, None) in pairs
        )

    def rows(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """The rows that ``select`` leaves of the panel's methods and models."""
        key = (panel, *(getattr(state, name) for name in ROW_FILTERS))
        return self._rows.get(key, partial(self._select, state, panel))

    def chosen(self, state: ExplorerState, panel: Panel) -> Table:
        """The same rows as a table that statistics take: of many, the columns that they read."""
        if self._coded is None:
            return self.rows(state, panel)
        key = ("coded", panel, *(getattr(state, name) for name in ROW_FILTERS))
        return self._rows.get(key, partial(self._select_coded, self._coded, state, panel))

    def whole(self, state: ExplorerState, panel: Panel) -> Table:
        """The same for statistics that return a table, and so read all columns."""
        return self.rows(state, panel)

    def first_image(self, state: ExplorerState, panel: Panel) -> str | None:
        """The first photo that has a segment among those rows."""
        rows = self.rows(state, panel)
        found = rows.loc[rows["segment"].notna(), "image_id"]
        return found.iloc[0] if len(found) else None

    def listed(self, state: ExplorerState, panel: Panel, columns: list[str]) -> pd.DataFrame:
        """Some columns of the rows, to be read; on disk, the first ones."""
        return self.rows(state, panel)[columns].reset_index(drop=True)

    def best(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """Rows that hold the first photos of the state's segment and order; here, all rows."""
        return self.rows(state, panel)

    def rows_of_image(
        self, state: ExplorerState, panel: Panel, image_id: str | None
    ) -> pd.DataFrame:
        """Those rows of one photo."""
        rows = self.rows(state, panel)
        return rows[rows["image_id"] == image_id]

    def maps_of(self, model: str | None) -> Mapping:
        """The maps of a model, {method: {image_id: map}}; InvalidInput if it has none."""
        maps = self.maps if self.maps is not None else {}
        if not self.offer.maps_by_model:
            known = getattr(maps, "model", model)
            if len(self.offer.models) > 1 and known in self.offer.models and known != model:
                raise InvalidInput(
                    f"maps: are of model {known!r}, not of {model!r}; pass those of all models, "
                    "sat.explore(table, maps={model: maps, ...})."
                )
            return maps
        if model not in maps:
            raise InvalidInput(f"maps: none of model {model!r}; there are {shorten(maps)}.")
        return maps[model]

    def map_of(self, model: str | None, method: str, image_id: str) -> Map:
        """One map; IdMismatch if there is none."""
        maps = self.maps_of(model)
        if method not in maps:
            raise IdMismatch(f"maps: none of method {method!r}; there are {shorten(maps)}.")
        return _of_image(maps[method], image_id, f"maps[{method!r}]")

    def photo(self, image_id: str) -> Pixels:
        """One photo; IdMismatch if there is none."""
        return _of_image(self.images or {}, image_id, "images")

    def masks(self, image_id: str) -> SegmentationMap:
        """The masks of one photo; IdMismatch if there are none."""
        return _of_image(self.segments or {}, image_id, "segments")

    def fit(self, model: str | None) -> str | None:
        """How photos were fitted to the maps, a name in FITS; None where nobody has declared it."""
        if self.maps is None:
            return None
        of_table = self.table.attrs.get("sat_nb", {}).get("fit")  # maps may not know theirs
        return getattr(self.maps_of(model), "fit", None) or of_table

    def _select(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        filters = row_filters(state)
        label = filters.pop("labels", None)
        pairs = [(method, model) for model in panel.models for method in panel.methods]
        keys = [self._keys((method,), (model,), label) for method, model in pairs]
        numbers = [np.sort(np.concatenate([self._row_numbers[key] for key in of])) for of in keys]
        rows = self.table.iloc[np.concatenate(numbers)]
        return select(rows, **filters) if filters else rows

    def _select_coded(self, coded: Coded, state: ExplorerState, panel: Panel) -> Table:
        filters = row_filters(state)
        keys = self._keys(panel.methods, panel.models, filters.pop("labels", None))
        rows = coded.rows(keys)
        chosen = select(Frame(rows), **filters) if filters else rows
        return Chosen(without_unused(chosen), partial(self.rows, state, panel))

    def _keys(
        self, methods: tuple[str, ...], models: tuple[str | None, ...], label: Any
    ) -> list[tuple[Any, ...]]:
        """Whose rows are numbered together, of these methods, models and this class."""
        keys = [
            key
            for key in self._row_numbers
            if key[0] in methods
            and (None in models or key[1] in models)
            and (label is None or key[2] == label)
        ]
        if not keys:
            method, model = methods[0], models[0]
            raise InvalidInput(
                f"label: no photo of class {literal(label)} under {method!r} and model {model!r}; "
                "choose another class or model."
            )
        return keys


_NONE = "\0none"  # in place of missing values, which would not be equal to each other


def _row_numbers(table: pd.DataFrame) -> dict[tuple[Any, ...], NDArray[np.int64]]:
    """{(method, model, label): numbers of its rows}."""
    keys = table[["method", "model", "label"]].astype(object)
    codes, names = pd.factorize(pd.MultiIndex.from_frame(keys.where(keys.notna(), _NONE)))
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {
        tuple(None if k == _NONE else k for k in name): order[ends[i] : ends[i + 1]]
        for i, name in enumerate(names)
    }


def _of_image(found: Mapping, image_id: str, argument: str) -> Any:
    if image_id not in found:
        raise IdMismatch(
            f"{argument}: none of image {image_id!r}, which the table names; there are "
            f"{shorten(found)}. Pass those that the table was built from."
        )
    return found[image_id]


def check_mappings(images: Mapping | None, maps: Mapping | None, segments: Mapping | None) -> None:
    """InvalidInput for what is no mapping by image id."""
    for argument, given in {"images": images, "maps": maps, "segments": segments}.items():
        if given is not None and not isinstance(given, Mapping):
            raise InvalidInput(
                f"{argument}: expected a mapping by image id, such as sat_nb returns, got "
                f"{type(given).__name__}."
            )


def _are_by_model(maps: Mapping, offer: Offer) -> bool:
    """Whether the maps are {model: maps}, and not {method: maps}."""
    names = set(maps)
    return bool(names) and not names & {*offer.methods} and names <= {*offer.models}
