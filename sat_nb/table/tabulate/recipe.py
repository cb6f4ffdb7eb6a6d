"""What decides the rows of a table, beside photos and masks; it can be sent to other processes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import isclass, isroutine
from typing import Any

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.photos.formats import PHOTO_FORMATS
from sat_nb.registry import Entry
from sat_nb.saliency.methods import METHODS
from sat_nb.saliency.preprocess import PREPROCESS
from sat_nb.saliency.request import Request
from sat_nb.segments.formats import SEGMENT_FORMATS
from sat_nb.segments.read import ERRORS
from sat_nb.table.build import check_names
from sat_nb.table.join import JoinOptions
from sat_nb.table.merges import MERGES
from sat_nb.table.pools import POOLS
from sat_nb.table.schema import RANK_BY, RANK_EFFECTS_BY
from sat_nb.table.tabulate.measured import Measured


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The checked arguments of ``tabulate`` that are the same for all shards.

    ``settles`` says that sampling goes on until the ranks of an image's masks are settled;
    ``of_segments`` holds the first lines of what ``read_segments`` left out. ``measured`` gives
    rows of effects. A worker uses ``n_threads`` cores, None for all.
    """

    request: Request
    joining: JoinOptions
    rank_by: str
    model_name: str | None
    settles: bool
    batch_size: int
    errors: str
    keep_maps: str | None
    engine: str | None
    input_size: tuple[int, int] | None
    trust_model: bool
    workers: int
    max_memory: int | str | None
    of_segments: tuple[str, ...] = ()
    measured: Measured | None = None
    n_threads: int | None = None

    def sent(self) -> Recipe:
        """The recipe for another process: values of parameters are checked, and need no checks."""
        methods = tuple(
            method if method is METHODS.get(method.name) else replace(method, parameters={})
            for method in self.request.methods
        )
        return replace(self, request=replace(self.request, methods=methods))


def check_options(
    errors: str, missing: str, pad_unit: str, rank_by: str, measured: Measured | None
) -> None:
    """Raise for a name that no option of ``tabulate`` has."""
    if errors not in ERRORS:
        raise unknown_name("errors", errors, ERRORS)
    ranks = RANK_BY if measured is None else RANK_EFFECTS_BY
    check_names(rank_by=rank_by, missing=missing, pad_unit=pad_unit, ranks=ranks)


REGISTRIES: dict[str, Mapping[str, Entry]] = {
    "METHODS": METHODS,
    "PREPROCESS": PREPROCESS,
    "POOLS": POOLS,
    "MERGES": MERGES,
    "PHOTO_FORMATS": PHOTO_FORMATS,
    "SEGMENT_FORMATS": SEGMENT_FORMATS,
}
"""Registries whose entries are sent by name."""


def to_bytes(value: Any) -> bytes:
    """``value`` for another process; InvalidInput for functions that it could not import."""
    stream = io.BytesIO()
    try:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidInput(
            f"client: functions and entries of your own go to workers by name, and one cannot "
            f"({error}); define it at the top of a module that workers can import, not in a "
            "notebook, a script or another function."
        ) from error
    return stream.getvalue()


def from_bytes(content: bytes) -> Any:
    """What ``to_bytes`` was given; ImportError or AttributeError for what is not there."""
    return _Unpickler(io.BytesIO(content)).load()


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        if isinstance(obj, Entry):
            for name, entries in REGISTRIES.items():
                if entries.get(obj.name) is obj:
                    return name, obj.name
        if (isroutine(obj) or isclass(obj)) and getattr(obj, "__module__", "") == "__main__":
            raise pickle.PicklingError(f"{obj.__qualname__!r} is defined in __main__")
        return None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: tuple[str, str]) -> Entry:
        registry, name = pid
        return REGISTRIES[registry][name]
