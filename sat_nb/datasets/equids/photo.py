"""One photo of an equid: everything drawn, lit, put together and labelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arguments import checked_whole
from sat_nb.datasets.equids import skeleton
from sat_nb.datasets.equids.animal import Animal, draw_animal, draw_placement
from sat_nb.datasets.equids.coat import paint_coat, surface
from sat_nb.datasets.equids.light import Light, barred, cast_shadow, develop, draw_light, shade
from sat_nb.datasets.equids.masks import segmentation
from sat_nb.datasets.equids.occlusion import foreground
from sat_nb.datasets.equids.scene import backdrop, draw_place
from sat_nb.datasets.equids.watermark import COLOUR, draw_watermark, opacity
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.segments import SegmentationMap

CLASS_NAMES = ("horse", "zebra")
SPLITS = ("train", "test")
MIN_SIZE = 32


@dataclass(frozen=True)
class Example:
    """A photo and the exact masks of its parts; ``watermark`` is its text, or None.

    ``pixels`` is uint8 (H, W, 3) RGB.
    """

    pixels: NDArray[np.uint8]
    segmentation: SegmentationMap
    species: str
    watermark: str | None


def render(
    species: str,
    seed: int = 0,
    *,
    index: int = 0,
    split: str = "train",
    size: int = 128,
    watermark: bool = False,
) -> Example:
    """Render one photo of a "horse" or "zebra" with the exact masks of its named parts.

    The photo is a function of the arguments alone; ``watermark`` changes nothing but the pixels
    of the watermark, so that clean and marked photos come in pairs.

    >>> photo = render("zebra", seed=7, size=64, watermark=True)
    >>> photo.pixels.shape, photo.segmentation.size, photo.watermark is None
    ((64, 64, 3), (64, 64), False)
    """
    _check(species, seed, index, split, size)
    rngs = _generators(species, seed, split, index)
    fine = _fineness(size)
    animal, light, place = _stage(species, rngs, size * fine)
    pixels = np.flatnonzero(animal.canvas.part.ravel() >= 0)
    albedo, dark = paint_coat(animal, surface(animal, pixels), rngs["coat"])
    front = foreground(animal, place, light, rngs["front"], size * fine)
    colour = shade(animal, pixels, albedo, light)
    behind = backdrop(place, light, rngs["scene"], size)
    photo, alpha = _composed(animal, pixels, colour, front, behind, light)
    on_land = np.maximum(alpha, 0.4 * (np.arange(size)[:, None] > place.horizon * size))
    developed = develop(barred(photo, on_land, light, rngs["light"]), light, rngs["camera"])
    stripes = np.zeros(animal.canvas.part.shape, dtype=bool)
    stripes.ravel()[pixels] = dark
    hidden = front[..., 3] > 0
    clean = segmentation(animal, hidden, stripes, None, fine)
    if not watermark:
        return Example(developed, clean, species, None)
    mark = draw_watermark(rngs["watermark"])
    clear = np.isin(clean.names, ["eyes", "hooves", "muzzle"])
    covered = opacity(mark, size, clean.masks[clear].any(axis=0))
    marked = segmentation(animal, hidden, stripes, covered > 0, fine)
    return Example(_stamped(developed, covered), marked, species, mark.text)


def watermark_text(species: str, seed: int, *, index: int = 0, split: str = "train") -> str:
    """The text that :func:`render` writes on this photo where it is asked for a watermark."""
    return draw_watermark(_generators(species, seed, split, index)["watermark"]).text


def _check(species: str, seed: int, index: int, split: str, size: int) -> None:
    if species not in CLASS_NAMES:
        raise unknown_name("species", species, CLASS_NAMES)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    checked_whole("seed", seed)
    checked_whole("index", index)
    check_size(size)


def check_size(size: int) -> None:
    """Raise InvalidInput unless photos of ``size`` pixels can be rendered."""
    if int(size) != size or size < MIN_SIZE:
        raise InvalidInput(f"size: expected a whole number of pixels >= {MIN_SIZE}, got {size!r}.")


def _generators(species: str, seed: int, split: str, index: int) -> dict[str, np.random.Generator]:
    """One stream a subject, so that what is drawn of one does not move the others."""
    key = (SPLITS.index(split), CLASS_NAMES.index(species), index)
    names = ("pose", "build", "place", "coat", "light", "scene", "front", "camera", "watermark")
    children = np.random.SeedSequence(seed, spawn_key=key).spawn(len(names))
    return {name: np.random.default_rng(s) for name, s in zip(names, children, strict=True)}


def _fineness(size: int) -> int:
    """Canvas pixels a photo pixel, along a side: odd, so that halves are never tied."""
    return 3 if size >= 96 else 5 if size >= 56 else 7


def _stage(species: str, rngs: dict[str, np.random.Generator], size: int) -> tuple:
    pose = skeleton.draw_pose(rngs["pose"])
    build = skeleton.draw_build(rngs["build"], species)
    placement = draw_placement(rngs["place"], pose, build, species)
    hair = rngs["build"].standard_normal(64)
    animal = draw_animal(species, pose, build, placement, hair, size)
    return animal, draw_light(rngs["light"]), draw_place(rngs["scene"])


def _composed(
    animal: Animal,
    pixels: NDArray[np.intp],
    colour: NDArray,
    front: NDArray[np.uint8],
    behind: NDArray,
    light: Light,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Animal and foreground over the shadowed backdrop, and how far those two cover it."""
    size = len(behind)
    layer = np.zeros((len(front) ** 2, 4), np.float32)
    layer[pixels, :3], layer[pixels, 3] = colour, 1.0
    alone = _reduced(layer[:, 3].reshape(front.shape[:2]), size)
    opaque = np.flatnonzero(front[..., 3])
    layer[opaque] = front.reshape(-1, 4)[opaque] / np.float32(255)
    reduced = _reduced(layer.reshape(front.shape), size)
    ground = animal.placement.ground * size / len(front)
    dark = cast_shadow(alone, ground, light)[..., None]
    photo = behind * (1 - dark) * (1 - reduced[..., 3:]) + reduced[..., :3]
    return photo, reduced[..., 3]


def _reduced(image: NDArray, size: int) -> NDArray:
    """The mean of each block of canvas pixels."""
    fine = len(image) // size
    rows = np.add.reduce([image[k::fine] for k in range(fine)])
    return np.add.reduce([rows[:, k::fine] for k in range(fine)]) / np.float32(fine * fine)


def _stamped(pixels: NDArray[np.uint8], covered: NDArray[np.float32]) -> NDArray[np.uint8]:
    alpha = covered[..., None]
    return np.round(pixels * (1 - alpha) + np.array(COLOUR) * alpha).astype(np.uint8)
