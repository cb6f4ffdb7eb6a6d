"""The JSON files of a store: written whole with a checksum, and checked when they are read.

Files of early versions have no checksum; they are checked for what they must hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.files import writing, written_whole
from sat_nb.reading import check_inside, plain_json, read_plain, readable
from sat_nb.saliency.store.chunks import file_name
from sat_nb.saliency.store.codec import FORMAT, MAX_BYTES, crc_of

STORE_FILE = "store.json"
CRC = "crc32"
MAX_JSON_BYTES = 2**26
MAX_NAME_LENGTH = 10_000
MAX_SIDE = 2**30


def write_document(
    file: Path, content: Mapping[str, Any], folder: Path, *, indent: int | None = None
) -> None:
    """Write a file of the store in ``folder``, unless it already has this content."""
    check_inside(file, folder)
    data = json.dumps({**content, CRC: crc_of(content)}, indent=indent).encode()
    with suppress(OSError, InvalidInput):
        if read_plain(file, MAX_JSON_BYTES) == data:
            return
    with written_whole(file, "out") as part:
        part.write_bytes(data)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out while the block changes files of the store in ``folder``.

    The system frees the lock of a killed process. Where it has no locks, the block runs without.
    """
    lock = folder / ".lock"
    with writing(lock, "out"):
        folder.mkdir(parents=True, exist_ok=True)
        check_inside(lock, folder)
        stream = lock.open("ab")
    with stream:
        with suppress(ImportError, OSError):  # Windows, and some network disks
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


# --- what each kind holds ----------------------------------------------------------------------


def read_store_file(file: Path) -> dict[str, Any]:
    """``store.json``: the format, and the run that was used last."""
    with _document(file):
        content = _read(file, file.parent)
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT or not isinstance(content.get("latest"), str):
        raise InvalidInput(
            f"{file}: expected an attribution store of format {FORMAT}, got format {found!r:.40}; "
            "read it with the version of sat_nb that wrote it, or give explain another folder."
        )
    return content


def read_settings(file: Path, folder: Path) -> dict[str, Any]:
    """``settings.json`` of a run."""
    with _document(file):
        settings = _dict(_read(file, folder), "it")
    lacking = [key for key in ("model", "fit", "methods") if key not in settings]
    if lacking:
        raise InvalidInput(
            f"{file}: not the settings of a run, {lacking[0]!r} is missing; delete the folder "
            f"{str(file.parent)!r} and call explain again."
        )
    with _document(file):
        _check_settings(settings)
    return settings


def read_asked(asked: Path, folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """(methods, image ids) of each call, in the order of the calls."""
    with _document(asked):
        files = sorted(asked.glob("[!.]*.json"), key=_age)
    for file in files:
        with _document(file):
            content = _dict(_read(file, folder), "it")
            found = _names(content["methods"], "methods"), _names(content["image_ids"], "image_ids")
            _check_digest(file, content)
        yield found


def read_record(file: Path, folder: Path) -> dict[str, Any]:
    """``images/*.json``: an image's facts, and the hashes of what they belong to."""
    with _document(file):
        content = _dict(_read(file, folder), "it")
        facts = _dict(content["facts"], "facts")
        expected = {"target", "predicted", "height", "width"}
        if facts.keys() != expected:
            raise ValueError(f"facts: expected {sorted(expected)}")
        for key, value in facts.items():
            _whole(value, key, least=1 if key in ("height", "width") else 0)
        if file.name != f"{file_name(_text(content['image_id'], 'image_id'))}.json":
            raise ValueError("its name is of another image")
        _text(content["pixels_sha256"], "pixels_sha256")
        if content.get("masks_sha256") is not None:
            _text(content["masks_sha256"], "masks_sha256")
        return content


def _check_settings(settings: dict[str, Any]) -> None:
    """ValueError where a part that is used is of another type."""
    model = _dict(settings["model"], "model")
    for key in ("name", "sha256", "head"):
        _text(model[key], key)
    _whole(model["n_outputs"], "n_outputs", least=1)
    _check_shape(model["input_shape"])
    _list(model.get("rewritten", []), "rewritten")
    _text(settings["fit"], "fit")
    for method, how in _dict(settings["methods"], "methods").items():
        _text(method, "methods")
        _dict(_dict(how, method).get("parameters", {}), "parameters")
    for key in settings.keys() & {"dtype", "output"}:
        _text(settings[key], key)
    preprocess, target = settings.get("preprocess"), settings.get("target")
    if isinstance(preprocess, dict):
        _text(preprocess["fingerprint"], "fingerprint")
    if isinstance(target, list) and len(target) != 2:
        raise ValueError("target: expected two classes")


def _check_shape(shape: Any) -> None:
    n_bytes = 4
    for side in _list(shape, "input_shape"):
        n_bytes *= _whole(side, "input_shape", least=1)
    if len(shape) != 3 or n_bytes > MAX_BYTES:
        raise ValueError(f"input_shape: expected (H, W, C) of at most {MAX_BYTES} bytes")


def _check_digest(file: Path, content: Mapping[str, Any]) -> None:
    """ValueError where a file's name is not the hash of what it holds."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    if file.stem != hashlib.sha256(canonical.encode()).hexdigest()[:16]:
        raise ValueError("its name is not the hash of its content")


# --- reading -----------------------------------------------------------------------------------


def _document(file: Path) -> AbstractContextManager[None]:
    return readable("a file of a store", "delete it and call explain again", file=file)


def _read(file: Path, folder: Path) -> Any:
    """The file's content without its checksum, which is checked where it is there."""
    check_inside(file, folder)
    content = plain_json(read_plain(file, MAX_JSON_BYTES))
    if isinstance(content, dict) and CRC in content:
        found = content.pop(CRC)
        if found != crc_of(content):
            raise ValueError("its content does not fit its checksum")
    return content


def _age(file: Path) -> tuple[int, str]:
    return file.lstat().st_mtime_ns, file.name


def _typed(kind: type, words: str) -> Callable[[Any, str], Any]:
    def checked(value: Any, what: str) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{what}: expected {words}, got {type(value).__name__}")
        return value

    return checked


_dict = _typed(dict, "an object")
_list = _typed(list, "a list")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH:
        raise ValueError(f"{what}: expected text of at most {MAX_NAME_LENGTH} characters")
    return value


def _names(value: Any, what: str) -> list[str]:
    return [_text(name, what) for name in _list(value, what)]


def _whole(value: Any, what: str, *, least: int) -> int:
    if type(value) is not int or not least <= value <= MAX_SIDE:
        raise ValueError(f"{what}: expected a whole number from {least}, got {value!r:.40}")
    return value
