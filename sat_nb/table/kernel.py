"""Sums over masks, the loop in which the join spends its time.

A mask is turned into runs, stretches of pixels along a row, which are found once for all maps of
an image. The runs of all masks are in order of rows, so that a map is read from memory once and in
order, however masks overlap, and summed in double precision without an index array or a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOWEST = np.uint64(0x0101010101010101)  # bit of each byte
_LOWER = np.uint64(0x7F7F7F7F7F7F7F7F)  # bits of each byte, all but the highest
_TOGETHER = np.uint64(0x0102040810204080)
# De Bruijn: any six bits of it that follow each other occur once, so that its product with one
# bit tells which bit that is.
_ALL_DIFFER = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.array(
    sorted(range(64), key=lambda bit: (int(_ALL_DIFFER) << bit) % 2**64 >> 58), dtype=np.int64
)
TIE_SHARE = 1e-6  # of the largest |A| of a map: means that differ by less are equal
ROUNDING = 1e-12  # of the largest channel: what summing channels that cancel may leave
CANCELLING = 1e-2  # of the largest channel: a smaller |A| is added up in double precision
MAPS_AT_ONCE = 8  # of one image: a call releases the interpreter's lock, and waits to get it back


@dataclass(frozen=True)
class MaskRuns:
    """Runs of n masks, and of the pixels outside all masks as mask n.

    ``starts`` and ``stops`` are pixel positions in the flattened map, ``masks`` the number of
    each run's mask. ``px`` (n,) counts pixels; ``centroids`` (n, 2) holds (row, column) of the
    masks' centres as shares of height and width. ``size`` is the masks' (height, width).
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    masks: NDArray[np.int64]
    px: NDArray[np.int64]
    centroids: NDArray[np.float64]
    size: Size


def mask_runs(masks: NDArray[np.bool_]) -> MaskRuns:
    """The runs of boolean masks (n, H, W)."""
    n, height, width = masks.shape
    cells = np.ascontiguousarray(masks, dtype=bool).reshape(-1)
    if cells.size % 8:  # cells are read as words of eight
        cells = np.append(cells, np.zeros(-cells.size % 8, dtype=bool))
    words = cells.view(np.uint64)
    words.flags.writeable = False  # numba holds that for a type of its own
    (starts, stops, owners), px, centroids = _find_runs(words, n, height, width)
    return MaskRuns(starts, stops, owners, px, centroids, (height, width))


def segment_sums(attribution: NDArray, runs: MaskRuns) -> NDArray[np.float64]:
    """Sums of a float map (H, W, C) over each mask, and over the pixels outside all: (n + 1,).

    Every pixel is in at least one sum, so if the map is not finite, neither is one of the sums.
    """
    return sums_and_tolerance(attribution, runs)[0]


def sums_and_tolerance(attribution: NDArray, runs: MaskRuns) -> tuple[NDArray[np.float64], float]:
    """The sums of ``segment_sums``, and how far apart two equal means of the map may be.

    The latter is ``TIE_SHARE`` times the largest |sum over the channels| of a pixel, and at least
    what rounding leaves where channels cancel.

    >>> heat = np.array([[[1.0, 2.0], [-4.0, -1.0]]])
    >>> sums, tolerance = sums_and_tolerance(heat, mask_runs(np.array([[[True, False]]])))
    >>> sums, round(float(tolerance), 9)
    (array([ 3., -5.]), 5e-06)
    """
    sums, tolerances = sums_and_tolerances([attribution], runs)
    return sums[0], tolerances[0]


def sums_and_tolerances(
    attributions: Sequence[NDArray], runs: MaskRuns
) -> tuple[NDArray[np.float64], list[float]]:
    """What ``sums_and_tolerance`` gives, of up to ``MAPS_AT_ONCE`` maps of one dtype.

    That is, sums (maps, n + 1), and a tolerance for each map.
    """
    rows = [_as_rows(attribution, runs.size) for attribution in attributions]
    n, found = len(rows), np.zeros((len(rows), 2))
    sums = np.zeros((n, runs.px.size + 1))
    # Always as many arrays: each number of them would be compiled on its own.
    filled = (*rows, *[rows[0]] * (MAPS_AT_ONCE - n))
    _add_runs_of(filled, n, runs.size[1], runs.starts, runs.stops, runs.masks, sums, found)
    return sums, [_tolerance(*pair) for pair in zip(attributions, found.tolist(), strict=True)]


