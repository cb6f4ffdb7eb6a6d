"""Coats: the colour of every point of the animal's surface, before light falls on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Mask
from sat_nb.reproduction.equids.animal import Animal
from sat_nb.reproduction.rendering.light import RGB, lookup


@dataclass(frozen=True)
class Breed:
    """A horse's colours (body, mane and tail, lower legs), its dapples, patches and streaks."""

    body: RGB
    hair: RGB
    legs: RGB
    dapple: float = 0.0
    patches: bool = False
    brindle: float = 0.0


BREEDS: dict[str, Breed] = {
    "bay": Breed((0.42, 0.23, 0.12), (0.07, 0.05, 0.05), (0.08, 0.06, 0.05)),
    "chestnut": Breed((0.56, 0.30, 0.15), (0.50, 0.26, 0.12), (0.52, 0.28, 0.14)),
    "black": Breed((0.13, 0.12, 0.12), (0.06, 0.06, 0.06), (0.10, 0.09, 0.09)),
    "grey": Breed((0.72, 0.71, 0.69), (0.60, 0.60, 0.60), (0.45, 0.44, 0.44), dapple=0.20),
    "steel": Breed((0.42, 0.42, 0.43), (0.20, 0.20, 0.21), (0.22, 0.22, 0.23), dapple=0.30),
    "white": Breed((0.88, 0.86, 0.82), (0.86, 0.84, 0.78), (0.84, 0.82, 0.78)),
    "palomino": Breed((0.78, 0.60, 0.34), (0.90, 0.84, 0.70), (0.74, 0.58, 0.36)),
    "dun": Breed((0.66, 0.54, 0.38), (0.16, 0.13, 0.11), (0.25, 0.20, 0.16)),
    "brindle": Breed((0.52, 0.40, 0.27), (0.14, 0.10, 0.08), (0.16, 0.12, 0.10), brindle=0.55),
    "pinto": Breed((0.12, 0.10, 0.10), (0.35, 0.34, 0.33), (0.86, 0.84, 0.80), patches=True),
    "skewbald": Breed((0.45, 0.25, 0.13), (0.55, 0.45, 0.38), (0.86, 0.84, 0.80), patches=True),
}
_BREED_SHARES = (0.10, 0.07, 0.11, 0.14, 0.12, 0.09, 0.06, 0.06, 0.10, 0.10, 0.05)


@dataclass(frozen=True)
class Surface:
    """The pixels of the animal, flat (n,): part, coordinates on the tube, position in units."""

    kinds: tuple[str, ...]
    part: NDArray[np.int16]
    u: Float32
    side: Float32
    x: Float32
    y: Float32

    def of(self, *kinds: str) -> Mask:
        """Whether each pixel (n,) shows a part of these kinds."""
        return np.array([kind in kinds for kind in self.kinds])[self.part]


def surface(animal: Animal, pixels: NDArray[np.intp]) -> Surface:
    """The surface at the canvas's flat indices ``pixels``."""
    canvas, size = animal.canvas, len(animal.canvas.part)
    part = canvas.part.ravel()[pixels]
    kinds = tuple(limb.kind for limb in animal.parts)
    rows, columns = np.divmod(pixels, size)
    x, y = animal.placement.units(columns.astype(np.float32) + 0.5, rows.astype(np.float32) + 0.5)
    side = canvas.side.ravel()[pixels] * animal.placement.mirror
    return Surface(kinds, part, canvas.u.ravel()[pixels], side, x, y)


def paint_coat(animal: Animal, skin: Surface, rng: np.random.Generator) -> tuple[Float32, Mask]:
    """The albedo (n, 3), 0 to 1, of the animal's pixels, and where its stripes are dark (n,)."""
    grid = rng.standard_normal((16, 16), np.float32)
    if animal.species == "zebra":
        colour, stripes = _zebra(animal, skin, grid, rng)
    else:
        colour = _horse(animal, skin, grid, rng)
        stripes = np.zeros(len(colour), dtype=bool)
    stripes &= _common(colour, skin, animal)
    fine = 1 + 0.05 * lookup(grid, skin.x * 40, skin.y * 30 + 7 * skin.x)
    return np.clip(colour * fine[:, None], 0.01, 1.0), stripes


