"""JPEGs cut off and closed with an end marker: Pillow reads them, and gives grey for the rest."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import sat_nb as sat
from sat_nb.photos import jpeg
from sat_nb.photos.whole import whole

NOISE = np.random.default_rng(0).integers(0, 256, (300, 200, 4)).astype(np.uint8)
PICTURES = {
    "colours": (Image.fromarray(NOISE[..., :3]), {}),
    "full colours": (Image.fromarray(NOISE[..., :3]), {"subsampling": 0}),
    "restarts": (Image.fromarray(NOISE[..., :3]), {"restart_marker_rows": 1}),
    "progressive": (Image.fromarray(NOISE[..., :3]), {"progressive": True}),
    "grey": (Image.fromarray(NOISE[..., 0]), {}),
    "four inks": (Image.fromarray(NOISE, "CMYK"), {}),
    "small": (Image.fromarray(NOISE[:7, :9, :3]), {}),
}
END = b"\xff\xd9"


def saved(name: str) -> bytes:
    stream = io.BytesIO()
    picture, options = PICTURES[name]
    picture.save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def cut(raw: bytes, kept: float) -> bytes:
    """The JPEG with a part of the bytes of its scans, and an end marker."""
    start = raw.index(b"\xff\xda") + 16
    part = raw[: start + int(kept * (len(raw) - 2 - start))]
    return part.rstrip(b"\xff") + END


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_pixels_that_are_missing_are_told(name: str, kept: float, tmp_path: Path) -> None:
    raw = saved(name)
    (tmp_path / "whole.jpg").write_bytes(raw)
    (tmp_path / "early.jpg").write_bytes(cut(raw, kept))
    images = sat.read_images(tmp_path)
    assert images["whole"].shape[:2] == (PICTURES[name][0].height, PICTURES[name][0].width)
    with pytest.raises(sat.InvalidInput, match=r"early\.jpg: .*(missing|not readable)"):
        images["early"]


def test_pillow_alone_says_nothing() -> None:
    with Image.open(io.BytesIO(cut(saved("colours"), 0.5))) as image:
        assert set(np.array(image)[-1].flat) == {128}


@given(st.data())
def test_a_photo_is_whole_or_refused(data: st.DataObject) -> None:
    """Wherever it is cut: what is read are the pixels of the whole photo, but its last block."""
    raw = saved(data.draw(st.sampled_from(["small", "grey", "progressive"])))
    kept = data.draw(st.floats(0, 1))
    expected = np.array(Image.open(io.BytesIO(raw)))
    try:
        found = np.array(whole(Image.open(io.BytesIO(cut(raw, kept)))))
    except (sat.InvalidInput, OSError):
        assert kept < 1
    else:
        differ = np.argwhere(found != expected)
        assert not differ.size or max(expected.shape[:2] - differ.min(axis=0)[:2]) <= 16
        assert not differ.size or expected.size > jpeg.SMALL


def test_scans_that_are_missing_altogether_are_told() -> None:
    raw = saved("progressive")
    places = [at for marker, at in jpeg._markers(raw) if marker == 0xC4]  # tables of each scan
    with pytest.raises(sat.InvalidInput, match="its last scans are missing"):
        whole(Image.open(io.BytesIO(raw[: places[-1]] + END)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_grey_photos_are_whole(options: dict[str, Any]) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (333, 222), (128, 128, 128)).save(stream, "JPEG", **options)
    whole(Image.open(stream))


def test_what_stands_behind_the_photo_is_not_its_end() -> None:
    """A second picture, as cameras add, and several bytes that begin the end marker."""
    raw = saved("small")
    whole(Image.open(io.BytesIO(raw[:-2] + b"\xff\xff\xff" + END + raw)))
    with pytest.raises(sat.InvalidInput, match="missing at its end"):
        whole(Image.open(io.BytesIO(cut(raw, 0.5)[:-2] + b"\xff\xff\xff" + END + raw)))


def test_scans_are_counted_before_noise_is_added() -> None:
    raw = saved("small")
    start = raw.index(b"\xff\xda")
    scan = raw[start : start + 14]
    many = raw[:start] + scan * (jpeg.MOST_SCANS + 9) + raw[start:]
    with pytest.raises(sat.InvalidInput, match="more than 3584 scans; save it again"):
        jpeg._with_noise(many)


def test_maps_in_jpeg_are_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(cut(saved("grey"), 0.5))
    maps = sat.read_maps(tmp_path, method="m", sign="unsigned")["m"]
    with pytest.raises(sat.InvalidInput, match="a.jpg: .*missing at its end"):
        maps["a"]
