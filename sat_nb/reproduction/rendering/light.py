"""Light and camera: where light comes from, its colours, how it falls, and how film sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sat_nb.arrays import Float32
from sat_nb.reproduction.rendering.canvas import Canvas, Limb

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Hour:
    """A time of day: colours of sunlight, skylight and the sky (top, horizon); the sun's height."""

    sun: RGB
    ambient: RGB
    sky_top: RGB
    sky_low: RGB
    height: float


HOURS: dict[str, Hour] = {
    "noon": Hour(
        (0.82, 0.80, 0.76), (0.38, 0.40, 0.44), (0.35, 0.55, 0.85), (0.76, 0.85, 0.93), 0.9
    ),
    "morning": Hour(
        (0.84, 0.77, 0.66), (0.36, 0.38, 0.43), (0.47, 0.62, 0.84), (0.90, 0.87, 0.80), 0.6
    ),
    "overcast": Hour(
        (0.34, 0.34, 0.35), (0.58, 0.59, 0.61), (0.68, 0.71, 0.75), (0.83, 0.84, 0.86), 0.9
    ),
    "evening": Hour(
        (0.90, 0.66, 0.42), (0.34, 0.33, 0.38), (0.44, 0.50, 0.72), (0.96, 0.74, 0.50), 0.4
    ),
    "dusk": Hour(
        (0.50, 0.42, 0.42), (0.38, 0.37, 0.45), (0.30, 0.33, 0.55), (0.83, 0.60, 0.55), 0.4
    ),
}


@dataclass(frozen=True)
class Light:
    """The light and the camera of one photo.

    ``towards`` is the unit vector to the sun (right, down, towards the viewer); ``blur`` is in
    pixels of a 128 px photo; ``bars`` are shadows of trunks and rails outside the photo: how many
    fit into its width, their angle, and the share of light that they take.
    """

    hour: Hour
    towards: tuple[float, float, float]
    exposure: float
    contrast: float
    grain: float
    blur: float
    haze: float
    bars: tuple[float, float, float]


def draw_light(rng: np.random.Generator) -> Light:
    """A random light and camera, from the same distribution for all classes."""
    hour = HOURS[str(rng.choice(list(HOURS)))]
    vector = np.array([rng.uniform(-0.9, 0.9), -hour.height, rng.uniform(0.35, 0.8)])
    vector /= np.linalg.norm(vector)
    haze = rng.uniform(0.1, 0.5) if rng.random() < 0.25 else 0.0
    dark = rng.uniform(0.40, 0.75) if rng.random() < 0.40 else 0.0
    return Light(
        hour,
        tuple(vector),
        exposure=rng.uniform(0.70, 1.20),
        contrast=rng.uniform(0.85, 1.1),
        grain=rng.uniform(0.002, 0.016),
        blur=float(rng.choice([0.0, 0.0, 0.4, 0.9])),
        haze=haze,
        bars=(rng.uniform(5.0, 16.0), rng.uniform(-0.6, 0.6), dark),
    )


def lit(rgb: RGB, hour: Hour, shade: float = 1.0) -> Float32:
    """A matt colour at that hour, without a direction: for things far away or small."""
    light = 0.62 * np.array(hour.sun) + 0.92 * np.array(hour.ambient)
    return (np.array(rgb) * light * shade * 1.12).astype(np.float32)


def shade(
    canvas: Canvas, parts: Sequence[Limb], pixels: NDArray[np.intp], albedo: Float32, light: Light
) -> Float32:
    """The colour (n, 3) of a body's pixels: diffuse sunlight, light of the sky, and a highlight."""
    # Lambert's law for the sun, a sky that is brighter for surfaces that face up (ny < 0), and
    # Blinn's highlight around the vector halfway between the sun and the viewer. Limbs of the far
    # side are dimmed as a whole: no shadow of one part on another is computed.
    nx, ny = canvas.nx.ravel()[pixels], canvas.ny.ravel()[pixels]
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    x, y, z = light.towards
    lambert = np.maximum(nx * x + ny * y + nz * z, 0.0)
    half = np.array([x, y, z + 1.0]) / np.linalg.norm([x, y, z + 1.0])
    gloss = np.maximum(nx * half[0] + ny * half[1] + nz * half[2], 0.0) ** 14
    sky = 0.62 - 0.38 * ny
    far = np.array([0.62 if limb.far else 1.0 for limb in parts], np.float32)
    dim = far[canvas.part.ravel()[pixels]]
    sun = np.array(light.hour.sun, np.float32)
    ambient = np.array(light.hour.ambient, np.float32)
    lit = (dim * lambert)[:, None] * sun + (dim * sky)[:, None] * ambient
    return (albedo * lit * 1.12 + (0.07 * dim * gloss)[:, None] * sun).astype(np.float32)


