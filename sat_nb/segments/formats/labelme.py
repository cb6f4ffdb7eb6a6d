"""LabelMe's JSON: shapes of an image, drawn by hand in LabelMe, X-AnyLabeling and their kin.

``{"shapes": [{"label", "points": [[x, y], ...], "shape_type", "group_id"}], "imageHeight",
"imageWidth"}``. Shapes with an area are filled as LabelMe does; a "mask" is a PNG in base64 that is
placed at its box. Lines and points have no area and are refused. As in LabelMe's own converters,
shapes of one label and one ``group_id`` are parts of one instance.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Size
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.json_files import JsonDocument, Place
from sat_nb.segments.formats.labelme_sizes import with_size
from sat_nb.segments.formats.limits import (
    brief,
    checked_dict,
    checked_list,
    checked_name,
    checked_points,
    checked_size,
    outline_length,
    whole_number,
)
from sat_nb.segments.formats.png_files import read_picture, read_size, two_valued
from sat_nb.segments.formats.polygons import LABELME_SHAPES, drawn, labelme_points

SHAPES = (*LABELME_SHAPES, "mask")
MOST_OF_PHOTO, SMALL = 4, 2**16
"""How many times the photo's pixels, and pixels beside them, a stored mask may have."""
WITHOUT_AREA = ("point", "points", "line", "lines", "linestrip", "cuboid")
PHOTO_KEYS = {"imageHeight", "imagePath", "imageData"}
NO_GROUP = (None, "", "null")


class LabelMeFormat(JsonDocument):
    """LabelMe's documents; old ones take their size from the photo."""

    def read(self, document: Any, place: Place) -> Reading:
        """The Reading of a parsed document."""
        return self.parse(with_size(checked_dict(document, "the document"), place))


def is_labelme(document: object) -> bool:
    """Whether a parsed JSON document is LabelMe's: a list ``shapes``, and keys of the photo."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("shapes"), list)
        and not PHOTO_KEYS.isdisjoint(document)
    )


def parse_labelme(document: Any) -> Reading:
    """The segments of one parsed file, one an instance, in the file's order, names as written.

    Raises InvalidInput that names the field.
    """
    document = checked_dict(document, "the document")
    shapes = checked_list(document.get("shapes"), "shapes")
    stated = [document.get("imageHeight"), document.get("imageWidth")]
    size = checked_size(stated, "[imageHeight, imageWidth]")
    items = [(f"shapes[{i}]", shape) for i, shape in enumerate(shapes)]
    return decode_masks(encode_each(items, partial(_encoded, size=size)))


def _encoded(shape: Any, field: str, *, size: Size) -> EncodedMask:
    shape = checked_dict(shape, field)
    label = shape.get("label")
    name = checked_name(str(label) if type(label) is int else label, f"{field}.label")
    kind = shape.get("shape_type") or "polygon"  # old versions do not write it
    if kind in WITHOUT_AREA:
        raise InvalidInput(
            f"{field}: {name!r} is a {kind!r}, which has no area; draw its outline as a polygon."
        )
    if kind not in SHAPES:
        raise unknown_name(f"{field}.shape_type", kind, SHAPES)
    instance = _instance(shape.get("group_id"), f"{field}.group_id")
    if kind == "mask":
        place = partial(_place, shape, size, field)
        return EncodedMask(field, name, size, place, instance=instance)
    xy = labelme_points(kind, shape.get("points"), size, f"{field}.points")
    draw, outline_px = partial(drawn, kind, xy, size), outline_length(xy)
    return EncodedMask(field, name, size, draw, instance=instance, outline_px=outline_px)


def _instance(group: Any, field: str) -> Hashable:
    if group in NO_GROUP:
        return None
    number = whole_number(group)
    if number is None and not isinstance(group, str):
        raise InvalidInput(f"{field}: expected a whole number or null, got {brief(group)}.")
    return group if number is None else number


def _place(shape: dict[str, Any], size: Size, field: str) -> Mask:
    """The mask that is stored for a box, which may reach beyond the photo.

    A box that was moved has corners at fractions of a pixel: the first one is rounded.
    """
    points = checked_points(shape.get("points"), size, f"{field}.points", least=2, most=2)
    left, top = np.rint(points[0]).astype(int).tolist()
    with _png(f"{field}.mask"):
        png = io.BytesIO(base64.b64decode(shape.get("mask") or "", validate=True))
        height, width = read_size(png)
    _check_box((height, width), points, size, f"{field}.mask")
    with _png(f"{field}.mask"):
        png.seek(0)
        small = two_valued(read_picture(png))
    mask = np.zeros(size, dtype=bool)
    rows, columns = np.arange(small.shape[0]) + top, np.arange(small.shape[1]) + left
    within = np.ix_((rows >= 0) & (rows < size[0]), (columns >= 0) & (columns < size[1]))
    part = small[within]
    mask[max(top, 0) :, max(left, 0) :][: part.shape[0], : part.shape[1]] = part
    return mask


@contextmanager
def _png(field: str) -> Iterator[None]:
    try:
        yield
    except (InvalidInput, TypeError, ValueError) as error:
        raise InvalidInput(f"{field}: expected a PNG in base64: {error}") from error


def _check_box(png: Size, points: NDArray[Any], size: Size, field: str) -> None:
    """InvalidInput, before it is read, for a PNG that does not fit its box or the photo."""
    found = f"{field}: the PNG is {png[0]} x {png[1]} pixels"
    if (np.abs(points[1] - points[0] + 1 - np.array(png[::-1])) >= 1).any():
        raise InvalidInput(f"{found}, which is not the box {points.tolist()}.")
    if math.prod(png) > MOST_OF_PHOTO * math.prod(size) + SMALL:
        raise InvalidInput(
            f"{found}, far more than the photo of {size[0]} x {size[1]}; export the masks again."
        )


LABELME = LabelMeFormat(
    name="labelme",
    title="LabelMe (JSON)",
    about="Shapes that were drawn by hand in LabelMe or X-AnyLabeling.",
    source="https://github.com/wkentaro/labelme",
    recognises=is_labelme,
    parse=parse_labelme,
)
