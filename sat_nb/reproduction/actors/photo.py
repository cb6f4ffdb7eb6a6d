"""One photo of an actor: drawn, lit, put into its place and labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.reproduction.actors import body
from sat_nb.reproduction.actors.places import Layer, painted, place, visible
from sat_nb.reproduction.draws import check_size, class_number, generators
from sat_nb.reproduction.equids.animal import Placement
from sat_nb.reproduction.equids.canvas import Canvas, empty_canvas, paint, smooth_path, tube
from sat_nb.reproduction.equids.light import Light, develop, draw_light, field
from sat_nb.reproduction.equids.skeleton import Limb
from sat_nb.segments.segmentation import SegmentationMap

CLASS_NAMES = tuple(body.POSES)
USUAL = {"climbing": "rock", "diving": "underwater", "fishing": "lake"}
"""{action: the place where it is always seen in training}."""
UNUSUAL = ("meadow", "snow", "hall")
"""Where every action is seen, equally often, out of bias."""
SUBJECTS = ("pose", "build", "place", "clothes", "light", "scene", "camera")
FINE = 3  # canvas pixels a photo pixel, along a side: odd, so that halves are never tied
THIN = 0.2  # of a pixel that a rope, a rod or a line covers where it belongs to it

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
    """Render one photo of an action with the exact masks of person, gear and place.

    In "train" every action is at its usual place (USUAL), in "test" at one of UNUSUAL, whatever
    the action. People, clothes, light and scale are drawn from one distribution for all. The
    photo is a function of the arguments alone.

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
    """A random scale, place and side; the whole person inside, an angler's feet near the bottom."""
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
    """All tubes on a canvas whose ``part`` counts ``parts``."""
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
    """The person as RGBA (H, W, 4) on the canvas, alpha 0 or 1, under the light."""
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
    """What each kind of part is coloured; clothes may have any colour, for all actions alike."""
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
    """The person over its place; water takes some of its colour."""
    reduced = _reduced(layer)
    alpha, colour = reduced[..., 3:], reduced[..., :3]
    if where == "underwater":
        colour = 0.68 * colour + 0.32 * alpha * behind.mean(axis=(0, 1))
    return behind * (1 - alpha) + colour


def _reduced(image: NDArray) -> NDArray:
    """The mean of each block of canvas pixels."""
    size = len(image) // FINE
    return image.reshape(size, FINE, size, FINE, -1).mean(axis=(1, 3))


# --- masks ---------------------------------------------------------------------------------------


def _segmentation(
    canvas: Canvas, parts: list[Limb], layers: list[Layer], size: int
) -> SegmentationMap:
    """Masks by share: half of a pixel, a fifth for thin gear; the place is what is left over."""
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
