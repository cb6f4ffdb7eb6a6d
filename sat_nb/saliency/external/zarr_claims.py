"""What the packed chunks of a zarr array unpack to, known before zarr unpacks them.

Five megabytes of Zstandard can hold a hundred gigabytes of zeros, whatever shape the array claims.
"""

from __future__ import annotations

import bz2
import io
import lzma
import math
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.reading import check_inside, check_plain, read_plain

MAX_BYTES = 2**29
"""Of an array, of one of its chunks, and of a file of it."""

MAX_CHUNKS = 2**16
SLACK = 2**12  # bytes that a filter may add to a chunk
METADATA = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}
_BLOCK = 2**20


def check_group(folder: Path) -> None:
    """InvalidInput for a group that is not to be opened: zarr opens what lies there, and waits."""
    for parent, folders, files in os.walk(folder):
        for name in folders:
            if Path(parent, name).is_symlink():
                raise InvalidInput(
                    f"{_within(folder, parent, name)!r} is a link to a folder, which is not "
                    "followed; copy it into the group."
                )
        for name in METADATA.intersection(files):
            file = Path(parent, name)
            try:
                check_inside(file, folder)
                n_bytes = check_plain(file).stat().st_size
            except InvalidInput as error:
                raise InvalidInput(f"{_within(folder, parent, name)!r}: {error}") from error
            if n_bytes > LIMITS["json_bytes"]:
                raise InvalidInput(
                    f"{_within(folder, parent, name)!r} has {n_bytes} bytes; "
                    f"{beyond('json_bytes', n_bytes)}."
                )


def _within(folder: Path, *parts: str) -> str:
    return Path(*parts).relative_to(folder).as_posix()


