"""Trousers against dresses and skirts: the real photos of the watermark study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sat_nb.reproduction.marked_photos import MarkedPhotos, street_photos


@pytest.fixture(scope="module")
def street(real_data: Path) -> MarkedPhotos:
    return street_photos(real_data / "ccp", n_test=100, n_explained=100)


def test_each_photo_has_one_class_and_one_set(street: MarkedPhotos) -> None:
    labels = {**street.labels, **street.test_labels}
    assert len(labels) == len(street.labels) + len(street.test_labels)
    assert (sum(labels.values()), len(labels)) == (362, 678), "counted by their category names"


def test_watermarks_stand_beside_the_trousers(street: MarkedPhotos) -> None:
    assert len(street.segments) == 100
    shares = []
    for image_id, segmentation in street.segments.items():
        assert segmentation.size == (96, 64)
        assert {"watermark", "trousers"} <= set(segmentation.names)
        changed = (street.clean[image_id] != street.marked[image_id]).any(axis=2)
        shares.append(changed.mean())
        clean = street.clean[image_id].astype(int)
        assert np.abs(street.marked[image_id].astype(int) - clean).max() > 40, "it can be seen"
    assert 0.01 < np.mean(shares) < 0.05
