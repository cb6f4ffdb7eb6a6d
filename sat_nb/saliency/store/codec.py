"""One chunk (a map and what is kept beside it) as bytes.

A line of JSON describes what follows: the arrays, each compressed by Arrow's Zstandard after its
bytes were laid out in planes (all first bytes, all second bytes, ...). Checksums cover both; maps
of early versions have none for the line, of which no more is known than that it is consistent: a
flipped digit of a float16 map's scale, or of a fact, passes there. Measured on maps of
SqueezeNet (227 x 227 x 3): 81 to 88 % of float32, and 41 to 46 % as float16; 1.9 ms to write and
1.6 ms to read a map. Blosc (Zstandard, bits or bytes shuffled) gave 81 to 90 % at the same speed,
zlib 90 to 94 % at a tenth of it; what is left is the noise in the mantissa. Arrow is a dependency
anyway.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.errors import unknown_name
from sat_nb.reading import plain_json

FORMAT = 2
DTYPES = ("float32", "float16")
MAX_BYTES = 2**28
"""Of all arrays of a map in memory: Zstandard makes gigabytes of a small file of zeros."""

MAX_LINE_BYTES = 2**20
HEADER_CRC = "header_crc32"
_LEVEL = 3  # of Zstandard; higher ones gain less than one percent


@dataclass(frozen=True)
class Chunk:
    """What is kept of one image and method: the map (H, W, C), further arrays, plain facts.

    >>> chunk = Chunk(np.ones((2, 2, 3), np.float32), facts={"n_samples": 64})
    >>> decode(encode(chunk)).facts
    {'n_samples': 64}
    """

    attribution: Float32
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Header:
    """A chunk's first line: what its arrays are.

    ``float16_error`` is the map's largest |difference| after rounding, as a share of its
    largest |value|; None where nothing was rounded.
    """

    format: int
    about: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: tuple[Mapping[str, Any], ...]
    crc32: int

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"format {self.format!r:.40}, expected {FORMAT}")
        if not isinstance(self.about, dict) or not isinstance(self.facts, dict):
            raise ValueError("'about' and 'facts' are not both objects")
        _check_facts(self.facts)
        for number, description in enumerate(self.arrays):
            _check_description(description, is_map=number == 0)
            _check_beside(description, self.shape)
        names = [description["name"] for description in self.arrays]
        if not names or len(set(names)) < len(names):
            raise ValueError("its arrays are not one map and others of names of their own")
        if sum(map(_bytes_in_memory, self.arrays)) > MAX_BYTES:
            raise ValueError(f"its arrays claim more than {MAX_BYTES} bytes of memory")

    @property
    def shape(self) -> tuple[int, ...]:
        """The map's shape (H, W, C)."""
        return tuple(self.arrays[0]["shape"])

    @property
    def dtype(self) -> str:
        """How the map is kept: "float32" or "float16"."""
        return np.dtype(self.arrays[0]["dtype"]).name

    @property
    def float16_error(self) -> float | None:
        """The map's measured rounding error, or None."""
        return self.arrays[0]["error"]

    @property
    def completeness_error(self) -> float | None:
        """How far the sum of an Integrated Gradients map is off; None for other methods."""
        return self.facts.get("completeness_error")


def encode(
    chunk: Chunk, *, dtype: str = "float32", about: Mapping[str, Any] | None = None
) -> bytes:
    """The chunk as bytes; its floating-point arrays as ``dtype``, a name in DTYPES."""
    packed = [_pack(name, array, dtype) for name, array in _named(chunk)]
    payload = b"".join(data for _, data in packed)
    header = {
        "format": FORMAT,
        "about": about or {},
        "facts": dict(chunk.facts),
        "arrays": [description for description, _ in packed],
        "crc32": zlib.crc32(payload),
    }
    plain = json.loads(json.dumps(header, default=_plain))
    return json.dumps({**plain, HEADER_CRC: crc_of(plain)}).encode() + b"\n" + payload


