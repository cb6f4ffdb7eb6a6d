"""PNGs whose pixels end early: Pillow reads them, and gives zeros for what is missing."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.photos.whole import whole
from sat_nb.segments.formats.png_files import read_labels, read_mask, read_picture


def chunks(raw: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        found.append((raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def packed(kinds: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in kinds
    )


def ends_early(raw: bytes, kept: float) -> bytes:
    """The PNG with a part of its pixels alone, in a stream that is whole."""
    found = chunks(raw)
    pixels = zlib.decompress(b"".join(data for kind, data in found if kind == b"IDAT"))
    part = zlib.compress(pixels[: int(kept * len(pixels))])
    halves = [(b"IDAT", part[:7]), (b"IDAT", part[7:])]
    before = [one for one in found if one[0] not in (b"IDAT", b"IEND")]
    return packed([*before, *halves, (b"IEND", b"")])


def saved(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


PIXELS = np.random.default_rng(0).integers(1, 256, (310, 290, 4)).astype(np.uint8)
"""Of smaller pictures, Pillow notices what is missing more often."""

MISSING = "pixels are missing at its end|image file is truncated"
PICTURES = {
    "colours": Image.fromarray(PIXELS[..., :3]),
    "see-through": Image.fromarray(PIXELS),
    "grey": Image.fromarray(PIXELS[..., 0]),
    "palette": Image.fromarray(PIXELS[..., 0]).convert("P"),
    "two values": Image.fromarray(PIXELS[..., 0] > 99),
    "16 bits": Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 200),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("kept", [0.3, 0.97])
def test_pixels_that_are_missing_are_told(name: str, kept: float, tmp_path: Path) -> None:
    raw = saved(PICTURES[name])
    (tmp_path / "whole.png").write_bytes(raw)
    (tmp_path / "early.png").write_bytes(ends_early(raw, kept))
    images = sat.read_images(tmp_path)
    assert images["whole"].shape == (310, 290, 3)
    with pytest.raises(sat.InvalidInput, match=rf"early\.png: .*({MISSING})"):
        images["early"]


@pytest.mark.parametrize("read", [read_picture, read_labels, read_mask])
def test_masks_with_missing_rows_are_told(read: Any, tmp_path: Path) -> None:
    mask = Image.fromarray(np.eye(999, dtype=np.uint8) * 255)
    for mode in ("L", "P", "1"):
        file = tmp_path / f"{mode}.png"
        file.write_bytes(saved(mask.convert(mode)))
        read(file)
        file.write_bytes(ends_early(file.read_bytes(), 0.8))
        with pytest.raises(sat.InvalidInput, match=MISSING):
            read(file)


def test_pillow_alone_says_nothing() -> None:
    picture = Image.fromarray(PIXELS[:300, :200, :3])
    early = ends_early(saved(picture), 0.5)
    with Image.open(io.BytesIO(early)) as image:
        assert not np.array(image)[-1].any()
    with pytest.raises(sat.InvalidInput, match="pixels are missing at its end"):
        whole(Image.open(io.BytesIO(early)))


def test_black_rows_are_no_missing_ones(tmp_path: Path) -> None:
    for name, image in PICTURES.items():
        empty = Image.new(image.mode, image.size)
        (tmp_path / f"{name}.png").write_bytes(saved(empty))
    for pixels in sat.read_images(tmp_path).values():
        assert pixels.shape == (310, 290, 3)


def interlaced(width: int, height: int, bits: int) -> bytes:
    """An interlaced grey PNG of zeros: pass by pass, every row after the number of its filter."""
    rows = b""
    for x, y, dx, dy in [
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ]:
        n_columns, n_rows = len(range(x, width, dx)), len(range(y, height, dy))
        if n_columns:
            rows += (b"\0" + bytes((n_columns * bits + 7) // 8)) * n_rows
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 1)
    return packed([(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (913, 917), (3, 2)])
@pytest.mark.parametrize("bits", [1, 8, 16])
def test_interlaced_pictures(size: tuple[int, int], bits: int, tmp_path: Path) -> None:
    raw = interlaced(*size, bits)
    whole(Image.open(io.BytesIO(raw)))
    with pytest.raises((sat.InvalidInput, OSError), match=MISSING):
        whole(Image.open(io.BytesIO(ends_early(raw, 0.9))))


def test_a_file_is_too_small_for_its_claim(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 9, 8_861_959, 8, 6, 0, 0, 0)
    small = packed([(b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")])
    (tmp_path / "a.png").write_bytes(small)
    with pytest.raises(sat.InvalidInput, match=MISSING):
        sat.read_images(tmp_path)["a"]
    with pytest.raises(sat.InvalidInput, match=MISSING):
        read_mask(tmp_path / "a.png")


def test_a_picture_in_an_icon_is_as_large_as_it_says(tmp_path: Path) -> None:
    """Pillow reads it when it opens the file, of which the first bytes say 16 x 16."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    inner = packed([(b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")])
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    (tmp_path / "a.ico").write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inner)
    with pytest.raises(sat.InvalidInput, match="30000 x 30000 px in 4 channels take 3600000000"):
        sat.read_images(tmp_path)["a"]


def test_maps_in_pictures_have_all_their_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(ends_early(saved(Image.fromarray(PIXELS[:300, :200, 0])), 0.5))
    maps = sat.read_maps(tmp_path, method="m", sign="unsigned")["m"]
    with pytest.raises(sat.InvalidInput, match=f"a.png: .*({MISSING})"):
        maps["a"]
