"""The four photos and the masks drawn on them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.reproduction import photos


def test_the_exports_are_the_outlines(tmp_path: Path) -> None:
    """Whoever edits an outline must write the exports anew."""
    written = photos.write_exports(tmp_path)
    assert [file.stem for file in written] == list(photos.FILES)
    for file in written:
        assert file.read_text() == (photos.EXPORTS / file.name).read_text()


def test_masks_fit_the_photos_and_cover_them() -> None:
    images, segments = photos.read(), sat.read_segments(photos.EXPORTS)
    assert set(images) == set(segments)
    for image_id in images:
        merged = segments[image_id].merged()
        assert merged.size == images[image_id].shape[:2]
        assert merged.masks.any(axis=0).all()


def test_checks_find_no_error_and_outlines_on_edges() -> None:
    images, segments = photos.read(), sat.read_segments(photos.EXPORTS)
    check = sat.check_masks(segments, images, progress=False)
    assert check.errors == ()
    middle = check.edges.shape[0] // 2
    assert np.unravel_index(check.edges.argmax(), check.edges.shape) == pytest.approx(
        (middle, middle), abs=1
    ), "moved by more than a pixel the outlines meet less edge"


def test_both_codes_and_no_scores() -> None:
    codes = set()
    for image_id in photos.FILES:
        objects = json.loads((photos.EXPORTS / f"{image_id}.json").read_text())["objects"]
        codes |= {thing["mask"].get("format", "dds_rle") for thing in objects}
        assert not any("score" in thing for thing in objects)
    assert codes == {"coco_rle", "dds_rle"}


def test_what_is_taken_away_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outlines.toml"
    file.write_text(
        '[cup]\nsize = [4, 6]\n[[cup.masks]]\nname = "cup"\n'
        'polygon = [[0, 0], [2, 0], [2, 2]]\nwithout = ["spoon"]\n'
    )
    monkeypatch.setattr(photos, "OUTLINES", file)
    with pytest.raises(sat.InvalidInput, match="without: no mask is named 'spoon'"):
        photos.outlined("cup")


def test_without_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "find_spec", lambda name: None)
    with pytest.raises(
        sat.FileMissing, match="scikit-image, which contains them, is not installed"
    ):
        photos.read()