def check_zarr(array: Any, folder: Path) -> None:
    """InvalidInput for an array in ``folder`` that is not read within bounds, or not at all."""
    stored = array.metadata.to_dict()
    packing = _packing(stored)
    whole = array.shards or array.chunks
    sides = zip(array.shape, array.chunks, strict=True)
    if math.prod(-(-n // max(1, side)) for n, side in sides) > MAX_CHUNKS:
        raise InvalidInput(f"has more than {MAX_CHUNKS} chunks; save it in larger ones.")
    size = array.dtype.itemsize
    if max(math.prod(array.shape), math.prod(whole)) * size > MAX_BYTES:
        raise InvalidInput(
            f"has chunks {tuple(whole)} of {array.shape}, more than {MAX_BYTES} bytes; save one "
            "image an array, and only the explained class."
        )
    for file in _files(folder):
        raw = read_plain(file, MAX_BYTES)
        inner = _inner(raw, stored, array) if array.shards else [raw]
        for packed in inner:
            _check_unpacked(packed, packing, math.prod(array.chunks) * size + SLACK)


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.name not in METADATA and not file.is_dir():
            check_inside(file, folder)
            yield file


# --- how it is packed --------------------------------------------------------------------------


def _packing(stored: Mapping[str, Any]) -> list[str]:
    """The names of the packings of a chunk, the last applied first."""
    if stored.get("zarr_format") == 2:
        filters = [one["id"] for one in map(_plain, stored.get("filters") or ())]
        last = stored.get("compressor")
        names = [*filters, *([_plain(last)["id"]] if last else [])]
    else:
        names = [codec["name"] for codec in _codecs(stored)]
    names = [name.removeprefix("numcodecs.") for name in names]
    packings = [name for name in reversed(names) if name in _SIZES]
    unknown = [name for name in names if name not in _SIZES and name not in PLAIN]
    if unknown or len(packings) > 1:
        raise InvalidInput(
            f"is stored with {unknown or packings}; known are one of {', '.join(sorted(_SIZES))}, "
            "and codecs that keep the size: save it again with one of these."
        )
    return packings


def _plain(codec: Any) -> Mapping[str, Any]:
    return codec if isinstance(codec, Mapping) else codec.get_config()


def _codecs(stored: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The codecs of a chunk, within a shard if there are any."""
    codecs = [_named(codec) for codec in stored["codecs"]]
    sharded = [codec for codec in codecs if codec["name"] == "sharding_indexed"]
    if not sharded:
        return codecs
    if len(codecs) > 1:
        raise InvalidInput("packs its shards once more; save it again without that.")
    return [_named(codec) for codec in sharded[0]["configuration"]["codecs"]]


def _named(codec: Any) -> Mapping[str, Any]:
    return codec if isinstance(codec, Mapping) else codec.to_dict()


def _inner(raw: bytes, stored: Mapping[str, Any], array: Any) -> Iterator[bytes]:
    """The packed chunks of a shard, by the index at its end."""
    settings = _named(stored["codecs"][0])["configuration"]
    names = [_named(codec)["name"] for codec in settings["index_codecs"]]
    if names != ["bytes", "crc32c"] or settings.get("index_location", "end") not in ("end", "End"):
        raise InvalidInput("has shards of another index than usual; save it again without shards.")
    sides = zip(array.shards, array.chunks, strict=True)
    n_chunks = math.prod(shard // max(1, chunk) for shard, chunk in sides)
    index = raw[-16 * n_chunks - 4 : -4]
    for offset, n_bytes in struct.iter_unpack("<QQ", index):
        if offset < 2**64 - 1:
            yield raw[offset : offset + n_bytes]


# --- what it unpacks to ------------------------------------------------------------------------


def _check_unpacked(packed: bytes, packing: Sequence[str], most: int) -> None:
    for name in packing:
        if _SIZES[name](packed, most) > most:
            raise InvalidInput(
                f"holds a chunk of {len(packed)} bytes that unpacks to more than the {most} of "
                "its shape; write the file again, or remove it."
            )


def _counted(read: Callable[[int], bytes], most: int) -> int:
    """The bytes that are read, up to one more block than allowed."""
    n_bytes = 0
    while n_bytes <= most and (block := read(_BLOCK)):
        n_bytes += len(block)
    return n_bytes


def _zstd(packed: bytes, most: int) -> int:
    import pyarrow

    with pyarrow.CompressedInputStream(pyarrow.BufferReader(packed), "zstd") as stream:
        return _counted(stream.read, most)


def _deflate(packed: bytes, most: int) -> int:
    unpack, left = zlib.decompressobj(zlib.MAX_WBITS | 32), packed

    def read(n_bytes: int) -> bytes:
        nonlocal left
        block = unpack.decompress(left, n_bytes)
        left = unpack.unconsumed_tail
        return block

    return _counted(read, most)


def _bz2(packed: bytes, most: int) -> int:
    with bz2.BZ2File(io.BytesIO(packed)) as stream:
        return _counted(stream.read, most)


def _lzma(packed: bytes, most: int) -> int:
    with lzma.LZMAFile(io.BytesIO(packed)) as stream:
        return _counted(stream.read, most)


def _lz4(packed: bytes, most: int) -> int:
    return int(struct.unpack("<I", packed[:4])[0])


def _blosc(packed: bytes, most: int) -> int:
    return int(struct.unpack("<I", packed[4:8])[0])


_SIZES: dict[str, Callable[[bytes, int], int]] = {
    "zstd": _zstd,
    "gzip": _deflate,
    "zlib": _deflate,
    "blosc": _blosc,
    "lz4": _lz4,
    "bz2": _bz2,
    "lzma": _lzma,
}
"""Of each packing: how many bytes something unpacks to, counted or as its head claims."""

PLAIN = {
    *("bytes", "crc32c", "transpose", "endian", "shuffle", "bitround", "delta", "astype"),
    *("fixedscaleoffset", "quantize", "crc32", "adler32", "fletcher32", "jenkins_lookup3"),
}
"""Codecs that keep the size, more or less."""
