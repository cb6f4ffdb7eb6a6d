"""What an explorer looks at: the table, cut up once so that a choice of rows is quick."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.table.schema import check_table
from sat_nb.table.select import select
from sat_nb.widgets.code import FILTERS, filters
from sat_nb.widgets.state import ExplorerState, facts_of

if TYPE_CHECKING:
    from sat_nb.widgets.views.view import Panel


class Cache:
    """The ``most`` results that were used last, by their keys.

    >>> cache = Cache(1)
    >>> [cache.get(key, lambda: key.upper()) for key in ("a", "b", "a")], cache.misses
    (['A', 'B', 'A'], 3)
    """

    def __init__(self, most: int) -> None:
        self.most, self.misses = most, 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What is kept under that key, else what ``compute`` gives; errors are not kept."""
        if key not in self._kept:
            self.misses += 1
            self._kept[key] = compute()
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

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
        self.facts = facts_of(
            table,
            photos=images is not None,
            maps=maps is not None,
            masks=segments is not None,
        )
        self.results, self._rows = Cache(64), Cache(24)
        keys = [table[c] for c in ("method", "model", "label")]
        groups = table.groupby(keys, dropna=False, sort=False).indices
        self._places = {
            tuple(None if pd.isna(k) else k for k in key): p for key, p in groups.items()
        }

    def rows(self, state: ExplorerState, panel: Panel) -> pd.DataFrame:
        """The rows that ``select`` keeps of the panel's methods and models, kept for next time."""
        parts = [
            self._selected(state, method, model)
            for model in panel.models
            for method in panel.methods
        ]
        return parts[0] if len(parts) == 1 else pd.concat(parts)

    def _selected(self, state: ExplorerState, method: str, model: str | None) -> pd.DataFrame:
        key = (method, model, *(getattr(state, name) for name in FILTERS))
        return self._rows.get(key, lambda: self._select(state, method, model))

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
        rows = self.table.iloc[sorted_together(places)]
        return select(rows, **wanted) if wanted else rows


def sorted_together(places: list) -> Any:
    """Several ascending arrays of row numbers as one; none gives no row."""
    import numpy as np

    return np.sort(np.concatenate(places)) if places else np.zeros(0, dtype=int)