def _horse(animal: Animal, skin: Surface, grid: Float32, rng: np.random.Generator) -> Float32:
    breed = BREEDS[str(rng.choice(list(BREEDS), p=_BREED_SHARES))]
    tint = np.float32(rng.normal(1.0, 0.07)) * (1 + rng.normal(0, 0.02, 3).astype(np.float32))
    colour = np.tile(np.array(breed.body, np.float32), (len(skin.u), 1))
    _markings(colour, skin, breed, grid)
    _lower_legs(colour, skin, animal, breed, rng)
    hair = skin.of("mane", "tail")
    streaks = 1 + 0.22 * lookup(grid, skin.side[hair] * 7, skin.u[hair] * 3 + skin.side[hair])
    colour[hair] = np.array(breed.hair, np.float32) * streaks[:, None]
    if rng.random() < 0.45:
        _blaze(colour, skin, rng.uniform(0.12, 0.3))
    return colour * tint


def _markings(colour: Float32, skin: Surface, breed: Breed, grid: Float32) -> None:
    """Add dapples, dark streaks and white patches, in place."""
    if breed.dapple:
        dapples = np.clip(lookup(grid, skin.x * 22 + 3, skin.y * 22), -1, 1.2)
        colour *= 1 + breed.dapple * (dapples * skin.of("trunk", "hind", "fore"))[:, None]
    if breed.brindle:
        trunk = skin.of("trunk", "neck", "hind", "fore")
        dark = lookup(grid, skin.x * 24, skin.y * 5 + skin.x * 3) > 0.25
        colour[trunk & dark] *= 1 - breed.brindle
    if breed.patches:
        white = lookup(grid, skin.x * 2.6 + 5, skin.y * 2.6 + 2) > -0.05
        white &= ~skin.of("head", "jaw", "muzzle")
        colour[white] = (0.87, 0.85, 0.81)


def _lower_legs(
    colour: Float32, skin: Surface, animal: Animal, breed: Breed, rng: np.random.Generator
) -> None:
    leg = skin.of("fore", "hind")
    low = np.clip((skin.u - 0.30) * 5, 0, 1)[leg, None]
    colour[leg] = colour[leg] * (1 - low) + np.array(breed.legs, np.float32) * low
    legs = [k for k, limb in enumerate(animal.parts) if limb.kind in ("fore", "hind")]
    for k in legs:
        if rng.random() < 0.35:
            sock = (skin.part == k) & (skin.u > rng.uniform(0.62, 0.85))
            colour[sock] = (0.88, 0.86, 0.82)


def _blaze(colour: Float32, skin: Surface, width: float) -> None:
    brow = skin.of("head", "muzzle") & (skin.side > 1 - 2 * width)
    colour[brow & (skin.of("muzzle") | (skin.u > 0.3))] = (0.90, 0.88, 0.84)


def _zebra(
    animal: Animal, skin: Surface, grid: Float32, rng: np.random.Generator
) -> tuple[Float32, Mask]:
    period, wide = rng.uniform(0.084, 0.112), rng.uniform(-0.25, 0.30)
    phase = _phase(animal, skin) + 0.014 * lookup(grid, skin.x * 6, skin.y * 6)
    wave = np.sin((2 * np.pi / period) * phase)
    stripes = wave > wide + np.where(skin.of("trunk"), np.clip(-skin.side - 0.55, 0, 1) * 3.0, 0.0)
    ear, tail = skin.of("ear"), skin.of("tail")
    dark = np.where(ear, skin.u > 0.74, stripes) | (tail & (skin.u > 0.68))
    warm = rng.uniform(0, 1)
    light = np.array([0.93, 0.90 - 0.05 * warm, 0.85 - 0.16 * warm], np.float32)
    black = np.array([0.09, 0.08, 0.08]) + rng.uniform(0, 0.14) * np.array([1.2, 0.9, 0.7])
    colour = np.where(dark[:, None], black.astype(np.float32), light)
    colour[ear & (np.abs(skin.side) < 0.35) & (skin.u < 0.7)] *= 0.55
    stripes &= _faded(colour, skin, light, rng)
    shadow = np.clip(-wave - 0.82, 0, 1) * rng.uniform(0, 3.5) * (skin.x < 0)
    colour *= 1 - shadow[:, None] * np.array([0.5, 0.62, 0.8], np.float32)
    dust = rng.beta(1.2, 2.2) * 0.55 * np.clip(1.1 - 0.6 * skin.y, 0, 1)[:, None]
    colour += dust * (np.array([0.58, 0.44, 0.30], np.float32) - colour)
    return colour.astype(np.float32), stripes & ~ear & ~(tail & (skin.u > 0.68))


