"""How the two processes talk: one frame for each message.

A frame is a count n (8 bytes, big-endian), n lengths (8 bytes each), and n parts of these lengths:
first the message as a pickle (protocol 5), then the content of every array in it. Protocol 5 hands
arrays over "out of band", so that they are written from where they lie and read to where they
stay, without a copy. Both ends are processes of this package and of the same Python.
"""

from __future__ import annotations

import contextlib
import pickle
import struct
from typing import Any, BinaryIO

PIPE_BYTES = 1 << 20
"""What a pipe may hold where the system allows: the more, the less one side waits for the other."""


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message; OSError where the other side is gone."""
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(data), *(array.raw() for array in arrays)]
    stream.write(struct.pack(f">{1 + len(parts)}Q", len(parts), *map(len, parts)))
    for part in parts:
        stream.write(part)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError where the other side is gone."""
    (n_parts,) = struct.unpack(">Q", _exactly(stream, 8))
    lengths = struct.unpack(f">{n_parts}Q", _exactly(stream, 8 * n_parts))
    data, *arrays = [_exactly(stream, length) for length in lengths]
    return pickle.loads(data, buffers=arrays)


def widen(stream: BinaryIO) -> None:
    """Let this pipe hold :data:`PIPE_BYTES`; only Linux can, elsewhere nothing changes."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _exactly(stream: BinaryIO, n_bytes: int) -> memoryview:
    """So many bytes, in memory that may be written to: arrays are used where they were read."""
    data = memoryview(bytearray(n_bytes))
    n_read = 0
    while n_read < n_bytes:
        more = stream.readinto(data[n_read:])  # type: ignore[attr-defined]
        if not more:
            raise EOFError("the other process closed the pipe")
        n_read += more
    return data
