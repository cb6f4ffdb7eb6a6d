"""Chunks of zarr: every packing is read, and none unpacks to more than its shape takes."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow
import pytest

import sat_nb as sat
from sat_nb.saliency.external import zarr_claims

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

ONE = {"method": "m", "sign": "signed", "layout": "HWC"}
MAP = np.random.default_rng(0).normal(size=(10, 12, 3)).astype(np.float32)

COMPRESSORS = {
    "zstd": numcodecs.Zstd(),
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "blosc": numcodecs.Blosc(),
    "lz4": numcodecs.LZ4(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
    "none": None,
}


def write(folder: Path, **options: object) -> Path:
    group = zarr.open_group(folder / "m.zarr", mode="w", zarr_format=options.pop("version", 2))
    array = group.create_array("a", shape=MAP.shape, dtype="f4", **options)
    array[...] = MAP
    return folder / "m.zarr"


def read(path: Path) -> np.ndarray:
    return sat.read_maps(path, **ONE)["m"]["a"]


def chunk_of(path: Path) -> Path:
    return max((p for p in path.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


@pytest.mark.parametrize("packing", COMPRESSORS)
@pytest.mark.parametrize("chunks", [(10, 12, 3), (3, 5, 2)])
def test_every_packing_is_read(packing: str, chunks: tuple, tmp_path: Path) -> None:
    path = write(tmp_path, chunks=chunks, compressors=COMPRESSORS[packing])
    np.testing.assert_array_equal(read(path), MAP)


@pytest.mark.parametrize("codec", [zarr.codecs.ZstdCodec, zarr.codecs.GzipCodec])
@pytest.mark.parametrize("shards", [None, (6, 12, 3)])
def test_shards_are_read(codec: type, shards: tuple | None, tmp_path: Path) -> None:
    more = {"chunks": (3, 4, 3), "shards": shards, "compressors": [codec()], "version": 3}
    np.testing.assert_array_equal(read(write(tmp_path, **more)), MAP)


@pytest.mark.parametrize("filters", [[numcodecs.Delta("<f4")], [numcodecs.Shuffle(4)]])
def test_filters_that_keep_the_size_are_read(filters: list, tmp_path: Path) -> None:
    path = write(tmp_path, filters=filters, compressors=numcodecs.Zlib())
    np.testing.assert_allclose(read(path), MAP, atol=1e-5)


ZEROS = bytes(50_000)
BOMBS = {
    "zstd": bytes(pyarrow.Codec("zstd").compress(ZEROS)),
    "gzip": gzip.compress(ZEROS),
    "zlib": zlib.compress(ZEROS),
    "bz2": bz2.compress(ZEROS),
    "lzma": lzma.compress(ZEROS),
    "lz4": struct.pack("<I", 2**31 - 1) + bytes(100),
    "blosc": struct.pack("<BBBBIII", 2, 1, 1, 4, 2**31 - 1, 2**18, 100) + bytes(84),
}


@pytest.mark.parametrize("packing", BOMBS)
def test_a_chunk_that_unpacks_to_more_is_refused(packing: str, tmp_path: Path) -> None:
    path = write(tmp_path, chunks=MAP.shape, compressors=COMPRESSORS[packing])
    chunk_of(path).write_bytes(BOMBS[packing])
    with pytest.raises(sat.InvalidInput, match=r"\['a'\]: holds a chunk of .* unpacks to more"):
        read(path)


def test_a_shard_with_such_a_chunk_is_refused(tmp_path: Path) -> None:
    more = {"chunks": MAP.shape, "shards": MAP.shape, "version": 3}
    path = write(tmp_path, compressors=[zarr.codecs.ZstdCodec()], **more)
    shard = chunk_of(path)
    raw = shard.read_bytes()
    shard.write_bytes(BOMBS["zstd"] + struct.pack("<QQ", 0, len(BOMBS["zstd"])) + raw[-4:])
    with pytest.raises(sat.InvalidInput, match="unpacks to more"):
        read(path)


def test_what_is_packed_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, filters=[numcodecs.Zlib()], compressors=numcodecs.Zstd())
    with pytest.raises(sat.InvalidInput, match=r"stored with \['zstd', 'zlib'\]; known are one of"):
        read(path)


def test_many_chunks_are_refused_before_they_are_looked_for(tmp_path: Path) -> None:
    path = write(tmp_path, chunks=MAP.shape)
    metadata = json.loads((path / "a" / ".zarray").read_text())
    metadata |= {"shape": [2**12, 2**12, 3], "chunks": [1, 1, 1]}
    (path / "a" / ".zarray").write_text(json.dumps(metadata))
    with pytest.raises(sat.InvalidInput, match="more than 65536 chunks; save it in larger"):
        read(path)


def test_large_chunks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_claims, "MAX_BYTES", 1000)
    with pytest.raises(sat.InvalidInput, match="more than 1000 bytes"):
        read(write(tmp_path, chunks=MAP.shape))


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_only_plain_files_within_the_group_are_opened(tmp_path: Path) -> None:
    path = write(tmp_path, chunks=MAP.shape)
    chunk = chunk_of(path)
    shutil.move(chunk, tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(sat.InvalidInput, match="leads out of"):
        read(path)
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(sat.InvalidInput, match="got a pipe or a device"):
        read(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
@pytest.mark.parametrize("name", [".zgroup", ".zattrs", "a/.zarray", "a/.zattrs"])
def test_the_description_of_a_group_is_plain(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, chunks=MAP.shape)
    file = path / name
    shutil.move(file, tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(sat.InvalidInput, match=rf"'{name}': .* leads out of"):
        sat.read_maps(path, method="m", sign="signed", format="zarr")
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(sat.InvalidInput, match=rf"'{name}': expected a plain file, got a pipe"):
        sat.read_maps(path, method="m", sign="signed", format="zarr")
    file.unlink()
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(sat.InvalidInput, match=rf"'{name}' has {2**40} bytes; the limit is"):
        sat.read_maps(path, method="m", sign="signed", format="zarr")


@pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
def test_linked_folders_are_not_followed(tmp_path: Path) -> None:
    path = write(tmp_path, chunks=MAP.shape)
    (path / "b").symlink_to(path)
    with pytest.raises(sat.InvalidInput, match="'b' is a link to a folder"):
        read(path)
