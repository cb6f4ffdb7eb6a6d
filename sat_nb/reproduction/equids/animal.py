"""The animal on its canvas: its tubes drawn, and the masks of the parts that its pixels show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from sat_nb.arrays import Mask
from sat_nb.reproduction.equids import skeleton
from sat_nb.reproduction.equids.skeleton import Build, Pose
from sat_nb.reproduction.rendering.canvas import (
    Canvas,
    Limb,
    Placement,
    Tube,
    empty_canvas,
    paint,
    smooth_path,
    tube,
)
from sat_nb.segments.segmentation import SegmentationMap

SEGMENT_OF = {
    "eyelid": "eyes",
    "pupil": "eyes",
    "glint": "eyes",
    "ear": "ears",
    "muzzle": "muzzle",
    "mouth": "muzzle",
    "nostril": "muzzle",
    "mane": "mane",
    "head": "head",
    "jaw": "head",
    "trunk": "body",
    "neck": "body",
    "fore": "legs",
    "hind": "legs",
    "hoof": "hooves",
    "tail": "tail",
}
_HOLDS = {"head": ("head", "eyes", "ears", "muzzle"), "legs": ("legs", "hooves")}
_NAMES = ("eyes", "ears", "muzzle", "mane", "head", "body", "legs", "hooves", "tail")
_BODY_ABOVE = {"fore": 0.21, "hind": 0.26}  # the share of a leg's tube that is shoulder or thigh


@dataclass(frozen=True)
class Animal:
    """An animal that has been drawn: ``canvas.part == k`` where ``parts[k]`` is visible."""

    species: str
    pose: Pose
    build: Build
    placement: Placement
    parts: tuple[Limb, ...]
    canvas: Canvas


def draw_placement(rng: np.random.Generator, pose: Pose, build: Build, species: str) -> Placement:
    """A random scale, place and direction; the whole animal lies within a photo of size 1."""
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
    """Draw all parts on a canvas of ``size`` pixels; ``hair`` (64,) is noise for ragged edges."""
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
    """Smooth the creases where tubes meet, by averaging the normals over a small window."""
    # Averages are taken over the animal's own pixels: the sums, which are 0 outside, are divided
    # by the share of the window that is animal.
    window = max(1, round(0.09 * scale)) | 1
    solid = uniform_filter((canvas.part >= 0).astype(np.float32), window) + np.float32(1e-6)
    inside = canvas.part >= 0
    for normal in (canvas.nx, canvas.ny):
        smooth = uniform_filter(normal, window) / solid
        normal[inside] = (0.35 * normal + 0.65 * smooth)[inside]


def face(pose: Pose, build: Build) -> list[Limb]:
    """Nostril, mouth and eye, painted on the head."""
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
    """Draw a mane that hangs down the near side of the neck, or stands up on its crest."""
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


# --- masks ---------------------------------------------------------------------------------------


def segmentation(
    animal: Animal,
    hidden: Mask,
    stripes: Mask,
    marked: Mask | None,
    fine: int,
) -> SegmentationMap:
    """The masks of a photo whose pixels are ``fine`` x ``fine`` canvas pixels.

    ``hidden`` and ``stripes`` (of the canvas's size) tell where something stands in front and
    where the coat is dark, ``marked`` (of the photo's size) where a watermark is.
    """
    # Coverage by area: a pixel of the photo belongs to a part that covers at least half of its
    # canvas pixels, whose number is odd, so that two parts never tie.
    shown = _instances(animal)
    shown[hidden] = 0
    labels = [None, *_labels(animal)]
    counts = _counts(shown, len(labels), fine)
    striped = _counts((stripes & (shown > 0)).astype(np.int16), 2, fine)[..., 1]
    animal_px = counts[..., 1:].sum(axis=-1)
    if marked is not None:
        counts[marked], striped[marked], animal_px[marked] = 0, 0, 0
    half = (fine * fine + 1) // 2
    found = [*_parts(counts, labels, half), ("stripes", _enough(striped, half))]
    if marked is not None:
        found.append(("watermark", marked))
    background = (animal_px < half) & ~np.any([mask for _, mask in found], axis=0)
    found.append(("background", background))
    found = [(name, mask) for name, mask in found if mask.any()]
    names, masks = zip(*found, strict=True)
    return SegmentationMap(names, np.stack(masks), np.ones(len(names)))


def _parts(
    counts: NDArray, labels: list[tuple[str, int] | None], half: int
) -> list[tuple[str, Mask]]:
    """(name, mask) of every instance; a head includes its eyes, a leg its hoof."""
    # A pixel half eye and half skull is head even where neither covers half of it; the union with
    # the masks of the smaller parts keeps those inside the larger one.
    found = []
    for name in _NAMES:
        held = _HOLDS.get(name, (name,))
        members = [k for k, label in enumerate(labels) if label and label[0] in held]
        for group in _groups(name, members, labels):
            mask = _enough(counts[..., group].sum(axis=-1), half)
            for part in _groups("", group, labels) if len(held) > 1 else ():
                mask |= _enough(counts[..., part].sum(axis=-1), half)
            found.append((name, mask))
    return found


def _groups(name: str, members: list[int], labels: list) -> list[list[int]]:
    """The labels that make up one mask: one a group where there are instances, else all."""
    if name in ("muzzle", "mane", "head", "body", "tail"):
        return [members]
    keys = [labels[k][1] if name else labels[k] for k in members]
    return [
        [k for k, key in zip(members, keys, strict=True) if key == one] for one in sorted(set(keys))
    ]


def _enough(count: NDArray, half: int) -> Mask:
    """Pixels covered at least by half; a part that would vanish keeps its best-covered pixel."""
    mask = count >= half
    if not mask.any() and count.any():
        mask.flat[count.argmax()] = True
    return mask


def _instances(animal: Animal) -> NDArray[np.int16]:
    """1 + the number of the label of every canvas pixel; 0 where there is no animal."""
    part = animal.canvas.part
    shown = part + 1
    body = 1 + next(k for k, limb in enumerate(animal.parts) if limb.kind == "trunk")
    for k, limb in enumerate(animal.parts):
        if limb.kind in _BODY_ABOVE:
            shown[(part == k) & (animal.canvas.u < _BODY_ABOVE[limb.kind])] = body
    return shown


def _labels(animal: Animal) -> list[tuple[str, int]]:
    """(segment, instance) of each part; a hoof belongs to the instance of its leg."""
    seen: dict[str, int] = {}
    labels = []
    for limb in animal.parts:
        name = SEGMENT_OF[limb.kind]
        counted = "legs" if limb.kind in ("fore", "hind") else limb.kind
        seen[counted] = seen.get(counted, -1) + 1
        labels.append((name, 0 if name == "eyes" else seen[counted]))
    return labels


def _counts(labels: NDArray, n: int, fine: int) -> NDArray[np.int64]:
    """The number of canvas pixels of each label 0 .. n-1 in every pixel of the photo: (H, W, n)."""
    size = len(labels) // fine
    photo = np.arange(len(labels)) // fine
    flat = (photo[:, None] * size + photo[None, :]) * n + labels
    return np.bincount(flat.ravel(), minlength=size * size * n).reshape(size, size, n)
