"""Polygons to masks, by the rule of the tool that drew them: the rules differ at the border.

COCO's polygons are filled as pycocotools does: the outline is traced on a grid five times as
fine, and a pixel belongs to the mask where the traced crossings of its column enclose it; the
polygons of one annotation are united.

LabelMe's shapes are defined by its function ``shape_to_mask``: Pillow's ``ImageDraw`` on an empty
picture, with the outline drawn, so that border pixels belong to the mask. Pillow's versions differ
by single pixels, at the tips of narrow triangles (9.5 to 11.0 fill one that 7.2 and 11.3 do not)
and where edges of a self-crossing outline meet (13.0 leaves out a pixel within it). As in LabelMe
itself, the rule of the installed version holds.

YOLO's outlines, of whole points, are filled as OpenCV's ``fillPoly`` does. A pixel belongs to the
mask where the outline passes (8-connected lines from left to right, halves rounded back to the
start), or where its row is inside by the even-odd rule. The masks equal those of OpenCV 4 and 5
within the photo; where edges leave it, pixels along them may differ, as OpenCV cuts such edges off
first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from sat_nb.arrays import Float64, Mask, Size
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput
from sat_nb.segments.formats.limits import brief, checked_list, checked_points, outline_length
from sat_nb.segments.formats.rle import decode_coco

Points = NDArray[np.int64]


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


def fill_poly(points: Points, size: Size) -> Mask:
    """The (H, W) mask of a polygon (n, 2) of whole numbers, x first.

    >>> fill_poly(np.array([[0, 0], [2, 0], [0, 2]]), (3, 3)).astype(int)
    array([[1, 1, 1],
           [1, 1, 0],
           [1, 0, 0]])
    """
    ends = np.roll(points, -1, axis=0)
    mask = _inside(points, ends, size)
    _draw_lines(points.astype(np.int64), ends.astype(np.int64), mask.view(np.uint8))
    return mask


@compiled(nogil=True)
def _draw_lines(starts, ends, mask):  # type: ignore[no-untyped-def]
    """Set the pixels of lines, by Bresenham's rule, from their left ends."""
    height, width = mask.shape
    for i in range(len(starts)):
        x0, y0, x1, y1 = starts[i, 0], starts[i, 1], ends[i, 0], ends[i, 1]
        if x1 < x0:
            x0, y0, x1, y1 = x1, y1, x0, y0
        dx, dy = x1 - x0, abs(y1 - y0)
        step = 1 if y1 >= y0 else -1
        for along in range(max(dx, dy) + 1):
            if dx >= dy:
                y, x = y0 - step * ((dx - 2 * dy * along) // max(2 * dx, 1)), x0 + along
            else:
                y, x = y0 + step * along, x0 - ((dy - 2 * dx * along) // (2 * dy))
            if 0 <= y < height and 0 <= x < width:
                mask[y, x] = 1


def _inside(starts: Points, ends: Points, size: Size) -> Mask:
    """The pixels between pairs of crossings of their row, both included."""
    height, width = size
    rows, x = _crossings(starts, ends, height)
    order = np.lexsort((x, rows))
    rows, x = rows[order][::2], x[order]
    left = np.clip(np.ceil(x[::2]).astype(np.int64), 0, width)
    right = np.clip(np.floor(x[1::2]).astype(np.int64) + 1, left, width)
    mask = np.zeros(size, dtype=bool)
    _fill_rows(rows, left, right, mask.view(np.uint8))
    return mask


@compiled(nogil=True)
def _fill_rows(rows, left, right, mask):  # type: ignore[no-untyped-def]
    """Set the pixels of rows, each from the left to before the right."""
    for i in range(len(rows)):
        for x in range(left[i], right[i]):
            mask[rows[i], x] = 1


def _crossings(
    starts: Points, ends: Points, height: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(row, x) wherever an edge crosses a row of the picture."""
    upper = np.where((starts[:, 1] <= ends[:, 1])[:, None], starts, ends)
    lower = np.where((starts[:, 1] <= ends[:, 1])[:, None], ends, starts)
    first, last = np.clip(upper[:, 1], 0, height), np.clip(lower[:, 1], 0, height)
    n_rows = last - first
    edge = np.repeat(np.arange(len(starts)), n_rows)
    rows = np.arange(len(edge)) - np.repeat(n_rows.cumsum() - n_rows, n_rows) + first[edge]
    down = lower - upper
    slope = down[edge, 0] / down[edge, 1]
    return rows, upper[edge, 0] + (rows - upper[edge, 1]) * slope
