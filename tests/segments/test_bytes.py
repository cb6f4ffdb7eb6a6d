"""Boolean arrays that hold other bytes than 0 and 1: Pillow's, and views of grey values.

The same segmentation in clean booleans is the reference, at every door through which masks come.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.arrays import true_or_false
from sat_nb.geometry import covered_areas, overlaps
from sat_nb.segments.quality.measures import measure_names, measure_pairs

SIZE = (12, 21)
GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(2, 256, (3, *SIZE), np.uint8) * (GENERATOR.random((3, *SIZE)) < 0.3)
NAMES = ("eye", "eye", "mane")


def of_pillow() -> np.ndarray:
    """Its 1-bit pictures hold 0 and 255."""
    return np.stack([np.array(Image.fromarray(grey != 0)) for grey in GREY])


ODD: dict[str, Callable[[], np.ndarray]] = {
    "a view of grey values": lambda: GREY.view(bool),
    "a buffer": lambda: np.frombuffer(GREY.tobytes(), bool).reshape(GREY.shape),
    "Pillow's": of_pillow,
    "Fortran": lambda: np.asfortranarray(GREY).view(bool),
    "reversed": lambda: np.ascontiguousarray(GREY[:, ::-1, ::-1]).view(bool)[:, ::-1, ::-1],
    "255 alone": lambda: np.where(GREY, np.uint8(255), np.uint8(0)).view(bool),
}


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest) -> sat.SegmentationMap:
    masks = ODD[request.param]()
    assert masks.dtype == bool
    assert masks.view(np.uint8).max() > 1
    return sat.SegmentationMap(NAMES, masks)


def clean() -> sat.SegmentationMap:
    return sat.SegmentationMap(NAMES, GREY != 0)


def tables(segmentation: sat.SegmentationMap) -> list[pd.DataFrame]:
    maps = {"ig": {"a": np.arange(252.0).reshape(SIZE)}}
    small = {"ig": {"a": np.arange(24.0).reshape(4, 6)}}
    of = {"a": segmentation}
    return [
        sat.build(maps, of, pad_px=0),
        sat.build(maps, of, pad_px=0, merge="numbered"),
        sat.build(small, of, pad_px=0, fit="stretch"),
        sat.build(small, of, pad_px=0, fit="crop"),
    ]


def test_every_number_is_that_of_clean_booleans(odd: sat.SegmentationMap) -> None:
    assert set(np.unique(odd.masks.view(np.uint8))) == {0, 1}
    assert odd == clean()
    for got, want in zip(tables(odd), tables(clean()), strict=True):
        pd.testing.assert_frame_equal(got, want)
    for measure in (measure_names, measure_pairs):
        pd.testing.assert_frame_equal(pd.DataFrame(measure(odd)), pd.DataFrame(measure(clean())))
    for change in (
        lambda s: s.pad(2),
        lambda s: s.merged(),
        lambda s: s.disjoint(),
        lambda s: s.turn(6),
        lambda s: s.resize((5, 7), pad_px=1),
    ):
        assert change(odd) == change(clean())


def test_clean_booleans_are_not_copied() -> None:
    masks = GREY != 0
    masks.flags.writeable = False
    assert np.shares_memory(sat.SegmentationMap(NAMES, masks).masks, masks)
    assert true_or_false(masks) is masks


def test_they_are_written_as_they_are_read(odd: sat.SegmentationMap, tmp_path: Path) -> None:
    sat.write_coco(tmp_path / "all.json", {"a": odd})
    assert sat.read_segments(tmp_path / "all.json")["a"] == clean()


def test_arrays_of_npz_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", masks=GREY.view(bool), names=np.array(NAMES))
    np.savez(tmp_path / "b.npz", eye=GREY[0].view(bool), mane=GREY[2].view(bool))
    assert sat.read_segments(tmp_path)["a"] == clean()
    assert sat.read_segments(tmp_path)["b"] == sat.SegmentationMap(("eye", "mane"), GREY[::2] != 0)


def test_one_bit_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name, grey in zip(("eye", "mane"), GREY, strict=False):
        Image.fromarray(grey != 0).save(folder / f"{name}.png")
    read = sat.read_segments(tmp_path)["a"]
    assert read == sat.SegmentationMap(("eye", "mane"), GREY[:2] != 0)
    assert read.masks.view(np.uint8).max() == 1


@pytest.mark.parametrize("name", sat.DELETIONS)
def test_deletions(name: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    delete = sat.DELETIONS[name]
    np.testing.assert_array_equal(delete(pixels, GREY[0].view(bool)), delete(pixels, GREY[0] != 0))
    with pytest.raises(sat.InvalidInput, match=r"mask: expected bool \(12, 21\), got uint8"):
        delete(pixels, GREY[0])


@pytest.mark.parametrize("fit", sat.FITS)
@pytest.mark.parametrize("size", [SIZE, (6, 21), (9, 9)])
def test_fits(fit: str, size: tuple[int, int]) -> None:
    got = sat.FITS[fit].masks(GREY.view(bool), size)
    np.testing.assert_array_equal(got, sat.FITS[fit].masks(GREY != 0, size))
    assert got.view(np.uint8).max() == 1


def test_areas_of_another_size_are_refused() -> None:
    with pytest.raises(sat.InvalidInput, match=r"mask: expected bool \(3, 3\), got \(2, 9\)"):
        covered_areas(np.ones((2, 9), bool), overlaps(3, 2), overlaps(3, 2))


@pytest.mark.parametrize("value", [GREY.view(bool), {"eye": GREY[0]}, None])
def test_arrays_alone_are_refused_by_name(value: object) -> None:
    maps, segments = {"ig": {"a": np.ones(SIZE)}}, {"a": value}
    message = r"segments\['a'\]: expected a SegmentationMap, got \w+; make one"
    with pytest.raises(sat.InvalidInput, match=message):
        sat.build(maps, segments, pad_px=0)
    told = sat.check_masks(segments, progress=False).findings.to_string()
    assert "expected a SegmentationMap, got" in told


@pytest.mark.parametrize(
    "size", [(0, 5), (-1, 3), (2.5, 3), (3,), "ab", (3, 4, 5), None, (1, True)]
)
def test_sizes_that_are_none_are_refused(size: object) -> None:
    with pytest.raises(sat.InvalidInput, match=r"size: expected \(height, width\) in whole pixels"):
        clean().resize(size)
