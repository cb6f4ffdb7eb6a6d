"""LabelMe's JSON: shapes of an image, drawn by hand.

``{"shapes": [{"label", "points": [[x, y], ...], "shape_type"}], "imageHeight", "imageWidth"}``.
Polygons, rectangles and circles are filled as LabelMe does; a "mask" is a PNG in base64 that is
placed at its box. Lines and points have no area and are refused.
"""

from __future__ import annotations

import base64
import io
from functools import partial
from typing import Any

import numpy as np

from sat_nb.arrays import Mask, Size
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.segments.formats.encoded import EncodedMask, Reading, decode_masks, encode_each
from sat_nb.segments.formats.json_files import JsonDocument
from sat_nb.segments.formats.limits import (
    checked_dict,
    checked_list,
    checked_name,
    checked_points,
    checked_size,
)
from sat_nb.segments.formats.png_files import read_picture, two_valued
from sat_nb.segments.formats.polygons import fill_labelme

SHAPES = ("polygon", "rectangle", "circle", "mask")


def is_labelme(document: object) -> bool:
    """Whether a parsed JSON document is LabelMe's: a list ``shapes`` beside the image's size."""
    return isinstance(document, dict) and {"shapes", "imageHeight"} <= document.keys()


def parse_labelme(document: Any) -> Reading:
    """The segments of one parsed file, one a shape, in the file's order, names as written.

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
    name = checked_name(shape.get("label"), f"{field}.label")
    kind = shape.get("shape_type") or "polygon"  # old versions do not write it
    if kind not in SHAPES:
        raise unknown_name(f"{field}.shape_type", kind, SHAPES)
    draw = _place if kind == "mask" else partial(_fill, kind)
    return EncodedMask(field, name, size, partial(draw, shape, size, field))


def _fill(kind: str, shape: dict[str, Any], size: Size, field: str) -> Mask:
    return fill_labelme(kind, shape.get("points"), size, f"{field}.points")


def _place(shape: dict[str, Any], size: Size, field: str) -> Mask:
    points = checked_points(shape.get("points"), size, f"{field}.points", least=2, most=2)
    (left, top), (right, bottom) = points.astype(int).tolist()
    try:
        png = base64.b64decode(shape.get("mask") or "", validate=True)
        small = two_valued(read_picture(io.BytesIO(png)))
    except (InvalidInput, TypeError, ValueError) as error:
        raise InvalidInput(f"{field}.mask: expected a PNG in base64: {error}") from error
    mask = np.zeros(size, dtype=bool)
    if left < 0 or top < 0 or mask[top : bottom + 1, left : right + 1].shape != small.shape:
        raise InvalidInput(
            f"{field}.mask: the PNG is {small.shape[0]} x {small.shape[1]} pixels, which is not "
            f"the box {points.tolist()} within the image."
        )
    mask[top : bottom + 1, left : right + 1] = small
    return mask


LABELME = JsonDocument(
    name="labelme",
    title="LabelMe (JSON)",
    about="Shapes that were drawn by hand in LabelMe.",
    source="https://github.com/wkentaro/labelme",
    recognises=is_labelme,
    parse=parse_labelme,
)
