from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from scipy import ndimage

from sat_nb import (
    FITS,
    FileMissing,
    IdMismatch,
    ImageSet,
    InvalidInput,
    SegmentationMap,
    maps_from_arrays,
    read_images,
)
from sat_nb.geometry import get_fit, relation
from tests.entries import is_described


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
    for ask in (images.__getitem__, images.size, lambda i: images.select(["a", i])):
        with pytest.raises(IdMismatch, match="'d' has no photo; there are 3: 'a', 'b', 'c'"):
            ask("d")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (3, "expected a file or an array .*, got int"),
        (np.zeros((2, 2, 3), bool), "got bool"),
        (np.zeros((2, 2, 3), complex), "got complex128"),
        (np.zeros((2, 2, 4), np.uint8), "leave the fourth channel out"),
        (np.zeros((3, 5, 4), np.uint8), "fourth channel"),
        (np.zeros((3, 5, 7), np.uint8), "numpy.moveaxis"),
        (np.zeros((0, 2, 3), np.uint8), "got uint8"),
        (np.full((2, 2, 3), np.nan), "12 of 12 values are NaN or infinite"),
        (np.full((2, 2, 3), 1e39), "12 of 12 values are NaN or infinite"),
    ],
)
def test_arrays_are_checked(wrong: object, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"image 'a': .*{says}"):
        ImageSet({"a": wrong})  # type: ignore[dict-item]


# --- geometry ------------------------------------------------------------------------------------


def photo_of(height: int, width: int) -> np.ndarray:
    """An asymmetric photo: noise, a bright block that is in no middle, and one at an edge."""
    pixels = np.random.default_rng(0).integers(0, 60, (height, width, 3)).astype(np.uint8)
    pixels[height // 2 : height // 2 + height // 5, width // 3 : width // 3 + width // 4] = 255
    pixels[: height // 4, : width // 6] = 255
    return pixels


def by_torchvision(image: Image.Image, size: tuple[int, int], of: int) -> Image.Image:
    """Resize(of), CenterCrop(size) as torchvision 0.20 computes them, for a square input."""
    short, long = sorted(image.size)
    long = int(of * long / short)
    width, height = (of, long) if image.width <= image.height else (long, of)
    left, top = round((width - size[1]) / 2.0), round((height - size[0]) / 2.0)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + size[1], top + size[0]))


ORACLES = {
    "stretch": lambda image, side: image.resize((side, side), Image.Resampling.BILINEAR),
    "crop": lambda image, side: by_torchvision(image, (side, side), side),
    "crop_224_of_256": lambda image, side: by_torchvision(image, (side, side), side * 8 // 7),
    **{
        f"crop_224_of_{of}": lambda image, side, of=of: by_torchvision(
            image, (side, side), round(Fraction(side * of, 224))
        )
        for of in (232, 235, 248)
    },
    "letterbox": lambda image, side: ImageOps.pad(
        image, (side, side), Image.Resampling.BILINEAR, color=(0, 0, 0)
    ),
}
SHAPES = [(90, 133), (133, 90), (64, 64), (301, 40), (41, 300)]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [56, 112])
def test_photos_are_fitted_as_the_others_do(fit: str, shape: tuple[int, int], side: int) -> None:
    pixels = photo_of(*shape)
    expected = np.asarray(ORACLES[fit](Image.fromarray(pixels), side))
    np.testing.assert_array_equal(get_fit(fit).image(pixels, (side, side)), expected)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(60, 44), (30, 80), (64, 64)])
def test_a_photo_and_its_mask_land_on_the_same_pixels(
    fit: str, shape: tuple[int, int], size: tuple[int, int]
) -> None:
    pixels = photo_of(*shape)
    mask = pixels.min(axis=2) == 255
    seen = get_fit(fit).image(pixels, size)[:, :, 0] > 255 * 0.55
    fitted = get_fit(fit).masks(mask[None], size)[0]
    assert fitted.shape == size
    outline = fitted ^ ndimage.binary_erosion(fitted, border_value=1)
    outline |= ndimage.binary_dilation(fitted) ^ fitted
    assert not ((seen ^ fitted) & ~outline).any()


