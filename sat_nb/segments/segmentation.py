"""SegmentationMap: all named masks of one image."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arguments import is_number, is_whole
from sat_nb.arrays import Float64, Masks, Size, true_or_false
from sat_nb.boxes import grown
from sat_nb.errors import InvalidInput
from sat_nb.geometry import get_fit
from sat_nb.printable import PLAIN_TEXT, as_html, printable
from sat_nb.segments.pictures import as_png, distinct_colours


@dataclass(frozen=True, eq=False)
class SegmentationMap:
    """The segments of one image: n names and n boolean masks, which may overlap.

    It is frozen, and its arrays are read-only.

    Parameters
    ----------
    names : tuple of str
        The n names, not empty; one may occur several times (two eyes).
    masks : ndarray
        Boolean (n, H, W); each mask has at least one pixel.
    scores : ndarray, default None
        The detector's confidence, float (n,); None where it is not known.

    Raises
    ------
    InvalidInput
        If names, masks and scores do not have these types and shapes.

    Examples
    --------
    >>> eyes = np.zeros((2, 4, 6), bool); eyes[0, 1, 1] = eyes[1, 1, 4] = True
    >>> segmentation = SegmentationMap(("eye", "eye"), eyes, scores=[0.9, 0.8])
    >>> segmentation
    SegmentationMap(4 x 6 px: eye, eye)
    >>> segmentation.merged().pad(1).masks.sum()
    18
    """

    names: tuple[str, ...]
    masks: Masks
    scores: Float64 | None = None

    def __post_init__(self) -> None:
        masks = np.asarray(self.masks)
        _check_masks(masks)
        masks = _read_only(true_or_false(masks))
        object.__setattr__(self, "masks", masks)
        object.__setattr__(self, "names", _checked_names(self.names, masks))
        if self.scores is not None:
            object.__setattr__(self, "scores", _checked_scores(self.scores, len(masks)))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> Size:
        """(height, width) in pixels; (0, 0) for an image in which nothing was found."""
        return self.masks.shape[1], self.masks.shape[2]

    def pad(self, px: int) -> SegmentationMap:
        """Grow every mask by ``px`` pixels to all sides, corners included (a square).

        Parameters
        ----------
        px : int
            The number of pixels.

        Returns
        -------
        SegmentationMap
            The grown segments.

        Raises
        ------
        InvalidInput
            If ``px`` is not a whole number >= 0.
        """
        if not is_number(px) or not 0 <= px < math.inf or int(px) != px:
            raise InvalidInput(f"px: expected a whole number >= 0, got {px!r}.")
        if px == 0:
            return self
        return self._with_masks(grown(self.masks, int(px)))

    def resize(
        self,
        size: Size,
        *,
        fit: str = "stretch",
        pad_px: int = 0,
        photo: Size | None = None,
    ) -> SegmentationMap:
        """Bring the masks to another size, by area, as ``fit`` brings the photo there.

        Parameters
        ----------
        size : tuple of int
            (height, width).
        fit : str, default "stretch"
            How the photo is brought to the size, a name in FITS.
        pad_px : int, default 0
            Pixels by which the masks grow afterwards, within the photo: a letterbox's bars belong
            to no segment.
        photo : tuple of int, default None
            (height, width) of the photo, for masks of another scale; by default their own size.

        Returns
        -------
        SegmentationMap
            A mask too small for the grid keeps its best-covered pixel. A mask that ``fit`` crops
            away is not in what the model sees, and so not in the result.

        Raises
        ------
        InvalidInput
            If ``size`` is not two whole numbers > 0, for an unknown ``fit``, and as ``pad`` does.
        """
        size = _checked_size(size)
        chosen, photo = get_fit(fit), photo or self.size
        if self.size == size == chosen.frame(photo, size).scaled:
            return self.pad(pad_px)
        masks = chosen.masks(self.masks, size, photo=photo)
        resized = self._subset(np.flatnonzero(masks.any(axis=(1, 2))), masks).pad(pad_px)
        if pad_px == 0 or len(resized) == 0:
            return resized
        shown = chosen.photo(photo, size)
        return resized if shown.all() else resized._with_masks(resized.masks & shown)

    def turn(self, orientation: int) -> SegmentationMap:
        """Turn masks of a photo as it is stored, as the photo's EXIF orientation turns the photo.

        Parameters
        ----------
        orientation : int
            The EXIF tag 274, from 1 (as stored) to 8. Pillow reads it with
            ``Image.open(file).getexif().get(274, 1)``.

        Returns
        -------
        SegmentationMap
            Masks of the photo as viewers and ``read_images`` show it.

        Raises
        ------
        InvalidInput
            If ``orientation`` is not one of 1 to 8.

        Examples
        --------
        >>> stored = SegmentationMap(("a",), np.array([[[1, 1, 0], [0, 0, 0]]], bool))
        >>> stored.turn(6).masks.astype(int).tolist()
        [[[0, 1], [0, 1], [0, 0]]]
        """
        if orientation not in _TURNS:
            raise InvalidInput(f"orientation: expected 1 to 8, as in EXIF, got {orientation!r}.")
        mirrored, quarters = _TURNS[orientation]
        masks = self.masks[:, :, ::-1] if mirrored else self.masks
        return self._with_masks(np.ascontiguousarray(np.rot90(masks, quarters, axes=(1, 2))))

    def rename(self, mapping: Mapping[str, str]) -> SegmentationMap:
        """Replace names.

        Parameters
        ----------
        mapping : Mapping[str, str]
            {old name: new name}; other names are kept.

        Returns
        -------
        SegmentationMap
            The renamed segments; masks of one name are not merged.
        """
        names = tuple(mapping.get(name, name) for name in self.names)
        return SegmentationMap(names, self.masks, self.scores)

    def merged(self) -> SegmentationMap:
        """One mask a name: the union of the masks of equal names, with their largest score.

        Returns
        -------
        SegmentationMap
            Names are in the order of their first occurrence.
        """
        unique = list(dict.fromkeys(self.names))
        if len(unique) == len(self):
            return self
        members = [[i for i, name in enumerate(self.names) if name == one] for one in unique]
        masks = np.stack([self.masks[m].any(axis=0) for m in members])
        if self.scores is None:
            return SegmentationMap(tuple(unique), masks)
        scores = np.array([self.scores[m].max() for m in members])
        return SegmentationMap(tuple(unique), masks, scores)

    def disjoint(self) -> SegmentationMap:
        """Give every pixel to the smallest of its masks, the first of equally small ones.

        Returns
        -------
        SegmentationMap
            Masks that are left without pixels are dropped.
        """
        order = np.argsort(self.masks.sum(axis=(1, 2)), kind="stable")
        taken = np.zeros(self.size, dtype=bool)
        masks = np.zeros_like(self.masks)
        for i in order:
            masks[i] = self.masks[i] & ~taken
            taken |= self.masks[i]
        return self._subset(np.flatnonzero(masks.any(axis=(1, 2))), masks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SegmentationMap):
            return NotImplemented
        return (
            self.names == other.names
            and np.array_equal(self.masks, other.masks)
            and _equal_scores(self.scores, other.scores)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = ", ".join(map(printable, self.names[:8])) + (
            f", ... {len(self)} in all" if len(self) > 8 else ""
        )
        return f"SegmentationMap({self.size[0]} x {self.size[1]} px: {names or 'no segments'})"

    def _repr_html_(self) -> str:
        """A picture for notebooks: each mask in its colour with its name, smaller masks on top."""
        if len(self) == 0:
            return f'<div class="{PLAIN_TEXT}">{html.escape(repr(self))}</div>'
        colours = distinct_colours(len(self))
        legend = " ".join(
            f'<span style="color:rgb{tuple(c)}">&#9632;</span>&nbsp;{as_html(name)}'
            for c, name in zip(colours.tolist(), self.names, strict=True)
        )
        picture = f'<img src="data:image/png;base64,{as_png(self.masks, colours)}">'
        return f'<div class="{PLAIN_TEXT}">{picture}<br>{legend}</div>'

    def _with_masks(self, masks: Masks) -> SegmentationMap:
        return SegmentationMap(self.names, masks, self.scores)

    def _subset(self, kept: NDArray[np.intp], masks: Masks) -> SegmentationMap:
        if len(kept) == len(self):
            return self._with_masks(masks)
        scores = None if self.scores is None else self.scores[kept]
        return SegmentationMap(tuple(self.names[i] for i in kept), masks[kept], scores)


def checked_segmentation(value: object, image_id: str) -> SegmentationMap:
    """``value`` if it is a SegmentationMap, or InvalidInput that names the image."""
    if not isinstance(value, SegmentationMap):
        raise InvalidInput(
            f"segments[{image_id!r}]: expected a SegmentationMap, got {type(value).__name__}; make "
            "one of names and boolean masks (n, H, W), as in SegmentationMap(('eye',), masks)."
        )
    return value


_TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}
"""EXIF orientation -> (mirrored left to right, then quarter turns counterclockwise)."""


def _read_only(array: NDArray) -> NDArray:
    view = array.view() if not array.flags.writeable else array.copy()
    view.flags.writeable = False
    return view


def _check_masks(masks: NDArray) -> None:
    if masks.ndim != 3 or masks.dtype != bool:
        raise InvalidInput(
            f"masks: expected bool (n, H, W), got {masks.dtype} {masks.shape}; "
            "turn grey values into booleans first, as in `masks > 0`."
        )


def _checked_names(names: Iterable[str], masks: Masks) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InvalidInput(f"names: expected a tuple of str, got the str {names!r}.")
    names = tuple(names)
    wrong = [name for name in names if not isinstance(name, str) or not name]
    if wrong:
        raise InvalidInput(f"names: expected non-empty str, got {wrong[0]!r}.")
    if len(names) != len(masks):
        raise InvalidInput(
            f"names: expected one for each of the {len(masks)} masks, got {len(names)}."
        )
    empty = [name for name, mask in zip(names, masks, strict=True) if not mask.any()]
    if empty:
        raise InvalidInput(f"masks: the mask of {empty[0]!r} has no pixel; leave that segment out.")
    return names


def _checked_size(size: Size) -> Size:
    sides = tuple(size) if isinstance(size, tuple | list | np.ndarray) else ()
    if len(sides) != 2 or not all(is_whole(n) and n >= 1 for n in sides):
        raise InvalidInput(f"size: expected (height, width) in whole pixels, got {size!r}.")
    return int(sides[0]), int(sides[1])


def _checked_scores(scores: object, n: int) -> Float64:
    array = _read_only(np.array(scores, dtype=np.float64))
    if array.shape != (n,):
        raise InvalidInput(f"scores: expected shape ({n},), one a mask, got {array.shape}.")
    return array


def _equal_scores(a: NDArray | None, b: NDArray | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b, equal_nan=True)
