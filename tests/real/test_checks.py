"""Masks of real photos: sound ones pass, moved and swapped ones are found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat


def some(real_data: Path, name: str, n: int) -> tuple[sat.ImageSet, dict]:
    images = sat.read_images(real_data / name / "images")
    segments = sat.read_segments(real_data / name / "exports")
    ids = list(segments)[:n]
    return images.select(ids), {i: segments[i] for i in ids}


@pytest.mark.parametrize("name", ["chihuahua", "ccp"])
def test_sound_masks_pass(real_data: Path, name: str) -> None:
    images, segments = some(real_data, name, 24)
    result = sat.check_masks(segments, images, progress=False)
    assert result.errors == ()
    assert not {"shifted", "unrelated", "size", "unmatched"} & set(result.findings["kind"])


def test_moved_and_swapped_masks_are_found_out(real_data: Path) -> None:
    images, segments = some(real_data, "ccp", 16)
    moved = {
        i: sat.SegmentationMap(s.names, np.roll(s.masks, 4, axis=1)) for i, s in segments.items()
    }
    result = sat.check_masks(moved, images, progress=False)
    assert "moved by -4 px down and 0 px right" in "\n".join(result.warnings)
    others = list(images)[1:] + list(images)[:1]
    swapped = {i: segments[j].resize(images.size(i)) for i, j in zip(images, others, strict=True)}
    result = sat.check_masks(swapped, images, progress=False)
    assert "unrelated" in set(result.findings["kind"])


def test_names_that_are_sound_are_left_alone(real_data: Path) -> None:
    _, segments = some(real_data, "ccp", 60)
    assert len(sat.suggest_renames(segments, progress=False)) == 0
