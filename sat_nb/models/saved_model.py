"""SavedModels, checked before TensorFlow builds their functions.

A SavedModel is a folder: a graph of operations, Keras' description of each layer, and numbers. Of
the graph all functions are checked but those that save and restore the numbers, which Keras does
itself.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from sat_nb.models.allowed import LOOPS, OPERATIONS
from sat_nb.models.hdf5 import ALWAYS_ALLOWED, check_version
from sat_nb.models.keras_config import check_config, read_json
from sat_nb.models.refused import TRUST, Refused, damaged

GRAPH, METADATA, NUMBERS = "saved_model.pb", "keras_metadata.pb", "variables/variables"
MAX_FILES = 10_000
MAX_GRAPH_BYTES = 2**28
SLACK = 2**20  # bytes of a checkpoint's own records

_SIZES = {"string": 0, "resource": 0, "variant": 0}
"""Bytes of what is not a number, by the name of its type."""


def is_saved_model(folder: Path) -> bool:
    """Whether a folder has the graph of a SavedModel in it."""
    return (folder / GRAPH).is_file()


def check_saved_model(folder: Path) -> int:
    """The bytes of all numbers in a SavedModel; Refused where it is unfit."""
    _check_files(folder)
    if not is_saved_model(folder):
        raise damaged(f"no {GRAPH} in the folder")
    graph = _meta_graph(_read(folder / GRAPH))
    _check_layers(folder / METADATA, graph)
    _check_operations(graph)
    return _n_bytes(folder / NUMBERS)


def _check_files(folder: Path) -> None:
    """Refused unless all there is are plain files within the folder."""
    inside = folder.resolve()
    for number, (path, is_folder) in enumerate(_walk(folder)):
        if number >= MAX_FILES:
            raise Refused(f"the folder holds more than {MAX_FILES} files")
        name = str(path.relative_to(folder))[:200]
        if not path.resolve().is_relative_to(inside):
            raise Refused(f"its {name!r} is a link that leads out of the folder")
        if not is_folder and not path.is_file():
            raise Refused(f"its {name!r} is no plain file")


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    for parent, folders, files in os.walk(folder):
        yield from ((Path(parent, name), name in folders) for name in [*folders, *files])


def _read(file: Path) -> bytes:
    if file.stat().st_size > MAX_GRAPH_BYTES:
        raise Refused(f"its {file.name} has more than {MAX_GRAPH_BYTES} bytes")
    return file.read_bytes()


def _meta_graph(content: bytes) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise damaged(f"its {GRAPH} is damaged: {error}") from error
    if len(model.meta_graphs) != 1:
        raise damaged(f"it has {len(model.meta_graphs)} graphs, expected one")
    return model.meta_graphs[0]


# --- layers ------------------------------------------------------------------------------------


def _check_layers(file: Path, graph: Any) -> None:
    for identifier, description in _descriptions(file, graph):
        found = read_json(description, "the description of a layer")
        if not isinstance(found, dict):
            raise damaged("the description of a layer is no JSON object")
        check_version(found.get("keras_version"))
        is_metric = identifier == "_tf_keras_metric"
        check_config(found, _is_an_own_metric if is_metric else _is_an_own_layer)


def _is_an_own_layer(class_name: str) -> bool:
    """Whether Keras makes a layer of this class from functions in the file, which are checked.

    It does so with a class that it does not find by its name.
    """
    from keras.src.layers import serialization

    serialization.populate_deserializable_objects()
    return class_name not in serialization.LOCAL.ALL_OBJECTS and not _is_registered(class_name)


def _is_an_own_metric(class_name: str) -> bool:
    """As :func:`_is_an_own_layer`, for a metric that the model was trained with."""
    from keras.src import metrics

    return not hasattr(metrics, class_name) and not _is_registered(class_name)


def _is_registered(class_name: str) -> bool:
    import tensorflow as tf

    return tf.keras.utils.get_registered_object(class_name) is not None


def _descriptions(file: Path, graph: Any) -> Iterator[tuple[str, str]]:
    """What Keras wrote of each of its objects; before TensorFlow 2.5 it stood in the graph."""
    from google.protobuf.message import DecodeError
    from keras.protobuf import saved_metadata_pb2

    if not file.is_file():
        objects = [o.user_object for o in graph.object_graph_def.nodes if o.HasField("user_object")]
        found = [(o.identifier, o.metadata) for o in objects if o.metadata]
    else:
        metadata = saved_metadata_pb2.SavedMetadata()
        try:
            metadata.ParseFromString(_read(file))
        except DecodeError as error:
            raise damaged(f"its {METADATA} is damaged: {error}") from error
        found = [(node.identifier, node.metadata) for node in metadata.nodes]
    if not found:
        raise damaged("it was not written by Keras' model.save")
    yield from found


# --- operations --------------------------------------------------------------------------------


def _check_operations(graph: Any) -> None:
    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    claimed = 0
    reachable = list(_reachable(functions, _savers(functions, graph)))
    for name in reachable:
        for node in functions[name].node_def:
            _check_operation(name, node.op, functions)
            claimed += _claimed(node)
    _check_calls(functions, reachable)
    if claimed > max(ALWAYS_ALLOWED, 2 * graph.ByteSize()):
        raise Refused(f"its constants claim {claimed} bytes, more than the file holds")


def _check_operation(name: str, operation: str, functions: Collection[str]) -> None:
    place = f"its function {name[:100]!r} runs the operation {operation[:60]!r}"
    if operation in LOOPS:
        raise Refused(
            f"{place}, a loop that may never end",
            f"layers of Keras' own that need one, such as LSTM, are read from an .h5 file. {TRUST}",
        )
    if operation not in OPERATIONS and operation not in functions:
        raise Refused(f"{place}, which is not among those that only compute")


def _check_calls(functions: dict[str, Any], names: Iterable[str]) -> None:
    """Refused for a function that calls itself, as others call it, and so may never end."""
    calls = {name: {f for f in _all_called(functions[name]) if f in functions} for name in names}
    try:
        TopologicalSorter(calls).prepare()
    except CycleError as error:
        raise Refused(f"its function {error.args[1][0][:100]!r} calls itself") from error


def _savers(functions: dict[str, Any], graph: Any) -> set[str]:
    """The functions that the main graph alone can call: Keras does not run it.

    A function with ``api_implements`` may be taken in place of another that has the same.
    """
    called = {name for node in graph.graph_def.node for name in _called(node.attr.values())}
    return {
        name
        for name in called - set(graph.object_graph_def.concrete_functions)
        if name in functions and "api_implements" not in functions[name].attr
    }


def _reachable(functions: dict[str, Any], savers: set[str]) -> Iterator[str]:
    """All functions but the savers, and the savers that one of them calls."""
    waiting, seen = [name for name in functions if name not in savers], set()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in seen:
            seen.add(name)
            yield name
            waiting += _all_called(functions[name])


def _all_called(function: Any) -> Iterator[str]:
    for node in function.node_def:
        yield node.op
        yield from _called(node.attr.values())


def _called(attributes: Iterable[Any]) -> Iterator[str]:
    for attribute in attributes:
        yield attribute.func.name
        yield from (function.name for function in attribute.list.func)
        for function in (attribute.func, *attribute.list.func):
            yield from _called(function.attr.values())


def _claimed(node: Any) -> int:
    """The bytes of a constant as it will be in memory."""
    if node.op != "Const":
        return 0
    tensor = node.attr["value"].tensor
    return math.prod(max(0, one.size) for one in tensor.tensor_shape.dim) * _size(tensor.dtype)


# --- numbers -----------------------------------------------------------------------------------


def _n_bytes(prefix: Path) -> int:
    """The bytes of all numbers in a checkpoint, which are no more than its files have."""
    import tensorflow as tf

    shards = list(prefix.parent.glob(f"{prefix.name}.data-*"))
    if not shards or not prefix.with_name(f"{prefix.name}.index").is_file():
        raise damaged("its weights are missing")
    reader = tf.train.load_checkpoint(str(prefix))
    types = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    total = sum(math.prod(shape) * _size(types[name]) for name, shape in shapes.items())
    held = sum(shard.stat().st_size for shard in shards)
    if total > held + SLACK:
        raise Refused(f"its weights claim {total} bytes, and their files have {held}")
    return total


def _size(dtype: Any) -> int:
    import tensorflow as tf

    found = tf.as_dtype(dtype)
    return _SIZES.get(found.name, found.size)
