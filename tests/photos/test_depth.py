"""Photos keep the numbers that are stored, whatever their depth."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sat_nb import ImageSet, InvalidInput, read_images
from sat_nb.geometry import FITS, get_fit
from sat_nb.photos.deep import bits_of_avif
from sat_nb.photos.tiff import n_pages
from tests.photos.writers import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, write_png, write_portable

RANDOM = np.random.default_rng(0)
G16 = RANDOM.integers(0, 65536, (5, 7)).astype(np.uint16)
C16 = RANDOM.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
G12 = G16 >> 4
LOW = G16.astype(np.uint8)
FULL = np.full((5, 7), 65535, np.uint16)
FLOATS = (G16 / 7 - 1000).astype(np.float32)


def tiff(array: np.ndarray, **options: object) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        pytest.importorskip("tifffile").imwrite(file, array, **options)

    return write


def packed_12_bits(file: Path) -> None:
    """A TIFF of 12 bits, two numbers in three bytes."""
    flat = np.append(G12.ravel(), 0) if G12.size % 2 else G12.ravel()
    assert G12.shape[1] % 2  # rows begin on whole bytes
    rows = [np.append(row, 0).reshape(-1, 2).astype(np.uint32) for row in G12]
    data = b"".join(
        b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)
        for pairs in rows
    )
    width = (12 * G12.shape[1] + 7) // 8
    data = b"".join(data[i : i + width] for i in range(0, len(data), 3 * len(rows[0])))
    assert flat.size
    import struct

    tags = [
        (256, 3, 7), (257, 3, 5), (258, 3, 12), (259, 3, 1), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 3, 5), (279, 4, len(data)),
    ]  # fmt: skip
    ifd = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags
    )
    file.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + ifd + bytes(4))


CASES: dict[str, tuple[Callable[[Path], None], np.ndarray, type]] = {
    "grey.png": (lambda f: write_png(f, G16, GREY), G16, np.uint16),
    "colour.png": (lambda f: write_png(f, C16, COLOUR), C16, np.uint16),
    "filtered.png": (lambda f: write_png(f, C16, COLOUR, rows=1), C16, np.uint16),
    "opaque grey.png": (
        lambda f: write_png(f, np.dstack([G16, FULL]), GREY_ALPHA),
        G16,
        np.uint16,
    ),
    "opaque.png": (lambda f: write_png(f, np.dstack([C16, FULL]), COLOUR_ALPHA), C16, np.uint16),
    "pillow.png": (lambda f: Image.fromarray(G16).save(f), G16, np.uint16),
    "pillow.tif": (lambda f: Image.fromarray(G16).save(f), G16, np.uint16),
    "lzw.tif": (
        lambda f: Image.fromarray(G16).save(f, compression="tiff_lzw"),
        G16,
        np.uint16,
    ),
    "floats.tif": (lambda f: Image.fromarray(FLOATS).save(f), FLOATS, np.float32),
    "12 bits.tif": (packed_12_bits, G12, np.uint16),
    "grey.tif": (tiff(G16), G16, np.uint16),
    "big endian.tif": (tiff(G16, byteorder=">"), G16, np.uint16),
    "colour.tif": (tiff(C16, photometric="rgb"), C16, np.uint16),
    "colour big endian.tif": (tiff(C16, photometric="rgb", byteorder=">"), C16, np.uint16),
    "deflate.tif": (tiff(C16, photometric="rgb", compression="zlib"), C16, np.uint16),
    "tiles.tif": (tiff(C16, photometric="rgb", tile=(16, 16)), C16, np.uint16),
    "planes.tif": (
        tiff(np.moveaxis(C16, 2, 0), photometric="rgb", planarconfig="separate"),
        C16,
        np.uint16,
    ),
    "white is zero.tif": (tiff(G16, photometric="miniswhite"), 65535 - G16, np.uint16),
    "signed 16.tif": (tiff((G16 // 2).astype(np.int16) - 9), G16 // 2 - 9.0, np.float32),
    "signed 8.tif": (tiff(np.arange(-9, 26, dtype=np.int8).reshape(5, 7)), None, np.float32),
    "signed 32.tif": (tiff(G16.astype(np.int32) - 9), G16 - 9.0, np.float32),
    "unsigned 32.tif": (tiff(G16.astype(np.uint32) * 65000), G16 * 65000.0, np.float32),
    "half.tif": (tiff((G16 / 65535).astype(np.float16)), None, np.float32),
    "double.tif": (tiff(FLOATS.astype(np.float64)), FLOATS, np.float32),
    "colours of floats.tif": (
        tiff(C16.astype(np.float32), photometric="rgb"),
        C16,
        np.float32,
    ),
    "grey.pgm": (lambda f: write_portable(f, G16, 65535), G16, np.uint16),
    "12 bits.pgm": (lambda f: write_portable(f, G12, 4095), G12, np.uint16),
    "plain.pgm": (lambda f: write_portable(f, G12, 4095, plain=True), G12, np.uint16),
    "colour.ppm": (lambda f: write_portable(f, C16, 65535), C16, np.uint16),
    "plain.ppm": (lambda f: write_portable(f, C16, 65535, plain=True), C16, np.uint16),
    "grey.jp2": (lambda f: Image.fromarray(G16).save(f, irreversible=False), G16, np.uint16),
}
CASES["signed 8.tif"] = (
    CASES["signed 8.tif"][0],
    np.arange(-9.0, 26).reshape(5, 7),
    np.float32,
)
CASES["half.tif"] = (
    CASES["half.tif"][0],
    (G16 / 65535).astype(np.float16).astype(np.float64),
    np.float32,
)


@pytest.mark.parametrize("name", CASES)
def test_the_stored_numbers_are_kept(tmp_path: Path, name: str) -> None:
    write, expected, dtype = CASES[name]
    write(tmp_path / name)
    expected = np.repeat(expected[..., None], 3, axis=2) if expected.ndim == 2 else expected
    pixels = read_images(tmp_path)[name.rpartition(".")[0]]
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, expected.astype(dtype))
    assert pixels.flags.c_contiguous


def test_photos_of_8_bits_stay_what_they_were(tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (9, 8, 3)).astype(np.uint8)
    expected = {}
    for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr"):
        for suffix, options in (("png", {}), ("tif", {}), ("jpg", {"quality": 95}), ("bmp", {})):
            name = f"{mode}_{suffix}"
            try:
                Image.fromarray(pixels).convert(mode).save(tmp_path / f"{name}.{suffix}", **options)
            except (OSError, ValueError):
                (tmp_path / f"{name}.{suffix}").unlink(missing_ok=True)
                continue
            with Image.open(tmp_path / f"{name}.{suffix}") as image:
                expected[name] = np.array(image.convert("RGB"))
    images = read_images(tmp_path)
    assert set(images) == set(expected)
    assert len(images) > 12
    for image_id, one in images.items():
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, expected[image_id])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_deep_photos_are_turned(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(G16).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(G16).save(tmp_path / "b.tif", exif=exif)
    Image.fromarray(G16.astype(np.uint8)).save(tmp_path / "e.tif", exif=exif)
    tiff(C16, photometric="rgb", extratags=[(274, 3, 1, orientation, False)])(tmp_path / "c.tif")
    planes = np.moveaxis(C16, 2, 0)
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tiff(planes, extratags=[(274, 3, 1, orientation, False)], **options)(tmp_path / "d.tif")
    images = read_images(tmp_path)
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]  # counter-clockwise
    for image_id, stored in (("a", G16), ("b", G16), ("c", C16), ("d", C16), ("e", LOW)):
        expected = np.rot90(stored, turns)
        found = images[image_id] if stored.ndim == 3 else images[image_id][..., 0]
        np.testing.assert_array_equal(found, expected)


def test_what_would_be_reduced_is_refused(tmp_path: Path) -> None:
    """Pillow keeps 8 bits of each: the file is named, and a format that keeps all."""
    sgi = np.zeros(512, np.uint8)
    sgi[:12] = [1, 218, 0, 2, 0, 3, 0, 7, 0, 5, 0, 3]  # magic, not packed, 2 bytes, 7 x 5 x 3
    planes = np.moveaxis(C16, 2, 0).astype(">u2")
    (tmp_path / "a.sgi").write_bytes(sgi.tobytes() + planes.tobytes())
    with pytest.raises(InvalidInput, match=r"a\.sgi: colours of more than 8 bits.*save it as PNG"):
        read_images(tmp_path)["a"]
    cmyk = np.dstack([C16, G16])
    tiff(cmyk, photometric="separated")(tmp_path / "b.tif")
    with pytest.raises(InvalidInput, match=r"b\.tif: colours of more than 8 bits"):
        read_images(tmp_path / "b.tif")["b"]


def test_a_tiff_that_only_tifffile_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiff(C16.astype(np.float32), photometric="rgb")(tmp_path / "a.tif")
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(InvalidInput, match=r"a\.tif: a TIFF .*`pip install tifffile`"):
        read_images(tmp_path)["a"]


def test_what_is_not_read_of_a_file_is_said(tmp_path: Path) -> None:
    for name in "ab":
        tiff(np.stack([G16] * 5))(tmp_path / f"{name}.tif")
    images = read_images(tmp_path)
    with pytest.warns(UserWarning, match="image 'a': its file has 5 pages, of which") as told:
        np.testing.assert_array_equal(images["a"], images["b"])
    assert len(told) == 1


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_are_counted_up_to_a_thousand(big: bool, order: str, tmp_path: Path) -> None:
    import tifffile

    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=big, byteorder=order) as tiff:
        for _ in range(3):
            tiff.write(np.zeros((2, 2), np.uint8), contiguous=False)
    assert n_pages(tmp_path / "a.tif", 1000) == 3
    assert n_pages(tmp_path / "a.tif", 2) == 2


def test_a_circle_of_pages_ends(tmp_path: Path) -> None:
    page = struct.pack("<HHHII", 1, 256, 4, 1, 1)
    first, second = page + struct.pack("<I", 26), page + struct.pack("<I", 8)
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + first + second)
    assert n_pages(tmp_path / "a.tif", 1000) == 2


def test_channels_without_colours(tmp_path: Path) -> None:
    bands = np.dstack([C16] * 2)
    extras = ("unspecified",) * 5
    tiff(bands, photometric="minisblack", planarconfig="contig", extrasamples=extras)(
        tmp_path / "bands.tif"
    )
    with pytest.raises(InvalidInput, match=r"bands\.tif: 6 channels without colours"):
        read_images(tmp_path)["bands"]
    tiff(bands, photometric="rgb", planarconfig="contig", extrasamples=extras[:3])(
        tmp_path / "rgb.tif"
    )
    with pytest.warns(UserWarning, match="3 channels beside RGB"):
        np.testing.assert_array_equal(read_images(tmp_path)["rgb"], C16)


@pytest.mark.parametrize(("flags", "bits"), [(0x0C, 8), (0x4C, 10), (0x6C, 12)])
def test_the_bits_of_avif(tmp_path: Path, flags: int, bits: int) -> None:
    """AV1-ISOBMFF 2.3.3: version, profile and level, then tier, high_bitdepth and twelve_bit."""
    (tmp_path / "a").write_bytes(b"....av1C" + bytes([0x81, 0x20, flags, 0]))
    assert bits_of_avif(tmp_path / "a") == bits


def test_files_with_nan(tmp_path: Path) -> None:
    holed = FLOATS.copy()
    holed[0, :2] = np.nan
    Image.fromarray(holed).save(tmp_path / "a.tif")
    with pytest.raises(InvalidInput, match=r"a\.tif: 2 of 35 values are NaN.*nan_to_num"):
        read_images(tmp_path)["a"]


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.ones((2, 3), np.uint8), np.uint8),
        (np.ones((2, 3, 1), np.uint16), np.uint16),
        (G16.astype(">u2"), np.uint16),
        (np.full((2, 3, 3), -1000, np.int16), np.float32),
        (np.ones((2, 3), np.int64), np.float32),
        (np.ones((2, 3, 3), np.float64), np.float32),
    ],
)
def test_arrays_of_any_depth(array: np.ndarray, dtype: type) -> None:
    pixels = ImageSet({"a": array})["a"]
    assert pixels.dtype == dtype
    assert pixels.shape == (*array.shape[:2], 3)
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.atleast_3d(array), pixels.shape))


# --- on the grid of a model ----------------------------------------------------------------------


def slowly_resized(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A triangle as wide as an output pixel, or an input pixel where that is wider, in floats."""

    def weights(n_in: int, n_out: int) -> np.ndarray:
        scale = n_in / n_out
        width = max(scale, 1.0)
        centers = (np.arange(n_out) + 0.5) * scale
        distances = (np.arange(n_in) + 0.5 - centers[:, None]) / width
        found = np.maximum(1 - np.abs(distances), 0)
        return found / found.sum(axis=1, keepdims=True)

    rows, columns = weights(photo.shape[0], size[0]), weights(photo.shape[1], size[1])
    return np.einsum("ih,jw,hwc->ijc", rows, columns, photo.astype(np.float64))


