"""What an explorer looks at: the table, cut up once so that a choice of rows is quick."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.schema import check_table
from sat_nb.table.select import select
from sat_nb.widgets.code import FILTERS, filters
from sat_nb.widgets.state import ExplorerState, facts_of

if TYPE_CHECKING:
    from sat_nb.widgets.panels import Panel

KEYS = ["method", "model", "label"]


class Cache:
    """The ``most`` results that were used last, by their keys, with the warnings they gave.

    >>> cache = Cache(1)
    >>> [cache.get(key, lambda: key.upper()) for key in ("a", "b", "b", "a")], cache.misses
    (['A', 'B', 'B', 'A'], 3)
    """

    def __init__(self, most: int) -> None:
        self.most, self.misses = most, 0
        self._kept: OrderedDict[Hashable, tuple[Any, list[Warning]]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What is kept under that key, else what ``compute`` gives; errors are not kept.

        What it warned of the first time it warns of again.
        """
        if key not in self._kept:
            self.misses += 1
            with warnings.catch_warnings(record=True) as given:
                warnings.simplefilter("always")
                value = compute()
            said = [w.message for w in given if isinstance(w.message, UserWarning)]
            self._kept[key] = value, [*said]
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        value, warned = self._kept[key]
        for message in warned:
            warnings.warn(message, stacklevel=2)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept


class Data:
    """A table, photos, maps and masks, with the rows of each method, model and class at hand."""

    def __init__(
        self,
        table: pd.DataFrame,
        images: Mapping | None = None,
        maps: Mapping | None = None,
        segments: Mapping | None = None,
    ) -> None:
        self.table = check_table(table)
        self.images, self.maps, self.segments = images, maps, segments
        for argument in ("images", "maps", "segments"):
            _check_mapping(argument, getattr(self, argument))
        by_model = maps is not None and _is_by_model(maps, table)
        self.facts = facts_of(
            table,
            photos=images is not None,
            maps=maps is not None,
            masks=segments is not None,
            maps_by_model=by_model,
        )
        self._results, self._rows = Cache(96), Cache(24)
        self._places = _places(table)

    def kept(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """A result that is kept for the next time it is asked for."""
        return self._results.get(key, compute)

    def has(self, key: Hashable) -> bool:
        """Whether a result is kept."""
        return key in self._results

    def n_rows(self, panels: tuple[Panel, ...]) -> int:
        """Rows of the table, before filters, that panels are about."""
        pairs = {(method, model) for p in panels for method in p.methods for model in p.models}
        return sum(
            len(places)
            for (method, model, _), places in self._places.items()
            if (method, model) in pairs or (method, None) in pairs
        )

    def rows(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """What ``select`` leaves of the panel's methods and models."""
        filtered = tuple(getattr(state, name) for name in FILTERS)
        parts = [
            self._rows.get((method, model, *filtered), partial(self._select, state, method, model))
            for model in panel.models
            for method in panel.methods
        ]
        return parts[0] if len(parts) == 1 else pd.concat(parts)

    def maps_of(self, model: str | None) -> Mapping:
        """{method: {image_id: map}} of a model; InvalidInput where there are none."""
        maps = self.maps if self.maps is not None else {}
        if not self.facts.maps_by_model:
            known = getattr(maps, "model", model)
            if len(self.facts.models) > 1 and known in self.facts.models and known != model:
                raise InvalidInput(
                    f"maps: are of model {known!r}, not of {model!r}; pass those of all models, "
                    "sat.explore(table, maps={model: maps, ...})."
                )
            return maps
        if model not in maps:
            raise InvalidInput(f"maps: none of model {model!r}; there are {shorten(maps)}.")
        return maps[model]

    def map_of(self, model: str | None, method: str, image_id: str) -> NDArray:
        """One map; IdMismatch where there is none."""
        maps = self.maps_of(model)
        if method not in maps:
            raise IdMismatch(f"maps: none of method {method!r}; there are {shorten(maps)}.")
        return _of_image(maps[method], image_id, f"maps[{method!r}]")

    def photo(self, image_id: str) -> NDArray[np.uint8]:
        """One photo; IdMismatch where there is none."""
        return _of_image(self.images or {}, image_id, "images")

    def masks(self, image_id: str) -> SegmentationMap:
        """The masks of one photo; IdMismatch where there are none."""
        return _of_image(self.segments or {}, image_id, "segments")

    def fit(self, model: str | None) -> str:
        """How photos were brought to the maps' grid."""
        return (
            "stretch" if self.maps is None else str(getattr(self.maps_of(model), "fit", "stretch"))
        )

    def _select(self, state: ExplorerState, method: str, model: str | None) -> pd.DataFrame:
        wanted = filters(state, self.facts)
        label = wanted.pop("labels", None)
        places = [
            where
            for (its_method, its_model, its_label), where in self._places.items()
            if its_method == method
            and (model is None or its_model == model)
            and (label is None or its_label == label)
        ]
        numbers = np.sort(np.concatenate(places)) if places else np.zeros(0, dtype=np.int64)
        if not len(numbers):
            raise InvalidInput(
                f"label: no photo of class {label!r} under {method!r} and model {model!r}; take "
                "another class or model."
            )
        rows = self.table.iloc[numbers]
        return select(rows, **wanted) if wanted else rows


def _places(table: pd.DataFrame) -> dict[tuple[Any, ...], NDArray[np.int64]]:
    """{(method, model, label): numbers of its rows}."""
    named = table[KEYS].astype(object)
    codes, keys = pd.factorize(pd.MultiIndex.from_frame(named.where(named.notna(), _NONE)))
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    return {
        tuple(None if k == _NONE else k for k in key): order[ends[i] : ends[i + 1]]
        for i, key in enumerate(keys)
    }


def _of_image(found: Mapping, image_id: str, argument: str) -> Any:
    if image_id not in found:
        raise IdMismatch(
            f"{argument}: none of image {image_id!r}, which the table names; there are "
            f"{shorten(found)}. Pass those that the table was built from."
        )
    return found[image_id]


_NONE = "\0none"


def _check_mapping(argument: str, given: object) -> None:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidInput(
            f"{argument}: expected a mapping by image id, such as sat_nb gives, got "
            f"{type(given).__name__}."
        )


def _is_by_model(maps: Mapping, table: pd.DataFrame) -> bool:
    """Whether the maps are {model: maps} and not {method: maps}."""
    names = set(maps)
    methods, models = set(table["method"].unique()), set(table["model"].unique())
    return bool(names) and not names & methods and names <= models
