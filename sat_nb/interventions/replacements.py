"""What stands in a photo in place of a segment. To add a way, add an entry to REPLACEMENTS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32, Float64, Mask, Pixels
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput, SatError
from sat_nb.registry import Entry, chosen, registry

GREY = 128.0
ONE_THREAD = 2**18  # products of so many numbers: OpenBLAS starts no threads for them


@dataclass(frozen=True)
class Replaced:
    """What a replacement may use beside the photo and the mask.

    ``seed`` is that of the photo and of what is replaced in it; ``other`` gives the pixels
    (H, W, 3) of another photo at the same size.
    """

    seed: int
    other: Callable[[], Pixels]


@dataclass(frozen=True, kw_only=True)
class Replacement(Entry):
    """What stands in place of a segment, for ``intervene(replace=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry. Where results are kept on disk, one of your own needs a
        version.
    parameters : Mapping
        Not used.
    function : callable
        ``(pixels, mask, replaced) -> colours``: a photo (H, W, 3), from 0 to 255, at the size of
        the model's input, and bool (H, W) give what stands where the mask is, anything that
        broadcasts to (H, W, 3); elsewhere it is not looked at. ``replaced.seed`` is an integer for
        random numbers, and ``replaced.other()`` gives another photo of the set. The pixels passed
        in must stay as they are.
    one_for_all : bool, default False
        Whether the colours do not depend on the mask. They are computed once a photo then, with
        a mask that covers all of it.
    needs_other : bool, default False
        Whether it asks for another photo.

    Examples
    --------
    >>> black = Replacement(
    ...     name="black", version="1", about="Black in its place.",
    ...     function=lambda pixels, mask, replaced: np.zeros(3), one_for_all=True,
    ... )
    >>> black.key
    'black@1'
    """

    function: Callable[[Pixels, Mask, Replaced], Any]
    one_for_all: bool = False
    needs_other: bool = False


def filling(replacement: Replacement, pixels: Pixels, mask: Mask, replaced: Replaced) -> Pixels:
    """The colours in the photo's own type, rounded and within 0 to 255: (H, W, 3), or (1, 1, 3)."""
    try:
        colours = np.asarray(replacement.function(pixels, mask, replaced))
        if colours.dtype != np.float32:
            colours = colours.astype(np.float64)
        return filled(pixels, colours)
    except SatError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"replace: {replacement.key!r} failed on a photo {pixels.dtype} {pixels.shape} with "
            f"{type(error).__name__}: {error}; it returns colours that broadcast to the photo."
        ) from error


def filled(pixels: Pixels, colours: NDArray[np.floating[Any]]) -> Pixels:
    """Colours as pixels of the photo's type; InvalidInput for NaN, or another shape.

    One colour for all pixels stays one: (1, 1, 3).
    """
    if not np.isfinite(colours).all():
        raise InvalidInput("replace: the colours have NaN or infinite values; return finite ones.")
    size = (1, 1) if colours.ndim < 2 else pixels.shape[:2]
    kind = np.float32 if colours.dtype == np.float32 else np.float64
    whole = np.ascontiguousarray(np.broadcast_to(colours, (*size, pixels.shape[2])), dtype=kind)
    if pixels.dtype == np.uint8:
        return _as_bytes(whole.reshape(-1)).reshape(whole.shape)
    return np.clip(whole, 0, 255).astype(pixels.dtype)


@compiled(nogil=True)
def _as_bytes(numbers):  # type: ignore[no-untyped-def]
    """Numbers rounded within 0 to 255; NumPy, in three steps, takes five times as long."""
    found = np.empty(numbers.size, dtype=np.uint8)
    for i in range(numbers.size):
        found[i] = np.rint(min(max(numbers[i], 0.0), 255.0))
    return found


def blurred(pixels: Pixels) -> Float32:
    """The photo under a Gaussian of a twelfth of the shorter side, edges continued.

    Photos, edges and noise are within 0.002 grey values of the Gaussian that is cut off at four
    deviations; of any picture whatever it is 0.06 at most, where these ends matter most.
    """
    height, width = pixels.shape[:2]
    rows, columns = (_gaussian(side, min(height, width) / 12) for side in (height, width))
    lines = _product(rows.inwards, pixels.reshape(height, -1).astype(np.float32))
    coarse = columns.inwards @ lines.reshape(-1, width, pixels.shape[2])
    lines = (columns.outwards @ coarse).reshape(len(coarse), -1)
    return _product(rows.outwards, lines).reshape(pixels.shape)


