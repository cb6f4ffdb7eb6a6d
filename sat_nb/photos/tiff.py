"""TIFF files that Pillow cannot read, or reads wrongly: colours of floats, planes of 16 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.photos.photo import Photo, check_size, in_colour, over_white, range_of, stored
from sat_nb.photos.turns import ORIENTATION, turned
from sat_nb.reading import open_plain

BIG = 43
"""The number of BigTIFF, whose places have 8 bytes."""


def is_tiff(file: Path) -> bool:
    """Whether a file begins as TIFF and BigTIFF do."""
    with open_plain(file) as stream:
        return stream.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def n_pages(file: Path, most: int) -> int:
    """The pages of a TIFF, of which ``most`` are counted; Pillow takes minutes for thousands."""
    with open_plain(file) as stream:
        head = stream.read(16)
        order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        is_big = int.from_bytes(head[2:4], order) == BIG
        count, entry, offset = (8, 20, 8) if is_big else (2, 12, 4)
        at, seen = int.from_bytes(head[offset : 2 * offset], order), set[int]()
        while at and at not in seen and len(seen) < most:
            stream.seek(at)
            n_entries = stream.read(count)
            stream.seek(at + count + entry * int.from_bytes(n_entries, order))
            following = stream.read(offset)
            if len(following) < offset:
                break
            seen.add(at)
            at = int.from_bytes(following, order)
    return max(1, len(seen))


def read_tifffile(file: Path) -> Photo:
    """The first page of a TIFF; see-through parts lie over white."""
    try:
        import tifffile
    except ImportError as error:
        raise InvalidInput(
            "a TIFF that Pillow cannot read, such as one with colours of floats; run "
            "`pip install tifffile`, or save it as PNG or TIFF of 16 bits."
        ) from error
    with tifffile.TiffFile(file) as tiff:
        page: Any = tiff.pages[0]
        _check_page(page, file.stat().st_size)
        bits = page.bitspersample
        per_number = max(bits if isinstance(bits, tuple) else (bits,)) / 8
        check_size(page.imagelength, page.imagewidth, max(page.samplesperpixel, 3), per_number)
        array = page.asarray()
        array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else np.atleast_3d(array)
        pixels, notes = _without_extras(array, [kind.name for kind in page.extrasamples])
        full = range_of(pixels.dtype)
        if page.photometric.name == "MINISWHITE":
            pixels = _black_is_zero(pixels)
        turn = page.tags[ORIENTATION].value if ORIENTATION in page.tags else 1
    upright = np.ascontiguousarray(turned(stored(pixels), turn))
    return Photo(in_colour(upright), full, notes=notes)


def _check_page(page: Any, file_size: int) -> None:
    ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=True)]
    n_bytes = page.nbytes if page.compression == 1 else 1
    if not ends or max(ends) > file_size or sum(page.databytecounts) < n_bytes:
        raise InvalidInput("a damaged TIFF: pixels are missing.")
    colours = getattr(page.photometric, "name", page.photometric)
    if page.axes not in ("YX", "YXS", "SYX") or colours not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise InvalidInput(
            f"a TIFF with axes {page.axes} and colours {colours}; save it in grey or RGB."
        )


def _without_extras(array: NDArray[Any], kinds: list[str]) -> tuple[NDArray[Any], dict[str, str]]:
    """(H, W) or (H, W, 3) of (H, W, C): alpha laid over white, other extra channels left out."""
    n_colours = array.shape[2] - len(kinds)
    if n_colours not in (1, 3):
        raise InvalidInput(f"{n_colours} channels; save it in grey or RGB.")
    colours = array[..., 0] if n_colours == 1 else array[..., :3]
    if not kinds:
        return colours, {}
    if "UNSPECIFIED" in kinds:
        if n_colours == 1:
            raise InvalidInput(f"{array.shape[2]} channels without colours; save it in RGB.")
        return colours, {"channels": f"its file has {len(kinds)} channels beside RGB, unused here"}
    if kinds != ["UNASSALPHA"] or array.dtype.kind != "u":
        raise InvalidInput(f"alpha of the kind {kinds[0]}; save it without alpha.")
    return over_white(in_colour(colours), array[..., -1])


def _black_is_zero(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.dtype.kind != "u":
        raise InvalidInput("numbers of which 0 is white; save it with 0 as black.")
    inverted: NDArray[Any] = np.iinfo(pixels.dtype).max - pixels
    return inverted
