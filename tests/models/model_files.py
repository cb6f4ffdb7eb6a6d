"""Model files that are not what they seem, made from a plain one."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Config = dict[str, Any]
Change = Callable[[Config], None]


def changed_h5(plain: Path, out: Path, change: Change) -> Path:
    """A copy of a plain ``.h5`` model with another description."""
    import h5py

    shutil.copy(plain, out)
    with h5py.File(out, "a") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return out


def changed_zip(plain: Path, out: Path, change: Change, **others: bytes) -> Path:
    """A copy of a plain ``.keras`` model with another description, and other files beside it."""
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
        for name, content in others.items():
            new.writestr(name, content)
    return out


def changed_graph(plain: Path, out: Path, change: Callable[[Any], None]) -> Path:
    """A copy of a plain SavedModel with another graph: ``change`` gets the meta graph."""
    from tensorflow.core.protobuf import saved_model_pb2

    shutil.copytree(plain, out)
    model = saved_model_pb2.SavedModel.FromString((out / "saved_model.pb").read_bytes())
    change(model.meta_graphs[0])
    (out / "saved_model.pb").write_bytes(model.SerializeToString())
    return out


def changed_layers(plain: Path, out: Path, change: Change) -> Path:
    """A copy of a plain SavedModel with another description of each layer."""
    from keras.protobuf import saved_metadata_pb2

    shutil.copytree(plain, out)
    file = out / "keras_metadata.pb"
    metadata = saved_metadata_pb2.SavedMetadata.FromString(file.read_bytes())
    for node in metadata.nodes:
        config = json.loads(node.metadata)
        change(config)
        node.metadata = json.dumps(config)
    file.write_bytes(metadata.SerializeToString())
    return out


def with_layer(class_name: str, config: Config, *given: Any, **more: Any) -> Change:
    """Adds a layer that is called with these constants."""

    def change(model: Config) -> None:
        layer = {"class_name": class_name, "name": "added", "config": {"name": "added", **config}}
        calls = [["_CONSTANT_VALUE", -1, value, {}] for value in given]
        model["config"]["layers"].append({**layer, "inbound_nodes": calls, **more})

    return change


def with_field(field: str, value: Any, layer: str = "classes") -> Change:
    """Sets a field of a layer's configuration, wherever that layer is described."""

    def change(found: Any) -> None:
        if isinstance(found, dict):
            config = found.get("config")
            if isinstance(config, dict) and config.get("name") == layer:
                config[field] = value
            for inside in list(found.values()):
                change(inside)
        elif isinstance(found, list):
            for inside in found:
                change(inside)

    return change


def with_class(class_name: str, config: Config, layer: str = "flat", **more: Any) -> Change:
    """Makes a layer one of another class, wherever that layer is described."""

    def change(found: Any) -> None:
        if isinstance(found, dict):
            own = found.get("config")
            if isinstance(own, dict) and own.get("name") == layer:
                found["class_name"] = class_name
                found["config"] = {"name": layer, "trainable": True, "dtype": "float32", **config}
                found.update(more)
            for inside in list(found.values()):
                change(inside)
        elif isinstance(found, list):
            for inside in found:
                change(inside)

    return change
