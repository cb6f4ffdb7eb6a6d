"""The places of the actors: layers on top of each other, each with its name and exact outline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.reproduction.rendering.light import Hour, Light, field, lit

Rng = np.random.Generator


@dataclass(frozen=True)
class Layer:
    """A named part of a place: its colours (H, W, 3) and its coverage of each pixel (H, W)."""

    name: str
    colour: Float32
    covers: Float32


def place(name: str, light: Light, rng: Rng, size: int) -> list[Layer]:
    """The layers of a place in PLACES, the farthest first; the first one covers everything."""
    return PLACES[name](light.hour, rng, size)


def painted(layers: list[Layer]) -> NDArray:
    """The photo of a place without a person: float (H, W, 3), roughly 0 to 1."""
    photo: NDArray = layers[0].colour
    for layer in layers[1:]:
        photo = photo * (1 - layer.covers[..., None]) + layer.colour * layer.covers[..., None]
    return photo


def visible(layers: list[Layer]) -> dict[str, NDArray[np.bool_]]:
    """{name: mask (H, W)}; each pixel belongs to the nearest layer that covers half of it."""
    shown = np.zeros(layers[0].covers.shape, np.int64)
    for k, layer in enumerate(layers):
        shown[layer.covers >= 0.5] = k
    return {layer.name: shown == k for k, layer in enumerate(layers) if (shown == k).any()}


# --- the places ----------------------------------------------------------------------------------


def _rock(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """A rock face that fills most of the photo."""
    # The rock is a random relief, lit from above and from one side: brightness follows its slope.
    tone = np.array(ROCKS[rng.integers(len(ROCKS))]) * rng.uniform(0.85, 1.1)
    height = field(rng, size, cells=(5, 7), octaves=5) + field(rng, size, cells=(3, 9), octaves=3)
    down, across = np.gradient(height, 1 / size)
    x = rng.uniform(-0.8, 0.8)
    shade = 1 + np.clip(0.014 * (down + x * across), -0.45, 0.4) + 0.05 * height
    cracks = np.abs(field(rng, size, cells=(2, 10), octaves=3))
    shade = shade - 0.35 * np.clip(1 - cracks / 0.05, 0, 1)
    edge = rng.uniform(-0.5, 0.22) + 0.05 * _skyline(rng, size, 9)
    return [_sky(hour, rng, size), _below("rock", edge, lit(tuple(tone), hour) * shade[..., None])]


def _underwater(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """Blue to green water with rays of light and bubbles, above a sandy or stony bottom."""
    rows, columns = _grid(size)
    top, deep = (np.array(c) for c in WATERS[rng.integers(len(WATERS))])
    t = np.clip(rows * rng.uniform(0.8, 1.2), 0, 1)[..., None]
    slant = columns + rng.uniform(-0.6, 0.6) * rows
    rays = np.sin(2 * np.pi * rng.uniform(3, 7) * slant + 3 * field(rng, size, octaves=1) / 2)
    water = (top * (1 - t) + deep * t) * (1 + 0.06 * field(rng, size))[..., None]
    water = water + (0.06 * np.clip(rays, 0, 1) * (1 - rows))[..., None]
    for _ in range(int(rng.integers(4, 18))):
        x, y, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.006, 0.02)
        ring = np.abs(np.hypot(columns - x, rows - y) / r - 0.8)
        water = water + 0.35 * np.clip(1 - 2 * ring, 0, 1)[..., None]
    bottom = np.array([(0.55, 0.55, 0.42), (0.28, 0.34, 0.34)][rng.integers(2)])
    bottom = 0.5 * bottom + 0.5 * deep
    seabed = bottom * (1 + 0.2 * field(rng, size, cells=(10, 10), octaves=3))[..., None]
    edge = rng.uniform(0.72, 1.15) + 0.04 * _skyline(rng, size, 6)
    return [_full("water", water), _below("seabed", edge, seabed)]


def _lake(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """A lake under the sky, with a wooded shore behind it and a strip of bank in front."""
    # Ripples grow finer towards the horizon: their phase is 1 / depth, as in perspective.
    rows, _ = _grid(size)
    horizon = rng.uniform(0.28, 0.5)
    shore = horizon - rng.uniform(0.02, 0.12) * (1 + 0.4 * _skyline(rng, size, 12))
    wood = lit((0.18, 0.30, 0.20), hour) * (1 + 0.22 * field(rng, size, cells=(14, 20)))[..., None]
    depth = np.clip((rows - horizon) / (1 - horizon), 0, 1)
    ripples = np.sin(2 * np.pi * (9 / (0.12 + depth)) + 2 * field(rng, size, cells=(9, 3)))
    tone = 0.55 * np.array(hour.sky_top) + 0.25 * np.array(hour.sky_low)
    water = tone * (0.95 - 0.25 * depth + 0.09 * ripples * (0.3 + depth))[..., None]
    return [
        _sky(hour, rng, size),
        _below("shore", shore, wood),
        _below("water", np.full(size, horizon), water),
        _bank(hour, rng, size),
    ]


def _meadow(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """Grass with trees behind it."""
    horizon = rng.uniform(0.35, 0.55)
    trees = horizon - rng.uniform(0.04, 0.2) * (1 + 0.6 * _skyline(rng, size, 14))
    leaves = (
        lit((0.20, 0.34, 0.14), hour) * (1 + 0.25 * field(rng, size, cells=(14, 16)))[..., None]
    )
    green = np.array([(0.42, 0.58, 0.24), (0.60, 0.58, 0.30)][rng.integers(2)])
    blades = 1 + 0.1 * field(rng, size, cells=(24, 40), octaves=2) + 0.08 * field(rng, size)
    edge = np.full(size, horizon) + 0.02 * _skyline(rng, size, 4)
    return [
        _sky(hour, rng, size),
        _below("trees", trees, leaves),
        _below("grass", edge, lit(tuple(green), hour) * blades[..., None]),
    ]


def _snow(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """Snow in front of blue hills."""
    horizon = rng.uniform(0.38, 0.6)
    hills = horizon - rng.uniform(0.06, 0.3) * (1 + 0.5 * _skyline(rng, size, 7))
    far = lit((0.55, 0.63, 0.74), hour) * (1 + 0.1 * field(rng, size, cells=(6, 6)))[..., None]
    drifts = 1 + 0.06 * field(rng, size, cells=(8, 4), octaves=2)
    edge = np.full(size, horizon) + 0.03 * _skyline(rng, size, 4)
    near = lit((0.90, 0.93, 0.98), hour) * drifts[..., None]
    return [_sky(hour, rng, size), _below("hills", hills, far), _below("snow", edge, near)]


def _hall(hour: Hour, rng: Rng, size: int) -> list[Layer]:
    """Indoors: a wall of boards or plaster with coloured knobs, and a floor."""
    rows, columns = _grid(size)
    tone = np.array(WALLS[rng.integers(len(WALLS))])
    width = rng.uniform(0.18, 0.5)
    seams = np.minimum((columns / width) % 1, (rows / width) % 1) < 0.012 / width
    wall = tone * (1 + 0.05 * field(rng, size) - 0.25 * seams)[..., None]
    for _ in range(int(rng.integers(0, 26))):
        x, y = rng.uniform(0, 1, 2)
        w, h = rng.uniform(0.012, 0.03, 2)
        inside = np.hypot((columns - x) / w, (rows - y) / h) < 1
        wall = np.where(inside[..., None], rng.uniform(0.15, 0.9, 3), wall)
    boards = 1 + 0.08 * field(rng, size, cells=(30, 3), octaves=2)
    floor = np.array([(0.50, 0.42, 0.34), (0.35, 0.38, 0.42)][rng.integers(2)]) * boards[..., None]
    edge = np.full(size, rng.uniform(0.8, 1.1))
    return [_full("wall", wall), _below("floor", edge, floor)]


PLACES: dict[str, Callable[[Hour, Rng, int], list[Layer]]] = {
    "rock": _rock,
    "underwater": _underwater,
    "lake": _lake,
    "meadow": _meadow,
    "snow": _snow,
    "hall": _hall,
}

ROCKS = ((0.56, 0.53, 0.50), (0.66, 0.55, 0.42), (0.60, 0.46, 0.38), (0.45, 0.46, 0.48))
WATERS = (
    ((0.42, 0.72, 0.78), (0.05, 0.22, 0.42)),
    ((0.45, 0.75, 0.68), (0.06, 0.30, 0.34)),
    ((0.30, 0.55, 0.80), (0.03, 0.12, 0.34)),
)
WALLS = ((0.72, 0.66, 0.56), (0.62, 0.64, 0.66), (0.56, 0.50, 0.42), (0.70, 0.60, 0.48))


# --- what they are made of -----------------------------------------------------------------------


def _sky(hour: Hour, rng: Rng, size: int) -> Layer:
    rows, _ = _grid(size)
    t = np.clip(rows / 0.6, 0, 1)[..., None]
    sky = np.array(hour.sky_top) * (1 - t) + np.array(hour.sky_low) * t
    clouds = np.clip(0.3 * field(rng, size, cells=(6, 3)) + rng.uniform(-0.35, 0.1), 0, 0.8)
    return _full("sky", sky + clouds[..., None] * (1 - sky))


def _bank(hour: Hour, rng: Rng, size: int) -> Layer:
    tone = np.array([(0.50, 0.44, 0.32), (0.36, 0.46, 0.22), (0.55, 0.54, 0.52)][rng.integers(3)])
    earth = lit(tuple(tone), hour) * (1 + 0.15 * field(rng, size, cells=(24, 24)))[..., None]
    return _below("bank", rng.uniform(0.8, 0.9) + 0.02 * _skyline(rng, size, 5), earth)


def _full(name: str, colour: NDArray) -> Layer:
    colour = np.asarray(colour, np.float32)
    return Layer(name, colour, np.ones(colour.shape[:2], np.float32))


def _below(name: str, edge: NDArray, colour: NDArray) -> Layer:
    """A layer below ``edge`` (W,), which is given from the top, as a share of the height."""
    size = len(colour)
    covers = np.clip(np.arange(size)[:, None] + 1 - edge[None, :] * size, 0, 1)
    return Layer(name, np.asarray(colour, np.float32), covers.astype(np.float32))


def _skyline(rng: Rng, size: int, bumps: int) -> NDArray[np.float64]:
    """A bumpy line (W,), roughly -1 to 1, the same at every size."""
    coarse, fine = rng.uniform(-1, 1, bumps), rng.uniform(-1, 1, 5 * bumps)
    x = (np.arange(size) + 0.5) / size
    return 0.75 * np.interp(x, np.linspace(0, 1, bumps), coarse) + 0.25 * np.interp(
        x, np.linspace(0, 1, 5 * bumps), fine
    )


def _grid(size: int) -> tuple[Float32, Float32]:
    """The rows (H, W) and columns of the centres of all pixels, 0 to 1."""
    steps = ((np.arange(size) + 0.5) / size).astype(np.float32)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    return rows, columns
