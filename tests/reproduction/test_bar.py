"""BAR as published and sorted by action: counts, names, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb.reproduction import bar

PHOTO = np.zeros((4, 6, 3), np.uint8)


def write(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO).save(file)


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two and one photo of each action, which are then all there are."""
    monkeypatch.setattr(bar, "COUNTS", dict.fromkeys(bar.COUNTS, (2, 1)))
    for action in ("climbing", "diving", "fishing", "racing", "throwing", "pole vaulting"):
        write(tmp_path, *(f"train/{action}_{i}.jpg" for i in (0, 1)), f"test/{action}_326.jpg")
    write(tmp_path, "assets/tiled.png")
    return tmp_path


def test_as_published(published: Path) -> None:
    photos = bar.read_bar(published)
    assert photos.counts() == bar.COUNTS
    assert len(photos.images) == 18, "what lies beside train/ and test/ is no photo of it"
    assert photos.class_names[photos.labels["train/pole vaulting_1"]] == "vaulting"
    assert photos.test[0] == "test/climbing_326"
    assert photos.exports is None


def test_by_action_below_images(tmp_path: Path) -> None:
    write(
        tmp_path,
        "images/train/climbing/c_0.png",
        "images/test/vaulting/x.jpg",
        *(f"images/train/{name}/a.png" for name in ("diving", "fishing", "racing", "throwing")),
    )
    sat.write_dinox(
        tmp_path / "exports/train/climbing/c_0.json",
        sat.SegmentationMap(("person",), np.ones((1, 4, 6), bool)),
    )
    photos = bar.read_bar(tmp_path, complete=False)
    assert photos.counts()["climbing"] == (1, 0)
    assert photos.labels["train/climbing/c_0"] == 0
    assert list(sat.read_segments(photos.exports)) == ["train/climbing/c_0"]


def test_counts_are_those_of_the_paper() -> None:
    assert bar.COUNTS["climbing"] == (326, 105)
    assert [sum(n[k] for n in bar.COUNTS.values()) for k in (0, 1)] == [1941, 654]


def test_fewer_and_more_photos(published: Path) -> None:
    (published / "test/diving_326.jpg").unlink()
    with pytest.raises(
        sat.InvalidInput, match="test/ has 0 photos of 'diving', BAR has 1.*alinlab"
    ):
        bar.read_bar(published)
    assert bar.read_bar(published, complete=False).counts()["diving"] == (2, 0)
    write(published, "train/fishing_7.jpg")
    with pytest.raises(sat.InvalidInput, match="train/ has 3 photos of 'fishing', BAR has 2"):
        bar.read_bar(published, complete=False)


def test_damaged_photos_unknown_actions_and_strange_masks(published: Path) -> None:
    (published / "train/racing_0.jpg").write_bytes(b"no photo")
    with pytest.raises(sat.InvalidInput, match="'train/racing_0' cannot be read as a photo"):
        bar.read_bar(published)
    write(published, "train/racing_0.jpg", "train/juggling_0.jpg")
    with pytest.raises(sat.InvalidInput, match="'train/juggling_0' has no known action"):
        bar.read_bar(published)
    (published / "train/juggling_0.jpg").unlink()
    (published / "exports/train").mkdir(parents=True)
    (published / "exports/train/racing_9.json").write_text("{}")
    with pytest.raises(sat.IdMismatch, match="masks of 'train/racing_9', for which there are no"):
        bar.read_bar(published)


def test_folders_that_are_absent(tmp_path: Path) -> None:
    with pytest.raises(sat.FileMissing, match="folder: .*does not exist"):
        bar.read_bar(tmp_path / "none")
    with pytest.raises(
        sat.FileMissing, match="train' is not a folder. Get it from github.com/alinlab"
    ):
        bar.read_bar(tmp_path)


def test_on_real_photos(real_data: Path) -> None:
    """All of the published photos to train, and four fifths of those to test."""
    photos = bar.read_bar(real_data / "bar", complete=False)
    counts = photos.counts()
    assert {name: n[0] for name, n in counts.items()} == {n: c[0] for n, c in bar.COUNTS.items()}
    assert sum(n[1] for n in counts.values()) == 524
    assert photos.exports is not None
