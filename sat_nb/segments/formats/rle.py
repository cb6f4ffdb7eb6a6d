"""Run-length codes of masks: COCO's compressed string, and DINO-X's row-major variant.

Both hold the lengths of alternating runs of background and foreground, in a string of
6-bit characters (chr 48 to 111). ``coco_rle`` goes down the columns and covers the whole mask;
``dds_rle`` goes along the rows and leaves the trailing background out. Run lengths are checked
against the size, because pycocotools silently reads strings that do not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from sat_nb.arrays import Mask, Size
from sat_nb.compiled import compiled
from sat_nb.errors import InvalidInput
from sat_nb.limits import LIMITS, beyond
from sat_nb.segments.formats.limits import checked_size, whole_number


def decode_coco(counts: str, size: Size) -> Mask:
    """The boolean (H, W) mask of a COCO compressed RLE string; ``size`` is (H, W).

    >>> decode_coco(encode_coco(np.eye(3, dtype=bool)), (3, 3)).astype(int)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]])
    """
    mask = np.zeros(size, dtype=np.uint8)
    codes = np.frombuffer(counts.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    if not _fill_columns(codes, mask):
        _check_covered(int(run_lengths(counts).sum()), size)  # raises an error that tells more
        raise InvalidInput(f"counts: expected runs of {size[0]} x {size[1]} pixels")
    return mask.view(bool)


@compiled(nogil=True)
def _fill_columns(codes, mask):  # type: ignore[no-untyped-def]
    """Set the foreground runs of a string in an empty (H, W) mask; return whether it fits exactly.

    ``run_lengths`` and a loop in one pass: five times as fast as pycocotools, whose masks lie
    column by column in memory and would have to be transposed.
    """
    height, total = mask.shape[0], mask.size
    position, start, n_runs, run, before = 0, 0, 0, 0, 0
    while position < codes.size:
        value, shift, more = np.int64(0), 0, True
        while more:
            if position == codes.size or shift > 35 or not 48 <= codes[position] <= 111:
                return False
            code = np.int64(codes[position]) - 48
            value |= (code & 31) << shift
            position, shift, more = position + 1, shift + 5, code >= 32
            if code & 48 == 16:
                value -= np.int64(1) << shift
        if n_runs > 2:
            value += before
        if not 0 <= value <= total - start:
            return False
        if n_runs % 2:
            column, row = start // height, start % height
            for _ in range(value):
                mask[row, column] = 1
                row += 1
                if row == height:
                    row, column = 0, column + 1
        before, run, start, n_runs = run, value, start + value, n_runs + 1
    return start == total


def decode_runs(runs: Sequence[object], size: Size) -> Mask:
    """The boolean (H, W) mask of COCO's uncompressed runs: a list of whole numbers.

    >>> decode_runs([0, 1, 2, 1], (2, 2)).astype(int)
    array([[1, 0],
           [0, 1]])
    """
    numbers = [run if type(run) is int else whole_number(run) for run in runs]
    most = LIMITS["mask_pixels"]
    if not all(number is not None and 0 <= number <= most for number in numbers):
        raise InvalidInput(f"counts: expected whole numbers from 0 to {most}")
    _check_covered(sum(numbers), size)  # type: ignore[arg-type]
    code = coco.frPyObjects({"size": list(size), "counts": numbers}, *size)
    return coco.decode(code).view(bool)


def encode_coco(mask: Mask) -> str:
    """The COCO compressed RLE string of a boolean (H, W) mask."""
    return coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"].decode("ascii")


def decode_dds(counts: str, size: Size) -> Mask:
    """The boolean (H, W) mask of DINO-X's own string (exports without a ``format`` key).

    >>> decode_dds(encode_dds(np.tri(3, dtype=bool)), (3, 3)).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 1, 1]])
    """
    runs = run_lengths(counts).tolist()
    height, width = size
    missing = height * width - sum(runs)
    if missing < 0:
        raise InvalidInput(
            f"counts: expected runs of at most {height} x {width} = {height * width} pixels "
            f"in all, got {sum(runs)}"
        )
    if len(runs) % 2 == 0:
        runs.append(missing)
    else:
        runs[-1] += missing
    transposed = coco.frPyObjects({"size": [width, height], "counts": runs}, width, height)
    return coco.decode(transposed).T.view(bool)


def encode_dds(mask: Mask) -> str:
    """DINO-X's own string of a boolean (H, W) mask: row-major, trailing background left out."""
    flat = np.concatenate([[False], np.ravel(mask), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return _encode_run_lengths(np.diff(edges, prepend=0))


def rle_decoder(mask: dict[str, Any], codec: str, field: str) -> tuple[Size, Callable[[], Mask]]:
    """The size and a decoder of {counts, size}; counts are a string in ``codec``, or a list."""
    size = checked_size(mask.get("size"), f"{field}.size")
    return size, partial(_decode_rle, mask.get("counts"), size, codec, field)


def _decode_rle(counts: Any, size: Size, codec: str, field: str) -> Mask:
    try:
        if isinstance(counts, list):
            return decode_runs(counts, size)
        if isinstance(counts, str) and counts[:2] in ("b'", 'b"'):
            raise InvalidInput("counts: begins with b', as bytes do; write bytes.decode()")
        if isinstance(counts, str):
            _check_length(counts)
            return CODECS[codec][1](counts, size)
        raise InvalidInput("counts: expected a run-length string or a list of whole numbers")
    except InvalidInput as error:
        raise InvalidInput(
            f"{field}.{error}; the export is damaged, or it is of another format."
        ) from error


CHARACTERS_OF_A_VALUE = 4
"""Of a run-length string, for the limit on values: decoding takes up to 50 bytes a character."""


def _check_length(counts: str) -> None:
    needed = len(counts) // CHARACTERS_OF_A_VALUE
    if needed > LIMITS["json_values"]:
        raise InvalidInput(
            f"counts: a string of {len(counts)} characters, with {CHARACTERS_OF_A_VALUE} for a "
            f"value; {beyond('json_values', needed)}"
        )


CODECS: dict[str, tuple[Callable[[Mask], str], Callable[[str, Size], Mask]]] = {
    "coco_rle": (encode_coco, decode_coco),
    "dds_rle": (encode_dds, decode_dds),
}
"""{codec: (encode, decode)}."""


def run_lengths(counts: str) -> NDArray[np.int64]:
    """Lengths of the alternating runs of a compressed string, background first.

    Each number is written in groups of five bits, the lowest first; bit 32 says that another group
    follows. From the fourth on, a number is the difference from the last but one (as in COCO's
    maskApi).

    Raises InvalidInput for characters outside the code, a truncated string, and negative runs.

    >>> run_lengths("03")
    array([0, 3])
    """
    try:
        codes = np.frombuffer(counts.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        codes = np.array([-1])
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64)
    if codes.min() < 0 or codes.max() > 63:
        raise InvalidInput("counts: holds characters outside the run-length code")
    ends = np.flatnonzero(codes < 32)
    if ends.size == 0 or ends[-1] != codes.size - 1:
        raise InvalidInput("counts: the string breaks off within a number")
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits = np.arange(codes.size) - np.repeat(starts, ends - starts + 1)
    if digits.max() > 7:
        raise InvalidInput("counts: holds a number of more than 40 bits")
    values = np.add.reduceat((codes & 31) << (5 * digits), starts)
    values -= np.where(codes[ends] & 16, np.int64(1) << (5 * (ends - starts + 1)), 0)
    # x[i] += x[i - 2] from the fourth number on is two running sums; the first number is in neither
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return _checked_runs(values)


def _check_covered(covered: int, size: Size) -> None:
    height, width = size
    if covered != height * width:
        raise InvalidInput(
            f"counts: expected runs of {height} x {width} = {height * width} pixels "
            f"in all, got {covered}"
        )


def _checked_runs(values: NDArray[np.int64]) -> NDArray[np.int64]:
    if values.size and values.min() < 0:
        raise InvalidInput("counts: holds a run of negative length")
    most = LIMITS["mask_pixels"]
    if values.size and values.max() > most:  # so that their sum cannot overflow
        raise InvalidInput(f"counts: holds a run of more than {most} pixels")
    return values


def _encode_run_lengths(runs: NDArray[np.int64]) -> str:
    differences = runs.copy()
    differences[3:] -= runs[1:-2]
    characters: list[str] = []
    for value in differences.tolist():
        more = True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            characters.append(chr((group | 32 if more else group) + 48))
    return "".join(characters)