@given(*[st.integers(1, 60)] * 4, st.sampled_from(sorted(FITS)))
@example(60, 1, 20, 30, "letterbox")  # a line is one pixel wide at least
@example(1, 60, 30, 20, "letterbox")
def test_any_photo_fits_any_input(
    height: int, width: int, rows: int, columns: int, fit: str
) -> None:
    ones = np.ones((1, height, width), bool)
    size = (rows, columns)
    covered = get_fit(fit).masks(ones, size)[0]
    np.testing.assert_array_equal(get_fit(fit).photo((height, width), size), covered)
    white = get_fit(fit).image(np.full((height, width, 3), 255, np.uint8), size)
    np.testing.assert_array_equal(white[:, :, 0] == 255, covered)
    if fit != "letterbox":
        assert covered.all()
    else:  # one side is full, the bars differ by a pixel at most
        assert covered.any(axis=1).all() or covered.any(axis=0).all()
        for side in (covered.any(axis=1), covered.any(axis=0)):
            assert abs(side.argmax() - side[::-1].argmax()) <= 1


def test_no_masks_fit_any_input() -> None:
    for fit in FITS.values():
        assert fit.masks(np.zeros((0, 0, 0), bool), (4, 6)).shape == (0, 4, 6)


@pytest.mark.parametrize("name", FITS)
def test_every_fit_shows_everywhere(name: str) -> None:
    assert name in ORACLES, "a slow one, from the tool that it follows"
    is_described(FITS[name])
    assert f'- "{name}": ' in (maps_from_arrays.__doc__ or "")
    for fitted in (
        lambda fit: get_fit(fit),
        lambda fit: maps_from_arrays({}, method="m", sign="signed", layout="HW", fit=fit),
        lambda fit: SegmentationMap(("a",), np.ones((1, 2, 2), bool)).resize((3, 4), fit=fit),
    ):
        fitted(name)
        with pytest.raises(InvalidInput, match=f"fit: unknown name '{name}x'.*'{name}'"):
            fitted(f"{name}x")


LONG = st.integers(8, 2000)


@given(LONG, LONG, LONG, LONG, st.sampled_from([math.floor, math.ceil, round]))
def test_two_scales_of_one_picture_are_recognised(
    height: int, width: int, long: int, other: int, rounded: Callable[[Fraction], int]
) -> None:
    """Thumbnails of one original: the long side is given, the short one is rounded."""

    def scaled(to: int) -> tuple[int, int]:
        scale = Fraction(to, max(height, width))
        return max(rounded(height * scale), 1), max(rounded(width * scale), 1)

    one, two = scaled(long), scaled(other)
    assert relation(one, two) == ("same" if one == two else "scaled")
    assert relation(one[::-1], two) in ("same", "scaled", "turned")


@given(LONG, LONG)
def test_no_square_is_turned_and_every_other_size_is(side: int, other: int) -> None:
    assert relation((side, side), (other, side)) != "turned"
    assert relation((side, other), (side, side)) != "turned"
    assert relation((side, other), (other, side)) == ("turned" if side != other else "same")


@pytest.mark.parametrize(
    ("size", "photo", "expected"),
    [
        ((224, 224), (480, 640), "other"),
        ((7, 7), (480, 640), "other"),
        ((7, 7), (4000, 4000), "scaled"),
        ((1067, 1600), (683, 1024), "scaled"),  # Open Images
        ((512, 512), (1024, 1024), "scaled"),  # CelebAMask-HQ
        ((640, 480), (480, 640), "turned"),
        ((320, 240), (480, 640), "turned"),
        ((224, 299), (480, 640), "scaled"),  # rounded upwards
        ((224, 303), (480, 640), "other"),
    ],
)
def test_relations_of_sizes(size: tuple[int, int], photo: tuple[int, int], expected: str) -> None:
    assert relation(size, photo) == expected


def test_unknown_fit() -> None:
    with pytest.raises(InvalidInput, match="fit: unknown name 'cropp'. Did you mean 'crop'"):
        get_fit("cropp")


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", TURNS)
def test_photos_are_turned_as_a_viewer_turns_them(tmp_path: Path, orientation: int) -> None:
    pixels = photo_of(20, 32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_images(tmp_path)["turned"], TURNS[orientation](pixels))
