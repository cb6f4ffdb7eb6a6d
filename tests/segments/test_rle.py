from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from sat_nb import InvalidInput
from sat_nb.segments.formats.rle import CODECS, run_lengths
from tests.oracles import masks as oracle

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=24))
ROW_MAJOR = {"coco_rle": False, "dds_rle": True}


@pytest.mark.parametrize("codec", CODECS)
@given(mask=MASKS)
def test_what_is_encoded_is_decoded(codec: str, mask: np.ndarray) -> None:
    encode, decode = CODECS[codec]
    np.testing.assert_array_equal(decode(encode(mask), mask.shape), mask)


@pytest.mark.parametrize("codec", CODECS)
@given(mask=MASKS)
def test_slow_decoder_agrees(codec: str, mask: np.ndarray) -> None:
    text = CODECS[codec][0](mask)
    np.testing.assert_array_equal(oracle.decode(text, mask.shape, row_major=ROW_MAJOR[codec]), mask)


@given(st.text("0123OPno`/", max_size=8), st.integers(1, 9), st.integers(1, 9))
def test_any_string_is_refused_or_read_as_the_slow_decoder_does(
    text: str, height: int, width: int
) -> None:
    try:
        covered = int(run_lengths(text).sum())
    except InvalidInput:
        covered = -1
    if covered != height * width:
        with pytest.raises(InvalidInput, match="counts: "):
            CODECS["coco_rle"][1](text, (height, width))
        return
    slow = oracle.decode(text, (height, width), row_major=False)
    np.testing.assert_array_equal(CODECS["coco_rle"][1](text, (height, width)), slow)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_run_lengths_are_those_that_pycocotools_wrote(runs: list[int]) -> None:
    total = sum(runs)
    text = coco.frPyObjects({"size": [total, 1], "counts": runs}, total, 1)["counts"].decode()
    assert run_lengths(text).tolist() == runs == oracle.read_counts(text)


def test_trailing_background_is_left_out_of_dds() -> None:
    mask = np.zeros((4, 5), dtype=bool)
    mask[1, 2:4] = True
    assert run_lengths(CODECS["dds_rle"][0](mask)).tolist() == [7, 2]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("09", "runs of .*2 x 2 = 4 pixels.*got 9"),
        ("!", "characters"),
        ("é", "characters"),
        ("PPP", "breaks off"),
        ("ooooooooo1", "40 bits"),
        ("O", "negative"),
    ],
)
def test_text_that_does_not_fit_is_refused(codec: str, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        CODECS[codec][1](text, (2, 2))


def test_coco_needs_all_pixels() -> None:
    with pytest.raises(InvalidInput, match="got 3"):
        CODECS["coco_rle"][1]("12", (2, 2))
