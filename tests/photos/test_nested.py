"""Icons and textures hold pictures, whose size and rows are those of the inner picture."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from tests.photos.test_missing_rows import ends_early, packed, saved

PICTURE = Image.fromarray(np.random.default_rng(0).integers(1, 256, (99, 99, 4)).astype(np.uint8))


def png(width: int, height: int) -> bytes:
    """A PNG that claims this size, of one row."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return packed([(b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")])


def jpeg2000(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG2000")
    size = stream.getvalue().replace(struct.pack(">II", 8, 8), struct.pack(">II", height, width), 1)
    return size.replace(struct.pack(">II", 8, 8), struct.pack(">II", width, height))


def bitmap(width: int, height: int) -> bytes:
    """The header of a bitmap of an icon, with the rows of its mask."""
    return struct.pack("<IiiHHIIiiII", 40, width, 2 * height, 1, 1, 0, 0, 0, 0, 0, 0)


def old_bitmap(width: int, height: int) -> bytes:
    return struct.pack("<IHHHH", 12, width, 2 * height, 1, 1) + bytes(99)


def ico(inner: bytes) -> bytes:
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + inner


def icns(inner: bytes) -> bytes:
    block = b"ic07" + struct.pack(">I", 8 + len(inner)) + inner
    return b"icns" + struct.pack(">I", 8 + len(block)) + block


def jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    return stream.getvalue().replace(
        b"\x08" + struct.pack(">HH", 8, 8), b"\x08" + struct.pack(">HH", height, width)
    )


def blp(inner: bytes) -> bytes:
    """A texture of 8 x 8 pixels, of which all is in the header that its sizes share."""
    head = struct.pack("<4siIIIii", b"BLP1", 0, 0, 8, 8, 0, 0)
    start = len(head) + 33 * 4 + len(inner)
    tables = struct.pack("<33I", start, *[0] * 15, 4, *[0] * 15, len(inner))
    return head + tables + inner + bytes(4)


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.ico", ico(png(30_000, 30_000)), "30000 x 30000"),
        ("a.ico", ico(bitmap(30_000, 30_000)), "30000 x 30000"),
        ("a.ico", ico(bitmap(30_000, -30_000)), "30000 x 30000"),
        ("a.ico", ico(old_bitmap(30_000, 30_000)), "30000 x 30000"),
        ("a.icns", icns(png(30_000, 30_000)), "30000 x 30000"),
        ("a.icns", icns(jpeg2000(13_000, 15_000)), "15000 x 13000"),
        ("a.blp", blp(jpeg(30_000, 20_000)), "20000 x 30000"),
    ],
)
def test_what_an_inner_picture_takes_is_checked(
    tmp_path: Path, name: str, content: bytes, shown: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(sat.InvalidInput, match=rf"{shown} px in . channels take .* limit"):
        sat.read_images(tmp_path)["a"]


@pytest.mark.parametrize(("suffix", "form"), [("ico", ico), ("icns", icns)])
def test_rows_that_an_icon_lacks_are_told(tmp_path: Path, suffix: str, form: object) -> None:
    assert callable(form)
    picture = PICTURE.resize((128, 128)) if suffix == "icns" else PICTURE
    (tmp_path / f"whole.{suffix}").write_bytes(form(saved(picture)))
    (tmp_path / f"early.{suffix}").write_bytes(form(ends_early(saved(picture), 0.5)))
    images = sat.read_images(tmp_path)
    assert images["whole"].shape == (*picture.size, 3)
    with pytest.raises(sat.InvalidInput, match="pixels are missing|is truncated"):
        images["early"]


@pytest.mark.parametrize("suffix", ["ico", "icns", "blp"])
def test_icons_and_textures_that_pillow_writes(tmp_path: Path, suffix: str) -> None:
    picture = PICTURE.resize((64, 64)).convert("RGB")
    written = picture.quantize(16) if suffix == "blp" else picture
    written.save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        expected = np.array(image.convert("RGB"))
    np.testing.assert_array_equal(sat.read_images(tmp_path)["a"], expected)


def test_a_texture_in_jpeg(tmp_path: Path) -> None:
    (tmp_path / "a.blp").write_bytes(blp(jpeg(8, 8)))
    assert sat.read_images(tmp_path)["a"].shape == (8, 8, 3)
