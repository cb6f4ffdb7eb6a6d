"""One photo of an equid: everything drawn, lit, put together and labelled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sat_nb.reproduction.draws import check_size, class_number, generators
from sat_nb.reproduction.equids import skeleton
from sat_nb.reproduction.equids.animal import Animal, draw_animal, draw_placement
from sat_nb.reproduction.equids.coat import paint_coat, surface
from sat_nb.reproduction.equids.light import Light, barred, cast_shadow, develop, draw_light, shade
from sat_nb.reproduction.equids.masks import foreground, segmentation
from sat_nb.reproduction.equids.scene import backdrop, draw_place
from sat_nb.reproduction.equids.watermark import Watermark, draw_watermark, opacity, stamped
from sat_nb.segments.segmentation import SegmentationMap

CLASS_NAMES = ("horse", "zebra")
SUBJECTS = ("pose", "build", "place", "coat", "light", "scene", "front", "camera", "watermark")


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
    rendered = _rendered(species, seed, index, split, size)
    return rendered.marked() if watermark else rendered.clean()


def render_pair(
    species: str, seed: int = 0, *, index: int = 0, split: str = "train", size: int = 128
) -> tuple[Example, Example]:
    """The photo without and with its watermark, as :func:`render` gives them, drawn once.

    >>> clean, marked = render_pair("zebra", seed=7, size=64)
    >>> bool((clean.pixels != marked.pixels).any()), clean.watermark, marked.watermark
    (True, None, 'img.farm')
    """
    rendered = _rendered(species, seed, index, split, size)
    return rendered.clean(), rendered.marked()


@dataclass(frozen=True)
class _Rendered:
    """A finished photo, and what its masks follow from."""

    species: str
    pixels: NDArray[np.uint8]
    animal: Animal
    hidden: NDArray[np.bool_]
    stripes: NDArray[np.bool_]
    fine: int
    mark: Watermark

    def clean(self) -> Example:
        return Example(self.pixels, self._clean_masks, self.species, None)

    def marked(self) -> Example:
        clean = self._clean_masks
        clear = np.isin(clean.names, ["eyes", "hooves", "muzzle"])
        size = len(self.pixels)
        covered = opacity(self.mark, (size, size), clean.masks[clear].any(axis=0))
        masks = self._segmentation(covered > 0)
        return Example(stamped(self.pixels, covered), masks, self.species, self.mark.text)

    @cached_property
    def _clean_masks(self) -> SegmentationMap:
        return self._segmentation(None)

    def _segmentation(self, marked: NDArray[np.bool_] | None) -> SegmentationMap:
        return segmentation(self.animal, self.hidden, self.stripes, marked, self.fine)


def _rendered(species: str, seed: int, index: int, split: str, size: int) -> _Rendered:
    check_size(size)
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
    mark = draw_watermark(rngs["watermark"])
    return _Rendered(species, developed, animal, front[..., 3] > 0, stripes, fine, mark)


def watermark_text(species: str, seed: int, *, index: int = 0, split: str = "train") -> str:
    """The text that :func:`render` writes on this photo where it is asked for a watermark."""
    return draw_watermark(_generators(species, seed, split, index)["watermark"]).text


def _generators(species: str, seed: int, split: str, index: int) -> dict[str, np.random.Generator]:
    number = class_number("species", species, CLASS_NAMES)
    return generators(seed, split, number, index, SUBJECTS)


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
