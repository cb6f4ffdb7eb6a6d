"""Pictures of a few bytes a part, each of which takes time: scans, chunks, segments, numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.photos import opening
from sat_nb.photos.jpeg import _n_scans


def progressive(side: int, n_more: int, mode: str = "L") -> bytes:
    """A JPEG whose last scan comes so many times more."""
    stream = io.BytesIO()
    Image.new(mode, (side, side), 77 if mode == "L" else (9, 99, 200)).save(
        stream, "JPEG", progressive=True, comment=b"\xff\xda" * 5
    )
    raw = stream.getvalue()
    last = raw[raw.rindex(b"\xff\xda") : -2]
    return raw[:-2] + last * n_more + b"\xff\xd9"


def test_many_scans_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(progressive(4000, 1000))
    with pytest.raises(sat.InvalidInput, match=r"a\.jpg: 1006 scans .*'scan_pixels'") as caught:
        sat.read_images(tmp_path)["a"]
    assert "16096000000" in str(caught.value)


def test_the_limit_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(progressive(200, 10))
    monkeypatch.setenv("SAT_NB_LIMITS", f"scan_pixels={16 * 200**2 - 1}")
    with pytest.raises(sat.InvalidInput, match=r"16 scans of 200 x 200 px"):
        sat.read_images(tmp_path)["a"]
    monkeypatch.setenv("SAT_NB_LIMITS", f"scan_pixels={16 * 200**2}")
    assert np.unique(sat.read_images(tmp_path)["a"]).tolist() == [77]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_scans_are_those_of_the_first_picture(mode: str) -> None:
    raw = progressive(64, 3, mode)
    expected = 9 if mode == "L" else 13
    for behind in (b"", raw, b"\xff\xda" * 99):
        assert _n_scans(raw + behind) == expected
    for cut in (0, 2, 10, 30, len(raw) // 2):
        assert _n_scans(raw[:cut]) <= expected


def test_markers_end_scans_but_restarts_do_not() -> None:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=99, restart_marker_blocks=2)
    raw = stream.getvalue()
    assert len(re.findall(rb"\xff[\xd0-\xd7]", raw)) > 10
    assert _n_scans(raw) == 1


def saved(form: str) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (3, 2), 9).save(stream, form)
    return stream.getvalue()


def png_of_many_chunks() -> bytes:
    raw = saved("PNG")
    return raw[:33] + bytes.fromhex("0000000074655874f1d36e3d") * opening.MAX_CHUNKS + raw[33:]


def jpeg_of_many_comments() -> bytes:
    raw = saved("JPEG")
    return raw[:2] + b"\xff\xfe\0\2" * opening.MAX_SEGMENTS + raw[2:]


def numbers_as_text() -> bytes:
    return b"P2\n3 2\n255\n" + b"1 " * (opening.MAX_TEXT // 2)


@pytest.mark.parametrize(
    ("name", "make", "match"),
    [
        ("a.png", png_of_many_chunks, "a PNG of more than 131072 chunks; save it again"),
        ("a.jpg", jpeg_of_many_comments, "a JPEG of more than 16384 segments; save it again"),
        ("a.pgm", numbers_as_text, "bytes of numbers as text, and 33554432 are the limit"),
    ],
)
def test_parts_are_counted_first(
    name: str, make: Callable[[], bytes], match: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(make())
    with pytest.raises(sat.InvalidInput, match=rf"{name}: .*{match}"):
        sat.read_images(tmp_path)["a"]
