"""The size of the photo of a LabelMe file that does not state it: from the photo itself.

Before 3.16, LabelMe did not write ``imageHeight`` and ``imageWidth``. The photo is in the file, as
``imageData`` in base64, or where ``imagePath`` says.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from sat_nb.arrays import Size
from sat_nb.errors import InvalidInput
from sat_nb.photos.opening import open_picture
from sat_nb.photos.pillow import load_plug_ins, orientation
from sat_nb.photos.turns import ON_THEIR_SIDE
from sat_nb.reading import open_plain
from sat_nb.segments.formats.json_files import Place
from sat_nb.segments.formats.limits import brief, check_inside, checked_size

HEAD_LENGTH = 2**20  # characters of base64 that hold the header of a photo
STORED = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP")


def with_size(document: dict[str, Any], place: Place) -> dict[str, Any]:
    """The document with the size of its photo.

    Raises InvalidInput where neither the document nor the photo tells it, and where the document
    holds a photo of another size, on which its shapes may have been drawn as well.
    """
    stated = [document.get("imageHeight"), document.get("imageWidth")]
    stored = _size_of_data(document.get("imageData"))
    if None in stated:
        height, width = stored or _size_of_file(document, place)
        return {**document, "imageHeight": height, "imageWidth": width}
    if stored and checked_size(stated, "[imageHeight, imageWidth]") != stored:
        raise InvalidInput(
            f"[imageHeight, imageWidth]: states {stated}, but imageData is a photo of "
            f"{list(stored)}; correct the two numbers, or set imageData to null if they are right."
        )
    return document


def _size_of_data(data: Any) -> Size | None:
    """From the header of ``imageData``, as it is stored: LabelMe draws on that, without EXIF."""
    if not isinstance(data, str) or not data:
        return None
    code = "".join(data[:HEAD_LENGTH].split())
    if code.startswith("data:"):
        code = code.partition(",")[2]
    try:
        head = base64.b64decode(code[: len(code) // 4 * 4])
        with open_picture(io.BytesIO(head), formats=STORED) as image:
            return image.height, image.width
    except Exception:  # damaged pictures make Pillow raise errors of many kinds
        return None


def _size_of_file(document: dict[str, Any], place: Place) -> Size:
    """From the photo file, upright, as LabelMe shows it."""
    name = document.get("imagePath")
    for file in _candidates(name, place) if isinstance(name, str) else ():
        load_plug_ins()
        try:
            with open_plain(file) as stream, open_picture(stream) as image:
                size = image.height, image.width
                return size[::-1] if orientation(image) in ON_THEIR_SIDE else size
        except Exception:  # damaged pictures make Pillow raise errors of many kinds
            continue
    raise InvalidInput(
        "imageHeight, imageWidth: not stated, as by LabelMe before 3.16, and neither imageData nor "
        f"a photo at imagePath ({brief(name)}) tells them. Put the photo there or beside the "
        "file, or write both numbers into the file."
    )


def _candidates(name: str, place: Place) -> Iterator[Path]:
    """Where the photo may be: at its path, and under its bare name beside the file.

    Paths of another computer, and those that lead out of the folder around the one that is read,
    are not followed.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    top = place.root if place.root.is_dir() else place.root.parent
    for relative in dict.fromkeys([path, PurePosixPath(path.name)]):
        if relative.is_absolute() or ":" in str(relative) or not relative.name:
            continue
        file = place.file.parent / relative
        try:
            check_inside(file, top.absolute().parent)
            if file.is_file():
                yield file
        except (InvalidInput, OSError, ValueError):
            continue
