"""The description of a Keras model, checked before Keras makes objects of it.

A description is JSON. Each object in it with a ``class_name`` becomes a Python object, and strings
at certain keys become functions; here all of them must stand in :mod:`sat_nb.models.allowed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from reprlib import repr as brief
from typing import Any

from sat_nb.models.allowed import (
    ACTIVATIONS,
    FUNCTIONS,
    LAYERS,
    MODULES,
    OPERATION_LAYERS,
    OPERATIONS,
    PARTS,
    TRAINING_FUNCTIONS,
    VALUES,
)
from sat_nb.models.keras_links import check_links
from sat_nb.models.refused import Refused, damaged

MAX_CONFIG_BYTES = 2**24  # 20 times that of NASNetLarge
MAX_LAYERS = 20_000
MAX_DEPTH = 200  # of objects in objects

NOT_LOADED = frozenset({"compile_config", "training_config"})
"""What the outermost model was trained with, which no engine asks for."""

_RUNS = {
    "Lambda": "runs Python bytecode stored in the file",
    "__lambda__": "runs Python bytecode stored in the file",
    "__typespec__": "imports the Python module that it names",
    "ClassMethod": "calls the Python method that it names",
    "InstanceMethod": "calls the Python method that it names",
    "InstanceProperty": "reads the Python attribute that it names",
    "TFSMLayer": "loads a second model from the path that it names",
    "IntegerLookup": "reads a vocabulary from the path that it names",
    "StringLookup": "reads a vocabulary from the path that it names",
    "TextVectorization": "reads a vocabulary from the path that it names",
}
_CHECKED_ELSEWHERE = OPERATION_LAYERS | {"TensorFlowOpLayer", "TypeSpec", "function"}
_KNOWN = LAYERS | PARTS | VALUES | _CHECKED_ELSEWHERE
_PARTS_OF_LAYERS = PARTS | VALUES | {"TypeSpec"}
_BY_NAME = {
    "activation": ACTIVATIONS,
    "initializer": PARTS | {"Identity"},
    "regularizer": PARTS,
    "constraint": PARTS,
}
"""What a string may be, by how its key ends."""


def read_json(text: str | bytes, what: str) -> Any:
    """The JSON in a model file; Refused where it is too long or no JSON."""
    if len(text) > MAX_CONFIG_BYTES:
        raise Refused(f"{what} has {len(text)} bytes, and {MAX_CONFIG_BYTES} are the limit")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(f"{what} is no JSON: {type(error).__name__}: {error}"[:300]) from error


def check_config(config: Any, harmless: Callable[[str], bool] = lambda name: False) -> None:
    """Refused for a description that could do more than compute, or that is out of bounds.

    ``harmless(name)`` says of a layer's class that is not among the allowed ones whether it may
    pass.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        raise damaged("it describes no model")
    outermost = {key: value for key, value in config.items() if key not in NOT_LOADED}
    n_layers, linked = 0, []
    for found, layer, is_layer in _objects(outermost):
        n_layers += found.get("class_name") in LAYERS
        if n_layers > MAX_LAYERS:
            raise Refused(f"it has more than {MAX_LAYERS} layers")
        _check_object(found, layer, harmless if is_layer else lambda name: False)
        _check_strings(found, layer)
        if isinstance(found.get("layers"), list) and "input_layers" in found:
            linked.append(found["layers"])
    for layers in linked:
        check_links(layers)


def _objects(config: Any) -> Iterator[tuple[dict[str, Any], str, bool]]:
    """All JSON objects: each with the layer that it belongs to, and whether it is that layer."""
    waiting: list[tuple[Any, str, str, int]] = [(config, "layers", "the model", 0)]
    while waiting:
        value, key, layer, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Refused(f"{layer} is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            layer = _described(value) or layer
            yield value, layer, key in ("layers", "model_config")
            waiting += [(one, name, layer, depth + 1) for name, one in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(one, key, layer, depth + 1) for one in reversed(value)]


def _described(found: dict[str, Any]) -> str | None:
    """The name and class of a layer, or of what might be one; None for its parts."""
    name, config = found.get("class_name"), found.get("config")
    if name is None or (isinstance(name, str) and name in _PARTS_OF_LAYERS):
        return None
    own = found.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return f"layer {brief(own)} ({_text(name)})" if own else f"an object ({_text(name)})"


def _check_object(found: dict[str, Any], layer: str, harmless: Callable[[str], bool]) -> None:
    name = found.get("class_name")
    if name is None:
        return
    if not isinstance(name, str):
        raise Refused(f"{layer}: a class_name is {brief(name)}, no text")
    if name in _RUNS:
        raise Refused(f"{layer} {_RUNS[name]}")
    if name in OPERATION_LAYERS:
        _check_function(found, layer)
    elif name == "TensorFlowOpLayer":
        _check_operation(found, layer)
    elif name == "TypeSpec" and found.get("type_spec") != "tf.TensorSpec":
        raise Refused(f"{layer} has the type {brief(found.get('type_spec'))}")
    elif name == "function" and _text(found.get("config")) not in ACTIVATIONS | TRAINING_FUNCTIONS:
        place = f"{_text(found.get('module'))}.{_text(found.get('config'))}"
        raise Refused(f"{layer} runs the Python function {place}")
    elif name not in _KNOWN and not harmless(name):
        raise Refused(
            f"{layer} is of the class {_text(name)}, which is not among the layers of Keras that "
            "only compute, so its author's code would have to be run"
        )
    _check_module(found, layer)


def _check_module(found: dict[str, Any], layer: str) -> None:
    """Refused where a ``.keras`` file says to look for the class anywhere but in Keras."""
    module, registered = found.get("module"), found.get("registered_name")
    if module is not None and _text(module) not in MODULES:
        raise Refused(f"{layer} imports the Python module {_text(module)}")
    if registered not in (None, found.get("class_name"), found.get("config")) and (
        registered not in LAYERS
    ):
        raise Refused(f"{layer} is registered as {_text(registered)}, a class of its author's")


def _check_function(found: dict[str, Any], layer: str) -> None:
    config = found.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if _text(function).removeprefix("compat.v1.") not in FUNCTIONS:
        raise Refused(
            f"{layer} calls tf.{_text(function)}, which is not among the functions that only "
            "compute"
        )


def _check_operation(found: dict[str, Any], layer: str) -> None:
    """A layer of TensorFlow 2.0 to 2.3, which holds an operation of its graph."""
    config = found.get("config")
    node = config.get("node_def") if isinstance(config, dict) else None
    operation = _operation_of(node) if isinstance(node, str) else None
    operation = node.get("op") if isinstance(node, dict) else operation
    if operation not in OPERATIONS:
        raise Refused(
            f"{layer} runs the operation {_text(operation)}, which does more than compute"
        )


def _operation_of(node: str) -> str | None:
    """The operation of a node as TensorFlow packs it."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import node_def_pb2

    try:
        return str(node_def_pb2.NodeDef.FromString(node.encode(errors="replace")).op)
    except DecodeError:
        return None


def _check_strings(found: dict[str, Any], layer: str) -> None:
    """Names of functions, and of classes without a configuration."""
    for key, value in found.items():
        allowed = _BY_NAME.get(key.rpartition("_")[2])
        if allowed and isinstance(value, str) and value not in allowed:
            raise Refused(f"{layer} has the {key} {_text(value)}, which Keras does not have")


def _text(value: Any) -> str:
    plain = isinstance(value, str) and len(value) < 100 and value.isprintable()
    return str(value) if plain else brief(value)