def decode(data: bytes, *, shape: Sequence[int] | None = None) -> Chunk:
    """The chunk of these bytes, floating-point arrays as float32; ValueError where damaged.

    ``shape`` is that of the model's input, which the map must have, be it in one channel: it is
    checked before memory is taken.
    """
    line, _, payload = data.partition(b"\n")
    header = read_header(line)
    if shape is not None and header.shape not in (tuple(shape), (*shape[:2], 1)):
        raise ValueError(f"its shape is {header.shape}, expected {tuple(shape)}")
    if zlib.crc32(payload) != header.crc32:
        raise ValueError("its content is damaged or cut off")
    if sum(description["n_bytes"] for description in header.arrays) != len(payload):
        raise ValueError("its header does not fit its content")
    arrays, start = {}, 0
    for description in header.arrays:
        end = start + description["n_bytes"]
        arrays[description["name"]] = _unpack(description, payload[start:end])
        start = end
    if not np.isfinite(arrays[""]).all():
        raise ValueError("it holds NaN or infinite values")
    return Chunk(arrays.pop(""), arrays, header.facts)


def read_header(line: bytes) -> Header:
    """The first line of a chunk; ValueError where it is none of this format."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("not the header of a map: it has no line of JSON")
    content = plain_json(line)
    try:
        found = content.pop(HEADER_CRC, None)
        header = Header(**{**content, "arrays": tuple(content["arrays"])})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("not the header of a map") from error
    if found is not None and found != crc_of(content):
        raise ValueError("its header is damaged")
    return header


def crc_of(content: Any) -> int:
    """A checksum of what JSON can hold, however it is written down."""
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _check_facts(facts: Mapping[str, Any]) -> None:
    """ValueError where a fact that tables show is not what it must be."""
    if not isinstance(facts.get("completeness_error"), int | float | None):
        raise ValueError(f"its completeness_error is {facts['completeness_error']!r:.40}")
    n_samples, at_once = facts.get("n_samples", 0), facts.get("at_once", [1, 1])
    if type(n_samples) is not int or not 0 <= n_samples < 2**53:
        raise ValueError(f"its n_samples is {n_samples!r:.40}")
    if not _is_shape(at_once) or len(at_once) != 2:
        raise ValueError(f"its at_once is {at_once!r:.40}")


def _check_description(description: Any, *, is_map: bool) -> None:
    """ValueError where this describes no array of this format."""
    if not isinstance(description, dict):
        raise ValueError("not the header of a map")
    name, dtype, shape = (description.get(key) for key in ("name", "dtype", "shape"))
    if not isinstance(name, str) or (name == "") is not is_map:
        raise ValueError("the first of its arrays is not the map")
    kinds = _MAP_DTYPE if is_map else _DTYPE
    if not isinstance(dtype, str) or not kinds.fullmatch(dtype):
        raise ValueError(f"its dtype is {dtype!r:.40}")
    if not _is_shape(shape):
        raise ValueError(f"its shape is {shape!r:.40}")
    scale, error, n_bytes = (description.get(key) for key in ("scale", "error", "n_bytes"))
    if not isinstance(n_bytes, int) or n_bytes < 0:
        raise ValueError("its header does not say how long its arrays are")
    if not isinstance(scale, int | float) or not 0 < scale < math.inf:
        raise ValueError(f"its scale is {scale!r:.40}")
    if "error" not in description or not _is_error(error):
        raise ValueError(f"its rounding error is {error!r:.40}")


def _is_error(error: Any) -> bool:
    return error is None or (isinstance(error, int | float) and 0 <= error < math.inf)


def _check_beside(description: Mapping[str, Any], shape: Sequence[int]) -> None:
    """ValueError where an array that tables use does not fit a map of this shape."""
    n_axes = {"replicates": 3, "coarser": 2}.get(description["name"])
    found = description["shape"]
    if n_axes is None or (len(found) == n_axes and found[-2:] == list(shape[:2])):
        return
    raise ValueError(f"its array {description['name']!r} is {found!r:.40}, its map {shape}")


def _is_shape(shape: Any) -> TypeGuard[list[int]]:
    whole = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    return whole and len(shape) <= 8


_MAP_DTYPE = re.compile("<f[24]")
_DTYPE = re.compile("<[iuf][248]|[|][biu]1")


def _bytes_in_memory(description: Mapping[str, Any]) -> int:
    """The bytes of an array once it is unpacked; float16 becomes float32."""
    return math.prod(description["shape"]) * max(4, int(description["dtype"][-1]))


def checked_dtype(dtype: str) -> str:
    """``dtype`` if maps can be kept so, else InvalidInput."""
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, DTYPES)
    return dtype


# --- float16 -----------------------------------------------------------------------------------


def to_half(array: NDArray[Any]) -> tuple[NDArray[np.float16], float]:
    """The array as float16 and the scale to multiply it by.

    The scale brings the largest |value| to 2**15, just below the largest float16 (65504), so that
    small values stay clear of its smallest (6e-8): no value is off by more than 2.5e-4 of the
    largest one, and values down to 1e-12 of it do not become 0.

    >>> half, scale = to_half(np.array([3e-9, -1e-9]))
    >>> round(float(half[1] * np.float64(scale) / -1e-9), 3)
    1.0
    """
    largest = float(np.abs(array).max(initial=0))
    scale = largest / 2**15 if largest else 1.0
    return (array.astype(np.float64) / scale).astype(np.float16), scale


def rounding_error(array: NDArray[Any], restored: NDArray[Any]) -> float:
    """The largest |difference| as a share of the largest |value|; 0 where all is 0."""
    exact = array.astype(np.float64)
    largest = np.abs(exact).max(initial=0)
    return float(np.abs(exact - restored).max(initial=0) / largest) if largest else 0.0


# --- arrays ------------------------------------------------------------------------------------


def _named(chunk: Chunk) -> Iterable[tuple[str, NDArray[Any]]]:
    """The map first, under the empty name."""
    return [("", chunk.attribution), *chunk.arrays.items()]


def _pack(name: str, array: NDArray[Any], dtype: str) -> tuple[dict[str, Any], bytes]:
    kept, scale, error = np.asarray(array), 1.0, None
    if kept.dtype.kind == "f":
        kept = kept.astype(np.float32)
        if dtype == "float16":
            exact = kept
            kept, scale = to_half(exact)
            error = rounding_error(exact, _restored(kept, scale))
    data = _compress(kept.astype(kept.dtype.newbyteorder("<")))
    description = {"name": name, "dtype": kept.dtype.newbyteorder("<").str}
    size = {"shape": kept.shape, "scale": scale, "error": error, "n_bytes": len(data)}
    return {**description, **size}, data


def _unpack(description: Mapping[str, Any], data: bytes) -> NDArray[Any]:
    dtype = np.dtype(description["dtype"])
    array = _decompress(data, dtype, tuple(description["shape"]))
    return _restored(array, description["scale"]) if dtype == np.float16 else array


def _restored(half: NDArray[np.float16], scale: float) -> Float32:
    values = half.astype(np.float64)
    values *= scale
    with np.errstate(over="ignore"):  # of a scale that is damaged; what it makes is refused
        return values.astype(np.float32)


def _compress(array: NDArray[Any]) -> bytes:
    # The exponents of neighbours are alike: side by side they compress, between mantissas not.
    planes = np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T
    return _zstd().compress(planes.tobytes(), asbytes=True)


def _decompress(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    n_values = int(np.prod(shape, dtype=np.int64))
    planes = np.frombuffer(_zstd().decompress(data, n_values * dtype.itemsize), np.uint8)
    values = np.ascontiguousarray(planes.reshape(dtype.itemsize, n_values).T)
    return values.reshape(-1).view(dtype).reshape(shape)


def _zstd() -> Any:
    import pyarrow

    return pyarrow.Codec("zstd", compression_level=_LEVEL)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"facts: {value!r} ({type(value).__name__}) cannot be stored; give numbers")
