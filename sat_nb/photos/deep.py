"""Samples of any depth in the files that Pillow opens; none are reduced without a word."""

from __future__ import annotations

import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sat_nb.errors import InvalidInput
from sat_nb.photos.opening import open_picture
from sat_nb.photos.photo import Range, range_of, stored
from sat_nb.reading import open_plain

BITS, PHOTOMETRIC, PLANAR, SAMPLE_FORMAT = 258, 262, 284, 339  # tags of TIFF
SIGNED = 2  # a SAMPLE_FORMAT

SIXTEEN_BITS = re.compile(r"(RGB|RGBX|RGBA|LA);16([BLN])")
"""Pillow's codes for colours of 16 bits, of which it keeps the upper 8."""
REDUCED = re.compile(r".*;16[BLN]|SGI16")
"""All its codes for 16 bits that become 8."""

Samples = tuple[NDArray[Any], Range | None]
"""(H, W), (H, W, 3) or, with alpha, (H, W, 4); and the range that the stored numbers can have."""


def codes_of(image: Image.Image) -> list[str]:
    """How samples are packed, in Pillow's words; known only until the picture is loaded."""
    tiles = getattr(image, "tile", ())
    return [str(args[0] if isinstance(args, tuple) and args else args) for *_, args in tiles] + [
        str(name) for name, *_ in tiles
    ]


def is_misread(image: Image.Image) -> bool:
    """Whether Pillow reads a TIFF wrongly: planes of 16 bits, and colours of 16 times alpha."""
    tags = _tags(image)
    if not tags or max(_several(tags.get(BITS, 1))) <= 8:
        return False
    return tags.get(PLANAR) == 2 or any(code.startswith("RGBa") for code in codes_of(image))


def is_deep(image: Image.Image) -> bool:
    """Whether samples of an opened picture, not yet loaded, have more than 8 bits."""
    return image.mode[0] in "IF" or any(map(REDUCED.fullmatch, codes_of(image)))


def samples(file: Path, image: Image.Image, codes: list[str]) -> Samples:
    """The stored numbers of a picture that Pillow has opened, but not yet loaded."""
    colours = next(filter(None, map(SIXTEEN_BITS.fullmatch, codes)), None)
    if image.format == "PPM" and image.mode in ("I", "RGB"):
        top = _largest(image, codes)
        if top > 255:
            return _portable(file, image, top), (0.0, float(top))
    elif colours:
        return _both_bytes(file, colours[1], colours[2]), (0.0, 65535.0)
    is_png = image.mode == "I" and image.format == "PNG"  # until Pillow 11
    if image.mode.startswith("I;16") or is_png:
        return _grey_of_16_bits(file, image, codes)
    if image.mode in ("I", "F") or (image.mode == "L" and _is_signed(image)):
        return _numbers(image, codes)
    _check_not_reduced(file, image, codes)
    mode = "RGBA" if has_alpha(image) else "RGB"
    return np.array(image if image.mode == mode else image.convert(mode)), (0.0, 255.0)


def has_alpha(image: Image.Image) -> bool:
    """Whether a picture can have transparent pixels."""
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _grey_of_16_bits(file: Path, image: Image.Image, codes: list[str]) -> Samples:
    pixels, bits = stored(np.array(image).astype(np.uint16)), 12 if "I;12" in codes else 16
    if image.format == "JPEG2000":  # of which Pillow moves the bits up to 16
        bits, is_signed = _jpeg2000_bits(file)
        if is_signed:
            raise InvalidInput("JPEG 2000 with negative numbers is not read; save it as TIFF.")
        pixels = pixels >> (16 - bits)
    top = 2**bits - 1
    if _white_is_zero(image):
        pixels = np.uint16(top) - pixels
    return pixels, (0.0, float(top))


def _numbers(image: Image.Image, codes: list[str]) -> Samples:
    """Signed numbers, numbers of 32 bits, and floats, as float32."""
    if _white_is_zero(image):
        raise InvalidInput("numbers of which 0 is white; save it with 0 as black.")
    numbers = np.array(image)
    if image.mode == "L":
        numbers = numbers.view(np.int8)
    elif {"I;16S", "I;16BS"} & set(codes):
        numbers = numbers.astype(np.int16)
    elif image.mode == "I" and _tags(image) and not _is_signed(image):
        numbers = numbers.view(np.uint32)  # Pillow takes the upper half for negative
    return stored(numbers), range_of(numbers.dtype)


