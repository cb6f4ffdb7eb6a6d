"""The players of a photo: its segments and the rest, and which pixels a coalition keeps.

Pixels that the same segments cover are one part of the photo. What is kept of a photo is a row of
booleans, one a part, however large the photo is; equal rows are equal photos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Masks
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry

REST = "(rest)"
"""The name of the pixels of no segment."""

MAX_PARTS = 1 << 16

Kept = NDArray[np.bool_]
"""(m, n_parts): which parts of a photo each of m replaced photos keeps."""


@dataclass(frozen=True, kw_only=True)
class Overlap(Entry):
    """What a coalition of segments keeps where masks overlap, for ``intervene(overlap=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry. Where results are kept on disk, one of your own needs a
        version.
    parameters : Mapping
        Not used.
    function : callable
        ``(covers, sizes) -> owners``, both bool (n_parts, n_players). Pixels that the same masks
        cover are a part; ``covers`` says which masks these are, ``sizes`` (n_players,) are the
        pixels of each mask. A part is kept where one of its owners is in the coalition; each part
        needs at least one.

    Examples
    --------
    >>> largest = Overlap(
    ...     name="largest", version="1", about="The largest mask owns the pixel.",
    ...     function=lambda covers, sizes: covers
    ...     & (sizes == (covers * sizes).max(axis=1, keepdims=True)),
    ... )
    >>> largest(np.array([[True, True], [False, True]]), np.array([9, 4])).astype(int).tolist()
    [[1, 0], [0, 1]]
    """

    function: Callable[[NDArray[np.bool_], NDArray[np.int64]], NDArray[np.bool_]]

    def __call__(self, covers: NDArray[np.bool_], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Bool (n_parts, n_players): a part is kept where one of its owners is in the coalition."""
        return self.function(covers, sizes)


def _topmost(covers: NDArray[np.bool_], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The smallest mask over a part, the first of equally small ones, as drawn on top."""
    order = np.argsort(sizes, kind="stable")
    first = order[covers[:, order].argmax(axis=1)]
    return (np.arange(covers.shape[1]) == first[:, None]) & covers


OVERLAPS: dict[str, Overlap] = registry(
    Overlap(
        name="any",
        about="A pixel is kept where any segment over it is in the coalition.",
        function=lambda covers, sizes: covers,
    ),
    Overlap(
        name="top",
        about="A pixel is kept where its topmost segment, the smallest one, is in the coalition.",
        function=_topmost,
    ),
)
"""What a coalition keeps where masks overlap, by name."""


@dataclass(frozen=True, eq=False)
class Players:
    """The segments of one photo, and ``(rest)`` as the last player where any pixel is of no mask.

    Measures ask for rows of what is kept (m, n_parts), which these methods make.

    Parameters
    ----------
    names : tuple of str
        The segments, and ``(rest)``.
    n_segments : int
        How many of them are segments.
    parts : uint16 (H, W)
        The part that each pixel of the model's input belongs to.
    covers, owners : bool (n_parts, n_players)
        Which players' masks cover a part; and which of them own it in coalitions.
    fixed : bool (n_parts,)
        Parts that are no photo, such as the bars of a letterbox: they stay as they are.
    """

    names: tuple[str, ...]
    n_segments: int
    parts: NDArray[np.uint16]
    covers: NDArray[np.bool_]
    owners: NDArray[np.bool_]
    fixed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.names)

    def everything(self) -> Kept:
        """(1, n_parts): the untouched photo."""
        return np.ones((1, len(self.fixed)), dtype=bool)

    def nothing(self) -> Kept:
        """(1, n_parts): all of the photo is replaced."""
        return self.fixed[None].copy()

    def without_each(self) -> Kept:
        """(n_segments, n_parts): in each row, all pixels of one segment's mask are replaced."""
        return ~self.covers.T[: self.n_segments] | self.fixed

    def alone_each(self) -> Kept:
        """(n_segments, n_parts): in each row, nothing is left but one segment's mask."""
        return self.covers.T[: self.n_segments] | self.fixed

    def without(self, sets: Iterable[Iterable[int]]) -> Kept:
        """(m, n_parts): all pixels of the masks of a set of segments are replaced."""
        rows = [~self.covers[:, list(one)].any(axis=1) for one in sets]
        return np.array(rows, dtype=bool).reshape(-1, len(self.fixed)) | self.fixed

    def coalitions(self, members: NDArray[np.bool_]) -> Kept:
        """(m, n_parts): what coalitions (m, n_players) keep."""
        return (members @ self.owners.T).astype(bool) | self.fixed


def players_of(
    names: tuple[str, ...], masks: Masks, shown: Mask, overlap: Overlap, *, image_id: str
) -> Players:
    """The players of masks (n, H, W), of which ``shown`` (H, W) says where there is photo."""
    if REST in names:
        raise InvalidInput(
            f"segments: a segment of image {image_id!r} is called {REST!r}, as the pixels of no "
            "segment are; rename it with rename_segments."
        )
    rest = shown & ~masks.any(axis=0)
    if rest.any():
        masks, names_of_all = np.concatenate([masks, rest[None]]), (*names, REST)
    else:
        names_of_all = names
    patterns, parts = _patterns(masks, shown)
    covers = patterns[:, :-1]
    if len(covers) > MAX_PARTS:
        raise InvalidInput(
            f"segments: those of image {image_id!r} overlap in {len(covers)} ways, more than "
            f"{MAX_PARTS}; merge or leave out some with rename_segments or select."
        )
    sizes = np.array([np.count_nonzero(mask) for mask in masks], dtype=np.int64)
    return Players(
        names=names_of_all,
        n_segments=len(names),
        parts=parts,
        covers=covers,
        owners=overlap(covers, sizes) if len(masks) else covers,
        fixed=~patterns[:, -1],
    )


def _patterns(masks: Masks, shown: Mask) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
    """The different columns of masks and ``shown`` over all pixels, and the one of each pixel.

    They are numbered in the order in which they first appear.
    """
    layers = np.concatenate([masks, shown[None]]).reshape(len(masks) + 1, -1)
    # Neighbours are mostly alike: only the first pixel of each stretch is looked at.
    changes = (layers[:, 1:] != layers[:, :-1]).any(axis=0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    patterns, numbers = _distinct(layers[:, starts])
    lengths = np.diff(np.append(starts, shown.size))
    return patterns, np.repeat(numbers, lengths).reshape(shown.shape)


def _distinct(
    columns: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
    """The different columns of (n, m), as rows, and the number of each column."""
    codes = np.zeros(columns.shape[1], dtype=np.int64)
    for start in range(0, len(columns), 16):  # so that any number of masks can be told apart
        for line in columns[start : start + 16]:
            codes <<= 1
            codes |= line
        codes = pd.factorize(codes)[0].astype(np.int64)
    first = np.zeros(codes.max() + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return columns[:, first].T, codes.astype(np.uint16)
