"""Polygons to masks, by the rule of the tool that drew them: the rules differ at the border.

COCO's polygons are filled as pycocotools does: the outline is traced on a grid five times as
fine, and a pixel belongs to the mask where the traced crossings of its column enclose it; the
polygons of one annotation are united.

LabelMe's shapes are defined by its function ``shape_to_mask``: Pillow's ``ImageDraw`` on an empty
picture, with the outline drawn, so that border pixels belong to the mask. Pillow's versions differ
by single pixels, at the tips of narrow triangles (9.5 to 11.0 fill one that 7.2 and 11.3 do not)
and where edges of a self-crossing outline meet (13.0 leaves out a pixel within it). As in LabelMe
itself, the rule of the installed version holds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from sat_nb.arrays import Mask, Size
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import brief, checked_list, checked_points


def fill_coco(polygons: Any, size: Size, field: str) -> Mask:
    """The (H, W) mask of COCO's ``[[x1, y1, x2, y2, ...], ...]``.

    >>> fill_coco([[0, 0, 2, 0, 2, 2, 0, 2]], (3, 3), "segmentation").astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 0]])
    """
    codes = []
    for i, polygon in enumerate(checked_list(polygons, field)):
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise InvalidInput(
                f"{field}[{i}]: expected [x1, y1, x2, y2, ...], got {brief(polygon)}."
            )
        points = checked_points(polygon, size, f"{field}[{i}]", least=3)
        codes += coco.frPyObjects([points.ravel().tolist()], *size)
    if not codes:
        raise InvalidInput(f"{field}: holds no polygon; a box is not enough.")
    return coco.decode(coco.merge(codes)).view(bool)


def fill_labelme(kind: str, points: Any, size: Size, field: str) -> Mask:
    """The (H, W) mask of a shape of LabelMe: "polygon", "rectangle" or "circle".

    A rectangle has two opposite corners; a circle its centre and a point on it.

    >>> fill_labelme("polygon", [[0, 0], [2, 0], [2, 2], [0, 2]], (3, 3), "points").all()
    True
    """
    n = {"rectangle": 2, "circle": 2}.get(kind)
    xy = checked_points(points, size, field, least=n or 3, most=n)
    canvas = Image.new("L", (size[1], size[0]), 0)
    draw = ImageDraw.Draw(canvas)
    if kind == "rectangle":
        draw.rectangle([*xy.min(axis=0), *xy.max(axis=0)], outline=1, fill=1)
    elif kind == "circle":
        (x, y), radius = xy[0], math.dist(*xy)
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)
    else:
        draw.polygon([(x, y) for x, y in xy.tolist()], outline=1, fill=1)
    return np.array(canvas).view(bool)
