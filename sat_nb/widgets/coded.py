"""Many rows with codes for texts, in the order in which they are chosen.

A click on two million rows spent half of its time on copying references to names, and much of the
rest on hashing them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.table.aggregations import Sums
from sat_nb.table.classes import Classes
from sat_nb.table.counts import Counts
from sat_nb.table.schema import COLUMNS, IMAGE_KEY, TEXT
from sat_nb.table.source import Frame

MANY = 100_000
"""Rows from which codes gain more than they cost."""

READ = ("rank", "mean_attribution", "abs_mean_attribution", "mask_fraction", "position", "score")
"""The columns that views and their filters read, beside those of every row."""

OF_EVERY_ROW = (*IMAGE_KEY, "label", "predicted", "n_segments", "segment")

Key = tuple[Any, ...]
"""A method, a model and a class."""


class Coded:
    """The rows of each key as a slice: ``numbers`` are those of its rows in the table."""

    def __init__(self, table: pd.DataFrame, numbers: Mapping[Key, NDArray[np.int64]]) -> None:
        unread = {*COLUMNS} - {*OF_EVERY_ROW, *READ}
        columns = [c for c in table if c not in unread]
        texts = [c for c, dtype in COLUMNS.items() if dtype == TEXT and c in columns]
        self._order = np.concatenate(list(numbers.values()))
        coded = table[columns].astype(dict.fromkeys(texts, "category"))
        self._table = coded.iloc[self._order]
        ends = np.cumsum([len(of_key) for of_key in numbers.values()])
        self._slices = {
            key: slice(end - len(of_key), end)
            for end, (key, of_key) in zip(ends, numbers.items(), strict=True)
        }

    def rows(self, keys: Sequence[Key]) -> pd.DataFrame:
        """The rows of these keys, in the order of the table."""
        slices = [self._slices[key] for key in keys]
        if len(slices) == 1:
            return self._table.iloc[slices[0]]
        places = np.concatenate([np.arange(s.start, s.stop) for s in slices])
        return self._table.iloc[places[np.argsort(self._order[places], kind="stable")]]


@dataclass(frozen=True, eq=False)
class Chosen(Frame):
    """Coded rows as statistics read them; ``whole`` gives the same rows with all columns."""

    whole: Callable[[], pd.DataFrame]

    def rows(
        self, columns: Collection[str] | None = None, *, method: str | None = None
    ) -> pd.DataFrame:
        """The rows, with codes where columns are named that are there."""
        return self._with(columns).rows(columns, method=method)

    def totals(self, *, value: str, by: list[str], classes: Classes | None = None) -> Sums:
        """Sums and counts by group and segment."""
        return self._with([value, *by]).totals(value=value, by=by, classes=classes)

    def counts(self, *, value: str, by: list[str], classes: Classes | None = None) -> Counts:
        """How often each value occurs."""
        return self._with([value, *by]).counts(value=value, by=by, classes=classes)

    def _with(self, columns: Collection[str] | None) -> Frame:
        here = columns is not None and not {*columns} & {*COLUMNS} - {*self.table}
        return Frame(self.table if here else self.whole())


def without_unused(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the codes of those texts alone that occur.

    >>> rows = pd.DataFrame({"segment": pd.Categorical(["eyes", None, "ears"])})
    >>> without_unused(rows.head(2))["segment"].cat.categories.tolist()
    ['eyes']
    """
    coded = [c for c, dtype in rows.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return rows.assign(**{str(c): _renumbered(rows[c].cat) for c in coded})


def _renumbered(texts: Any) -> pd.Categorical:
    codes, names = texts.codes.to_numpy(), texts.categories
    used = np.bincount(codes[codes >= 0], minlength=len(names)) > 0
    numbers = np.append(np.cumsum(used) - 1, -1)  # the last one for what is missing
    return pd.Categorical.from_codes(numbers[codes], names[used])
