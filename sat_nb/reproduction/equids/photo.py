"""One photo of a horse or zebra: drawn, lit, put together and labelled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sat_nb.arrays import Float32, Mask, Pixels
from sat_nb.reproduction.equids import skeleton
from sat_nb.reproduction.equids.animal import Animal, draw_animal, draw_placement, segmentation
from sat_nb.reproduction.equids.coat import paint_coat, surface
from sat_nb.reproduction.equids.scene import Place, backdrop, draw_place
from sat_nb.reproduction.equids.watermark import Watermark, draw_watermark, opacity, stamped
from sat_nb.reproduction.rendering import check_size, class_number, generators
from sat_nb.reproduction.rendering.canvas import block_means
from sat_nb.reproduction.rendering.light import (
    Light,
    barred,
    cast_shadow,
    develop,
    draw_light,
    lit,
    shade,
)
from sat_nb.segments.segmentation import SegmentationMap

CLASS_NAMES = ("horse", "zebra")
SUBJECTS = ("pose", "build", "place", "coat", "light", "scene", "front", "camera", "watermark")

Draw = ImageDraw.ImageDraw
Rng = np.random.Generator


@dataclass(frozen=True)
class Example:
    """A photo and the exact masks of its parts; ``watermark`` is the text of its mark, or None.

    ``pixels`` is uint8 (H, W, 3) RGB.
    """

    pixels: Pixels
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
    """Render one photo of a horse or a zebra, with the exact masks of its named parts.

    The photo is a function of the arguments alone.

    Parameters
    ----------
    species : str
        "horse" or "zebra".
    seed : int, default 0
        Photos of different seeds have nothing in common.
    index : int, default 0
        The number of the photo within its species and split.
    split : str, default "train"
        "train" or "test".
    size : int, default 128
        Height and width of the photo in pixels, at least 32.
    watermark : bool, default False
        Whether to stamp a watermark. It changes the pixels in its mask and no others, so that
        clean and marked photos come in pairs.

    Returns
    -------
    Example
        ``pixels`` (uint8, H x W x 3), ``segmentation``, ``species`` and the watermark's text.

    Raises
    ------
    InvalidInput
        For an unknown species or split, and for numbers that are not whole or too small.

    Examples
    --------
    >>> photo = render("zebra", seed=7, size=64, watermark=True)
    >>> photo.pixels.shape, photo.segmentation.size, photo.watermark is None
    ((64, 64, 3), (64, 64), False)
    """
    rendered = _rendered(species, seed, index, split, size)
    return rendered.marked() if watermark else rendered.clean()


def render_pair(
    species: str, seed: int = 0, *, index: int = 0, split: str = "train", size: int = 128
) -> tuple[Example, Example]:
    """Render one photo without and with its watermark, as :func:`render` does, but draw it once.

    Parameters
    ----------
    species : str
        "horse" or "zebra".
    seed, index : int, default 0
        As for :func:`render`.
    split : str, default "train"
        "train" or "test".
    size : int, default 128
        Height and width of the photo in pixels, at least 32.

    Returns
    -------
    tuple of Example
        The clean and the marked photo.

    Examples
    --------
    >>> clean, marked = render_pair("zebra", seed=7, size=64)
    >>> bool((clean.pixels != marked.pixels).any()), clean.watermark, marked.watermark
    (True, None, 'img.farm')
    """
    rendered = _rendered(species, seed, index, split, size)
    return rendered.clean(), rendered.marked()


@dataclass(frozen=True)
class _Rendered:
    """A finished photo, with what its masks are computed from."""

    species: str
    pixels: Pixels
    animal: Animal
    hidden: Mask
    stripes: Mask
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

    def _segmentation(self, marked: Mask | None) -> SegmentationMap:
        return segmentation(self.animal, self.hidden, self.stripes, marked, self.fine)


def _rendered(species: str, seed: int, index: int, split: str, size: int) -> _Rendered:
    check_size(size)
    rngs = _generators(species, seed, split, index)
    fine = _fineness(size)
    # The animal and what is in front of it are drawn ``fine`` times as large as the photo and then
    # reduced, which smooths their edges and gives every pixel its share of each part.
    animal, light, place = _stage(species, rngs, size * fine)
    pixels = np.flatnonzero(animal.canvas.part.ravel() >= 0)
    albedo, dark = paint_coat(animal, surface(animal, pixels), rngs["coat"])
    front = foreground(animal, place, light, rngs["front"], size * fine)
    colour = shade(animal.canvas, animal.parts, pixels, albedo, light)
    behind = backdrop(place, light, rngs["scene"], size)
    photo, alpha = _composed(animal, pixels, colour, front, behind, light)
    on_land = np.maximum(alpha, 0.4 * (np.arange(size)[:, None] > place.horizon * size))
    developed = develop(barred(photo, on_land, light, rngs["light"]), light, rngs["camera"])
    stripes = np.zeros(animal.canvas.part.shape, dtype=bool)
    stripes.ravel()[pixels] = dark
    mark = draw_watermark(rngs["watermark"])
    return _Rendered(species, developed, animal, front[..., 3] > 0, stripes, fine, mark)


def watermark_text(species: str, seed: int, *, index: int = 0, split: str = "train") -> str:
    """The text of the watermark that :func:`render` would stamp on this photo."""
    return draw_watermark(_generators(species, seed, split, index)["watermark"]).text


def _generators(species: str, seed: int, split: str, index: int) -> dict[str, Rng]:
    number = class_number("species", species, CLASS_NAMES)
    return generators(seed, split, number, index, SUBJECTS)


def _fineness(size: int) -> int:
    """Canvas pixels per pixel of the photo, along a side: odd, so that halves never tie."""
    return 3 if size >= 96 else 5 if size >= 56 else 7


def _stage(species: str, rngs: dict[str, Rng], size: int) -> tuple:
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
    front: Pixels,
    behind: NDArray,
    light: Light,
) -> tuple[Float32, Float32]:
    """The animal and what is in front of it over the backdrop with its shadow; their coverage."""
    size = len(behind)
    layer = np.zeros((len(front) ** 2, 4), np.float32)
    layer[pixels, :3], layer[pixels, 3] = colour, 1.0
    alone = block_means(layer[:, 3].reshape(front.shape[:2]), size)
    opaque = np.flatnonzero(front[..., 3])
    layer[opaque] = front.reshape(-1, 4)[opaque] / np.float32(255)
    reduced = block_means(layer.reshape(front.shape), size)
    ground = animal.placement.ground * size / len(front)
    dark = cast_shadow(alone, ground, light)[..., None]
    photo = behind * (1 - dark) * (1 - reduced[..., 3:]) + reduced[..., :3]
    return photo, reduced[..., 3]


# --- what stands in front ------------------------------------------------------------------------


def foreground(animal: Animal, place: Place, light: Light, rng: Rng, size: int) -> Pixels:
    """What stands in front of the animal, as RGBA uint8 (size, size, 4); alpha is 0 or 255."""
    # An alpha of 0 or 255 makes hidden pixels of the animal exact: none is half hidden. Rails,
    # bushes and twigs keep away from the eye.
    image = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    kind = rng.choice(["none", "none", "rail", "bush", "branch"])
    if kind == "rail":
        _rail(draw, animal, light, rng, size)
    elif kind == "bush":
        _bush(draw, animal, place, light, rng, size)
    elif kind == "branch":
        _branch(draw, animal, place, light, rng, size)
    if rng.random() < place.biome.grass:
        _grass(draw, animal, place, light, rng, size)
    return np.asarray(image)


def _grass(draw: Draw, animal: Animal, place: Place, light: Light, rng: Rng, size: int) -> None:
    """Blades of grass in front of the feet; those in front of a hoof stay short."""
    ground, unit = animal.placement.ground, animal.placement.scale
    feet = [
        animal.placement.pixels(p.points).mean(axis=0)[0] for p in animal.parts if p.kind == "hoof"
    ]
    n = int(rng.uniform(60, 220))
    x, depth = rng.uniform(0, size, n), rng.uniform(0.0, 1.0, n) ** 0.7
    height = rng.uniform(0.05, rng.uniform(0.08, 0.20), n) * unit
    low = np.abs(x[:, None] - np.array(feet)[None, :]).min(axis=1) < 0.09 * unit
    root = ground + 0.015 * unit + depth * max(size - ground, 0.05 * unit)
    top = np.where(low, np.maximum(root - height, ground - 0.012 * unit), root - height)
    lean, width = rng.normal(0, 0.025, n) * unit, 0.0085 * unit
    tones = rng.uniform(0.65, 1.25, n)
    for k in np.argsort(root):
        colour = _rgba(lit(place.biome.near, light.hour, tones[k]))
        draw.polygon(
            [(x[k] - width, root[k]), (x[k] + width, root[k]), (x[k] + lean[k], top[k])],
            fill=colour,
        )


def _rail(draw: Draw, animal: Animal, light: Light, rng: Rng, size: int) -> None:
    """The rail of a fence in front of the trunk or the legs, away from eyes and hooves."""
    unit, ground = animal.placement.scale, animal.placement.ground
    width = rng.uniform(0.016, 0.028) * unit
    y = ground - rng.uniform(0.25, 0.62) * unit
    eye_y = _eye(animal)[1]
    if abs(y - eye_y) < 0.10 * unit:
        y = eye_y - 0.14 * unit
    tone = (0.82, 0.80, 0.76) if rng.random() < 0.5 else (0.42, 0.33, 0.26)
    draw.rectangle([0, y - width, size, y + width], fill=_rgba(lit(tone, light.hour)))


def _bush(draw: Draw, animal: Animal, place: Place, light: Light, rng: Rng, size: int) -> None:
    """A bush in front of the flank, between the legs, or at the rump."""
    unit, ground = animal.placement.scale, animal.placement.ground
    at = animal.placement.pixels(np.array([[rng.choice([-0.03, 0.02, -0.68]), 0.0]]))[0, 0]
    w, h = rng.uniform(0.07, 0.13) * unit, rng.uniform(0.08, 0.20) * unit
    for _ in range(26):
        angle, reach = rng.uniform(0, np.pi), np.sqrt(rng.uniform())
        x, y = at + w * reach * np.cos(angle), ground + 0.04 * unit - h * reach * np.sin(angle)
        r = 0.04 * unit
        if np.hypot(*(np.array([x, y]) - _eye(animal))) > 0.16 * unit:
            draw.ellipse(
                [x - r, y - r, x + r, y + r],
                fill=_rgba(lit(place.biome.plant, light.hour, rng.uniform(0.8, 1.4))),
            )


def _branch(draw: Draw, animal: Animal, place: Place, light: Light, rng: Rng, size: int) -> None:
    """A leafy twig that hangs into the photo from above, no further forward than the trunk."""
    unit = animal.placement.scale
    start = animal.placement.pixels(np.array([[rng.uniform(-0.6, 0.1), 0.0]]))[0, 0]
    end = animal.placement.pixels(np.array([[rng.uniform(-0.5, 0.0), rng.uniform(0.9, 1.2)]]))[0]
    bark = _rgba(lit((0.28, 0.22, 0.17), light.hour))
    draw.line([start, 0.0, *end], fill=bark, width=max(1, int(0.018 * unit)))
    for t in np.linspace(0.05, 1.0, 60):
        x = start + t * (end[0] - start) + rng.normal(0, 0.055 * (1.4 - t)) * unit
        y = t * end[1] + rng.normal(0, 0.03) * unit
        if np.hypot(*(np.array([x, y]) - _eye(animal))) > 0.16 * unit:
            a, b = rng.uniform(0.015, 0.035, 2) * unit
            draw.ellipse(
                [x - a, y - b, x + a, y + b],
                fill=_rgba(lit(place.biome.plant, light.hour, rng.uniform(0.7, 1.5))),
            )


def _eye(animal: Animal) -> NDArray:
    pupil = next(part for part in animal.parts if part.kind == "pupil")
    return animal.placement.pixels(pupil.points).mean(axis=0)


def _rgba(colour: NDArray) -> tuple[int, int, int, int]:
    r, g, b = (int(c) for c in np.clip(np.asarray(colour) * 255, 0, 255))
    return r, g, b, 255
