"""One photo of a climber, diver or angler: drawn, lit, put into its place and labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.reproduction.actors import body
from sat_nb.reproduction.actors.places import Layer, painted, place, visible
from sat_nb.reproduction.rendering import check_size, class_number, generators
from sat_nb.reproduction.rendering.canvas import (
    Canvas,
    Limb,
    Placement,
    empty_canvas,
    paint,
    smooth_path,
    tube,
)
from sat_nb.reproduction.rendering.light import Light, develop, draw_light, field
from sat_nb.segments.segmentation import SegmentationMap

CLASS_NAMES = tuple(body.POSES)
USUAL = {"climbing": "rock", "diving": "underwater", "fishing": "lake"}
"""{action: its place in all training photos}."""
UNUSUAL = ("meadow", "snow", "hall")
"""The places of the test photos, equally often for every action."""
SUBJECTS = ("pose", "build", "place", "clothes", "light", "scene", "camera")
FINE = 3  # canvas pixels per pixel of the photo, along a side: odd, so that halves never tie
THIN = 0.2  # the share of a pixel from which on it belongs to a rope, a rod or a line

PARTS = {
    "head": ("neck", "face", "hair", "eye"),
    "torso": ("torso",),
    "arms": ("sleeve", "forearm", "hand"),
    "legs": ("thigh", "shin", "shoe"),
}
GEAR = {"fins": ("fin",), "rope": ("rope",), "fishing rod": ("rod", "line")}

SKIN = ((0.93, 0.76, 0.64), (0.80, 0.60, 0.46), (0.58, 0.40, 0.29), (0.38, 0.26, 0.19))
HAIR = ((0.10, 0.08, 0.07), (0.28, 0.19, 0.12), (0.62, 0.48, 0.28), (0.55, 0.52, 0.50))


@dataclass(frozen=True)
class Example:
    """A photo and the exact masks of its parts. ``pixels`` is uint8 (H, W, 3) RGB."""

    pixels: NDArray[np.uint8]
    segmentation: SegmentationMap
    action: str
    place: str


def render(
    action: str, seed: int = 0, *, index: int = 0, split: str = "train", size: int = 96
) -> Example:
    """Render one photo of an action, with the exact masks of person, gear and place.

    The photo is a function of the arguments alone.

    Parameters
    ----------
    action : str
        "climbing", "diving" or "fishing".
    seed : int, default 0
        Photos of different seeds have nothing in common.
    index : int, default 0
        The number of the photo within its action and split.
    split : str, default "train"
        "train" for the usual place of the action (``USUAL``), "test" for one of ``UNUSUAL``.
    size : int, default 96
        Height and width of the photo in pixels, at least 32.

    Returns
    -------
    Example
        ``pixels`` (uint8, H x W x 3), ``segmentation``, ``action`` and ``place``.

    Raises
    ------
    InvalidInput
        For an unknown action or split, and for numbers that are not whole or too small.

    Examples
    --------
    >>> photo = render("fishing", seed=3, size=64)
    >>> photo.pixels.shape, photo.place, "water" in photo.segmentation.names
    ((64, 64, 3), 'lake', True)
    """
    check_size(size)
    number = class_number("action", action, CLASS_NAMES)
    rngs = generators(seed, split, number, index, SUBJECTS)
    where = USUAL[action] if split == "train" else str(rngs["scene"].choice(UNUSUAL))
    light = draw_light(rngs["light"])
    layers = place(where, light, rngs["scene"], size)
    build = body.draw_build(rngs["build"])
    parts = body.limbs(body.POSES[action](rngs["pose"], build), build)
    placement = _placed(parts, action, rngs["place"], size * FINE)
    canvas = _drawn(parts, placement, size * FINE)
    photo = _over(painted(layers), _coloured(canvas, parts, light, rngs["clothes"]), where)
    developed = develop(photo.astype(np.float32), light, rngs["camera"])
    return Example(developed, _segmentation(canvas, parts, layers, size), action, where)


# --- the person ----------------------------------------------------------------------------------


def _placed(parts: list[Limb], action: str, rng: np.random.Generator, size: int) -> Placement:
    """A random scale, place and direction; the whole person is within the photo.

    The feet of an angler are near the lower edge.
    """
    kinds = {kind for kinds in PARTS.values() for kind in kinds}
    own = [part for part in parts if part.kind in kinds]
    low = np.min([(p.points - p.radii[:, None]).min(axis=0) for p in own], axis=0)
    high = np.max([(p.points + p.radii[:, None]).max(axis=0) for p in own], axis=0)
    width, height = high - low
    scale = rng.uniform(0.62, 0.88) * size / max(width, height)
    mirror = int(rng.choice([-1, 1]))
    room = size - scale * width
    left = rng.uniform(0.1, 0.9) * room
    x = left - scale * low[0] if mirror > 0 else left + scale * high[0]
    above = size - scale * height
    foot = size - above * (rng.uniform(0.04, 0.2) if action == "fishing" else rng.uniform(0.1, 0.9))
    return Placement(scale, x, foot + scale * low[1], mirror)


def _drawn(parts: list[Limb], placement: Placement, size: int) -> Canvas:
    """A canvas with all tubes, where ``part`` is an index into ``parts``."""
    canvas = empty_canvas(size)
    for k, part in enumerate(parts):
        radii = (placement.scale * part.radii).astype(np.float32)
        points = placement.pixels(part.points)
        if len(points) > 2:
            points, radii = smooth_path(points, radii, 12)
        shape = tube(size, points, radii, flat_end=part.flat_end)
        paint(canvas, k, shape, z=part.z * placement.scale, relief=0.6)
    return canvas


def _coloured(canvas: Canvas, parts: list[Limb], light: Light, rng: np.random.Generator) -> Float32:
    """The person under the light, as RGBA (H, W, 4) on the canvas; alpha is 0 or 1."""
    colours = _colours(rng)
    albedo = np.array([colours[part.kind] for part in parts], np.float32)
    size = len(canvas.part)
    wrinkles = 1 + 0.06 * field(rng, size, cells=(24, 24), octaves=2)
    shown = canvas.part >= 0
    nx, ny = canvas.nx[shown], canvas.ny[shown]
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    x, y, z = light.towards
    sun = np.maximum(nx * x + ny * y + nz * z, 0)[:, None] * np.array(light.hour.sun)
    sky = (0.66 - 0.3 * ny)[:, None] * np.array(light.hour.ambient)
    layer = np.zeros((size, size, 4), np.float32)
    lit = albedo[canvas.part[shown]] * (sun + sky) * wrinkles[shown][:, None] * 1.15
    layer[shown] = np.column_stack([lit, np.ones(len(lit))])
    return layer


def _colours(rng: np.random.Generator) -> dict[str, tuple[float, ...]]:
    """The colour of each kind of part; clothes have any colour, in all actions alike."""
    skin = SKIN[rng.integers(len(SKIN))]
    hair = HAIR[rng.integers(len(HAIR))]
    shirt, trousers, shoes, gear = (tuple(rng.uniform(0.08, 0.85, 3)) for _ in range(4))
    bare_arms, bare_legs = rng.random() < 0.5, rng.random() < 0.35
    return {
        **dict.fromkeys(("neck", "face", "hand"), skin),
        "hair": hair,
        "eye": (0.05, 0.05, 0.06),
        **dict.fromkeys(("torso", "sleeve"), shirt),
        "forearm": skin if bare_arms else shirt,
        "thigh": trousers,
        "shin": skin if bare_legs else trousers,
        "shoe": shoes,
        **dict.fromkeys(("fin", "rope"), gear),
        "rod": (0.16, 0.13, 0.11),
        "line": (0.85, 0.85, 0.85),
    }


def _over(behind: Float32, layer: Float32, where: str) -> NDArray:
    """The person in front of its place; water takes away some of its colour."""
    reduced = _reduced(layer)
    alpha, colour = reduced[..., 3:], reduced[..., :3]
    if where == "underwater":
        colour = 0.68 * colour + 0.32 * alpha * behind.mean(axis=(0, 1))
    return behind * (1 - alpha) + colour


def _reduced(image: NDArray) -> NDArray:
    """The mean of each block of canvas pixels."""
    # Not block_means, which adds in another order: photos would differ in single grey values.
    size = len(image) // FINE
    return image.reshape(size, FINE, size, FINE, -1).mean(axis=(1, 3))


# --- masks ---------------------------------------------------------------------------------------


def _segmentation(
    canvas: Canvas, parts: list[Limb], layers: list[Layer], size: int
) -> SegmentationMap:
    """Masks by coverage: half of a pixel, for thin gear a fifth; the rest is the place."""
    kinds = np.array([part.kind for part in parts])

    def share(names: tuple[str, ...]) -> Float32:
        of_them = np.flatnonzero(np.isin(kinds, names))
        return _reduced(np.isin(canvas.part, of_them).astype(np.float32)[..., None])[..., 0]

    masks = {name: share(of) >= (0.5 if name == "fins" else THIN) for name, of in GEAR.items()}
    gear = np.any(list(masks.values()), axis=0)
    own = {name: share(of) for name, of in PARTS.items()}
    person = (np.sum(list(own.values()), axis=0) >= 0.5) & ~gear
    leading = np.argmax(list(own.values()), axis=0)
    parts_of_it = {name: person & (leading == k) for k, name in enumerate(own)}
    background = ~(person | gear)
    scene = {name: mask & background for name, mask in visible(layers).items()}
    found = {"person": person, **parts_of_it, **masks, "background": background, **scene}
    found = {name: mask for name, mask in found.items() if mask.any()}
    return SegmentationMap(tuple(found), np.stack(list(found.values())), np.ones(len(found)))