def _faded(colour: Float32, skin: Surface, light: Float32, rng: np.random.Generator) -> Mask:
    """Lower the contrast in place, of some zebras towards the rump; where stripes remain."""
    contrast = np.full(len(colour), rng.uniform(0.30, 1.0) ** 0.7)
    ground = light
    if rng.random() < 0.28:
        contrast *= np.clip(1.1 + (skin.x - rng.uniform(0.1, 0.45)) * 2.2, 0.0, 1.0)
        ground = light * np.array([0.72, 0.58, 0.45], np.float32)
    middle = 0.2 * np.array([0.1, 0.09, 0.08], np.float32) + 0.8 * ground
    keep = contrast.astype(np.float32)[:, None]
    colour *= keep
    colour += (1 - keep) * middle
    return contrast > 0.25


def _phase(animal: Animal, skin: Surface) -> Float32:
    """The distance across the stripes, in units, of every pixel.

    Stripes are upright on the trunk and fan out over the rump. Neck, head and legs have finer
    rings of their own, which begin where the pattern of the trunk ends.
    """
    # On the trunk the phase is the distance along it; behind ``turn`` it is an angle around a point
    # in the trunk. Both are 0 where they meet.
    turn = -0.16
    back = np.arctan2(turn - skin.x, skin.y - 0.60)
    phase = np.where(skin.x > turn, skin.x - turn, -0.23 * back)
    lengths = {limb.kind: _length(limb.points) for limb in animal.parts}
    rings = {
        "neck": ("neck", 0.9),
        "mane": ("neck", 0.9),
        "head": ("head", 0.55),
        "jaw": ("head", 0.55),
        "tail": ("tail", 0.6),
    }
    for kind, (like, finer) in rings.items():
        here = skin.of(kind)
        here &= (kind != "neck") | (skin.u > 0.0)
        phase[here] = 0.47 + skin.u[here] * lengths[like] / finer
    face = skin.of("head", "jaw")
    phase[face] += 0.06 * skin.side[face]
    for kind, start, finer in (("fore", 0.08, 0.68), ("hind", 0.22, 0.75)):
        leg = skin.of(kind)
        low = np.clip((skin.u[leg] - start) * 4, 0, 1)
        ring = (0.5 if kind == "fore" else -0.62) - (skin.u[leg] - start) * lengths[kind] / finer
        phase[leg] = phase[leg] * (1 - low) + ring * low
    return phase.astype(np.float32)


def _length(points: NDArray) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _common(colour: Float32, skin: Surface, animal: Animal) -> Mask:
    """Colour hooves, muzzle and eyes, in place; returns where there may be stripes."""
    fixed = {
        "hoof": (0.13, 0.11, 0.10),
        "mouth": (0.05, 0.04, 0.04),
        "nostril": (0.03, 0.02, 0.02),
        "pupil": (0.05, 0.03, 0.02),
        "glint": (1.0, 1.0, 1.0),
    }
    plain = np.ones(len(colour), dtype=bool)
    for kind, rgb in fixed.items():
        here = skin.of(kind)
        colour[here] = rgb
        plain &= ~here
    muzzle = skin.of("muzzle")
    low = np.clip(0.25 + 0.9 * skin.u[muzzle], 0, 0.85)[:, None]
    colour[muzzle] = colour[muzzle] * (1 - low) + np.array([0.14, 0.12, 0.12], np.float32) * low
    lid = skin.of("eyelid")
    colour[lid] = 0.45 * colour[lid] + 0.55 * np.array([0.52, 0.42, 0.34], np.float32)
    return plain & ~muzzle & ~lid
