"""Bodies of tapered tubes, drawn into a depth buffer that knows the part each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64


@dataclass(frozen=True)
class Limb:
    """A part of a body: a tube through ``points`` (n, 2) with ``radii`` (n,), in the body's units.

    ``kind`` names the part, ``z`` is how far its axis lies towards the viewer, ``far`` marks limbs
    of the side turned away, and ``flat_end`` cuts the last end off square.
    """

    kind: str
    points: Float64
    radii: Float64
    z: float
    far: bool = False
    flat_end: bool = False


@dataclass(frozen=True)
class Placement:
    """Where a body stands: pixels per unit, x of its origin, y of the ground, and its direction.

    ``mirror`` is 1 for a body that faces right and -1 for one that faces left.
    """

    scale: float
    x: float
    ground: float
    mirror: int

    def pixels(self, points: NDArray) -> Float32:
        """Points (n, 2) in units as pixels (x right, y down)."""
        x = self.x + self.mirror * self.scale * points[:, 0]
        return np.column_stack([x, self.ground - self.scale * points[:, 1]]).astype(np.float32)

    def units(self, x: Float32, y: Float32) -> tuple[Float32, Float32]:
        """Pixel coordinates as units."""
        return (x - self.x) * self.mirror / self.scale, (self.ground - y) / self.scale


@dataclass(frozen=True)
class Tube:
    """The pixels of a tube within the window ``rows`` x ``columns`` of a canvas.

    ``q`` is the squared distance to the axis divided by the squared radius (< 1 inside), ``nx``
    and ``ny`` are the surface normal (right, down), ``u`` runs from 0 to 1 along the axis,
    ``side`` is the signed distance to the axis divided by the radius (positive on the left as
    seen from the first point towards the last), and ``radius`` is in pixels.
    """

    rows: slice
    columns: slice
    q: Float32
    nx: Float32
    ny: Float32
    u: Float32
    side: Float32
    radius: Float32


@dataclass
class Canvas:
    """The nearest surface at each pixel; all arrays are (H, W), ``part`` is -1 where empty."""

    part: NDArray[np.int16]
    depth: Float32
    nx: Float32
    ny: Float32
    u: Float32
    side: Float32


def empty_canvas(size: int) -> Canvas:
    """An empty square canvas."""
    zeros = [np.zeros((size, size), np.float32) for _ in range(4)]
    depth = np.full((size, size), -np.inf, np.float32)
    return Canvas(np.full((size, size), -1, np.int16), depth, *zeros)


def smooth_path(points: NDArray, radii: NDArray, n: int) -> tuple[Float32, Float32]:
    """``n`` points and radii on the Catmull-Rom spline through ``points`` (k, 2) and ``radii``."""
    # The spline needs a knot before the first and one after the last: their mirror images.
    knots = np.column_stack([points, radii]).astype(np.float64)
    padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    where = np.linspace(0, len(knots) - 1, n)
    i = np.minimum(where.astype(int), len(knots) - 2)
    t = (where - i)[:, None]
    a, b, c, d = (padded[i + k] for k in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2)
    curve += 0.5 * (3 * b - a - 3 * c + d) * t**3
    return curve[:, :2].astype(np.float32), np.maximum(curve[:, 2], 1e-3).astype(np.float32)


def tube(size: int, points: Float32, radii: Float32, *, flat_end: bool = False) -> Tube:
    """The pixels of a tube through ``points`` (n, 2; x, y) with ``radii`` (n,), all in pixels.

    ``flat_end`` cuts the last end off square instead of rounding it.
    """
    # Each segment is computed within its own small window only; where segments overlap, the one
    # whose axis is nearest (in radii) wins, which joins them without a seam.
    windows = _windows(size, points, radii)
    (x0, y0), (x1, y1) = windows[:, :2].min(axis=0), windows[:, 2:].max(axis=0)
    q = np.full((y1 - y0, x1 - x0), 4.0, np.float32)
    others = [np.zeros(q.shape, np.float32) for _ in range(5)]
    n = len(windows)
    for i, (left, top, right, bottom) in enumerate(windows.tolist()):
        if left >= right or top >= bottom:
            continue
        x = np.arange(left, right, dtype=np.float32)[None, :] + 0.5 - points[i, 0]
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - points[i, 1]
        cut = flat_end and i == n - 1
        values = _segment(x, y, points[i + 1] - points[i], radii[i : i + 2], (i, n), cut)
        local = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
        better = values[0] < q[local]
        for target, value in zip([q, *others], values, strict=True):
            np.copyto(target[local], value, where=better)
    return Tube(slice(int(y0), int(y1)), slice(int(x0), int(x1)), q, *others)


def paint(
    canvas: Canvas,
    part: int,
    shape: Tube,
    *,
    z: float,
    relief: float = 1.0,
    keep: NDArray[np.bool_] | None = None,
) -> None:
    """Draw a tube wherever it is nearer to the viewer than what is there.

    Its axis lies ``z`` pixels towards the viewer. ``relief`` flattens (0) or keeps (1) its
    roundness in depth; ``keep`` restricts it to some pixels of its window.
    """
    window = np.s_[shape.rows, shape.columns]
    inside = np.minimum(shape.q, 1.0)
    depth = z + relief * shape.radius * np.sqrt(1.0 - inside)
    visible = (shape.q < 1.0) & (depth > canvas.depth[window])
    if keep is not None:
        visible &= keep
    canvas.part[window][visible] = part
    for name, value in (
        ("depth", depth),
        ("nx", shape.nx),
        ("ny", shape.ny),
        ("u", shape.u),
        ("side", shape.side),
    ):
        np.copyto(getattr(canvas, name)[window], value, where=visible)


def _windows(size: int, points: Float32, radii: Float32) -> NDArray[np.int64]:
    """(left, top, right, bottom) of each segment of a tube, clipped to the canvas."""
    low, high = points - radii[:, None], points + radii[:, None]
    low = np.floor(np.minimum(low[:-1], low[1:])).astype(np.int64)
    high = np.ceil(np.maximum(high[:-1], high[1:])).astype(np.int64) + 1
    return np.clip(np.hstack([low, high]), 0, size)


def _segment(
    x: Float32, y: Float32, way: Float32, radii: Float32, place: tuple[int, int], cut: bool
) -> tuple[Float32, ...]:
    """q, nx, ny, u, side and radius around one segment from (0, 0) along ``way``."""
    dx, dy = way
    i, n = place
    along = (x * dx + y * dy) / max(dx * dx + dy * dy, np.float32(1e-6))
    t = np.minimum(np.maximum(along, 0.0), 1.0)
    radius = radii[0] + t * (radii[1] - radii[0])
    nx, ny = (x - t * dx) / radius, (y - t * dy) / radius
    q = nx * nx + ny * ny
    side = np.copysign(np.sqrt(q), nx * dy - ny * dx)
    if cut:
        q = np.where(along > 1.0, np.float32(4.0), q)
    return q, nx, ny, (t + i) / n, side, radius


def block_means(image: NDArray, size: int) -> NDArray:
    """The mean of each block of canvas pixels: an image (size, size, ...)."""
    fine = len(image) // size
    rows = np.add.reduce([image[k::fine] for k in range(fine)])
    return np.add.reduce([rows[:, k::fine] for k in range(fine)]) / np.float32(fine * fine)
