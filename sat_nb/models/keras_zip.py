"""``.keras`` files, checked before Keras unpacks them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from sat_nb.models.hdf5 import ALWAYS_ALLOWED, MAX_UNPACKED, check_numbers, check_version
from sat_nb.models.hdf5_walk import check_readable
from sat_nb.models.keras_config import MAX_CONFIG_BYTES, check_config, read_json
from sat_nb.models.refused import OfKeras3, Refused, damaged
from sat_nb.reading import read_member

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


def check_archive(path: Path) -> int:
    """The bytes of all weights in a ``.keras`` file; Refused where it is unfit."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        _check_members(archive, path.stat().st_size)
        check_config(_json(archive, CONFIG))
        check_readable(path, WEIGHTS)
        weights = io.BytesIO(read_member(archive, WEIGHTS))
    with h5py.File(weights, "r") as file:
        return check_numbers(file, path.stat().st_size)


def check_metadata(path: Path) -> None:
    """Refused for a file of Keras 3."""
    with zipfile.ZipFile(path) as archive:
        metadata = _json(archive, METADATA) if METADATA in archive.namelist() else None
    check_version(metadata.get("keras_version") if isinstance(metadata, dict) else None)


def is_keras_3(path: Path) -> bool:
    """Whether it is a ``.keras`` file that Keras 3 wrote."""
    if path.suffix != ".keras" or not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        check_metadata(path)
    except Refused as refused:
        return isinstance(refused, OfKeras3)
    except Exception:  # a damaged archive has many ways to fail: the engine says which
        return False
    return False


def _json(archive: zipfile.ZipFile, name: str) -> object:
    if archive.getinfo(name).file_size > MAX_CONFIG_BYTES:
        raise Refused(f"its {name} has more than {MAX_CONFIG_BYTES} bytes")
    return read_json(read_member(archive, name), f"its {name}")


def _check_members(archive: zipfile.ZipFile, n_bytes: int) -> None:
    names = archive.namelist()
    files = [name for name in names if not name.endswith("/")]
    if missing := [name for name in (CONFIG, WEIGHTS) if name not in files]:
        raise damaged(f"no {missing[0]} in it")
    others = [name for name in files if name not in (CONFIG, METADATA, WEIGHTS)]
    if others or len(set(names)) < len(names):
        raise Refused(f"it holds {(others or names)[0][:200]!r}, which Keras does not write there")
    total = sum(member.file_size for member in archive.infolist())
    if total > max(ALWAYS_ALLOWED, MAX_UNPACKED * n_bytes):
        raise Refused(
            f"its {n_bytes} bytes unpack to {total}, and {MAX_UNPACKED} times the file's size is "
            "the limit"
        )