def cast_shadow(alpha: Float32, ground: float, light: Light) -> Float32:
    """The share of light (H, W) that the body keeps from the ground, whose row is ``ground``."""
    size = len(alpha)
    flat = 0.16 + 0.12 * (1 - light.hour.height)
    lean = -1.1 * light.towards[0] / max(-light.towards[1], 0.3)
    depth = 0.012 * size
    # The shadow is the silhouette, sheared away from the sun and flattened: the point (x, y) of
    # the ground shows what is (y - ground + depth) / flat above the feet. PIL's transform wants
    # the inverse map, from the shadow to the silhouette.
    coefficients = (1.0, lean, -lean * ground, 0.0, -1.0 / flat, ground + (ground - depth) / flat)
    image = Image.fromarray(alpha).transform(
        (size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    below = np.asarray(image)
    strength = 0.25 + 0.5 * float(np.mean(light.hour.sun)) / 0.8
    return np.clip(gaussian_filter(below, 0.008 * size) * strength * 0.8, 0, 0.8)


def barred(photo: Float32, where: Float32, light: Light, rng: np.random.Generator) -> Float32:
    """Darken the photo by the shadows of trunks and rails, weighted by ``where`` (H, W)."""
    number, angle, dark = light.bars
    bend = field(rng, len(photo), cells=(2, 2), octaves=2)
    if not dark:
        return photo
    y, x = np.mgrid[: len(photo), : len(photo)].astype(np.float32) / len(photo)
    wave = np.sin(2 * np.pi * number * (x * np.cos(angle) + y * np.sin(angle)) + 0.4 * bend)
    return photo * (1 - dark * where * np.clip(0.5 + 1.2 * wave - 0.6 * bend, 0, 1))[..., None]


def develop(photo: Float32, light: Light, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The photo (H, W, 3) as the camera records it: haze, exposure, blur, grain, uint8."""
    size = len(photo)
    photo = photo * (1 - light.haze) + light.haze * np.array(light.hour.sky_low, np.float32)
    photo = (np.maximum(photo, 0) * light.exposure - 0.5) * light.contrast + 0.5
    if light.blur:
        sigma = light.blur * size / 128
        photo = gaussian_filter(photo, (sigma, sigma, 0), truncate=2.5)
    photo = photo + light.grain * rng.standard_normal((size, size, 1), np.float32)
    return (np.clip(photo, 0, 1) * 255 + 0.5).astype(np.uint8)


def field(
    rng: np.random.Generator, size: int, *, cells: tuple[int, int] = (4, 4), octaves: int = 3
) -> Float32:
    """Smooth noise (size, size) of mean 0 and standard deviation about 1.

    ``cells`` are the bumps that fit into (height, width); each octave has twice as many, at 0.6 of
    the strength. A generator in the same state gives the same field at any ``size``.
    """
    # Random grids of a fixed number of cells are enlarged, so that the numbers drawn do not depend
    # on the size; one outer cell a side is cut away, where bicubic interpolation lacks neighbours.
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        shape = tuple(c * 2**octave + 3 for c in cells)
        grid = rng.standard_normal(shape, np.float32)
        total += 0.6**octave * _enlarged(grid, size)
    return total * np.float32(1.5 / np.sqrt(sum(0.36**k for k in range(octaves))))


def lookup(grid: Float32, x: Float32, y: Float32) -> Float32:
    """Values of a periodic ``grid`` (h, w) at positions given in cells, by bilinear interpolation.

    >>> grid = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    >>> lookup(grid, np.array([0.25], np.float32), np.array([0.5], np.float32))
    array([0.25], dtype=float32)
    """
    h, w = grid.shape
    x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - x0, y - y0
    left, right, top, bottom = x0 % w, (x0 + 1) % w, y0 % h, (y0 + 1) % h
    upper = grid[top, left] * (1 - fx) + grid[top, right] * fx
    lower = grid[bottom, left] * (1 - fx) + grid[bottom, right] * fx
    return (upper * (1 - fy) + lower * fy).astype(np.float32)


def _enlarged(grid: Float32, size: int) -> Float32:
    """``grid`` without its outer cells, enlarged bicubically."""
    h, w = grid.shape
    image = Image.fromarray(grid)
    box = (1.0, 1.0, w - 1.0, h - 1.0)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
