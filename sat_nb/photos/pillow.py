"""Photos that Pillow reads: as deep as they are stored, upright, over white where see-through."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sat_nb.photos import jpeg, png
from sat_nb.photos.deep import bits_of_avif, codes_of, has_alpha, is_deep, is_misread, samples
from sat_nb.photos.nested import inner
from sat_nb.photos.opening import open_picture
from sat_nb.photos.photo import Photo, check_size, in_colour, over_white
from sat_nb.photos.tiff import is_tiff, n_pages, read_tifffile
from sat_nb.photos.turns import ORIENTATION, TURNS, turned
from sat_nb.photos.whole import check_whole
from sat_nb.reading import open_plain

NO_PHOTOS = frozenset({"BUFR", "EPS", "FITS", "GRIB", "HDF5", "IPTC", "MPEG", "PDF", "WMF"})
"""Formats that Pillow registers, but that hold documents, films, drawings or raw numbers."""

CLAIMS = {"PNG": png.check_claim, "JPEG": jpeg.check_scans, "MPO": jpeg.check_scans}
"""What else is checked before a picture of a format is loaded."""

MOST_PAGES = 1000

REGISTER = {"pillow_heif": "register_heif_opener", "pillow_jxl": None}
"""Plug-ins, and what is called beside importing them."""


@cache
def load_plug_ins() -> None:
    """Let Pillow know the plug-ins that are installed, and all of its own."""
    for module, register in REGISTER.items():
        if find_spec(module):
            plug_in = import_module(module)
            if register:
                getattr(plug_in, register)()
    Image.init()


def pillow_suffixes() -> frozenset[str]:
    """The endings of photos that the installed Pillow and its plug-ins read."""
    load_plug_ins()
    return frozenset(
        suffix
        for suffix, name in Image.registered_extensions().items()
        if (name in Image.OPEN or name == "MPO") and name not in NO_PHOTOS
    )


def read_pillow(file: Path, part: int | None = None) -> Photo:
    """The first picture of a file; see-through parts lie over white.

    Browsers, notebooks and matplotlib show transparent pictures on white; the colour that is
    stored under a transparent pixel is never seen.
    """
    load_plug_ins()
    with open_plain(file) as stream:  # of a path, Pillow mixes up the rows of some turned TIFFs
        try:
            image = open_picture(stream)
        except UnidentifiedImageError:
            if is_tiff(file):
                return read_tifffile(file)
            raise
        with image:
            return _read(file, image)


def check_picture(image: Image.Image, least: int = 3) -> None:
    """InvalidInput for a picture, not loaded yet, that takes too much memory.

    ``least`` is the number of channels that a grey picture becomes.
    """
    least = 3 if image.mode.startswith("P") else least
    n_channels = max(len(image.getbands()), least) + ("transparency" in image.info)
    n_bytes = 4 if image.mode in ("I", "F") else 2 if is_deep(image) else 1
    check_size(image.height, image.width, n_channels, n_bytes)
    if check := CLAIMS.get(image.format or ""):
        check(image)
    if (held := inner(image)) is not None:
        with open_picture(held) as picture:
            check_picture(picture)


def _read(file: Path, image: Image.Image) -> Photo:
    if is_misread(image):
        return read_tifffile(file)
    check_picture(image)
    stream: Any = image.fp  # type: ignore[attr-defined]
    codes = codes_of(image)
    if not codes:
        image.load()  # of icons, the mode is known only then
    pixels, full = samples(file, image, codes)
    image.load()  # reads what stands behind the pixels of a PNG
    check_whole(image, stream)
    pixels, notes = _opaque(image, pixels)
    turn = 1 if image.format == "TIFF" else orientation(image)  # Pillow turns TIFFs itself
    pixels = np.ascontiguousarray(turned(pixels, turn))
    return Photo(in_colour(pixels), full, notes={**notes, **_lost(file, image)})


def orientation(image: Image.Image) -> Any:
    """The orientation in EXIF (or in XMP, as Pillow reads it); 1 where EXIF is damaged."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF makes Pillow raise errors of many kinds
        return 1


def is_shown_as_stored(image: Image.Image) -> bool:
    """Whether any viewer shows the pixels of an opened picture as they are stored."""
    is_upright = orientation(image) not in TURNS
    return is_upright and not has_alpha(image) and not is_deep(image)


def _lost(file: Path, image: Image.Image) -> dict[str, str]:
    """Notes on what the file holds beside what was read."""
    notes = {}
    n_found = n_pages(file, MOST_PAGES) if image.format == "TIFF" else 1
    if n_found > 1:
        more = " or more" * (n_found == MOST_PAGES)
        notes["pages"] = (
            f"its file has {n_found}{more} pages, of which the first is read. For the others, save "
            "each as a file of its own"
        )
    bits = bits_of_avif(file) if image.format == "AVIF" else image.info.get("bit_depth", 8)
    if bits > 8:
        notes["bits"] = (
            f"its file has {bits} bits, of which {image.format} readers give 8. For all of them, "
            "save the photos as PNG or TIFF of 16 bits"
        )
    return notes


def _opaque(image: Image.Image, pixels: NDArray[Any]) -> tuple[NDArray[Any], dict[str, str]]:
    """The picture over white, and a note if any pixel is see-through."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return over_white(pixels[..., :3], pixels[..., 3])
    key = image.info.get("transparency")
    if pixels.dtype == np.uint16 and image.format == "PNG" and key is not None:
        hidden = pixels == np.asarray(key)
        hidden = hidden.all(axis=2) if pixels.ndim == 3 else hidden
        return over_white(in_colour(pixels), np.where(hidden, 0, 65535).astype(np.uint16))
    return pixels, {}