def _both_bytes(file: Path, layout: str, order: str) -> NDArray[np.uint16]:
    """Colours of 16 bits, read twice: ";16B" keeps the first byte of each number, ";16L" the other.

    Grey with alpha has no such codes; as RGBA, its four bytes are read as they are.
    """
    if layout == "LA":
        grey, grey_low, alpha, alpha_low = np.moveaxis(_decoded(file, "RGBA"), 2, 0)
        first = np.stack([grey, grey, grey, alpha], axis=2)
        second = np.stack([grey_low, grey_low, grey_low, alpha_low], axis=2)
    else:
        first, second = _decoded(file, f"{layout};16B"), _decoded(file, f"{layout};16L")
    is_little = order == "L" or (order == "N" and sys.byteorder == "little")
    high, low = (second, first) if is_little else (first, second)
    numbers = high.astype(np.uint16)
    numbers <<= 8
    numbers |= low
    return numbers


def _decoded(file: Path, code: str) -> NDArray[np.uint8]:
    """The picture, its samples unpacked as the code says."""
    with open_plain(file) as stream, open_picture(stream) as image:
        image.tile = [  # type: ignore[attr-defined]
            _with_code(tile, code)
            for tile in image.tile  # type: ignore[attr-defined]
        ]
        return np.array(image)


def _with_code(tile: Any, code: str) -> Any:
    args = (code, *tile[3][1:]) if isinstance(tile[3], tuple) else code
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)


def _largest(image: Image.Image, codes: list[str]) -> int:
    """The number that is white in a PGM or PPM."""
    name, _, _, args = image.tile[0]  # type: ignore[attr-defined]
    if name == "raw":
        return 65535 if "I;16B" in codes else 255
    return int(args[1])


def _portable(file: Path, image: Image.Image, top: int) -> NDArray[np.uint16]:
    """The numbers of a PGM or PPM with more than 8 bits, which Pillow rescales."""
    name, _, offset, _ = image.tile[0]  # type: ignore[attr-defined]
    shape = (image.height, image.width, 3)[: 2 if image.mode == "I" else 3]
    n_numbers = int(np.prod(shape))
    data = _beginning(file, offset + 64 * n_numbers + 2**16)[offset:]
    if name == "ppm_plain":
        numbers = np.array(re.sub(rb"#[^\n]*", b"", data).split()[:n_numbers], dtype=np.int64)
    else:
        numbers = np.frombuffer(data[: 2 * n_numbers], ">u2")
    if len(numbers) < n_numbers or numbers.max() > top:
        raise InvalidInput(f"damaged: expected {n_numbers} numbers from 0 to {top}.")
    return numbers.astype(np.uint16).reshape(shape)


def _check_not_reduced(file: Path, image: Image.Image, codes: list[str]) -> None:
    loses = any(map(REDUCED.fullmatch, codes))
    if image.format == "JPEG2000":
        loses = _jpeg2000_bits(file)[0] > 8
    if loses:
        raise InvalidInput(
            f"colours of more than 8 bits in a file of {image.format}, of which Pillow keeps 8; "
            "save it as PNG or TIFF of 16 bits."
        )


def _jpeg2000_bits(file: Path) -> tuple[int, bool]:
    """The most bits of a sample, and whether any have a sign."""
    data = _beginning(file, HEADER_BYTES)
    start = data.index(b"\xff\x4f\xff\x51")
    (n_channels,) = struct.unpack_from(">H", data, start + 40)
    bits = data[start + 42 : start + 42 + 3 * n_channels : 3]
    return max((one & 0x7F) + 1 for one in bits), any(one & 0x80 for one in bits)


def bits_of_avif(file: Path) -> int:
    """The bits of a sample, as the file's configuration (``av1C``) tells them."""
    data = _beginning(file, HEADER_BYTES)
    start = data.find(b"av1C")
    flags = data[start + 6] if 0 <= start < len(data) - 6 else 0
    return 12 if flags & 0x60 == 0x60 else 10 if flags & 0x40 else 8


HEADER_BYTES = 2**24


def _beginning(file: Path, n_bytes: int) -> bytes:
    with open_plain(file) as stream:
        return stream.read(n_bytes)


def _tags(image: Image.Image) -> Any:
    """The tags of a TIFF; empty for other pictures."""
    return image.tag_v2 if image.format == "TIFF" else {}  # type: ignore[attr-defined]


def _is_signed(image: Image.Image) -> bool:
    return SIGNED in _several(_tags(image).get(SAMPLE_FORMAT, 1))


def _white_is_zero(image: Image.Image) -> bool:
    return _tags(image).get(PHOTOMETRIC) == 0


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
