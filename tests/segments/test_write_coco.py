"""What write_coco writes is what is read, bit for bit, and what pycocotools reads."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sat_nb import InvalidInput, SegmentationMap, read_segments, write_coco
from tests.oracles import masks as oracle

SIDES = st.integers(1, 9)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9).filter(
    str.strip
)
SCORES = st.lists(st.floats(0, 1) | st.just(np.nan), min_size=4, max_size=4)


@st.composite
def segmentations(draw: st.DrawFn) -> SegmentationMap:
    height, width, n = draw(SIDES), draw(SIDES), draw(st.integers(0, 4))
    masks = draw(arrays(bool, (n, height, width)))
    masks[:, draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    names = draw(st.lists(NAMES, min_size=n, max_size=n))
    return SegmentationMap(tuple(names), masks, draw(SCORES)[:n] if draw(st.booleans()) else None)


IDS = st.lists(st.sampled_from(["a", "b.c", "sub/a", "ゼ 1", "x y"]), min_size=1, unique=True)


@settings(max_examples=60)
@given(IDS, st.data())
def test_what_is_written_is_read(ids: list[str], data: st.DataObject) -> None:
    segments = {image_id: data.draw(segmentations()) for image_id in ids}
    with tempfile.TemporaryDirectory() as folder:
        file = write_coco(Path(folder) / "set.json", segments)
        document = json.loads(file.read_text())
        read = read_segments(file, normalize_names=False)
        assert list(read) == ids
        for image_id, written in segments.items():
            if len(written) == 0:
                assert len(read[image_id]) == 0
                continue
            assert read[image_id].names == written.names
            np.testing.assert_array_equal(read[image_id].masks, written.masks)
            scores = read[image_id].scores
            if written.scores is not None and not np.isnan(written.scores).all():
                np.testing.assert_array_equal(scores, written.scores)
            else:
                assert scores is None
    masks = [mask for segmentation in segments.values() for mask in segmentation.masks]
    for annotation, mask in zip(document["annotations"], masks, strict=True):
        code = annotation["segmentation"]
        slow = oracle.decode(code["counts"], code["size"], row_major=False)
        np.testing.assert_array_equal(slow, mask)
        x, y, w, h = annotation["bbox"]
        assert annotation["area"] == slow.sum() == slow[y : y + h, x : x + w].sum()
        assert slow[y].any()
        assert slow[y + h - 1].any()
        assert slow[:, x].any()
        assert slow[:, x + w - 1].any()


@pytest.mark.parametrize(
    ("image_id", "extension", "message"),
    [
        ("../a", ".jpg", "a relative path within"),
        ("a.png", "", r"extension: expected one such as '\.jpg', so that 'a\.png' is read back"),
        ("a", "/x.jpg", r"extension: .*got '/x\.jpg'"),
    ],
)
def test_ids_come_back_or_nothing_is_written(
    tmp_path: Path, image_id: str, extension: str, message: str
) -> None:
    segments = {image_id: SegmentationMap(("eye",), np.ones((1, 2, 2), bool))}
    with pytest.raises(InvalidInput, match=message):
        write_coco(tmp_path / "set.json", segments, extension=extension)
    assert list(tmp_path.iterdir()) == []


def test_infinite_scores_are_refused(tmp_path: Path) -> None:
    segmentation = SegmentationMap(("eye",), np.ones((1, 2, 2), bool), [np.inf])
    with pytest.raises(InvalidInput, match="scores: expected a finite number, got inf"):
        write_coco(tmp_path / "set.json", {"a": segmentation})
