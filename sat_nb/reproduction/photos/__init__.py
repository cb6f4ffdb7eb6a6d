"""Four photos that scikit-image ships, with masks of their parts that were drawn by hand.

    images, segments = photos.read(), sat.read_segments(photos.EXPORTS)

An astronaut, Chelsea the cat, a cup of coffee and a rocket (public domain or CC0, according to
scikit-image's documentation). The photos are read from scikit-image's wheel; nothing is downloaded.
The masks are beside this file as DINO-X exports in both codecs; :func:`write_exports` makes them
from the outlines in ``outlines.toml``.
"""

from __future__ import annotations

import os
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from sat_nb.arrays import Masks
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.images import ImageSet
from sat_nb.segments.formats.dinox import write_dinox
from sat_nb.segments.segmentation import SegmentationMap

FILES = {
    "astronaut": "astronaut.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
}
"""{image_id: file in the data folder of scikit-image}."""

EXPORTS = Path(__file__).parent
OUTLINES = EXPORTS / "outlines.toml"
_CODECS = ("coco_rle", "dds_rle")


def read() -> ImageSet:
    """The four photos by id, from the wheel of scikit-image.

    Returns
    -------
    ImageSet
        The photos.

    Raises
    ------
    FileMissing
        Where scikit-image is not installed, or lacks one of the photos.
    """
    found = find_spec("skimage")
    folder = Path(found.origin).parent / "data" if found and found.origin else None
    if folder is None:
        raise FileMissing(
            "photos: scikit-image, which contains them, is not installed; "
            "pip install 'sat-nb[studies]', or pip install scikit-image"
        )
    files = {image_id: folder / name for image_id, name in FILES.items()}
    missing = [file.name for file in files.values() if not file.is_file()]
    if missing:
        raise FileMissing(
            f"photos: {missing[0]!r} is not in {str(folder)!r}; reinstall scikit-image."
        )
    return ImageSet(files)


def outlined(image_id: str) -> SegmentationMap:
    """The masks of one photo, filled from ``outlines.toml``; they have no scores.

    >>> outlined("coffee").merged().names
    ('coffee', 'cup', 'handle', 'spoon', 'saucer', 'floor', 'table')
    """
    outlines = tomllib.loads(OUTLINES.read_text(encoding="utf-8"))[image_id]
    size = tuple(outlines["size"])
    entries = outlines["masks"]
    filled = [(entry["name"], _filled(entry, size)) for entry in entries]
    masks = [
        mask & ~_union(filled, entry.get("without", ()), size)
        for entry, (_, mask) in zip(entries, filled, strict=True)
    ]
    for entry, mask in zip(entries, masks, strict=True):
        if entry.get("rest"):
            mask |= ~np.any(masks, axis=0)
    return SegmentationMap(tuple(name for name, _ in filled), np.stack(masks))


def write_exports(out: str | os.PathLike[str] = EXPORTS) -> list[Path]:
    """Fill all outlines and write ``out/IMAGE_ID.json``, in alternating codecs; the files."""
    files = []
    for number, image_id in enumerate(FILES):
        masks = outlined(image_id)
        unknown = SegmentationMap(masks.names, masks.masks, np.full(len(masks), np.nan))
        file = Path(out) / f"{image_id}.json"
        files.append(write_dinox(file, unknown, codec=_CODECS[number % 2]))
    return files


def _filled(entry: dict[str, Any], size: tuple[int, int]) -> Masks:
    """The pixels of one entry with its border, before others are subtracted."""
    image = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(image)
    if "polygon" in entry:
        draw.polygon([(x, y) for x, y in entry["polygon"]], fill=1, outline=1)
    for x, y, radius in entry.get("circles", ()):
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1)
    return np.array(image, dtype=bool)


def _union(filled: list[tuple[str, Masks]], names: Any, size: tuple[int, int]) -> Masks:
    """The union of the masks with these names."""
    union = np.zeros(size, dtype=bool)
    for wanted in names:
        found = [mask for name, mask in filled if name == wanted]
        if not found:
            raise InvalidInput(f"{OUTLINES}: without: no mask is named {wanted!r}.")
        union |= np.any(found, axis=0)
    return union
