"""State dicts that PyTorch saved, read without PyTorch and without trusting the file.

``torch.save`` writes pickles, and a pickle may call anything. Here it may only build dictionaries
and tuples: what would be a tensor stays the tuple of its arguments until the pickle is read, and is
then checked as plain data.
"""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.files import existing

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2"}
STORAGES |= {"LongStorage": "<i8", "IntStorage": "<i4", "ByteStorage": "u1"}
Arrays = dict[str, NDArray[Any]]


def read_state_dict(path: str | os.PathLike[str]) -> Arrays:
    """{name: read-only array} of a file that ``torch.save(model.state_dict(), path)`` wrote.

    Only PyTorch's first format is read, the one before its zip archives (1.6): five pickles (magic
    number, protocol, system, tensors, keys of storages), and then the storages' numbers. Shapes are
    PyTorch's: (out, in, height, width) for a convolution.

    Raises FileMissing; InvalidInput if the file is cut off, is something else, or asks for anything
    that a dictionary of tensors does not need, which is named in the error and never run.
    """
    path = existing(path)
    try:
        with path.open("rb") as file:
            return _arrays(file)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from None
    except Exception as error:  # a pickle can go wrong in any way
        raise InvalidInput(
            f"{path}: expected a whole state dict in PyTorch's first format, got "
            f"{type(error).__name__}: {error}; get the file again, or save it with torch.save("
            "model.state_dict(), path, _use_new_zipfile_serialization=False)."
        ) from error


def _arrays(file: BinaryIO) -> Arrays:
    magic, protocol, system, tensors, keys = (_PlainUnpickler(file).load() for _ in range(5))
    if (magic, protocol) != (MAGIC, PROTOCOL) or not system["little_endian"]:
        raise ValueError("another format")
    storages = _storages(file.read(), keys, [arguments[0] for arguments in tensors.values()])
    return {str(name): _array(storages, *arguments) for name, arguments in tensors.items()}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: arguments  # a new one each time: a pickle may change it
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise InvalidInput(
            f"asks for {module}.{name}, which a dictionary of tensors does not need; it was not "
            "run. Expected a state dict; do not use this file unless you know who made it."
        )

    def persistent_load(self, pid: Any) -> Any:
        return pid


def _storages(numbers: bytes, keys: list[str], announced: list[Any]) -> Arrays:
    """{key: flat array}; they follow one another, each after its length as int64."""
    kinds = {key: (kind, length, view) for _, kind, key, _, length, view in announced}
    storages: Arrays = {}
    at = 0
    for key in keys:
        kind, length, view = kinds[key]
        written = int(np.frombuffer(numbers, "<i8", 1, at)[0])
        if view is not None or written != length or length < 0:
            raise ValueError(f"storage {key} has {written} numbers instead of {length}")
        storages[key] = np.frombuffer(numbers, kind, length, at + 8)
        at += 8 + storages[key].nbytes
    return storages


def _array(
    storages: Arrays, storage: Any, offset: int, size: tuple[int], stride: tuple[int], *_: Any
) -> NDArray[Any]:
    """A view; NumPy refuses strides that lead out of the storage."""
    flat = storages[storage[2]]
    steps = [step * flat.itemsize for step in stride]
    return np.ndarray(size, flat.dtype, flat, offset * flat.itemsize, steps)
