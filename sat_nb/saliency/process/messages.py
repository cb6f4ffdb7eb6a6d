"""How the two processes talk: one frame for each message.

A frame is the mark of the protocol (8 bytes), a count n (8 bytes, big-endian), n lengths (8 bytes
each), and n parts of these lengths: first the message as JSON, then the bytes of every array in it,
row by row. Arrays are read to where they stay, without a copy. The two processes may be of
different Pythons and numpys, which cannot read each other's pickles; and what arrives is data,
whatever it says.

In JSON, what JSON lacks is an object with the key ``"$"``: arrays, tuples, and the dataclasses of
:data:`TYPES`.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import struct
from dataclasses import fields
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sat_nb.saliency.mixtures import Mixtures
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.store.codec import Chunk

PROTOCOL = 4
"""Counted up whenever one side could misread what the other sends."""

PIPE_BYTES = 1 << 20
"""What a pipe may hold where the system allows: the more, the less one side waits for the other."""

TYPES: dict[str, Any] = {cls.__name__: cls for cls in (ModelFile, ModelFacts, Chunk, Mixtures)}
"""The dataclasses that are sent as they are."""

_MARK = b"sat_nb"
_AT_ONCE = 1024  # buffers that Linux and macOS write in one call
_DTYPE = re.compile("<[iuf][248]|[|][biu]1")


class OtherProtocol(ValueError):
    """The other side does not speak this protocol."""


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message; OSError where the other side is gone, TypeError for what is no data."""
    arrays: list[NDArray[Any]] = []
    header = json.dumps(_to_json(message, arrays)).encode()
    lengths = [len(header), *(array.nbytes for array in arrays)]
    start = _MARK + struct.pack(f">HQ{len(lengths)}Q", PROTOCOL, len(lengths), *lengths)
    _write(stream, [start + header, *(array.reshape(-1).view(np.uint8).data for array in arrays)])


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError where the other side is gone, OtherProtocol where it differs."""
    mark = bytes(_exactly(stream, len(_MARK) + 2))
    if mark != _MARK + struct.pack(">H", PROTOCOL):
        raise OtherProtocol(f"a frame starts with {mark!r}, expected protocol {PROTOCOL}")
    (n_parts,) = struct.unpack(">Q", _exactly(stream, 8))
    lengths = struct.unpack(f">{n_parts}Q", _exactly(stream, 8 * n_parts))
    header, *arrays = [_exactly(stream, length) for length in lengths]
    return _from_json(json.loads(bytes(header)), arrays)


def widen(stream: BinaryIO) -> None:
    """Let this pipe hold :data:`PIPE_BYTES`; only Linux can, elsewhere nothing changes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _write(stream: BinaryIO, parts: list[Any]) -> None:
    """Write all parts, in one call of the system where it can.

    After each call a thread waits for the interpreter's lock, while the other side waits for it.
    """
    if not hasattr(os, "writev"):
        for part in parts:
            stream.write(part)
        stream.flush()
        return
    left = [memoryview(part) for part in parts if len(part)]
    while left:
        n_written = os.writev(stream.fileno(), left[:_AT_ONCE])
        while left and n_written >= len(left[0]):
            n_written -= len(left.pop(0))
        if n_written:
            left[0] = left[0][n_written:]


def _to_json(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """``value`` as JSON can hold it; its arrays are added to ``arrays``."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return _to_json(value.item(), arrays)
    if isinstance(value, np.ndarray):
        return _array(value, arrays)
    if isinstance(value, list):
        return [_to_json(one, arrays) for one in value]
    if isinstance(value, tuple):
        return {"$": "tuple", "items": [_to_json(one, arrays) for one in value]}
    name = type(value).__name__
    if TYPES.get(name) is type(value):
        attributes = {f.name: getattr(value, f.name) for f in fields(value)}
        return {"$": name, "fields": _to_json(attributes, arrays)}
    if isinstance(value, dict) and all(isinstance(key, str) and key != "$" for key in value):
        return {key: _to_json(one, arrays) for key, one in value.items()}
    raise TypeError(f"{value!r:.200} ({name}) cannot be sent to another process")


def _array(array: NDArray[Any], arrays: list[NDArray[Any]]) -> dict[str, Any]:
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    if not _DTYPE.fullmatch(plain.dtype.str):
        raise TypeError(f"an array of {array.dtype} cannot be sent to another process")
    arrays.append(plain)
    # ascontiguousarray makes a number a vector of one: the shape is that of what was given.
    return {"$": "array", "dtype": plain.dtype.str, "shape": list(array.shape)}


def _from_json(value: Any, arrays: list[memoryview]) -> Any:
    """What :func:`_to_json` was given; arrays are taken from the front of ``arrays``."""
    if isinstance(value, list):
        return [_from_json(one, arrays) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("$")
    if kind is None:
        return {key: _from_json(one, arrays) for key, one in value.items()}
    if kind == "tuple":
        return tuple(_from_json(value["items"], arrays))
    if kind == "array":
        return _read_array(value["dtype"], value["shape"], arrays.pop(0))
    return TYPES[kind](**_from_json(value["fields"], arrays))


def _read_array(dtype: str, shape: list[int], data: memoryview) -> NDArray[Any]:
    if not _DTYPE.fullmatch(dtype) or math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise OtherProtocol(f"{len(data)} bytes are no array {shape} of {dtype}")
    return np.frombuffer(data, dtype).reshape(shape)


def _exactly(stream: BinaryIO, n_bytes: int) -> memoryview:
    """So many bytes, in memory that may be written to: arrays are used where they were read."""
    data = np.empty(n_bytes, dtype=np.uint8).data
    n_read = 0
    while n_read < n_bytes:
        more = stream.readinto(data[n_read:])  # type: ignore[attr-defined]
        if not more:
            raise EOFError("the other process closed the pipe")
        n_read += more
    return data
