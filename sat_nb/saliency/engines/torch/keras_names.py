"""Names of layers that Keras 3 on PyTorch does not take, though a file may have them.

Keras 2 has "conv1/conv" in its own DenseNet, where Keras 3 allows no "/"; PyTorch allows no "." in
the name of a weight.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_UNFIT = re.compile(r"[/.]")
_CONFIG = "config.json"


@contextmanager
def with_fitting_names(path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The file, or a temporary copy with other names of layers, and {new name: the file's}."""
    read, write = _IN_ARCHIVES if path.suffix == ".keras" else _IN_HDF5
    config = read(path)
    new = _new_names(config)
    if not new:
        yield path, {}
        return
    with tempfile.TemporaryDirectory(prefix="sat_nb_") as folder:
        copy = Path(folder, f"model{path.suffix}")
        write(path, copy, json.dumps(_replaced(config, new)))
        yield copy, {fitting: name for name, fitting in new.items()}


def _new_names(config: Any) -> dict[str, str]:
    """{a name that does not fit: one that does, and that no other layer has}."""
    taken = dict.fromkeys(_names(config))
    new: dict[str, str] = {}
    for name in [one for one in taken if _UNFIT.search(one)]:
        fitting = _UNFIT.sub("_", name)
        while fitting in taken:
            fitting += "_"
        taken[fitting] = None
        new[name] = fitting
    return new


def _names(config: Any) -> Iterator[str]:
    """The names of all layers, in models within models as well."""
    if isinstance(config, dict):
        own = config.get("config")
        if "class_name" in config and isinstance(own, dict) and isinstance(own.get("name"), str):
            yield own["name"]
    for part in _parts(config):
        yield from _names(part)


def _parts(config: Any) -> list[Any]:
    if isinstance(config, dict):
        return list(config.values())
    return config if isinstance(config, list) else []


def _replaced(config: Any, new: dict[str, str]) -> Any:
    if isinstance(config, dict):
        return {key: _replaced(value, new) for key, value in config.items()}
    if isinstance(config, list):
        return [_replaced(value, new) for value in config]
    return new.get(config, config) if isinstance(config, str) else config


# --- files -------------------------------------------------------------------------------------


def _read_hdf5(path: Path) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config", "{}")
    return json.loads(text)


def _write_hdf5(path: Path, copy: Path, config: str) -> None:
    import h5py

    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = config


def _read_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(_CONFIG))


def _write_archive(path: Path, copy: Path, config: str) -> None:
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for member in source.infolist():
            if member.filename == _CONFIG:
                target.writestr(_CONFIG, config)
                continue
            with (
                source.open(member) as old,
                target.open(member.filename, "w", force_zip64=True) as new,
            ):
                shutil.copyfileobj(old, new)


Read = Callable[[Path], Any]
Write = Callable[[Path, Path, str], None]

_IN_ARCHIVES: tuple[Read, Write] = _read_archive, _write_archive
_IN_HDF5: tuple[Read, Write] = _read_hdf5, _write_hdf5
