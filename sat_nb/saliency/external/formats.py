"""The registry of files that hold attribution maps of other tools, and their readers.

The files come from anywhere: nothing is unpickled, and a size is checked before its numbers
are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sat_nb.errors import InvalidInput, SatError, unknown_name
from sat_nb.files import files_by_id
from sat_nb.images import IMAGE_SUFFIXES

MAX_VALUES = 2**28  # of one image, all channels and classes: more is an error or an attack


@dataclass(frozen=True)
class MapSource:
    """One image's map where it lies: ``where`` names it in messages, ``read()`` gives it as stored.

    ``read`` raises InvalidInput that begins with ``where``.
    """

    where: str
    read: Callable[[], Any]


@dataclass(frozen=True)
class MapFormat:
    """One way to store maps by image id.

    ``detects(path)`` says whether a file or folder is of this format, ``open(path)`` gives
    {image_id: MapSource} without reading a map. ``has_negatives`` is false where the stored
    numbers start at 0.
    """

    title: str
    detects: Callable[[Path], bool]
    open: Callable[[Path], dict[str, MapSource]]
    has_negatives: bool = True


def find_format(path: Path, name: str | None) -> MapFormat:
    """The format of that name, or the only one that detects ``path``."""
    if name is not None:
        if name not in MAP_FORMATS:
            raise unknown_name("format", name, MAP_FORMATS)
        return MAP_FORMATS[name]
    found = [name for name, candidate in MAP_FORMATS.items() if candidate.detects(path)]
    if len(found) == 1:
        return MAP_FORMATS[found[0]]
    if found:
        raise InvalidInput(
            f"path: {str(path)!r} holds files of several formats; name one: "
            f"{' or '.join(f'format={name!r}' for name in found)}."
        )
    titles = "; ".join(f"{name!r}: {known.title}" for name, known in MAP_FORMATS.items())
    raise InvalidInput(f"path: {str(path)!r} holds no maps of a known format. Known: {titles}.")


# --- what every reader checks ---------------------------------------------------------------


@contextmanager
def _readable(where: str, what: str) -> Iterator[None]:
    """InvalidInput for whatever a parser raises: what foreign bytes lead to is of many kinds."""
    try:
        yield
    except SatError:
        raise
    except Exception as error:
        raise InvalidInput(
            f"{where}: not readable as {what} ({error}); write it anew, or take it out."
        ) from error


def _check_numbers(shape: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Before anything is read: real numbers, and not too many of them."""
    if dtype.kind not in "fiu":
        raise InvalidInput(
            f"{where}: expected real numbers, got dtype {dtype}; convert them with "
            "`.astype('float32')` before they are saved."
        )
    if any(n < 0 for n in shape) or math.prod(shape) > MAX_VALUES:
        raise InvalidInput(
            f"{where}: expected {MAX_VALUES} values at most for one image, got shape "
            f"{tuple(shape)}; save the explained class only, one image a file."
        )


def _has_files(suffixes: Collection[str]) -> Callable[[Path], bool]:
    def detects(path: Path) -> bool:
        files = [path] if path.is_file() else path.rglob("*")
        return any(file.suffix.lower() in suffixes for file in files)

    return detects


def _open_files(
    path: Path, suffixes: Collection[str], read: Callable[[Path], Any]
) -> dict[str, MapSource]:
    files = {path.stem: path} if path.is_file() else files_by_id(path, suffixes)
    return {i: MapSource(str(file), partial(read, file)) for i, file in files.items()}


# --- numpy ----------------------------------------------------------------------------------

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a .npy stream; of its versions only those that hold plain numbers."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of .npy is for records")
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype


def _read_npy(file: Path) -> NDArray[Any]:
    """The array on disk; only what is used of it gets read (one class of many)."""
    where = str(file)
    with _readable(where, "a .npy file"):
        with file.open("rb") as stream:
            shape, dtype = _header(stream)
        _check_numbers(shape, dtype, where)
        return np.lib.format.open_memmap(file, mode="r")