@given(*[st.integers(2, 20)] * 4, st.sampled_from([np.uint16, np.float32]))
def test_deep_photos_are_resized_without_rounding(
    height: int, width: int, rows: int, columns: int, dtype: type
) -> None:
    photo = RANDOM.integers(0, 65536, (height, width, 3)).astype(dtype)
    fitted = get_fit("stretch").image(photo, (rows, columns))
    np.testing.assert_allclose(fitted, slowly_resized(photo, (rows, columns)), rtol=2e-4, atol=0.1)


@pytest.mark.parametrize("fit", FITS)
def test_deep_photos_land_where_others_do(fit: str) -> None:
    photo = RANDOM.integers(0, 256, (30, 41, 3)).astype(np.uint8)
    expected = get_fit(fit).image(photo, (24, 20)).astype(np.float64)
    for deep in (photo.astype(np.uint16) * 16, photo.astype(np.float32) * 16):
        fitted = get_fit(fit).image(deep, (24, 20))
        assert fitted.dtype == np.float32
        np.testing.assert_allclose(fitted / 16, expected, atol=1.01)


def test_bars_beside_a_photo_are_black() -> None:
    ct = np.full((10, 20, 3), 400, np.float32)
    ct[0, 0] = -1000
    assert get_fit("letterbox").image(ct, (20, 20))[0, 0].tolist() == [-1000] * 3
    assert get_fit("letterbox").image(np.abs(ct), (20, 20))[0, 0].tolist() == [0] * 3
