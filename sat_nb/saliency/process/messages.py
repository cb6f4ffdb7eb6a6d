"""How the two processes talk: one frame a message, a pickle and the arrays that it leaves out.

A frame is a count n, n lengths (8 bytes each), and so many pieces of bytes: the pickle first,
then the content of every array (pickle protocol 5), which is written from where it lies and read
to where it stays, without a copy.
"""

from __future__ import annotations

import contextlib
import pickle
import struct
from typing import Any, BinaryIO

PIPE_BYTES = 1 << 20
"""What a pipe may hold where the system allows: fewer turns between the two processes."""


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message; OSError where nobody reads any more."""
    arrays: list[pickle.PickleBuffer] = []
    data = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    pieces = [memoryview(data), *(array.raw() for array in arrays)]
    stream.write(struct.pack(f">{1 + len(pieces)}Q", len(pieces), *map(len, pieces)))
    for piece in pieces:
        stream.write(piece)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; EOFError where the other side is gone."""
    (n_pieces,) = struct.unpack(">Q", _exactly(stream, 8))
    lengths = struct.unpack(f">{n_pieces}Q", _exactly(stream, 8 * n_pieces))
    data, *arrays = [_exactly(stream, length) for length in lengths]
    return pickle.loads(data, buffers=arrays)


def widen(stream: BinaryIO) -> None:
    """Let this pipe hold :data:`PIPE_BYTES`; on other systems than Linux it stays as it is."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _exactly(stream: BinaryIO, n_bytes: int) -> memoryview:
    data = memoryview(bytearray(n_bytes))
    n_read = 0
    while n_read < n_bytes:
        more = stream.readinto(data[n_read:])  # type: ignore[attr-defined]
        if not more:
            raise EOFError("the other process closed the pipe")
        n_read += more
    return data
