"""Descriptions of models that Keras 3 on PyTorch does not read, though they are sound.

Keras 2 has layers named "conv1/conv" in its own DenseNet, where Keras 3 allows no "/"; PyTorch
allows no "." in the name of a weight. Keras 2 counts a model's own making among its calls, so that
the first call of a model within another is number 1, where Keras 3 looks for number 0; and its
".keras" files name a module that is no longer there.
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


_MOVED = {"keras.src.engine.functional": "keras.src.models.functional"}
_MODELS = ("Functional", "Model", "Sequential")


@contextmanager
def readable(path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """The file, or a temporary copy that Keras 3 reads, and {new name of a layer: the file's}."""
    read, write = _IN_ARCHIVES if path.suffix == ".keras" else _IN_HDF5
    config = read(path)
    new = _new_names(config)
    changed = _calls_from_zero(_replaced(config, new | _MOVED))
    if changed == config:
        yield path, {}
        return
    with tempfile.TemporaryDirectory(prefix="sat_nb_") as folder:
        copy = Path(folder, f"model{path.suffix}")
        write(path, copy, json.dumps(changed))
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


def _calls_from_zero(config: Any) -> Any:
    """Calls of models within models as Keras 3 counts them; its own files have no such lists."""
    if isinstance(config, list):
        return [_calls_from_zero(part) for part in config]
    if not isinstance(config, dict):
        return config
    changed = {key: _calls_from_zero(value) for key, value in config.items()}
    layers = changed.get("layers")
    if isinstance(layers, list) and all(isinstance(layer, dict) for layer in layers):
        within = {one.get("name") for one in layers if one.get("class_name") in _MODELS}
        changed["layers"] = [_counted(layer, within) for layer in layers]
    return changed


def _counted(layer: dict[str, Any], within: set[Any]) -> dict[str, Any]:
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or not all(isinstance(node, list) for node in nodes):
        return layer
    return {**layer, "inbound_nodes": [[_source(one, within) for one in node] for node in nodes]}


def _source(source: Any, within: set[Any]) -> Any:
    """[layer, number of its call, number of its output, options]."""
    if not isinstance(source, list) or len(source) < 3 or source[0] not in within:
        return source
    name, call, *rest = source
    return [name, max(call - 1, 0), *rest]


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
