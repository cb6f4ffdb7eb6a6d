"""Photos with more and fewer watermarks: who carries one, what else changes, and real photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.reproduction.marked_photos import MarkedPhotos, rendered_zebras, street_photos


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> MarkedPhotos:
    work = tmp_path_factory.mktemp("work")
    return rendered_zebras(work, n_train=4, n_test=2, px=32, n_explained=1)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> MarkedPhotos:
    """Ten photos a kind, and one with both; grey, a garment in the middle below the skin."""
    folder = tmp_path_factory.mktemp("street")
    rng = np.random.default_rng(0)
    for k in range(21):
        names = [("jeans",), ("skirt",), ("pants", "dress")][0 if k < 10 else 1 if k < 20 else 2]
        pixels = rng.integers(90, 160, (192, 128, 3), dtype=np.uint8)
        masks = np.zeros((2 + len(names), 192, 128), dtype=bool)
        masks[0, 20:60, 50:80] = True
        masks[2:, 70:150, 40:90] = True
        masks[1] = ~masks[[0, *range(2, len(masks))]].any(axis=0)
        for sub in ("images", "exports"):
            (folder / sub).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{k:02d}.png")
        segmentation = sat.SegmentationMap(("skin", "background", *names), masks)
        sat.write_dinox(folder / "exports" / f"{k:02d}.json", segmentation)
    return street_photos(folder, n_test=4, n_explained=3)


@pytest.mark.parametrize("kind", ["rendered", "street"])
def test_marks_grow_with_the_share_and_change_nothing_else(
    kind: str, request: pytest.FixtureRequest
) -> None:
    photos: MarkedPhotos = request.getfixturevalue(kind)
    clean = photos.train(0.0)
    assert set(clean) == set(photos.labels)
    changed = {}
    for share in (0.5, 1.0):
        at_share = photos.train(share)
        changed[share] = {i for i in clean if not np.array_equal(clean[i], at_share[i])}
    targets = {i for i, label in photos.labels.items() if label == photos.target}
    assert changed[0.5] < changed[1.0] == targets
    assert len(changed[0.5]) == len(targets) / 2


@pytest.mark.parametrize("kind", ["rendered", "street"])
def test_the_watermark_is_what_differs_and_no_other_segment_has_it(
    kind: str, request: pytest.FixtureRequest
) -> None:
    photos: MarkedPhotos = request.getfixturevalue(kind)
    assert set(photos.clean) == set(photos.marked) == set(photos.test_labels)
    for image_id, segmentation in photos.segments.items():
        assert photos.test_labels[image_id] == photos.target
        masks = dict(zip(segmentation.names, segmentation.masks, strict=True))
        watermark = masks.pop("watermark")
        changed = (photos.clean[image_id] != photos.marked[image_id]).any(axis=2)
        assert not (changed & ~watermark).any()
        assert changed[watermark].mean() > 0.9, "an edge may have the watermark's own colour"
        assert not any((mask & watermark).any() for mask in masks.values())
        assert photos.part in segmentation.names or kind == "rendered"


def test_garments_decide_the_class_and_nobody_is_in_two_sets(street: MarkedPhotos) -> None:
    assert "20" not in {*street.labels, *street.test_labels}, "has trousers and a dress"
    assert set(street.labels).isdisjoint(street.test_labels)
    assert sorted(street.test_labels.values()) == [0] * 4 + [1] * 4
    assert all(int(i) < 10 for i, label in street.test_labels.items() if label == 1)
    assert len(street.segments) == 3
    assert street.clean[next(iter(street.segments))].shape == (96, 64, 3)


def test_too_few_street_photos(street: MarkedPhotos, tmp_path: Path) -> None:
    for sub in ("images", "exports"):
        (tmp_path / sub).mkdir()
    image_id = next(iter(street.segments))
    Image.fromarray(street.clean[image_id]).save(tmp_path / "images" / "1.png")
    sat.write_dinox(tmp_path / "exports" / "1.json", street.segments[image_id])
    with pytest.raises(sat.InvalidInput, match="has 0 photos of dresses or skirts and 0"):
        street_photos(tmp_path, n_test=1, n_explained=1)
