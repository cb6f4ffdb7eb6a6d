"""The drawn animal: its tubes placed in the picture, and which part each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from sat_nb.arrays import Float32
from sat_nb.reproduction.equids import skeleton
from sat_nb.reproduction.equids.canvas import Canvas, Tube, empty_canvas, paint, smooth_path, tube
from sat_nb.reproduction.equids.skeleton import Build, Limb, Pose


@dataclass(frozen=True)
class Placement:
    """Where the animal stands: pixels a unit, x of its origin, y of the ground, and where it looks.

    ``mirror`` is 1 where it looks to the right and -1 where it looks to the left.
    """

    scale: float
    x: float
    ground: float
    mirror: int

    def pixels(self, points: NDArray) -> Float32:
        """Points (n, 2) in units to pixels (x right, y down)."""
        x = self.x + self.mirror * self.scale * points[:, 0]
        return np.column_stack([x, self.ground - self.scale * points[:, 1]]).astype(np.float32)

    def units(self, x: Float32, y: Float32) -> tuple[Float32, Float32]:
        """Pixel coordinates to units."""
        return (x - self.x) * self.mirror / self.scale, (self.ground - y) / self.scale


@dataclass(frozen=True)
class Animal:
    """What was drawn: ``parts[k]`` is the tube that ``canvas.part == k`` shows."""

    species: str
    pose: Pose
    build: Build
    placement: Placement
    parts: tuple[Limb, ...]
    canvas: Canvas


def draw_placement(rng: np.random.Generator, pose: Pose, build: Build, species: str) -> Placement:
    """A random scale, place and side for a picture of size 1, the whole animal inside."""
    bodies = [*skeleton.limbs(pose, build), skeleton.tail(pose, build, species)]
    low = np.min([(b.points - _radii(b)).min(axis=0) for b in bodies], axis=0)
    high = np.max([(b.points + _radii(b)).max(axis=0) for b in bodies], axis=0)
    low[1] = 0.0
    width, height = high - low
    fill = rng.uniform(0.80, 0.95)
    scale = fill / max(width, height / 0.93)
    mirror = int(rng.choice([-1, 1]))
    left = rng.uniform(0.02, max(0.021, 0.98 - scale * width))
    x = left - scale * low[0] if mirror > 0 else left + scale * high[0]
    top_room = 0.965 - scale * height
    ground = 0.965 - rng.uniform(0.0, 1.0) * min(max(top_room - 0.02, 0.0), 0.20)
    return Placement(scale, x, ground, mirror)


def draw_animal(
    species: str, pose: Pose, build: Build, placement: Placement, hair: NDArray, size: int
) -> Animal:
    """Draw all parts into a canvas of ``size`` pixels; ``hair`` (64,) is noise for ragged edges."""
    where = Placement(
        placement.scale * size, placement.x * size, placement.ground * size, placement.mirror
    )
    canvas = empty_canvas(size)
    parts: list[Limb] = []
    for limb in [skeleton.tail(pose, build, species), *skeleton.limbs(pose, build)]:
        _paint_limb(canvas, parts, limb, where, size)
    _soften(canvas, where.scale)
    _paint_mane(canvas, parts, pose, build, where, hair)
    for detail in face(pose, build):
        _paint_limb(canvas, parts, detail, where, size)
    return Animal(species, pose, build, where, tuple(parts), canvas)


def _soften(canvas: Canvas, scale: float) -> None:
    """Round the creases where one tube meets another: average the normals over a small window."""
    window = max(1, round(0.09 * scale)) | 1
    solid = uniform_filter((canvas.part >= 0).astype(np.float32), window) + np.float32(1e-6)
    inside = canvas.part >= 0
    for normal in (canvas.nx, canvas.ny):
        smooth = uniform_filter(normal, window) / solid
        normal[inside] = (0.35 * normal + 0.65 * smooth)[inside]


def face(pose: Pose, build: Build) -> list[Limb]:
    """Nostril, mouth and eye, painted onto the head."""
    length = 0.41 * build.head

    def line(kind: str, at: list[tuple[float, float]], radius: list[float], z: float) -> Limb:
        points = np.array([skeleton.place(pose, build, a, b) for a, b in at])
        return Limb(kind, points, np.array(radius) * length, z)

    return [
        line("mouth", [(1.05, -0.085), (0.93, -0.085), (0.86, -0.075)], [0.014] * 3, 0.2),
        line("nostril", [(0.955, 0.005), (0.985, -0.025)], [0.034, 0.028], 0.21),
        line("eyelid", [(0.245, 0.085), (0.325, 0.085)], [0.082, 0.078], 0.22),
        line("pupil", [(0.27, 0.08), (0.31, 0.08)], [0.064, 0.062], 0.3),
        line("glint", [(0.272, 0.108), (0.278, 0.108)], [0.022, 0.022], 0.4),
    ]


def _radii(limb: Limb) -> NDArray:
    radii = np.resize(limb.radii, len(limb.points))
    return radii[:, None]


def _paint_limb(canvas: Canvas, parts: list[Limb], limb: Limb, where: Placement, size: int) -> None:
    shape = _tube(limb, where, size)
    paint(canvas, len(parts), shape, z=limb.z * where.scale)
    parts.append(limb)


def _tube(limb: Limb, where: Placement, size: int) -> Tube:
    n = 2 if len(limb.points) == 2 else 2 * len(limb.points) + 1
    points, radii = smooth_path(limb.points, limb.radii, n)
    return tube(size, where.pixels(points), radii * np.float32(where.scale), flat_end=limb.flat_end)


def _paint_mane(
    canvas: Canvas,
    parts: list[Limb],
    pose: Pose,
    build: Build,
    where: Placement,
    hair: NDArray,
) -> None:
    """Draw a mane that hangs over the near side of the neck, or stands up on the crest."""
    neck = skeleton.neck(pose, build)
    points, radii = smooth_path(neck.points, neck.radii, 10)
    extra = 0.095 if build.upright_mane else 0.03
    shape = tube(
        len(canvas.part),
        where.pixels(points),
        (radii + extra) * np.float32(where.scale),
        flat_end=True,
    )
    skin = np.interp(shape.u, np.linspace(0, 1, 10), radii).astype(np.float32) * where.scale
    height = shape.side * where.mirror * shape.radius / skin  # 1 on the crest
    over = height * skin - skin
    ragged = np.interp(shape.u * 63, np.arange(64), hair).astype(np.float32)
    if build.upright_mane:
        top = (
            where.scale
            * (0.066 + 0.012 * ragged)
            * np.clip(4 * shape.u, 0.2, 1.0)
            * np.clip(9 - 8 * shape.u, 0.4, 1.0)
        )
        keep = (over > -0.016 * where.scale) & (over < top) & (shape.u > 0.06)
    else:
        low = 0.30 + 0.22 * ragged - 0.25 * np.sin(3 * shape.u)
        keep = (height > low) & (over < 0.022 * where.scale) & (shape.u > 0.16)
    paint(canvas, len(parts), shape, z=0.1 * where.scale, keep=keep)
    parts.append(Limb("mane", neck.points, neck.radii, 0.1))
