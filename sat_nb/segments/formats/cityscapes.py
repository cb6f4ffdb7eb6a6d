"""Cityscapes' polygons: ``*_gtFine_polygons.json``, objects of an image that cover each other.

``{"imgHeight", "imgWidth", "objects": [{"label", "polygon": [[x, y], ...], "deleted"}]}``. As in
``json2labelImg`` of cityscapesScripts, objects are painted one after the other by Pillow's
``ImageDraw.polygon``, so that a mask is what later objects left of it; deleted objects are left
out, and so is what is covered as a whole. A group has the name of its class ("cargroup" is "car").
License plates, which that script does not paint, are masks that cover nothing.

The id is that of the photo: ``gtFine/train/aachen/x_gtFine_polygons.json`` belongs to
``leftImg8bit/train/aachen/x_leftImg8bit.png``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sat_nb.arrays import Mask, Size, values_in
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.segments.formats.encoded import EncodedMask, Reading, check_mask_bytes, decode_masks
from sat_nb.segments.formats.json_files import JsonDocument
from sat_nb.segments.formats.limits import (
    checked_dict,
    checked_list,
    checked_name,
    checked_points,
    checked_size,
    outline_length,
)

CLASSES = frozenset((
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic",
    "ground", "road", "sidewalk", "parking", "rail track", "building", "wall", "fence",
    "guard rail", "bridge", "tunnel", "pole", "polegroup", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "caravan",
    "trailer", "train", "motorcycle", "bicycle", "license plate",
))  # fmt: skip
COVERS_NOTHING = "license plate"

Outline = list[tuple[float, float]]


@dataclass(frozen=True)
class _Shape:
    field: str
    name: str
    outline: Outline
    order: int

    def area(self, size: Size) -> int:
        """The pixels of its box within the photo: what painting it costs."""
        x, y = (np.clip([p[i] for p in self.outline], 0, size[1 - i]) for i in (0, 1))
        return math.ceil((np.ptp(x) + 1) * (np.ptp(y) + 1))


def is_cityscapes(document: object) -> bool:
    """Whether a parsed JSON document holds Cityscapes' polygons."""
    keys = {"imgHeight", "imgWidth", "objects"}
    return isinstance(document, dict) and keys <= document.keys()


def parse_cityscapes(document: Any) -> Reading:
    """The segments of one parsed file, in its order; later objects cover earlier ones.

    Raises InvalidInput that names the field.
    """
    document = checked_dict(document, "the document")
    objects = checked_list(document.get("objects"), "objects")
    size = checked_size(
        [document.get("imgHeight"), document.get("imgWidth")], "[imgHeight, imgWidth]"
    )
    described = list(_shapes(objects, size))
    shapes = [shape for shape in described if isinstance(shape, _Shape)]
    errors = [error for error in described if isinstance(error, InvalidInput)]
    _check_cost(shapes, size)
    top = _painted([shape for shape in shapes if shape.name != COVERS_NOTHING], size)
    seen = set(values_in(top))
    plates = (_plate(shape, top, size) for shape in shapes if shape.name == COVERS_NOTHING)
    masks = [
        (
            shape.order,
            EncodedMask(shape.field, shape.name, size, partial(np.equal, top, shape.order)),
        )
        for shape in shapes
        if shape.order in seen
    ]
    masks += [plate for plate in plates if plate is not None]
    return decode_masks([*errors, *(mask for _, mask in sorted(masks, key=lambda item: item[0]))])


PAINTED_BYTES = 8
"""Of a pixel while objects are painted."""


def _check_cost(shapes: list[_Shape], size: Size) -> None:
    """InvalidInput where painting takes too long: what is covered in the end costs as well."""
    length = sum(outline_length(np.array(shape.outline)) for shape in shapes)
    if length > LIMITS["outline_px"]:
        raise InvalidInput(
            f"objects: their outlines are {length} pixels long; {beyond('outline_px', length)}."
        )
    n_px = size[0] * size[1]
    check_mask_bytes(f"objects: {size[0]} x {size[1]} pixels", PAINTED_BYTES * n_px)
    plates = sum(shape.name == COVERS_NOTHING for shape in shapes)
    area = sum(shape.area(size) for shape in shapes) + 2 * plates * n_px
    check_mask_bytes(f"objects: {len(shapes)}, which cover each other,", area)


def photo_of(file_id: str) -> str:
    """The id of the photo of a file with this id.

    >>> photo_of("train/aachen/aachen_000000_000019_gtFine_polygons")
    'train/aachen/aachen_000000_000019_leftImg8bit'
    """
    photo_id, n = re.subn(r"_gt(?:Fine|Coarse)_polygons$", "_leftImg8bit", file_id)
    return re.sub(r"(^|.*/)gt(?:Fine|Coarse)/", r"\1leftImg8bit/", photo_id) if n else file_id


def _shapes(objects: list[Any], size: Size) -> Iterator[_Shape | InvalidInput]:
    for i, item in enumerate(objects):
        field = f"objects[{i}]"
        try:
            item = checked_dict(item, field)
            if item.get("deleted"):
                continue
            name = _class_of(checked_name(item.get("label"), f"{field}.label"))
            yield _Shape(field, name, _outline(item, size, f"{field}.polygon"), i + 1)
        except InvalidInput as error:
            yield error


def _class_of(label: str) -> str:
    of_group = label.removesuffix("group")
    return of_group if label not in CLASSES and of_group in CLASSES else label


def _outline(item: dict[str, Any], size: Size, field: str) -> Outline:
    if "polygon" not in item:
        raise InvalidInput(
            f"{field}: expected [[x, y], ...], got none, as of a box; take the files "
            "*_gtFine_polygons.json."
        )
    return [(x, y) for x, y in checked_points(item["polygon"], size, field, least=3).tolist()]


def _painted(shapes: list[_Shape], size: Size) -> NDArray[np.int32]:
    """(H, W): the order of the object on top, 0 for none."""
    canvas = Image.new("I", (size[1], size[0]), 0)
    draw = ImageDraw.Draw(canvas)
    for shape in shapes:
        draw.polygon(shape.outline, fill=shape.order)
    return np.array(canvas)


def _plate(shape: _Shape, top: NDArray[np.int32], size: Size) -> tuple[int, EncodedMask] | None:
    """A mask that covers nothing; None where later objects cover it."""

    def decode() -> Mask:
        return (_painted([shape], size) > 0) & (top <= shape.order)

    if not decode().any():
        return None
    return shape.order, EncodedMask(shape.field, shape.name, size, decode)


CITYSCAPES = JsonDocument(
    name="cityscapes",
    title="Cityscapes polygons (JSON)",
    about="The gtFine_polygons.json of Cityscapes, whose objects cover each other.",
    source="https://github.com/mcordts/cityscapesScripts",
    recognises=is_cityscapes,
    parse=parse_cityscapes,
    photo_of=photo_of,
)
