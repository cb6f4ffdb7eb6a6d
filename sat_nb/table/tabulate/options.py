"""The options of ``tabulate``, checked before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import as_path
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import check_names
from sat_nb.table.schema import RANK_BY, RANK_EFFECTS_BY
from sat_nb.table.tabulate.measured import Measured, read_measured

ERRORS = ("raise", "skip")


def checked_segments(segments: Any) -> Mapping[str, SegmentationMap]:
    """The masks by id; InvalidInput for anything else, such as a path."""
    if not isinstance(segments, Mapping):
        raise InvalidInput(
            f"segments: expected {{image_id: SegmentationMap}}, got {type(segments).__name__}; use "
            "read_segments(path)."
        )
    return segments


def folder_of(argument: str, path: Any) -> Path:
    """The path of a folder that is there or will be made."""
    path = as_path(path, argument)
    if os.path.isfile(path):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r} is a file; give a folder.")
    return path


def check_options(
    errors: str, missing: str, pad_unit: str, rank_by: str, measured: Measured | None
) -> None:
    """Raise for a name that no option has."""
    if errors not in ERRORS:
        raise unknown_name("errors", errors, ERRORS)
    ranks = RANK_BY if measured is None else RANK_EFFECTS_BY
    check_names(rank_by=rank_by, missing=missing, pad_unit=pad_unit, ranks=ranks)


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