def _product(factor: Float32, lines: Float32) -> Float32:
    """The product, in parts that OpenBLAS computes in the caller's thread.

    Its further threads wait in a loop, on processors that the model needs. All parts of one width
    go in one call: after each call, a thread waits for the interpreter's lock.
    """
    n, width = lines.shape[1], max(1, ONE_THREAD // factor.size)
    found = np.empty((len(factor), n), dtype=np.float32)
    even = n - n % width
    for columns, n_parts in ((slice(even), n // width), (slice(even, None), 1)):
        given, out = (_in_parts(both[:, columns], n_parts) for both in (lines, found))
        np.matmul(factor, given, out=out)
    return found


def _in_parts(lines: Float32, n_parts: int) -> Float32:
    """A view (n_parts, k, width) of lines (k, n_parts * width)."""
    width = lines.shape[1] // max(1, n_parts)
    return lines.reshape(len(lines), n_parts, width).swapaxes(0, 1)


class _Gaussian(NamedTuple):
    """The factors of a matrix (n, n) that blurs a line: float32 (k, n), and (n, k)."""

    inwards: Float32
    outwards: Float32


@lru_cache(maxsize=64)
def _gaussian(side: int, sigma: float) -> _Gaussian:
    """What blurs a line of ``side`` pixels: blurred lines are mixtures of a few Gaussians."""
    from scipy.ndimage import gaussian_filter1d

    blur = partial(gaussian_filter1d, np.eye(side), sigma, axis=0, mode="nearest")
    few = np.linspace(0, side - 1, min(side, math.ceil(2 * side / sigma) + 1)).round().astype(int)
    basis = np.linalg.qr(blur(truncate=8)[:, few])[0]  # cut off at 4, they have steps
    return _Gaussian((basis.T @ blur()).astype(np.float32), basis.astype(np.float32))


def shuffled(pixels: Pixels, mask: Mask, seed: int) -> Pixels:
    """The pixels of the mask in random order."""
    mixed = pixels.copy()
    mixed[mask] = np.random.default_rng(seed).permutation(pixels[mask])
    return mixed


def inpainted(pixels: Pixels, mask: Mask) -> NDArray[Any]:
    """A smooth surface that continues the surroundings; the mean colour where there are none."""
    with skimage_for("replace: 'inpaint'", "replace='blur'"):
        from skimage.restoration import inpaint_biharmonic

    if mask.all():
        return _mean(pixels)
    # The copy is writable: scikit-image refuses read-only masks.
    surface: NDArray[Any] = inpaint_biharmonic(pixels / 255.0, mask.copy(), channel_axis=-1)
    return 255 * surface


def _mean(pixels: Pixels) -> Float64:
    return np.array([pixels[..., c].mean(dtype=np.float64) for c in range(pixels.shape[2])])


@contextmanager
def skimage_for(what: str, otherwise: str) -> Iterator[None]:
    """InvalidInput where scikit-image, which is imported within, is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"{what} needs scikit-image, which is not installed; run "
            f"`pip install 'sat-nb[studies]'`, or choose {otherwise}."
        ) from error


REPLACEMENTS: dict[str, Replacement] = registry(
    Replacement(
        name="grey",
        about="Middle grey: easy to see, and unlike anything in training photos.",
        function=lambda pixels, mask, replaced: np.float64(GREY),
        one_for_all=True,
    ),
    Replacement(
        name="mean",
        about="The photo's mean colour.",
        function=lambda pixels, mask, replaced: _mean(pixels),
        one_for_all=True,
    ),
    Replacement(
        name="blur",
        about="The photo blurred by a Gaussian of a twelfth of the shorter side: colours and "
        "coarse shapes remain, and modern models see through it.",
        function=lambda pixels, mask, replaced: blurred(pixels),
        one_for_all=True,
    ),
    Replacement(
        name="shuffle",
        about="The same pixels in random order: colours remain, shapes do not.",
        function=lambda pixels, mask, replaced: shuffled(pixels, mask, replaced.seed),
    ),
    Replacement(
        name="inpaint",
        about="A smooth surface that continues the surroundings; the photo's mean colour where "
        "nothing is left of it.",
        source="Damelin & Hoang 2018, as in scikit-image",
        function=lambda pixels, mask, replaced: inpainted(pixels, mask),
    ),
    Replacement(
        name="other_photo",
        title="another photo",
        about="The same place in another photo of the set, drawn by the seed: natural pixels, "
        "which may show something of their own.",
        function=lambda pixels, mask, replaced: replaced.other(),
        one_for_all=True,
        needs_other=True,
    ),
)
"""What may stand in place of a segment, by name."""


def read_replacements(replace: Any, also: Any, *, kept: bool = False) -> tuple[Replacement, ...]:
    """The entries of ``replace``: a list as it is, a single one beside ``also``."""
    several = isinstance(replace, list | tuple)
    given = list(replace) if several else [replace]
    if not given:
        raise InvalidInput("replace: expected at least one, got none; give 'blur', for example.")
    entries = [_entry("replace", one, kept) for one in given]
    second = None if also is None else _entry("also", also, kept)
    if second is not None and not several:
        others = (second, REPLACEMENTS["blur"], REPLACEMENTS["mean"])
        entries.append(next(other for other in others if other.key != entries[0].key))
    keys = [entry.key for entry in entries]
    if len(set(keys)) < len(keys):
        raise InvalidInput(f"replace: {max(keys, key=keys.count)!r} is given twice.")
    return tuple(entries)


def _entry(argument: str, given: Any, kept: bool) -> Replacement:
    return chosen(
        argument, given, REPLACEMENTS, own=Replacement, from_function=_of_function, kept=kept
    )


def _of_function(function: Any) -> Replacement:
    """A bare function (pixels, mask) -> colours, or a :class:`Deletion`, as a replacement."""
    name = getattr(function, "name", None) or getattr(function, "__name__", "own")
    return Replacement(
        name=str(name).strip("<>"),
        version=getattr(function, "version", ""),
        about=getattr(function, "about", "") or "A function of the user's own.",
        function=_Plain(function),
    )


@dataclass(frozen=True)
class _Plain:
    """A function of the photo and the mask alone, as it can be sent to other processes."""

    function: Callable[[Pixels, Mask], Any]

    def __call__(self, pixels: Pixels, mask: Mask, replaced: Replaced) -> Any:
        return self.function(pixels, mask)
