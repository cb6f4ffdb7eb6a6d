"""What goes into the model: its input range, and the distributions that samples are drawn from.

A distribution more is one entry more in :data:`DISTRIBUTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput, unknown_name

Bounds = tuple[Any, Any]
Draw = Callable[[np.random.Generator, int], Any]
Distribution = str | NDArray | Draw


@dataclass(frozen=True)
class Inputs:
    """The range of the model's input: ``low`` and ``span`` are float32 (C,), low + span its end."""

    shape: tuple[int, int, int]
    low: Float32
    span: Float32


def uniform(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """Every value of the range alike, each pixel and channel for itself."""
    drawn = rng.random((n, *inputs.shape), dtype=np.float32)
    return inputs.low + inputs.span * drawn


def noise(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """Gaussian around the middle of the range, a sixth of it wide, cut off at its ends."""
    drawn = rng.standard_normal((n, *inputs.shape), dtype=np.float32)
    return inputs.low + inputs.span * np.clip(0.5 + drawn / 6, 0, 1)


def natural(rng: np.random.Generator, n: int, inputs: Inputs) -> Float32:
    """Clouds with the spectrum of photos, amplitudes falling as 1/frequency (Field 1987).

    Each sample has a brightness of its own, from one end of the range to the other, and a
    contrast (standard deviation) of 5 to 40 % of it; channels have clouds of their own.
    """
    height, width, channels = inputs.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    drawn = rng.standard_normal((n, channels, height, width), dtype=np.float32)
    clouds = np.fft.irfft2(np.fft.rfft2(drawn) / frequency, s=(height, width))
    clouds -= clouds.mean(axis=(2, 3), keepdims=True)
    clouds /= np.maximum(clouds.std(axis=(2, 3), keepdims=True), 1e-12)
    brightness = rng.uniform(0, 1, (n, 1, 1, 1))
    contrast = rng.uniform(0.05, 0.4, (n, 1, 1, 1))
    shares = np.clip(brightness + contrast * np.moveaxis(clouds, 1, 3), 0, 1)
    return inputs.low + inputs.span * shares.astype(np.float32)


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int, Inputs], Float32]] = {
    "natural": natural,
    "noise": noise,
    "uniform": uniform,
}


def read_inputs(shape: tuple[int, int, int], bounds: Bounds) -> Inputs:
    """The range that ``bounds`` = (low, high) says, each a number or one a channel.

    >>> read_inputs((8, 8, 3), (-1, 1)).span
    array([2., 2., 2.], dtype=float32)
    """
    wrong = InvalidInput(
        f"bounds: expected (low, high), the range of the model's input, each a finite number or "
        f"{shape[2]} of them, one a channel, with low < high; got {bounds!r}."
    )
    try:
        low, high = (
            np.broadcast_to(np.asarray(end, dtype=np.float32), shape[2:]) for end in bounds
        )
    except (TypeError, ValueError):
        raise wrong from None
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise wrong
    return Inputs(shape, low.copy(), high - low)


def read_distribution(distribution: Distribution, inputs: Inputs) -> Draw:
    """A function (rng, n) -> float32 (n, H, W, C), whose every answer is checked.

    An array (n, H, W, C) gives its images, drawn with replacement. Values outside the range are
    an error: they are nothing that the model ever sees.
    """
    if isinstance(distribution, str):
        if distribution not in DISTRIBUTIONS:
            valid = [*DISTRIBUTIONS, "an array (n, H, W, C)", "a function (rng, n)"]
            raise unknown_name("distribution", distribution, valid)
        drawn = DISTRIBUTIONS[distribution]
        return lambda rng, n: drawn(rng, n, inputs)
    if callable(distribution):
        return lambda rng, n: _checked(distribution(rng, n), inputs, n)
    images = _checked(distribution, inputs)
    return lambda rng, n: images[rng.integers(0, len(images), n)]


def _checked(samples: Any, inputs: Inputs, n: int | None = None) -> Float32:
    expected = (n or "n", *inputs.shape)
    try:
        array = np.asarray(samples, dtype=np.float32)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"distribution: expected samples {expected} of numbers, got {type(samples).__name__}."
        ) from None
    if array.ndim != 4 or array.shape[1:] != inputs.shape or len(array) != (n or len(array) or 1):
        raise InvalidInput(
            f"distribution: expected samples {expected} as the model takes them, got {array.shape}."
        )
    if not np.isfinite(array).all():
        raise InvalidInput("distribution: has NaN or infinite values; give finite ones.")
    slack = 1e-4 * inputs.span
    if (array < inputs.low - slack).any() or (array > inputs.low + inputs.span + slack).any():
        raise InvalidInput(
            f"distribution: has values from {array.min():g} to {array.max():g}, outside the "
            f"bounds {inputs.low.tolist()} to {(inputs.low + inputs.span).tolist()}; give samples "
            "in the model's units, or their range as bounds=(low, high)."
        )
    return array
