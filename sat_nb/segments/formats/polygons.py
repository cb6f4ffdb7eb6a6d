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
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from sat_nb.arrays import Float64, Mask, Size
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import brief, checked_list, checked_points, outline_length
from sat_nb.segments.formats.rle import decode_coco


def fill_coco(polygons: Any, size: Size, field: str) -> Mask:
    """The (H, W) mask of COCO's ``[[x1, y1, x2, y2, ...], ...]``.

    >>> fill_coco([[0, 0, 2, 0, 2, 2, 0, 2]], (3, 3), "segmentation").astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 0]])
    """
    return filled(coco_outlines(polygons, size, field), size)


def coco_outlines(polygons: Any, size: Size, field: str) -> list[Float64]:
    """The outlines (n, 2), x first, of COCO's polygons."""
    outlines = []
    for i, polygon in enumerate(checked_list(polygons, field)):
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise InvalidInput(
                f"{field}[{i}]: expected [x1, y1, x2, y2, ...], got {brief(polygon)}."
            )
        outlines.append(checked_points(polygon, size, f"{field}[{i}]", least=3))
    if not outlines:
        raise InvalidInput(f"{field}: holds no polygon; a box is not enough.")
    return outlines


def length_of(outlines: Sequence[Float64]) -> int:
    """What filling outlines costs."""
    return sum(map(outline_length, outlines))


def filled(outlines: Sequence[Float64], size: Size) -> Mask:
    """The (H, W) mask of outlines by COCO's rule."""
    codes = [coco.frPyObjects([points.ravel().tolist()], *size)[0] for points in outlines]
    while len(codes) > 1:  # two by two, as each merge walks through what is merged before
        codes = [coco.merge(codes[i : i + 2]) for i in range(0, len(codes), 2)]
    return decode_coco(codes[0]["counts"].decode("ascii"), size)


def fill_labelme(kind: str, points: Any, size: Size, field: str) -> Mask:
    """The (H, W) mask of a shape of LabelMe; ``kind`` is a key of LABELME_SHAPES.

    >>> fill_labelme("polygon", [[0, 0], [2, 0], [2, 2], [0, 2]], (3, 3), "points").all()
    True
    """
    return drawn(kind, labelme_points(kind, points, size, field), size)


def labelme_points(kind: str, points: Any, size: Size, field: str) -> Float64:
    """The points (n, 2), x first, of a shape of LabelMe."""
    counts = LABELME_SHAPES[kind][1]
    xy = checked_points(points, size, field, least=min(counts, default=3))
    if counts and len(xy) not in counts:
        expected = " or ".join(map(str, counts))
        raise InvalidInput(f"{field}: expected {expected} points, got {len(xy)}; redraw the shape.")
    return xy


def drawn(kind: str, xy: Float64, size: Size) -> Mask:
    """The (H, W) mask of the points of a shape of LabelMe."""
    canvas = Image.new("L", (size[1], size[0]), 0)
    LABELME_SHAPES[kind][0](ImageDraw.Draw(canvas), xy)
    return np.array(canvas).view(bool)


def _polygon(draw: ImageDraw.ImageDraw, xy: Float64) -> None:
    draw.polygon([(x, y) for x, y in xy.tolist()], outline=1, fill=1)


def _box(draw: ImageDraw.ImageDraw, xy: Float64) -> None:
    """A rectangle of two opposite corners, or of four.

    Four are a polygon where they were turned. Where they are upright they are the box of two,
    which a polygon is not at every fraction of a pixel.
    """
    corners = np.stack([xy.min(axis=0), xy.max(axis=0)])
    near = np.abs(xy[:, None] - corners) < UPRIGHT
    if len(xy) == 2 or (near.any(axis=1).all() and len(np.unique(near[:, 1], axis=0)) == 4):
        draw.rectangle([*corners[0], *corners[1]], outline=1, fill=1)
    else:
        _polygon(draw, xy)


def _circle(draw: ImageDraw.ImageDraw, xy: Float64) -> None:
    (x, y), radius = xy[0], math.dist(*xy)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)


UPRIGHT = 1e-3  # pixels by which corners of an upright box may be off

LABELME_SHAPES: dict[str, tuple[Callable[[ImageDraw.ImageDraw, Float64], None], Sequence[int]]] = {
    "polygon": (_polygon, ()),
    "rectangle": (_box, (2, 4)),
    "circle": (_circle, (2,)),
    "oriented_rectangle": (_polygon, (4,)),
    "rotation": (_box, (4,)),
    "quadrilateral": (_polygon, (4,)),
}
"""{kind: (how it is drawn, numbers of points that it may have)}; no number: three or more.

A circle has its centre and a point on it. The last two are X-AnyLabeling's, which also writes the
four corners of rectangles.
"""
