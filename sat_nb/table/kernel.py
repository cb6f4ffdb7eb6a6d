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
    if width % 8 == 0:  # rows are read as words of eight cells
        cells = np.ascontiguousarray(masks, dtype=bool)
    else:
        cells = np.zeros((n, height, width // 8 * 8 + 8), dtype=bool)
        cells[:, :, :width] = masks
    (starts, stops, owners), moments = _find_runs(cells.view(np.uint64), width)
    px = moments[:n, 0]
    centroids = moments[:n, 1:] / px[:, None] / (height, width)
    return MaskRuns(starts, stops, owners, px.astype(np.int64), centroids, (height, width))


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
    return sums_and_tolerances([attribution], runs)[0]


def sums_and_tolerances(
    attributions: Sequence[NDArray], runs: MaskRuns
) -> list[tuple[NDArray[np.float64], float]]:
    """What ``sums_and_tolerance`` gives, of up to ``MAPS_AT_ONCE`` maps of one dtype."""
    rows = [_as_rows(attribution, runs) for attribution in attributions]
    n, found = len(rows), np.zeros((len(rows), 2))
    sums = np.zeros((n, runs.px.size + 1))
    channels = np.array([attribution.shape[2] for attribution in attributions])
    # Always as many arrays: each number of them would be compiled on its own.
    filled = (*rows, *[rows[0]] * (MAPS_AT_ONCE - n))
    _add_runs_of(filled, n, channels, runs.starts, runs.stops, runs.masks, sums, found)
    tolerances = [_tolerance(*pair) for pair in zip(attributions, found, strict=True)]
    return list(zip(sums, tolerances, strict=True))


def _as_rows(attribution: NDArray, runs: MaskRuns) -> NDArray:
    """A map as (H, W * C), not to be written to: numba holds that for a type of its own."""
    if attribution.shape[:2] != runs.size:
        raise InvalidInput(
            f"attribution: expected the masks' size {runs.size}, got {attribution.shape[:2]}."
        )
    rows = np.ascontiguousarray(attribution).reshape(runs.size[0], -1)
    rows.flags.writeable = False
    return rows


def _tolerance(attribution: NDArray, found: NDArray[np.float64]) -> float:
    """From the largest |sum over the channels| and the largest |channel| that the loop found."""
    largest, channel = found
    if largest < CANCELLING * channel:  # float32 has no digits left
        largest = np.abs(attribution.sum(axis=2, dtype=np.float64)).max()
    return float(max(TIE_SHARE * largest, ROUNDING * channel))


_ALL_ON = np.uint64(0x0101010101010101)


@compiled(nogil=True)
def _find_runs(words, width):  # type: ignore[no-untyped-def]
    """Runs (3, m) of masks given eight cells to a word, and each mask's px and centre moments."""
    n, height, n_words = words.shape
    runs = np.empty((4096, 3), dtype=np.int64)
    moments = np.zeros((n + 1, 3))
    changes = np.empty(8 * n_words + 2, dtype=np.int64)
    line, free = np.empty(n_words, np.uint64), np.empty(n_words, np.uint64)
    count = 0
    for row in range(height):
        free[:] = _ALL_ON
        for mask in range(n + 1):
            # A copy, because a slice of an array counts its owners, which takes longer.
            seen = _copy(words, mask, row, line) if mask < n else _copy_line(free, line)
            if seen == 0:
                continue
            if seen & ~_ALL_ON:
                _make_ones(line)
            n_changes = _row_changes(line, width, changes)
            if mask < n:
                for word in range(n_words):
                    free[word] &= ~line[word]
            while count + n_changes > len(runs):
                runs = np.concatenate((runs, np.empty_like(runs)))
            for i in range(0, n_changes, 2):
                begin, end = changes[i], changes[i + 1]
                runs[count] = row * width + begin, row * width + end, mask
                moments[mask, 0] += end - begin
                moments[mask, 1] += (end - begin) * (row + 0.5)
                moments[mask, 2] += (end - begin) * (begin + end) / 2
                count += 1
    return runs[:count].T.copy(), moments


@compiled(nogil=True)
def _row_changes(line, width, changes):  # type: ignore[no-untyped-def]
    """Columns at which a row turns on and off, alternately; the last run ends at the width."""
    count = 0
    steady = np.uint64(0)  # a word in which all cells equal the previous cell
    for word in range(line.size):
        if line[word] == steady:
            continue
        # Each cell is a byte, 0 or 1: a byte of `change` is 1 where its cell differs from the one
        # before, which the shift brings to its place (little-endian, so cell 0 is the lowest).
        change = line[word] ^ ((line[word] << np.uint64(8)) | (steady & np.uint64(1)))
        steady = (line[word] >> np.uint64(56)) * _ALL_ON
        while change != 0:
            column = 8 * word + _first_cell(change)
            if column < width:
                changes[count] = column
                count += 1
            change &= change - np.uint64(1)  # clears the lowest bit
    if count % 2:
        changes[count] = width
        count += 1
    return count


@compiled(nogil=True)
def _copy(words, mask, row, line):  # type: ignore[no-untyped-def]
    """Copy a row of a mask; the bits that any of its words has."""
    seen = np.uint64(0)
    for word in range(line.size):
        line[word] = words[mask, row, word]
        seen |= line[word]
    return seen


@compiled(nogil=True)
def _copy_line(free, line):  # type: ignore[no-untyped-def]
    """The same of a row alone."""
    seen = np.uint64(0)
    for word in range(line.size):
        line[word] = free[word]
        seen |= line[word]
    return seen


@compiled(nogil=True)
def _make_ones(line):  # type: ignore[no-untyped-def]
    """Make every cell that is not 0 a 1, as the other functions count on."""
    cells = line.view(np.uint8)
    for cell in range(cells.size):
        cells[cell] = cells[cell] != 0


@compiled(nogil=True)
def _first_cell(word):  # type: ignore[no-untyped-def]
    """The number of the first of a word's eight cells that is on, by bisection."""
    cell = 0
    if word & np.uint64(0xFFFFFFFF) == 0:
        cell, word = 4, word >> np.uint64(32)
    if word & np.uint64(0xFFFF) == 0:
        cell, word = cell + 2, word >> np.uint64(16)
    return cell + (word & np.uint64(0xFF) == 0)


@compiled(nogil=True)
def _add_runs_of(maps, n, channels, starts, stops, masks, sums, found):  # type: ignore[no-untyped-def]
    """``_add_runs`` for the first n of a tuple of maps, one row of ``sums`` and ``found`` each."""
    for k in range(n):
        largest, channel = _add_runs(maps[k], channels[k], starts, stops, masks, sums[k])
        found[k, 0], found[k, 1] = largest, channel


@compiled(nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _add_runs(rows, n_channels, starts, stops, masks, sums):  # type: ignore[no-untyped-def]
    """Add runs to ``sums``; the largest |sum over the channels|, and about the largest |channel|.

    The latter is that of the first pixels of all rows.
    """
    height, flat = rows.shape[0], rows.reshape(-1)
    width = rows.shape[1] // n_channels
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
