"""Backgrounds (sky, hills, plants, fences and ground), the same distribution for all species."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sat_nb.arrays import Float32
from sat_nb.reproduction.rendering.light import RGB, Hour, Light, field, lit

Rng = np.random.Generator
Draw = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Biome:
    """A kind of country: colours of the ground (far, near), ridges and plants; kinds of plants.

    ``grass`` is the probability of grass in front of the animal.
    """

    far: RGB
    near: RGB
    ridge: RGB
    plant: RGB
    plants: tuple[str, ...]
    grass: float


BIOMES: dict[str, Biome] = {
    "savanna": Biome(
        (0.80, 0.70, 0.42),
        (0.68, 0.56, 0.30),
        (0.52, 0.55, 0.45),
        (0.33, 0.38, 0.18),
        ("acacia", "bush"),
        0.8,
    ),
    "meadow": Biome(
        (0.52, 0.66, 0.30),
        (0.36, 0.52, 0.20),
        (0.40, 0.54, 0.40),
        (0.20, 0.38, 0.16),
        ("tree", "bush"),
        0.8,
    ),
    "forest": Biome(
        (0.42, 0.46, 0.26),
        (0.36, 0.36, 0.20),
        (0.22, 0.32, 0.22),
        (0.13, 0.24, 0.12),
        ("trunks", "tree"),
        0.5,
    ),
    "paddock": Biome(
        (0.60, 0.62, 0.38),
        (0.55, 0.47, 0.34),
        (0.44, 0.54, 0.42),
        (0.24, 0.36, 0.18),
        ("fence", "tree"),
        0.4,
    ),
    "desert": Biome(
        (0.88, 0.74, 0.55),
        (0.80, 0.63, 0.43),
        (0.70, 0.52, 0.42),
        (0.46, 0.46, 0.28),
        ("bush",),
        0.12,
    ),
    "snow": Biome(
        (0.92, 0.94, 0.97),
        (0.86, 0.89, 0.94),
        (0.62, 0.69, 0.78),
        (0.28, 0.34, 0.30),
        ("fir", "fence"),
        0.12,
    ),
    "steppe": Biome(
        (0.66, 0.64, 0.44),
        (0.52, 0.48, 0.30),
        (0.50, 0.52, 0.56),
        (0.36, 0.38, 0.24),
        ("bush", "fence"),
        0.9,
    ),
    "stable": Biome(
        (0.62, 0.58, 0.52),
        (0.54, 0.50, 0.44),
        (0.45, 0.48, 0.45),
        (0.40, 0.36, 0.32),
        ("wall", "fence"),
        0.05,
    ),
}


@dataclass(frozen=True)
class Place:
    """The country of one photo: its biome, and its horizon as a share of the height."""

    biome: Biome
    horizon: float
    tint: tuple[float, ...]


def draw_place(rng: Rng) -> Place:
    """A random place."""
    biome = BIOMES[str(rng.choice(list(BIOMES)))]
    return Place(biome, rng.uniform(0.30, 0.58), tuple(rng.normal(1.0, 0.04, 3)))


def backdrop(place: Place, light: Light, rng: Rng, size: int) -> Float32:
    """The photo without the animal: float (size, size, 3), roughly 0 to 1."""
    rows = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    sky = _sky(light.hour, rng, size, rows / place.horizon)
    ground = _ground(place, light.hour, rng, size, rows)
    below = np.clip((rows - place.horizon) * size, 0, 1)[..., None]
    photo = sky * (1 - below) + ground * below
    return _over(photo, _things(place, light.hour, rng, size))


def _sky(hour: Hour, rng: Rng, size: int, height: Float32) -> Float32:
    t = np.clip(height, 0, 1)[..., None]
    sky = np.array(hour.sky_top, np.float32) * (1 - t) + np.array(hour.sky_low, np.float32) * t
    clouds = np.clip(0.30 * field(rng, size, cells=(6, 3)) + rng.uniform(-0.35, 0.1), 0, 0.8)
    return sky + clouds[..., None] * (1.0 - sky)


def _ground(place: Place, hour: Hour, rng: Rng, size: int, rows: Float32) -> Float32:
    t = np.clip((rows - place.horizon) / (1 - place.horizon), 0, 1)[..., None]
    tint = np.array(place.tint, np.float32)
    colour = lit(place.biome.far, hour) * (1 - t) + lit(place.biome.near, hour) * t
    patches = 0.11 * field(rng, size, cells=(10, 3), octaves=2)
    fine = 0.09 * field(rng, size, cells=(40, 18), octaves=2)
    return colour * tint * (1 + patches[..., None] + fine[..., None] * (0.4 + 0.6 * t))


def _over(photo: Float32, layer: Image.Image) -> Float32:
    size = (len(photo), len(photo))
    values: Float32 = np.asarray(layer.resize(size, Image.Resampling.BOX), np.float32) / 255
    alpha = values[..., 3:]
    return np.asarray(photo * (1 - alpha) + values[..., :3] * alpha, np.float32)


def _things(place: Place, hour: Hour, rng: Rng, size: int) -> Image.Image:
    """Ridges, plants and fences on a transparent image of twice the size."""
    image = Image.new("RGBA", (2 * size, 2 * size), (*_rgb(lit(place.biome.ridge, hour)), 0))
    draw = ImageDraw.Draw(image)
    for k in range(int(rng.integers(0, 3))):
        haze = 0.5 - 0.3 * k
        colour = lit(place.biome.ridge, hour) * (1 - haze) + haze * np.array(hour.sky_low)
        _ridge(draw, rng, 2 * size, place.horizon, 0.14 / (k + 1), _rgb(colour))
    for kind in place.biome.plants:
        for _ in range(int(rng.integers(0, 5 if kind in ("bush", "tree", "fir") else 2))):
            shade = rng.uniform(0.75, 1.15)
            PLANTS[kind](draw, rng, 2 * size, place, lambda c, s=shade: _rgb(lit(c, hour, s)))
    return image


def _ridge(draw: Draw, rng: Rng, size: int, horizon: float, height: float, rgb: tuple) -> None:
    knots = rng.uniform(0.0, height, 9) + 0.3 * height
    x = np.linspace(0, 1, 41)
    y = horizon - np.interp(x, np.linspace(0, 1, 9), knots) - rng.uniform(0, 0.08 * height, 41)
    outline = [
        *zip(x * size, y * size, strict=True),
        (size, horizon * size + 2),
        (0, horizon * size + 2),
    ]
    draw.polygon([(float(a), float(b)) for a, b in outline], fill=rgb)


def _blob(
    draw: Draw,
    rng: Rng,
    x: float,
    y: float,
    w: float,
    h: float,
    rgb: tuple,
    n: int = 14,
) -> None:
    """Foliage: many discs within an ellipse, lighter towards the top."""
    for _ in range(n):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        cx, cy = x + w * reach * np.cos(angle), y + h * reach * np.sin(angle)
        r = rng.uniform(0.28, 0.5) * min(w, h) + 0.08 * w
        light = 1.0 - 0.25 * (cy - y) / h + rng.uniform(-0.08, 0.08)
        draw.ellipse(
            [cx - r, cy - r, cx + r, cy + r], fill=tuple(int(min(255, c * light)) for c in rgb)
        )


def _bush(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    y = place.horizon + rng.uniform(0.0, 0.14)
    w = rng.uniform(0.03, 0.10)
    _blob(
        draw,
        rng,
        rng.uniform(0, size),
        (y - 0.3 * w) * size,
        w * size,
        0.6 * w * size,
        colour(place.biome.plant),
    )


def _tree(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    x, h = rng.uniform(0, size), rng.uniform(0.12, 0.34) * size
    foot = (place.horizon + rng.uniform(0.0, 0.05)) * size
    draw.line(
        [x, foot, x, foot - 0.6 * h], fill=colour((0.30, 0.23, 0.17)), width=int(0.06 * h) + 1
    )
    _blob(draw, rng, x, foot - 0.7 * h, 0.3 * h, 0.32 * h, colour(place.biome.plant), 22)


def _acacia(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    x, h = rng.uniform(0, size), rng.uniform(0.15, 0.32) * size
    foot = (place.horizon + rng.uniform(0.0, 0.04)) * size
    bark = colour((0.28, 0.22, 0.17))
    for spread in (-0.32, 0.0, 0.28):
        draw.line(
            [x, foot, x + 0.2 * spread * h, foot - 0.5 * h, x + spread * h, foot - 0.85 * h],
            fill=bark,
            width=int(0.035 * h) + 1,
        )
    _blob(draw, rng, x, foot - 0.9 * h, 0.55 * h, 0.13 * h, colour(place.biome.plant), 26)


def _fir(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    x, h = rng.uniform(0, size), rng.uniform(0.12, 0.36) * size
    foot = (place.horizon + rng.uniform(0.0, 0.05)) * size
    for k in range(4):
        low, w = foot - 0.2 * k * h, 0.22 * h * (1 - 0.2 * k)
        draw.polygon(
            [(x - w, low), (x + w, low), (x, low - 0.42 * h)], fill=colour(place.biome.plant)
        )


def _trunks(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    """A dark wood with tree trunks, some of them pale as birches."""
    foot = place.horizon * size
    draw.rectangle([0, 0, size, foot + 2], fill=colour(place.biome.ridge))
    for _ in range(40):
        _blob(
            draw,
            rng,
            rng.uniform(0, size),
            rng.uniform(0, foot),
            0.08 * size,
            0.06 * size,
            colour(tuple(c * rng.uniform(0.8, 1.5) for c in place.biome.ridge)),
            3,
        )
    for _ in range(int(rng.integers(4, 14))):
        x, w = rng.uniform(0, size), rng.uniform(0.006, 0.024) * size
        bark = (0.72, 0.70, 0.66) if rng.random() < 0.4 else (0.24, 0.19, 0.15)
        end = foot + rng.uniform(0.0, 0.06) * size
        draw.polygon(
            [(x - w, 0), (x + w, 0), (x + 1.2 * w, end), (x - 1.2 * w, end)], fill=colour(bark)
        )


def _fence(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    foot = (place.horizon + rng.uniform(0.03, 0.10)) * size
    h, w = rng.uniform(0.12, 0.2) * size, 0.011 * size
    wood = colour((0.85, 0.84, 0.80) if rng.random() < 0.4 else (0.40, 0.32, 0.25))
    for rail in (0.35, 0.75):
        draw.rectangle([0, foot - rail * h - w, size, foot - rail * h + w], fill=wood)
    for x in np.arange(rng.uniform(0, 0.2), 1.0, rng.uniform(0.16, 0.26)) * size:
        draw.rectangle([x - 1.3 * w, foot - h, x + 1.3 * w, foot], fill=wood)


def _wall(draw: Draw, rng: Rng, size: int, place: Place, colour: Callable) -> None:
    """A wooden wall of upright planks of similar or of different tones."""
    foot, top = (place.horizon + 0.03) * size, rng.uniform(-0.1, 0.15) * size
    tone = np.array([(0.50, 0.34, 0.26), (0.62, 0.60, 0.56), (0.42, 0.44, 0.46)][rng.integers(3)])
    step = rng.uniform(0.03, 0.07)
    spread = rng.choice([0.06, 0.3])
    for x in np.arange(0.0, 1.0, step) * size:
        draw.rectangle(
            [x, top, x + step * size, foot],
            fill=colour(tuple(tone * rng.uniform(1 - spread, 1 + spread))),
        )


PLANTS: dict[str, Callable[[Draw, Rng, int, Place, Callable], None]] = {
    "bush": _bush,
    "tree": _tree,
    "acacia": _acacia,
    "fir": _fir,
    "trunks": _trunks,
    "fence": _fence,
    "wall": _wall,
}


def _rgb(colour: NDArray) -> tuple[int, int, int]:
    r, g, b = (int(c) for c in np.clip(np.asarray(colour) * 255, 0, 255))
    return r, g, b
