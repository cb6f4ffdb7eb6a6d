from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps

from sat_nb import FITS, InvalidInput, SegmentationMap
from tests.oracles import masks as oracle

SIDES = st.integers(1, 12)


@st.composite
def segmentations(draw: st.DrawFn) -> SegmentationMap:
    height, width, n = draw(SIDES), draw(SIDES), draw(st.integers(1, 5))
    masks = draw(arrays(bool, (n, height, width)))
    masks[:, draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    names = draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    return SegmentationMap(tuple(names), masks, np.arange(n, dtype=float))


@given(segmentations(), st.integers(0, 14))
def test_pad_grows_by_a_square(segmentation: SegmentationMap, px: int) -> None:
    for mask, padded in zip(segmentation.masks, segmentation.pad(px).masks, strict=True):
        np.testing.assert_array_equal(padded, oracle.dilate(mask, px))


@settings(max_examples=40)
@given(segmentations(), SIDES, SIDES)
def test_resize_counts_area_exactly(segmentation: SegmentationMap, height: int, width: int) -> None:
    resized = segmentation.resize((height, width)).masks
    if (height, width) == segmentation.size:
        np.testing.assert_array_equal(resized, segmentation.masks)
        return
    for mask, out in zip(segmentation.masks, resized, strict=True):
        np.testing.assert_array_equal(out, oracle.resize_by_area(mask, (height, width)))


@given(segmentations())
def test_merged_is_the_union_with_the_largest_score(segmentation: SegmentationMap) -> None:
    merged = segmentation.merged()
    assert len(set(merged.names)) == len(merged)
    for name, mask, score in zip(merged.names, merged.masks, merged.scores, strict=True):
        members = [i for i, other in enumerate(segmentation.names) if other == name]
        np.testing.assert_array_equal(mask, np.any(segmentation.masks[members], axis=0))
        assert score == max(segmentation.scores[members])


@given(segmentations())
def test_disjoint_masks_share_the_union(segmentation: SegmentationMap) -> None:
    apart = segmentation.disjoint()
    np.testing.assert_array_equal(apart.masks.sum(axis=0), segmentation.masks.any(axis=0))


def test_disjoint_gives_pixels_to_the_smallest() -> None:
    body = np.ones((1, 3, 3), bool)
    eye = np.zeros((1, 3, 3), bool)
    eye[0, 1, 1] = True
    apart = SegmentationMap(("body", "eye"), np.concatenate([body, eye])).disjoint()
    assert apart.masks.sum(axis=(1, 2)).tolist() == [8, 1]


def test_a_mask_that_would_vanish_keeps_its_best_covered_pixel() -> None:
    mask = np.zeros((1, 100, 100), bool)
    mask[0, 42:45, 77] = True
    resized = SegmentationMap(("eye",), mask).resize((10, 10))
    assert np.argwhere(resized.masks[0]).tolist() == [[4, 7]]


def corners() -> SegmentationMap:
    """Left edge, middle and one pixel of a photo of 20 x 60 px."""
    masks = np.zeros((3, 20, 60), bool)
    masks[0, :, :10] = masks[1, 5:15, 20:40] = masks[2, 10, 30] = True
    return SegmentationMap(("edge", "middle", "dot"), masks, [0.1, 0.2, 0.3])


def test_a_segment_that_is_cut_off_is_absent() -> None:
    cut = corners().resize((10, 10), fit="crop", pad_px=3)
    assert cut.names == ("middle", "dot")
    assert cut.scores is not None
    assert cut.scores.tolist() == [0.2, 0.3]
    cut = corners().resize((5, 5), fit="crop")
    assert cut.masks[1].sum() == 1, "too small for the grid, but in the frame"
    gone = SegmentationMap(("edge",), corners().masks[:1]).resize((10, 10), fit="crop", pad_px=2)
    assert (len(gone), gone.size) == (0, (10, 10))


def test_bars_belong_to_no_segment() -> None:
    boxed = corners().resize((60, 60), fit="letterbox", pad_px=4)
    assert boxed.names == ("edge", "middle", "dot")
    assert not boxed.masks[:, :20].any()
    assert not boxed.masks[:, 40:].any()
    np.testing.assert_array_equal(boxed.masks[:, 20:40], corners().pad(4).masks)


def test_rename_then_merge() -> None:
    masks = np.eye(2, dtype=bool)[:, None, :]
    merged = SegmentationMap(("left eye", "eye"), masks).rename({"left eye": "eye"}).merged()
    assert merged == SegmentationMap(("eye",), np.ones((1, 1, 2), bool))


def test_unknown_scores_are_equal() -> None:
    def scored(score: float) -> SegmentationMap:
        return SegmentationMap(("a",), np.ones((1, 2, 2), bool), [score])

    assert scored(np.nan) == scored(np.nan)
    assert scored(np.nan) != scored(0.5)


def test_it_is_frozen() -> None:
    masks = np.ones((1, 2, 2), bool)
    segmentation = SegmentationMap(("a",), masks)
    with pytest.raises(ValueError, match="read-only"):
        segmentation.masks[0, 0, 0] = False
    masks[0] = False
    assert segmentation.masks.all(), "the caller's array is another one"


@pytest.mark.parametrize(
    ("names", "masks", "scores", "message"),
    [
        (("a",), np.ones((1, 2, 2)), None, r"expected bool \(n, H, W\), got float64 \(1, 2, 2\)"),
        (("a",), np.ones((2, 2), bool), None, r"got bool \(2, 2\)"),
        (("a", "b"), np.ones((1, 2, 2), bool), None, "each of the 1 masks, got 2"),
        (("",), np.ones((1, 2, 2), bool), None, "non-empty str, got ''"),
        ("a", np.ones((1, 2, 2), bool), None, "tuple of str, got the str 'a'"),
        (("a",), np.zeros((1, 2, 2), bool), None, "mask of 'a' has no pixel"),
        (("a",), np.ones((1, 2, 2), bool), [1.0, 2.0], r"scores: expected shape \(1,\)"),
    ],
)
def test_what_it_refuses(names: object, masks: object, scores: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        SegmentationMap(names, masks, scores)  # type: ignore[arg-type]


@pytest.mark.parametrize("px", [-1, 1.5])
def test_pad_takes_whole_pixels(px: float) -> None:
    with pytest.raises(InvalidInput, match="px: expected a whole number >= 0"):
        SegmentationMap(("a",), np.ones((1, 2, 2), bool)).pad(px)  # type: ignore[arg-type]


def test_its_picture_holds_names_as_text() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    picture = SegmentationMap((hostile,), np.ones((1, 2, 2), bool))._repr_html_()
    assert hostile not in picture
    assert "&lt;img src=x onerror=alert(1)&gt;" in picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_are_turned_as_pillow_turns_photos(orientation: int) -> None:
    mask = np.random.default_rng(0).random((5, 7)) < 0.5
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(file, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file))) > 0
    turned = SegmentationMap(("a",), mask[None], [0.5]).turn(orientation)
    np.testing.assert_array_equal(turned.masks[0], upright)
    assert (turned.names, turned.scores.tolist()) == (("a",), [0.5])


@pytest.mark.parametrize("orientation", [0, 9, None, "6"])
def test_no_other_orientation_exists(orientation: object) -> None:
    with pytest.raises(InvalidInput, match="orientation: expected 1 to 8, as in EXIF, got"):
        SegmentationMap(("a",), np.ones((1, 2, 3), bool)).turn(orientation)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("times", [2, 3])
def test_masks_of_another_scale_are_fitted_as_those_of_the_photo(fit: str, times: int) -> None:
    masks = np.random.default_rng(times).random((3, 13, 21)) < 0.4
    photo = SegmentationMap(("a", "b", "c"), masks)
    large = SegmentationMap(photo.names, masks.repeat(times, axis=1).repeat(times, axis=2))
    for size in ((7, 7), (9, 5), (13, 21), (40, 30)):
        expected = photo.resize(size, fit=fit, pad_px=1)
        assert large.resize(size, fit=fit, pad_px=1, photo=(13, 21)) == expected
