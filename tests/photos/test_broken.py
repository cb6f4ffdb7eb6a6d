"""Damaged files: our error, which names the file once; a wrong EXIF tag never costs the photo."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sat_nb import InvalidInput, read_images

PIXELS = np.random.default_rng(0).integers(0, 256, (10, 14, 3)).astype(np.uint8)
UPRIGHT = np.rot90(PIXELS, 3)


def exif(**tags: object) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = 6
    found[0x010F] = "maker"
    found.get_ifd(0x8769)[0x927C] = b"MM" * 20
    found.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    return found


def a_file(form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    found = exif() if form == "TIFF" else exif().tobytes()
    Image.fromarray(PIXELS).save(stream, form, exif=found, **options)
    return stream.getvalue()


PNG = a_file("PNG")
JPEG = a_file("JPEG", quality=95)


def with_exif(data: bytes) -> bytes:
    """A PNG whose EXIF is this."""
    start = PNG.index(b"eXIf")
    (length,) = struct.unpack(">I", PNG[start - 4 : start])
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data
    chunk += struct.pack(">I", zlib.crc32(b"eXIf" + data))
    return PNG[: start - 4] + chunk + PNG[start + 4 + length + 4 :]


def is_photo(pixels: np.ndarray) -> bool:
    turned = [np.rot90(PIXELS, k) for k in range(4)]
    turned += [np.rot90(PIXELS[:, ::-1], k) for k in range(4)]
    return any(np.array_equal(pixels, one) for one in turned)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_damaged_exif_never_costs_the_photo(tmp_path: Path, data: st.DataObject) -> None:
    start = PNG.index(b"eXIf") + 4
    (length,) = struct.unpack(">I", PNG[start - 8 : start - 4])
    tags = bytearray(PNG[start : start + length])
    for _ in range(data.draw(st.integers(1, 6))):
        tags[data.draw(st.integers(0, len(tags) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.png").write_bytes(with_exif(bytes(tags)))
    assert is_photo(read_images(tmp_path / "a.png")["a"])


def ifd(*entries: tuple[int, int, int, int]) -> bytes:
    """EXIF of these entries: tag, type, count, value."""
    packed = [struct.pack("<HHII", *entry) for entry in entries]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(packed) + bytes(4)


TURN = (0x0112, 3, 1, 6)


@pytest.mark.parametrize(
    "tags",
    [
        (TURN, (0x011A, 5, 1, 9999)),  # a fraction that lies behind the end
        (TURN, (0x8769, 4, 1, 9999)),  # so does an IFD
        (TURN, (0x8769, 4, 1, 8)),  # an IFD that holds itself
        (TURN, (0x8769, 2, 4, 0)),  # an IFD that is text
        (TURN, (0x8825, 3, 1, 1)),
        (TURN, (0x010F, 99, 1, 1)),  # a type that does not exist
        (TURN, (0x010F, 2, 2**31, 8)),  # two billion letters
        (TURN, (0x0100, 2, 4, 0x41414141)),
    ],
)
@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
def test_photos_are_turned_whatever_the_other_tags_say(
    tmp_path: Path, tags: tuple, form: str
) -> None:
    if form == "png":
        (tmp_path / "a.png").write_bytes(with_exif(ifd(*tags)))
    else:
        options = {"quality": 100, "subsampling": 0} if form == "jpg" else {"lossless": True}
        raw = b"Exif\0\0" + ifd(*tags)
        Image.fromarray(PIXELS).save(tmp_path / f"a.{form}", exif=raw, **options)
    pixels = read_images(tmp_path)["a"]
    assert np.abs(pixels.astype(int) - UPRIGHT).max() <= (90 if form == "jpg" else 0)
    assert pixels.shape == UPRIGHT.shape


@pytest.mark.parametrize("wrong", [(0x0112, 3, 1, 0), (0x0112, 3, 1, 9), (0x0112, 2, 2, 0x36)])
def test_orientations_that_mean_nothing_turn_nothing(tmp_path: Path, wrong: tuple) -> None:
    (tmp_path / "a.png").write_bytes(with_exif(ifd(wrong)))
    np.testing.assert_array_equal(read_images(tmp_path)["a"], PIXELS)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.jpg", b"", "the file is empty"),
        ("page.jpg", b"<!DOCTYPE html><html>404", "it is HTML or XML"),
        ("pointer.png", b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        ("text.png", b"hello", "Pillow knows no such picture"),
        ("zeros.bmp", bytes(100), "it holds zeros"),
        ("cut.jpg", JPEG[:-200], "truncated"),
        ("cut.png", PNG[:-200], "."),
        ("half.tif", a_file("TIFF")[:40], "."),
    ],
)
def test_errors_name_the_file_once(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    images = read_images(tmp_path)
    with pytest.raises(InvalidInput, match=rf"not readable as a photo \(.*{why}|damaged") as caught:
        images[name.rpartition(".")[0]]
    assert str(caught.value).count(name) == 1
    assert str(caught.value).startswith(str(tmp_path / name))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.sampled_from([PNG, JPEG, a_file("TIFF"), a_file("WEBP"), a_file("GIF")]), st.data())
def test_only_our_errors_leave_the_reader(
    tmp_path: Path, content: bytes, data: st.DataObject
) -> None:
    raw = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.png").write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    images = read_images(tmp_path / "a.png")
    with contextlib.suppress(InvalidInput):
        assert images["a"].size
