from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sat_nb import FileMissing, IdMismatch, ImageSet, InvalidInput, read_images
from sat_nb.images import get_fit, stretch_image


def save(path: Path, size: tuple[int, int] = (6, 4), **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(path, **options)


def test_ids_and_pixels(tmp_path: Path) -> None:
    save(tmp_path / "b.png")
    save(tmp_path / "sub" / "a.JPG")
    (tmp_path / "notes.txt").write_text("no photo")
    images = read_images(tmp_path)
    assert list(images) == ["b", "sub/a"]
    assert images["b"].shape == (4, 6, 3)
    assert images["b"].dtype == np.uint8
    assert images["b"][0, 0].tolist() == [10, 20, 30]
    assert images.size("b") == (4, 6)


def test_one_photo(tmp_path: Path) -> None:
    save(tmp_path / "b.png")
    assert list(read_images(tmp_path / "b.png")) == ["b"]


def test_grey_and_transparent_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 7).save(tmp_path / "grey.png")
    Image.new("RGBA", (3, 2), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    images = read_images(tmp_path)
    assert images["grey"].tolist() == [[[7, 7, 7]] * 3] * 2
    assert images["clear"].shape == (2, 3, 3)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "turned.jpg", size=(6, 4), exif=exif)
    assert read_images(tmp_path).size("turned") == (6, 4)


def test_reading_is_lazy_and_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    images = read_images(tmp_path)
    with pytest.raises(InvalidInput, match=r"broken\.jpg: not readable as a photo"):
        images["broken"]


def test_two_files_of_one_id(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg")
    with pytest.raises(InvalidInput, match=r"'a\.jpg' and 'a\.png' both have the id 'a'"):
        read_images(tmp_path)


def test_paths_that_do_not_serve(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="does not exist"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="no photo in"):
        read_images(tmp_path)


def test_select_and_unknown_ids() -> None:
    images = ImageSet({i: np.zeros((2, 2, 3), np.uint8) for i in "abc"})
    assert list(images.select(["c", "a"])) == ["c", "a"]
    with pytest.raises(
        IdMismatch, match="image 'd' is not in this ImageSet, which has 'a', 'b', 'c'"
    ):
        images["d"]


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), 3])
def test_arrays_are_checked(wrong: object) -> None:
    with pytest.raises(InvalidInput, match=r"image 'a': expected a file or a uint8 array"):
        ImageSet({"a": wrong})  # type: ignore[dict-item]


def test_an_image_and_its_mask_are_stretched_alike() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[5:20, 35:55] = 255
    mask = pixels[None, :, :, 0] > 0
    resized = stretch_image(pixels, (16, 10))[:, :, 0] > 127
    assert (get_fit("stretch").masks(mask, (16, 10))[0] ^ resized).mean() < 0.02


def test_unknown_fit() -> None:
    with pytest.raises(InvalidInput, match="fit: unknown name 'crop'. Valid: 'stretch'"):
        get_fit("crop")
