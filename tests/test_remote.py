"""Photos and masks at addresses: the same as those of files, fetched where they are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sat_nb as sat
from sat_nb import FileMissing, InvalidInput, read_images, read_segments, remote
from sat_nb.table.tabulate.recipe import from_bytes, to_bytes
from tests.photos.test_medical import write_dicom
from tests.web import served

fsspec = pytest.importorskip("fsspec")

SIZE = (6, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos in folders, what lies beside them, and masks in one file."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b c.jpg", "sub/ü.png"):
        pixels = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / ".hidden.png").write_bytes(b"")
    (tmp_path / "photos" / "notes.txt").write_text("none")
    (tmp_path / "photos" / "raw.cr2").write_bytes(b"")
    masks = sat.SegmentationMap(("eye",), np.ones((1, *SIZE), bool), [0.5])
    ids = read_photos(tmp_path / "photos")
    sat.write_segments(tmp_path / "masks.parquet", dict.fromkeys(ids, masks))
    return tmp_path


@pytest.fixture
def memory(folder: Path) -> Iterator[str]:
    """The same in fsspec's memory."""
    system = fsspec.filesystem("memory")
    for file in folder.rglob("*"):
        if file.is_file():
            system.pipe_file(f"/place/{file.relative_to(folder)}", file.read_bytes())
    yield "memory://place"
    system.rm("/place", recursive=True)


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """The same from a server of this machine."""
    pytest.importorskip("aiohttp")
    with served(folder) as address:
        yield address


@pytest.fixture(params=["file", "memory", "web"])
def address(request: pytest.FixtureRequest, folder: Path) -> str:
    return f"file://{folder}" if request.param == "file" else request.getfixturevalue(request.param)


def read_photos(path: Any) -> sat.ImageSet:
    with pytest.warns(UserWarning, match=r"raw\.cr2.*camera's raw file"):
        return read_images(path)


def test_photos_are_those_of_files(folder: Path, address: str) -> None:
    expected, found = read_photos(folder / "photos"), read_photos(f"{address}/photos")
    assert list(found) == list(expected) == ["a", "sub/b c", "sub/ü"]
    assert set(found.left_out) == set(expected.left_out)
    for image_id in expected:
        np.testing.assert_array_equal(found[image_id], expected[image_id])
        assert found.sha256(image_id) == expected.sha256(image_id)
        assert found.size(image_id) == SIZE
    one = read_images(f"{address}/photos/a.png")
    np.testing.assert_array_equal(one["a"], expected["a"])


def test_masks_of_a_parquet_file_are_read_by_group(folder: Path, address: str) -> None:
    found = read_segments(f"{address}/masks.parquet")
    assert dict(found) == dict(read_segments(folder / "masks.parquet"))


def test_what_has_changed_is_read_again(folder: Path, memory: str) -> None:
    images, masks = read_photos(f"{memory}/photos"), read_segments(f"{memory}/masks.parquet")
    before, eye = images.sha256("a"), masks["a"]
    system = fsspec.filesystem("memory")
    other = sat.SegmentationMap(("ear",), eye.masks)
    file = sat.write_segments(folder / "masks.parquet", {"a": other})
    system.pipe_file("/place/masks.parquet", file.read_bytes())
    system.pipe_file("/place/photos/a.png", (folder / "photos" / "sub" / "ü.png").read_bytes())
    assert images.sha256("a") != before
    np.testing.assert_array_equal(images["a"], images["sub/ü"])
    assert read_segments(f"{memory}/masks.parquet")["a"].names == ("ear",)
    system.rm("/place/photos/a.png")
    with pytest.raises(FileMissing, match=r"memory:///place/photos/a\.png' does not exist"):
        images["a"]


def test_a_photo_is_fetched_once_for_its_pixels_and_its_hash(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched, fetch = [], remote._fetched
    monkeypatch.setattr(remote, "_fetched", lambda where: (fetched.append(where), fetch(where))[1])
    images = read_photos(f"{memory}/photos")
    assert fetched == []
    for image_id in images:
        _, _ = images[image_id], images.sha256(image_id)
    assert len(fetched) == 3


def test_addresses_go_to_other_processes(memory: str) -> None:
    images = read_photos(f"{memory}/photos").select(["a"])
    again = from_bytes(to_bytes(images))
    assert again.address("a") == "memory:///place/photos/a.png"
    assert (again.file("a"), images.address("a")) == (None, again.address("a"))
    np.testing.assert_array_equal(again["a"], images["a"])
    masks = from_bytes(to_bytes(read_segments(f"{memory}/masks.parquet").select(["a"])))
    assert masks["a"].names == ("eye",)


def test_slices_and_damaged_photos(memory: str, tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    system = fsspec.filesystem("memory")
    write_dicom(tmp_path / "a.dcm", np.arange(20, dtype=np.uint16).reshape(4, 5))
    system.pipe_file("/place/ct/a.dcm", (tmp_path / "a.dcm").read_bytes())
    system.pipe_file("/place/ct/b.png", b"<html>")
    images = read_images(f"{memory}/ct")
    np.testing.assert_array_equal(images["a"], read_images(tmp_path / "a.dcm")["a"])
    with pytest.raises(InvalidInput, match=r"memory:///place/ct/b\.png: not readable as a photo"):
        images["b"]


@pytest.mark.parametrize("read", [read_images, read_segments])
def test_what_cannot_be_read_is_named(read: Any, memory: str) -> None:
    with pytest.raises(FileMissing, match="memory://nowhere' does not exist"):
        read("memory://nowhere")
    with pytest.raises(InvalidInput, match="'no://where': cannot be read .*Protocol not known"):
        read("no://where")
    with pytest.raises(InvalidInput, match="a chain of addresses; give a plain one"):
        read("zip::memory://photos.zip")
    with pytest.raises(FileMissing, match="'/no/where' does not exist"):
        read("file:///no/where")


def test_other_masks_are_to_be_packed(memory: str) -> None:
    with pytest.raises(InvalidInput, match="no Parquet file of masks at.*sat-nb masks pack"):
        read_segments(f"{memory}/photos")
    with pytest.raises(InvalidInput, match="no photo in 'memory://place/masks.parquet'"):
        read_images(f"{memory}/masks.parquet")


@pytest.mark.parametrize("read", [read_images, read_segments])
def test_without_fsspec_its_extra_is_named(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InvalidInput, match=r"'s3://a/b' is an address.*'sat-nb\[remote\]'"):
        read("s3://a/b")


def test_large_files_are_refused(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAT_NB_LIMITS", "volume_bytes=50")
    images = read_photos(f"{memory}/photos")
    with pytest.raises(InvalidInput, match=r"a\.png: more than 50 bytes.*'volume_bytes'\] = 100"):
        images["a"]
