"""A photo made ready to be replaced in part: its input, its players, what stands in for it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sat_nb.arrays import Float32, Pixels, Size
from sat_nb.geometry import FITS, get_fit, stretch_image
from sat_nb.interventions.players import Players
from sat_nb.interventions.replacements import Replaced, Replacement, filling
from sat_nb.saliency.channels import with_channels
from sat_nb.saliency.preprocess import PREPROCESS, Preprocess, Preprocessing, apply_preprocess


@dataclass(frozen=True)
class Fitted:
    """How photos come to the model's input, as for ``explain``.

    ``lock`` guards functions of the user's own, which need not be safe in several threads.
    """

    fit: str
    preprocess: str | Preprocess
    input_shape: tuple[int, int, int]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_by_pixel(self) -> bool:
        """Whether a mixture of preprocessed photos is the preprocessed mixture."""
        given = self.preprocess
        return isinstance(given, str) or (
            isinstance(given, Preprocessing) and PREPROCESS.get(given.name) is given
        )

    @property
    def size(self) -> Size:
        """The (height, width) of the model's input."""
        return self.input_shape[:2]

    def numbers(self, pixels: Pixels) -> Float32:
        """A photo (H, W, 3) at that size as numbers (H, W, C), preprocessed if that is by pixel."""
        numbers = with_channels(pixels, self.input_shape[2])
        return self.batch(numbers[None])[0] if self.is_by_pixel else numbers

    def batch(self, numbers: Float32) -> Float32:
        """A batch (n, H, W, C) as the model takes it."""
        with self.lock:
            # By pixel, one pixel may stand for a photo of one colour.
            height, width = numbers.shape[1:3] if self.is_by_pixel else self.size
            shape = height, width, self.input_shape[2]
            return apply_preprocess(self.preprocess, numbers, shape)


@dataclass(eq=False)
class ReadyPhoto:
    """A photo at the model's input, with its players.

    Parameters
    ----------
    image_id : str
        Its id.
    photo_size : tuple of int
        (height, width) of the photo itself.
    pixels : array (H, W, 3)
        The photo at the size of the input.
    fitted : Fitted
        How it came there.
    players : Players
        Its segments and the rest.
    seed : int
        The seed of this photo.
    other : callable
        Gives another photo of the set, as it is.
    """

    image_id: str
    photo_size: Size
    pixels: Pixels
    fitted: Fitted
    players: Players
    seed: int
    other: Callable[[], Pixels]
    numbers: Float32 = field(init=False)
    _fillings: dict[str, Float32] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.numbers = self.fitted.numbers(self.pixels)

    def filling(self, replacement: Replacement, kept: bytes) -> Float32:
        """What stands where the parts ``kept`` are not: numbers (H, W, C), or (1, 1, C)."""
        if not replacement.one_for_all:
            return self._filling(replacement, kept)
        if replacement.key not in self._fillings:
            nothing = self.players.nothing()[0].tobytes()
            self._fillings[replacement.key] = self._filling(replacement, nothing)
        return self._fillings[replacement.key]

    def _filling(self, replacement: Replacement, kept: bytes) -> Float32:
        shown = (
            get_fit(self.fitted.fit)
            .frame(self.photo_size, self.fitted.size)
            .on(self.fitted.size)[0]
        )
        mask = ~np.frombuffer(kept, dtype=bool)[self.players.parts[shown]]
        with self.fitted.lock:
            replaced = Replaced(self._seed_of(kept), lambda: self._other(mask.shape))
            colours = filling(replacement, self.pixels[shown], mask, replaced)
        if self.fitted.is_by_pixel and colours.shape[:2] == (1, 1):
            return self.fitted.numbers(colours)
        whole = self.pixels.copy()
        whole[shown] = colours
        return self.fitted.numbers(whole)

    def _other(self, size: tuple[int, ...]) -> Pixels:
        """Another photo at this size; it is cropped where photos are not stretched."""
        pixels = self.other()
        if self.fitted.fit == "stretch":
            return stretch_image(pixels, (size[0], size[1]))
        return FITS["crop"].image(pixels, (size[0], size[1]))

    def _seed_of(self, kept: bytes) -> int:
        content = self.seed.to_bytes(16, "big") + kept
        return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