def _as_rows(attribution: NDArray, size: Size) -> NDArray:
    """A map as (H, W * C), not to be written to: numba holds that for a type of its own."""
    if attribution.shape[:2] != size:
        raise InvalidInput(
            f"attribution: expected the masks' size {size}, got {attribution.shape[:2]}."
        )
    rows = np.ascontiguousarray(attribution).reshape(size[0], -1)
    rows.flags.writeable = False
    return rows


def _tolerance(attribution: NDArray, found: list[float]) -> float:
    """From the largest |sum over the channels| and the largest |channel| that the loop found."""
    largest, channel = found
    if largest < CANCELLING * channel:  # float32 has no digits left
        largest = np.abs(attribution.sum(axis=2, dtype=np.float64)).max()
    return float(max(TIE_SHARE * largest, ROUNDING * channel))


@compiled(nogil=True)
def _find_runs(words, n, height, width):  # type: ignore[no-untyped-def]
    """Runs (3, m) of n masks given eight cells to a word, and the masks' px and centroids."""
    bits = np.zeros(words.size // 8 + 2, dtype=np.uint64)  # one more than are filled
    _pack(words, bits.view(np.uint8))
    first, last = _first_and_last_rows(bits, n, height, width)
    most = (n + 1) * (width // 2 + 1)  # runs of a row
    runs = np.empty((4096 + most, 3), dtype=np.int64)
    changes = np.empty(width + 2, dtype=np.int64)
    free = np.empty(width // 64 + 2, dtype=np.uint64)  # the cells of a row outside all masks
    count = 0
    for row in range(height):
        free[:] = _ALL
        if count + most > len(runs):
            runs = np.concatenate((runs, np.empty_like(runs)))
        for mask in range(n + 1):
            if mask == n:
                n_changes = _take_row(free, 0, width, changes, free)
            elif first[mask] <= row <= last[mask]:
                n_changes = _take_row(bits, (mask * height + row) * width, width, changes, free)
            else:
                continue
            for i in range(0, n_changes, 2):
                runs[count, 0] = row * width + changes[i]
                runs[count, 1] = row * width + changes[i + 1]
                runs[count, 2] = mask
                count += 1
    runs = runs[:count].T.copy()
    px, centroids = _px_and_centroids(runs, n, height, width)
    return runs, px, centroids


@compiled(nogil=True)
def _pack(words, packed):  # type: ignore[no-untyped-def]
    """Eight cells of a byte each, which is not 0 where a cell is on, to one byte of eight bits."""
    for i in range(words.size):  # numba vectorises this
        # The highest bit of each byte says whether it is on: 0x7F more of its other bits set it.
        on = ((words[i] & _LOWER) + _LOWER) | words[i]
        # The product brings the bits 0, 8, ..., 56 side by side into the highest byte.
        packed[i] = (((on >> np.uint64(7)) & _LOWEST) * _TOGETHER) >> np.uint64(56)


@compiled(nogil=True)
def _first_and_last_rows(bits, n, height, width):  # type: ignore[no-untyped-def]
    """Rows between which all cells of each mask lie, up to a word that begins or ends outside."""
    first, last = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for mask in range(n):
        at = mask * height * width
        begin, end = at >> 6, (at + height * width - 1) >> 6
        while begin < end and bits[begin] == 0:
            begin += 1
        while begin < end and bits[end] == 0:
            end -= 1
        first[mask] = max(64 * begin - at, 0) // width
        last[mask] = (64 * end + 63 - at) // width
    return first, last


@compiled(nogil=True)
def _take_row(bits, at, width, changes, free):  # type: ignore[no-untyped-def]
    """Columns at which the row from bit ``at`` turns on and off; ``free`` loses its cells."""
    word, shift = at >> 6, np.uint64(at & 63)
    count, before = 0, np.uint64(0)
    for column in range(0, width, 64):
        # Two shifts to the left, because one by 64 is not defined.
        cells = (bits[word] >> shift) | (bits[word + 1] << np.uint64(1) << (np.uint64(63) - shift))
        if width - column < 64:
            cells &= _ALL >> np.uint64(64 - (width - column))
        free[column >> 6] &= ~cells
        change = cells ^ ((cells << np.uint64(1)) | before)
        before = cells >> np.uint64(63)
        while change != 0:
            lowest = change & (~change + np.uint64(1))
            changes[count] = column + _BIT_OF[(lowest * _ALL_DIFFER) >> np.uint64(58)]
            count += 1
            change ^= lowest
        word += 1
    if count % 2:
        changes[count] = width
        count += 1
    return count


@compiled(nogil=True, error_model="numpy")
def _px_and_centroids(runs, n, height, width):  # type: ignore[no-untyped-def]
    """What ``MaskRuns`` says of them."""
    px, centroids = np.zeros(n, dtype=np.int64), np.empty((n, 2))
    # Twice the sums of the pixels' row and column, from their centres: whole numbers, so that
    # nothing is rounded.
    sums = np.zeros((n, 2), dtype=np.int64)
    for i in range(runs.shape[1]):
        begin, end, mask = runs[0, i], runs[1, i], runs[2, i]
        if mask < n:
            row = begin // width
            px[mask] += end - begin
            sums[mask, 0] += (end - begin) * (2 * row + 1)
            sums[mask, 1] += (end - begin) * (begin + end - 2 * row * width)
    for mask in range(n):
        centroids[mask, 0] = sums[mask, 0] / 2 / px[mask] / height
        centroids[mask, 1] = sums[mask, 1] / 2 / px[mask] / width
    return px, centroids


@compiled(nogil=True)
def _add_runs_of(maps, n, width, starts, stops, masks, sums, found):  # type: ignore[no-untyped-def]
    """``_add_runs`` for the first n of a tuple of maps, one row of ``sums`` and ``found`` each."""
    for k in range(n):
        largest, channel = _add_runs(maps[k], width, starts, stops, masks, sums[k])
        found[k, 0], found[k, 1] = largest, channel


@compiled(nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _add_runs(rows, width, starts, stops, masks, sums):  # type: ignore[no-untyped-def]
    """Add runs to ``sums``; the largest |sum over the channels|, and about the largest |channel|.

    The latter is that of the first pixels of all rows.
    """
    height, flat = rows.shape[0], rows.reshape(-1)
    n_channels = rows.shape[1] // width
    largest, pooled = np.zeros(width, rows.dtype), np.empty(width, rows.dtype)
    channel, run = 0.0, 0
    for row in range(height):
        _enlarge(rows[row], n_channels, largest, pooled)
        for c in range(n_channels):
            channel = max(channel, abs(np.float64(rows[row, c])))
        while run < starts.size and starts[run] < (row + 1) * width:
            part = flat[starts[run] * n_channels : stops[run] * n_channels]
            total = 0.0
            for i in range(part.size):  # numba vectorises, as i is never negative
                total += np.float64(part[i])
            sums[masks[run]] += total
            run += 1
    return largest.max(), channel


@compiled(nogil=True)
def _enlarge(row, n_channels, largest, pooled):  # type: ignore[no-untyped-def]
    """Make the largest |sum over the channels| of each column at least that of a row."""
    # Column by column, because numba vectorises that, and no running maximum.
    if n_channels == 3:
        for x in range(largest.size):
            size = abs(row[3 * x] + row[3 * x + 1] + row[3 * x + 2])
            largest[x] = size if size > largest[x] else largest[x]
        return
    pooled[:] = 0
    for c in range(n_channels):
        for x in range(largest.size):
            pooled[x] += row[x * n_channels + c]
    for x in range(largest.size):
        size = abs(pooled[x])
        largest[x] = size if size > largest[x] else largest[x]