def _is_npz(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".npz"


def _open_npz(path: Path) -> dict[str, MapSource]:
    with _readable(str(path), "a .npz file"):
        archive = ZipFile(path)  # closed with the last map that may be read from it
    sources: dict[str, MapSource] = {}
    for info in archive.infolist():
        where = f"{path}[{info.filename!r}]"
        image_id = info.filename.removesuffix(".npy")
        if image_id == info.filename:
            raise InvalidInput(f"{where}: expected .npy members only; write it with numpy.savez.")
        if image_id in sources:
            raise InvalidInput(
                f"{where}: the id {image_id!r} is there twice; every image needs one of its own."
            )
        sources[image_id] = MapSource(where, partial(_read_member, archive, info, where))
    return sources


def _read_member(archive: ZipFile, info: ZipInfo, where: str) -> NDArray[Any]:
    with _readable(where, "a .npy array in a .npz file"):
        with archive.open(info) as stream:
            shape, dtype = _header(stream)
        _check_numbers(shape, dtype, where)
        if math.prod(shape) * dtype.itemsize > info.file_size:
            raise ValueError(f"shape {shape} is more than its {info.file_size} bytes hold")
        with archive.open(info) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


# --- pictures -------------------------------------------------------------------------------

_GREY = ("L", "I;16", "I;16L", "I;16B", "I", "F")


def _read_picture(file: Path) -> NDArray[Any]:
    where = str(file)
    with _readable(where, "a picture"), Image.open(file) as image:
        if image.mode not in _GREY or getattr(image, "n_frames", 1) > 1:
            raise InvalidInput(
                f"{where}: expected one grey picture of 8 or 16 bits, got mode {image.mode!r} and "
                f"{getattr(image, 'n_frames', 1)} frame(s); colours of a colour map cannot be "
                "turned back into numbers, so save the map itself, as .npy or in grey."
            )
        _check_numbers((image.height, image.width), np.dtype(np.uint16), where)
        return np.array(ImageOps.exif_transpose(image))


# --- zarr -----------------------------------------------------------------------------------


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in (".zgroup", ".zmetadata", "zarr.json"))


def _open_zarr(path: Path) -> dict[str, MapSource]:
    """Every array of a group and its subgroups; its id is its path in the group."""
    try:
        import zarr
    except ImportError as error:
        raise InvalidInput(
            f"path: {str(path)!r} is a zarr group, and zarr is not installed; run "
            "`pip install 'sat-nb[zarr]'`, or save the maps as .npz."
        ) from error
    with _readable(str(path), "a zarr group"):
        members = dict(zarr.open_group(str(path), mode="r").members(max_depth=None))
    arrays = {i: item for i, item in members.items() if isinstance(item, zarr.Array)}
    return {
        i: MapSource(f"{path}[{i!r}]", partial(_read_zarr, array, f"{path}[{i!r}]"))
        for i, array in sorted(arrays.items())
    }


def _read_zarr(array: Any, where: str) -> NDArray[Any]:
    with _readable(where, "a zarr array"):
        for shape in (array.shape, array.chunks, array.shards or ()):
            _check_numbers(shape, array.dtype, where)
        stored = array.metadata.to_dict()
        codecs = {key: stored.get(key) for key in ("codecs", "filters", "compressor")}
        if "pickle" in json.dumps(codecs, default=str).lower():
            raise InvalidInput(
                f"{where}: is stored with pickle, which can run any program; save it as numbers."
            )
        return np.asarray(array[...])


MAP_FORMATS: dict[str, MapFormat] = {
    "npy": MapFormat(
        "a folder of .npy files, one an image",
        _has_files({".npy"}),
        partial(_open_files, suffixes={".npy"}, read=_read_npy),
    ),
    "npz": MapFormat("one .npz file, {image_id: array}", _is_npz, _open_npz),
    "zarr": MapFormat("a zarr group, one array an image", _is_zarr, _open_zarr),
    "pictures": MapFormat(
        "a folder of grey pictures, one an image",
        _has_files(IMAGE_SUFFIXES),
        partial(_open_files, suffixes=IMAGE_SUFFIXES, read=_read_picture),
        has_negatives=False,
    ),
}
"""How maps are stored; ``read_maps`` reads any of these."""
