"""The registry of formats in which other tools keep attribution maps, and their readers.

The files come from anywhere: nothing is unpickled, and sizes are checked before numbers are read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from PIL import ImageOps

from sat_nb.errors import InvalidInput
from sat_nb.files import files_by_id
from sat_nb.images import IMAGE_SUFFIXES
from sat_nb.photos.opening import open_picture
from sat_nb.photos.pillow import check_picture
from sat_nb.photos.whole import whole
from sat_nb.reading import check_plain, open_plain, readable
from sat_nb.registry import chosen, registry
from sat_nb.saliency.external.zarr_claims import MAX_BYTES, check_group, check_zarr
from sat_nb.sources import Format, Source, titles_of

MAX_VALUES = 2**28  # of one image, all channels and classes: more is an error or an attack
MAX_PIXELS = 2**26  # of a picture, which is small as a file

Sources = dict[str, Source[Any]]


def find_format(path: Path, given: str | Format | None) -> Format:
    """The format that is given, or the only one that detects ``path``."""
    if given is not None:
        return chosen("format", given, MAP_FORMATS, own=Format)
    found = [known for known in MAP_FORMATS.values() if known.detects(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(
            f"path: {str(path)!r} holds files of several formats; name one: "
            f"{' or '.join(f'format={known.name!r}' for known in found)}."
        )
    raise InvalidInput(
        f"path: {str(path)!r} holds no maps of a known format; known formats are "
        f"{titles_of(MAP_FORMATS)}."
    )


def _readable(what: str) -> AbstractContextManager[None]:
    return readable(what, "write the file again, or remove it")


def _check_numbers(shape: Sequence[int], dtype: np.dtype[Any], *, most: int = MAX_VALUES) -> None:
    """InvalidInput, before anything is read, unless these are real numbers and not too many."""
    if dtype.kind not in "fiu":
        raise InvalidInput(
            f"expected real numbers, got dtype {dtype}; convert them with `.astype('float32')` "
            "before you save them."
        )
    if any(n < 0 for n in shape) or math.prod(shape) > most:
        raise InvalidInput(
            f"expected at most {most} values for one image, got shape {tuple(shape)}; save "
            "only the explained class, and one image a file."
        )


def _has_files(suffixes: Collection[str]) -> Callable[[Path], bool]:
    def detects(path: Path) -> bool:
        files = [path] if path.is_file() else path.rglob("*")
        return any(file.suffix.lower() in suffixes for file in files)

    return detects


def _open_files(path: Path, suffixes: Collection[str], read: Callable[[Path], Any]) -> Sources:
    files = {path.stem: path} if path.is_file() else files_by_id(path, suffixes)
    return {i: Source(str(file), partial(read, file), (file,)) for i, file in files.items()}


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of a .npy stream; only versions that hold plain numbers are accepted."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"version {version} of .npy is for records")
    shape, _, dtype = _HEADERS[version](stream)
    return shape, dtype


def _read_npy(file: Path) -> NDArray[Any]:
    """The array, mapped from disk: of many classes only the one that is used is read."""
    with _readable("a .npy file"):
        with open_plain(file) as stream:
            shape, dtype = _header(stream)
        _check_numbers(shape, dtype)
        return np.lib.format.open_memmap(file, mode="r")


def _is_npz(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() == ".npz"


def _open_npz(path: Path) -> Sources:
    try:
        with _readable("a .npz file"):
            # stays open for as long as one of its sources lives
            archive = ZipFile(check_plain(path))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    sources: Sources = {}
    for info in archive.infolist():
        where = f"{path}[{info.filename!r}]"
        image_id = info.filename.removesuffix(".npy")
        if image_id == info.filename:
            raise InvalidInput(f"{where}: expected .npy members only; write it with numpy.savez.")
        if image_id in sources:
            raise InvalidInput(
                f"{where}: the id {image_id!r} occurs twice; every image needs an id of its own."
            )
        sources[image_id] = Source(where, partial(_read_member, archive, info), (path,))
    return sources


def _read_member(archive: ZipFile, info: ZipInfo) -> NDArray[Any]:
    with _readable("a .npy array in a .npz file"):
        with archive.open(info) as stream:
            shape, dtype = _header(stream)
        _check_numbers(shape, dtype)
        n_bytes = math.prod(shape) * dtype.itemsize
        if n_bytes > info.file_size:
            raise ValueError(f"shape {shape} is more than its {info.file_size} bytes hold")
        if n_bytes > MAX_BYTES:
            raise ValueError(f"it unpacks to {n_bytes} bytes, and {MAX_BYTES} are the limit")
        with archive.open(info) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


_GREY_MODES = ("L", "I;16", "I;16L", "I;16B", "I", "F")


def _read_picture(file: Path) -> NDArray[Any]:
    with _readable("a picture"), open_plain(file) as stream, open_picture(stream) as image:
        n_frames = getattr(image, "n_frames", 1)
        if image.mode not in _GREY_MODES or n_frames > 1:
            raise InvalidInput(
                f"expected one grey picture of 8 or 16 bits, got mode {image.mode!r} and "
                f"{n_frames} frame(s); the colours of a colour map cannot be turned back into "
                "numbers, so save the map itself as .npy or in grey."
            )
        _check_numbers((image.height, image.width), np.dtype(np.uint16), most=MAX_PIXELS)
        check_picture(image, least=1)
        whole(image)
        return np.array(ImageOps.exif_transpose(image))


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in (".zgroup", ".zmetadata", "zarr.json"))


def _open_zarr(path: Path) -> Sources:
    """Every array of a group and its subgroups; its id is its path in the group."""
    try:
        import zarr
    except ImportError as error:
        raise InvalidInput(
            f"path: {str(path)!r} is a zarr group, and zarr is not installed; run "
            "`pip install 'sat-nb[zarr]'`, or save the maps as .npz."
        ) from error
    try:
        with _readable("a zarr group"):
            check_group(path)
            members = dict(zarr.open_group(str(path), mode="r").members(max_depth=None))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    arrays = {i: item for i, item in members.items() if isinstance(item, zarr.Array)}
    return {
        i: Source(f"{path}[{i!r}]", partial(_read_zarr, array, path / i))
        for i, array in sorted(arrays.items())
    }


def _read_zarr(array: Any, folder: Path) -> NDArray[Any]:
    with _readable("a zarr array"):
        for shape in (array.shape, array.chunks, array.shards or ()):
            _check_numbers(shape, array.dtype)
        # zarr 3 and the codecs of zarr 2 name their codecs in different places of the metadata
        stored = array.metadata.to_dict()
        codecs = {key: stored.get(key) for key in ("codecs", "filters", "compressor")}
        if "pickle" in json.dumps(codecs, default=str).lower():
            raise InvalidInput(
                "is stored with pickle, which can run any program; save it as numbers."
            )
        check_zarr(array, folder)
        return np.asarray(array[...])


MAP_FORMATS: dict[str, Format] = registry(
    Format(
        name="npy",
        title="a folder of .npy files, one an image",
        about="A folder of NumPy arrays, or one array, one .npy file an image.",
        source="numpy.save",
        detects=_has_files({".npy"}),
        open=partial(_open_files, suffixes={".npy"}, read=_read_npy),
    ),
    Format(
        name="npz",
        title="one .npz file, {image_id: array}",
        about="One .npz file with an array an image, under the image's id.",
        source="numpy.savez",
        detects=_is_npz,
        open=_open_npz,
    ),
    Format(
        name="zarr",
        title="a zarr group, one array an image",
        about="A zarr group, version 2 or 3; the image's id is the array's path in the group.",
        source="zarr.open_group",
        detects=_is_zarr,
        open=_open_zarr,
    ),
    Format(
        name="pictures",
        title="a folder of grey pictures, one an image",
        about="Grey pictures of 8 or 16 bits, one an image, whose grey levels are the numbers.",
        source="any tool that draws maps",
        detects=_has_files(IMAGE_SUFFIXES),
        open=partial(_open_files, suffixes=IMAGE_SUFFIXES, read=_read_picture),
        has_negatives=False,
    ),
)
"""Formats of maps by name, as ``read_maps`` reads them."""
