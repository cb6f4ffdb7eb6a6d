"""A photo made ready to be replaced in part: its input, its players, what stands in for it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sat_nb.arrays import Float32, Mask, Pixels, Size
from sat_nb.geometry import FITS, get_fit, stretch_image
from sat_nb.interventions.players import Players
from sat_nb.interventions.replacements import Replaced, Replacement, filling
from sat_nb.saliency.channels import in_channels
from sat_nb.saliency.preprocess import Preprocess, apply_preprocess, shipped_name


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
    def by_pixel(self) -> str | None:
        """The name of a preprocessing that is known to work pixel by pixel, in an engine as here.

        A mixture of photos that were preprocessed is the preprocessed mixture then.
        """
        return shipped_name(self.preprocess)

    @property
    def size(self) -> Size:
        """The (height, width) of the model's input."""
        return self.input_shape[:2]

    def channels(self, pixels: Pixels) -> Pixels:
        """A picture (H, W, 3) with as many channels as the model takes: uint8 or float32."""
        return in_channels(pixels, self.input_shape[2])

    def batch(self, numbers: Float32) -> Float32:
        """A batch (n, H, W, C) as the model takes it."""
        with self.lock:
            return apply_preprocess(self.preprocess, numbers, self.input_shape)


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
    picture: Pixels = field(init=False)
    _fillings: dict[str, Pixels] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.picture = self.fitted.channels(self.pixels)

    def filling(self, replacement: Replacement, kept: bytes) -> Pixels:
        """What stands where the parts ``kept`` are not: as ``picture`` is, or (1, 1, C)."""
        shown = (
            get_fit(self.fitted.fit)
            .frame(self.photo_size, self.fitted.size)
            .on(self.fitted.size)[0]
        )
        parts = self.players.parts[shown]
        if not replacement.one_for_all:
            mask = ~np.frombuffer(kept, dtype=bool)[parts]
            return self._filling(replacement, kept, shown, mask)
        if replacement.key not in self._fillings:
            nothing = self.players.nothing()[0].tobytes()
            filling = self._filling(replacement, nothing, shown, np.ones(parts.shape, dtype=bool))
            self._fillings[replacement.key] = filling
        return self._fillings[replacement.key]

    def _filling(
        self, replacement: Replacement, kept: bytes, shown: tuple[slice, slice], mask: Mask
    ) -> Pixels:
        with self.fitted.lock:
            replaced = Replaced(self._seed_of(kept), lambda: self._other(mask.shape))
            colours = filling(replacement, self.pixels[shown], mask, replaced)
        if colours.shape[:2] == (1, 1):
            return self.fitted.channels(colours)
        whole = self.pixels.copy()
        whole[shown] = colours
        return self.fitted.channels(whole)

    def _other(self, size: tuple[int, ...]) -> Pixels:
        """Another photo at this size; it is cropped where photos are not stretched."""
        pixels = self.other()
        if self.fitted.fit == "stretch":
            return stretch_image(pixels, (size[0], size[1]))
        return FITS["crop"].image(pixels, (size[0], size[1]))

    def _seed_of(self, kept: bytes) -> int:
        content = self.seed.to_bytes(16, "big") + kept
        return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
