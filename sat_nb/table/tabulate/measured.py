"""Rows that no map gives: effects of interventions, whose room lies above this one.

It is loaded by name, as engines are, when measures are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from sat_nb.images import ImageSet
from sat_nb.saliency.request import OpenModel, Request
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.join import ImageRows, JoinOptions

MODULE = "sat_nb.interventions.measuring"


class Measured(Protocol):
    """What is measured of every photo; it can be sent to other processes."""

    @property
    def needs_other(self) -> bool:
        """Whether photos are filled from other ones."""

    def settings(self) -> dict[str, Any]:
        """What decides the rows, as plain data."""

    def warnings(self, facts: Any) -> list[str]:
        """What the user should know of the model."""

    def rows(
        self,
        opened: OpenModel,
        request: Request,
        joining: JoinOptions,
        images: ImageSet,
        others: Mapping[str, str],
        image_ids: Sequence[str],
        masks: Callable[[str], SegmentationMap],
        targets: Mapping[str, int] | None,
        untouched: Mapping[str, Any],
        names: Mapping[str, str],
        notes: Any,
    ) -> dict[str, list[ImageRows]]:
        """{image_id: rows} of these photos, which are called ``names`` in the table."""

    def notes(self) -> Any:
        """An empty collection of what is to be said of photos; its ``texts()`` are warnings."""


def read_measured(**arguments: Any) -> Measured:
    """The arguments of ``intervene`` that are about effects, checked."""
    found: Measured = import_module(MODULE).read_measuring(**arguments)
    return found


def is_none(names: Any) -> bool:
    """Whether it is an empty list or tuple of names."""
    return isinstance(names, list | tuple) and not names


def measures_and_rest(
    measures: Any, parameters: Mapping[str, Mapping[str, Any]] | None, **arguments: Any
) -> tuple[Measured | None, Mapping[str, Mapping[str, Any]] | None]:
    """What is measured, if anything; and the parameters that are left for methods."""
    if is_none(measures):
        return None, parameters
    measured = read_measured(measures=measures, parameters=None, **arguments)
    names = set(measured.settings()["measures"])
    given = parameters or {}
    own = {name: values for name, values in given.items() if name in names}
    rest = {name: values for name, values in given.items() if name not in names}
    return read_measured(measures=measures, parameters=own, **arguments), rest


def others_of(measured: Measured | None, image_ids: Sequence[str], seed: int) -> dict[str, str]:
    """{image_id: another photo} where photos are filled from other ones; checked."""
    if measured is None or not measured.needs_other:
        return {}
    module = import_module(MODULE)
    module.check_others(measured, len(image_ids))
    found: dict[str, str] = module.others_of(image_ids, seed)
    return found
