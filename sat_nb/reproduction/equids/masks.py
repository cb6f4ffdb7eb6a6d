"""From what each fine pixel shows to the masks of the finished photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sat_nb.reproduction.equids.animal import Animal
from sat_nb.reproduction.equids.light import Light
from sat_nb.reproduction.equids.scene import Place, lit
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


def segmentation(
    animal: Animal,
    hidden: NDArray[np.bool_],
    stripes: NDArray[np.bool_],
    marked: NDArray[np.bool_] | None,
    fine: int,
) -> SegmentationMap:
    """The masks of a photo whose pixels are ``fine`` x ``fine`` canvas pixels.

    ``hidden`` and ``stripes`` (canvas) say where something stands in front and where the coat is
    dark; ``marked`` (photo) where a watermark is.
    """
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
) -> list[tuple[str, NDArray[np.bool_]]]:
    """(name, mask) of every instance; a leg or the head covers the masks of what it holds."""
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
    """Members that make up one mask: an instance each where there are several, else all."""
    if name in ("muzzle", "mane", "head", "body", "tail"):
        return [members]
    keys = [labels[k][1] if name else labels[k] for k in members]
    return [
        [k for k, key in zip(members, keys, strict=True) if key == one] for one in sorted(set(keys))
    ]


def _enough(count: NDArray, half: int) -> NDArray[np.bool_]:
    """Pixels covered by half at least; what would vanish keeps its best-covered pixel."""
    mask = count >= half
    if not mask.any() and count.any():
        mask.flat[count.argmax()] = True
    return mask


def _instances(animal: Animal) -> NDArray[np.int16]:
    """1 + the label's number of every canvas pixel, 0 where there is no animal."""
    part = animal.canvas.part
    shown = part + 1
    body = 1 + next(k for k, limb in enumerate(animal.parts) if limb.kind == "trunk")
    for k, limb in enumerate(animal.parts):
        if limb.kind in _BODY_ABOVE:
            shown[(part == k) & (animal.canvas.u < _BODY_ABOVE[limb.kind])] = body
    return shown


def _labels(animal: Animal) -> list[tuple[str, int]]:
    """(segment, instance) of each part; a hoof has its leg's instance."""
    seen: dict[str, int] = {}
    labels = []
    for limb in animal.parts:
        name = SEGMENT_OF[limb.kind]
        counted = "legs" if limb.kind in ("fore", "hind") else limb.kind
        seen[counted] = seen.get(counted, -1) + 1
        labels.append((name, 0 if name == "eyes" else seen[counted]))
    return labels


def _counts(labels: NDArray, n: int, fine: int) -> NDArray[np.int64]:
    """How many canvas pixels of each label 0 .. n-1 a photo pixel holds: (size, size, n)."""
    size = len(labels) // fine
    photo = np.arange(len(labels)) // fine
    flat = (photo[:, None] * size + photo[None, :]) * n + labels
    return np.bincount(flat.ravel(), minlength=size * size * n).reshape(size, size, n)


Draw = ImageDraw.ImageDraw


def foreground(
    animal: Animal, place: Place, light: Light, rng: np.random.Generator, size: int
) -> NDArray[np.uint8]:
    """The things in front as RGBA uint8 (size, size, 4); alpha is 0 or 255."""
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


def _grass(
    draw: Draw, animal: Animal, place: Place, light: Light, rng: np.random.Generator, size: int
) -> None:
    """Blades in front of the feet; those before a hoof stay short."""
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


def _rail(draw: Draw, animal: Animal, light: Light, rng: np.random.Generator, size: int) -> None:
    """A fence rail before the trunk or the legs, away from eyes and hooves."""
    unit, ground = animal.placement.scale, animal.placement.ground
    width = rng.uniform(0.016, 0.028) * unit
    y = ground - rng.uniform(0.25, 0.62) * unit
    eye_y = _eye(animal)[1]
    if abs(y - eye_y) < 0.10 * unit:
        y = eye_y - 0.14 * unit
    tone = (0.82, 0.80, 0.76) if rng.random() < 0.5 else (0.42, 0.33, 0.26)
    draw.rectangle([0, y - width, size, y + width], fill=_rgba(lit(tone, light.hour)))


def _bush(
    draw: Draw, animal: Animal, place: Place, light: Light, rng: np.random.Generator, size: int
) -> None:
    """A bush before the flank, between the fore and the hind legs, or at the rump."""
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


def _branch(
    draw: Draw, animal: Animal, place: Place, light: Light, rng: np.random.Generator, size: int
) -> None:
    """A leafy twig that hangs into the photo from above, over the rump at most."""
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
