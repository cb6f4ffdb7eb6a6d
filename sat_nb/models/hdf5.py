"""HDF5 files of Keras, checked before numbers are read from them.

HDF5 can point elsewhere (to another file's numbers as its own), and can claim numbers that it does
not hold. Files that Keras writes do neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sat_nb.models.keras_config import check_config, read_json
from sat_nb.models.refused import Refused, damaged, of_keras_3

MAX_OBJECTS = 200_000
MAX_UNPACKED = 20  # times the file's size; trained weights hardly shrink
ALWAYS_ALLOWED = 2**28  # bytes
FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
"""Packings by their numbers that h5py has itself: no library is looked for."""


def check_model(file: Any, n_bytes: int) -> int:
    """The bytes of all numbers in an open ``.h5`` model of ``n_bytes``; Refused if it is unfit."""
    config = file.attrs.get("model_config")
    if config is None:
        raise damaged("no model config found in it")
    if not isinstance(config, str | bytes):
        raise damaged(f"its model config is no text but {type(config).__name__}")
    check_config(read_json(config, "its model config"))
    if "model_weights" not in file:
        raise damaged("it has no weights")
    return check_numbers(file, n_bytes)


def check_version(version: Any) -> None:
    """Refused for a file of Keras 3, which no trust makes readable."""
    version = version.decode(errors="replace") if isinstance(version, bytes) else version
    if isinstance(version, str) and re.match(r"[3-9]|\d\d", version):
        raise of_keras_3(version)


def check_numbers(file: Any, n_bytes: int) -> int:
    """The bytes of all numbers in an open HDF5 file; Refused for any that are not in it."""
    import h5py

    total = 0
    for name, dataset in objects(file):
        if not isinstance(dataset, h5py.Dataset):
            continue
        if dataset.is_virtual or dataset.external:
            raise Refused(f"its weights {name[:200]!r} are read from another file")
        if dataset.dtype.kind not in "fiubSc":
            raise Refused(f"its weights {name[:200]!r} are no numbers but {dataset.dtype}")
        _check_filters(dataset.id.get_create_plist(), name)
        total += int(dataset.size or 0) * dataset.dtype.itemsize
    check_unpacked(total, n_bytes)
    return total


def _check_filters(created: Any, name: str) -> None:
    numbers = [created.get_filter(i)[0] for i in range(created.get_nfilters())]
    if unknown := [number for number in numbers if number not in FILTERS]:
        raise Refused(f"its weights {name[:200]!r} are packed by HDF5's filter {unknown[0]}")


def check_unpacked(total: int, n_bytes: int) -> None:
    """Refused for ``total`` bytes in a file of ``n_bytes`` that no trained model shrinks to."""
    if total > max(ALWAYS_ALLOWED, MAX_UNPACKED * n_bytes):
        raise Refused(
            f"its {n_bytes} bytes claim {total} bytes of weights, and {MAX_UNPACKED} times the "
            "file's size is the limit"
        )


def objects(file: Any) -> Iterator[tuple[str, Any]]:
    """All groups and datasets by name, each once; Refused for links to names and files."""
    import h5py

    seen, waiting = set(), [("", file["/"])]
    while waiting:
        path, group = waiting.pop()
        for name in group:
            full = f"{path}/{name}"
            if not isinstance(_link(group, name), h5py.HardLink):
                raise Refused(f"its {full[:200]!r} is a link to another place or file")
            found = group[name]
            identity = h5py.h5o.get_info(found.id).addr
            if identity in seen:
                continue
            seen.add(identity)
            if len(seen) > MAX_OBJECTS:
                raise Refused(f"it holds more than {MAX_OBJECTS} arrays and groups")
            if isinstance(found, h5py.Group):
                waiting.append((full, found))
            yield full, found


def _link(group: Any, name: str) -> Any:
    try:
        return group.get(name, getlink=True)
    except TypeError:  # a kind that a program defined for itself
        return None
