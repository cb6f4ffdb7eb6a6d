"""The filters of ``select`` as conditions in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from sat_nb.table.filters import FILTERS, IMAGE_FILTERS, Filter

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Where:
    """Which rows are there: ``wanted`` holds the keywords of ``select``, checked.

    An image that passes stays with all its rows. Those whose segment does not pass have no
    segment, so that they count for their image alone. ``frequent`` takes the place of conditions
    that are none of a single row: the segments to keep, by (model, method).
    """

    wanted: Mapping[str, Any] = field(default_factory=dict)
    frequent: Mapping[tuple[str | None, str | None], tuple[str, ...]] | None = None

    def __bool__(self) -> bool:
        return bool(self.wanted)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the conditions are about."""
        named = (name for f in self._filters() for _, name, *_ in Formatter().parse(f.sql))
        return tuple(dict.fromkeys(name for name in named if name and name != "wanted"))

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the conditions, by the names that they have in SQL."""
        found: dict[str, Any] = {}
        for entry in self._filters():
            wanted = self.wanted[entry.name]
            values = wanted if entry.takes_several else [wanted]
            found |= {f"w_{entry.name}_{i}": value for i, value in enumerate(values)}
        for number, (group, segments) in enumerate((self.frequent or {}).items()):
            names = {f"f_{number}_{i}": value for i, value in enumerate((*group, *segments))}
            found |= names
        return found

    def images(self, columns: Mapping[str, str]) -> str:
        """The condition of images, given the SQL of each column; empty if all pass."""
        return " AND ".join(self._conditions(columns, of_images=True))

    def segments(self, columns: Mapping[str, str]) -> str:
        """The condition of segments."""
        conditions = [*self._conditions(columns, of_images=False)]
        if self.frequent is not None:
            conditions.append(" OR ".join(self._frequent(columns)) or "false")
        return " AND ".join(f"({one})" for one in conditions)

    def _frequent(self, columns: Mapping[str, str]) -> Iterator[str]:
        """One condition a model and method."""
        for number, segments in enumerate((self.frequent or {}).values()):
            names = ", ".join(f"$f_{number}_{i + 2}" for i in range(len(segments)))
            yield (
                f"{columns['model']} IS NOT DISTINCT FROM $f_{number}_0 AND {columns['method']} "
                f"IS NOT DISTINCT FROM $f_{number}_1 AND {columns['segment']} IN ({names})"
            )

    def _conditions(self, columns: Mapping[str, str], *, of_images: bool) -> Iterator[str]:
        for entry in self._filters():
            if (entry.name in IMAGE_FILTERS) == of_images:
                n = len(self.wanted[entry.name]) if entry.takes_several else 1
                names = ", ".join(f"$w_{entry.name}_{i}" for i in range(n))
                yield f"({entry.sql.format(wanted=names, **columns)})"

    def _filters(self) -> Iterator[Filter]:
        return (f for name, f in FILTERS.items() if name in self.wanted and f.sql)
