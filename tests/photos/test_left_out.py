"""A folder says which files it did not take, and why; a warning names what looks like a photo."""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from sat_nb import InvalidInput, SegmentationMap, check_masks, read_images
from sat_nb.photos import pillow
from sat_nb.photos.suffixes import IMAGE_SUFFIXES, PICTURES, image_suffix

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize(
    ("suffix", "form"),
    [
        (".jfif", "JPEG"), (".jpe", "JPEG"), (".ppm", "PPM"), (".pbm", "PPM"), (".pnm", "PPM"),
        (".avif", "AVIF"), (".jp2", "JPEG2000"), (".j2k", "JPEG2000"), (".tga", "TGA"),
        (".apng", "PNG"), (".mpo", "MPO"), (".qoi", "QOI"), (".dib", "DIB"), (".pcx", "PCX"),
        (".sgi", "SGI"), (".WebP", "WEBP"), (".ico", "ICO"),
    ],
)  # fmt: skip
def test_whatever_pillow_opens_is_read(tmp_path: Path, suffix: str, form: str) -> None:
    file = tmp_path / f"a{suffix}"
    try:
        Image.fromarray(PIXELS).convert("1" if suffix == ".pbm" else "RGB").save(file, form)
    except (OSError, ValueError, KeyError):
        pytest.skip(f"this Pillow does not write {form}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = read_images(tmp_path)
        with Image.open(file) as image:
            np.testing.assert_array_equal(images["a"], np.array(image.convert("RGB")))
    assert not images.left_out


def test_what_is_no_photo_is_listed_without_a_warning(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    litter = [".DS_Store", "._a.png", "Thumbs.db", "desktop.ini", "a.json", "list.csv", "m.npz"]
    for name in (*litter, "README", "film.mp4", "model.h5"):
        (tmp_path / name).write_bytes(b"anything")
    for folder in ("__MACOSX", ".git", "sub"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = read_images(tmp_path)
    assert list(images) == ["a", "sub/b"]
    assert set(images.left_out) == {*litter, "README", "film.mp4", "model.h5", "__MACOSX/", ".git/"}
    assert images.left_out[".DS_Store"] == "a hidden file"
    assert images.left_out["a.json"] == "no photo"
    assert images.select(["a"]).left_out == images.left_out


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("g.cr2", b"II*\0", "a camera's raw file; develop it"),
        ("g.DNG", b"II*\0", "a camera's raw file"),
        ("g.exr", b"", r"\.exr is not read here; save it as PNG or TIFF"),
        ("g.fits", b"SIMPLE", r"\.fits is not read here"),
        ("g.jxl", b"", "needs a plug-in: run `pip install pillow-jxl-plugin`"),
        ("IMG_0001", b"\xff\xd8\xff\xe0", "begins as JPEG; rename it"),
        ("g.jpg_large", b"\x89PNG\r\n", "begins as PNG; rename it"),
    ],
)
def test_what_looks_like_a_photo_is_named(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    (tmp_path / name).write_bytes(content)
    with pytest.warns(UserWarning, match=rf"1 files that look like photos.*{name}' \(.*{why}"):
        images = read_images(tmp_path)
    assert list(images) == ["a"]
    assert set(images.left_out) == {name}


def test_links_to_folders_and_to_nothing_are_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "in" / "a.png")
    os.symlink(tmp_path, tmp_path / "in" / "class_a", target_is_directory=True)
    os.symlink(tmp_path / "gone.png", tmp_path / "in" / "b.png")
    with pytest.warns(UserWarning, match="2 files.*'class_a/' .*not followed.*'b.png'"):
        assert list(read_images(tmp_path / "in")) == ["a"]


def test_masks_whose_photo_was_left_out_say_so(tmp_path: Path) -> None:
    if importlib.util.find_spec("pillow_heif"):
        pytest.skip("pillow-heif is installed")
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    (tmp_path / "g.HEIC").write_bytes(HEIC)
    with pytest.warns(UserWarning, match="pip install pillow-heif"):
        images = read_images(tmp_path)
    mask = SegmentationMap(("eye",), np.eye(6, 8, dtype=bool)[None])
    found = check_masks({"a": mask, "g": mask}, images, progress=False)
    (message,) = found.findings.query("kind == 'unmatched'")["message"]
    assert "read_images left out 'g.HEIC' (.heic needs a plug-in" in message


def test_a_folder_of_nothing_but_what_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "g.nef").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"no photo in .*Left out: 'g\.nef' \(a camera's raw"):
        read_images(tmp_path)


def test_a_plug_in_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stub in place of pillow-heif: it must be registered to be of use."""

    class Stub(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._size, self._mode = (2, 1), "RGB"
            self.tile = [("raw", (0, 0, 2, 1), 40, ("RGB", 0, 1))]

    def register_heif_opener() -> None:
        Image.register_open("HEIF", Stub, lambda start: start[4:8] == b"ftyp")
        Image.register_extension("HEIF", ".heic")

    module = type(os)("pillow_heif")
    module.__spec__ = importlib.util.spec_from_loader("pillow_heif", None)
    module.register_heif_opener = register_heif_opener  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", module)
    content = HEIC[:40].ljust(40, b"\0") + bytes([1, 2, 3, 4, 5, 6])
    (tmp_path / "a.heic").write_bytes(content)
    (tmp_path / "b.jpg").write_bytes(content)
    pillow.load_plug_ins.cache_clear()
    try:
        images = read_images(tmp_path)
        for image_id in ("a", "b"):
            assert images[image_id].tolist() == [[[1, 2, 3], [4, 5, 6]]]
    finally:
        Image.OPEN.pop("HEIF", None), Image.EXTENSION.pop(".heic", None)
        Image.ID.remove("HEIF")
        pillow.load_plug_ins.cache_clear()


def test_endings_are_known_without_pillow() -> None:
    assert pillow.pillow_suffixes() >= PICTURES - {".avif", ".avifs"}
    assert {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"} <= IMAGE_SUFFIXES
    assert {".heic", ".dcm", ".nii", ".nii.gz", ".nef"} <= IMAGE_SUFFIXES
    assert [image_suffix(n) for n in ("a.nii.gz", "a.gz", "v1.2", ".png", "")] == [
        *(".nii.gz", "", "", "", ""),
    ]


def test_names_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    """Two of them would be one photo in a table, whose text cannot hold them."""
    for raw in (b"caf\xe9.png", b"caf\xe8.png", b"good.png", b"sub\xff/a.png"):
        file = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), raw)))
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(PIXELS).save(file)
    with pytest.warns(UserWarning, match=r"3 files .*not valid UTF-8.*rename"):
        images = read_images(tmp_path)
    assert list(images) == ["good"]
    with pytest.raises(InvalidInput, match=r"caf.udce9.png: its name is not valid UTF-8"):
        read_images(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")))
