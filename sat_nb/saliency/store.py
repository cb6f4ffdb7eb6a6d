"""Attribution maps by method and image, in memory or in a folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput, shorten, unknown_name
from sat_nb.saliency.chunks import Chunks, FolderChunks, ImageFacts, MemoryChunks

Map = NDArray[np.float32]


class AttributionStore(Mapping[str, Mapping[str, Map]]):
    """{method: {image_id: float32 (H, W, C)}}, each map read when asked for.

    ``store["gradient"]["cats/1"]`` is one map, on the model's input grid. In a folder every map
    is one ``.npy`` file, written whole or not at all, so a killed run leaves a valid store.

    >>> with_nothing = AttributionStore(MemoryChunks(), {"methods": {}, "fit": "stretch"})
    >>> with_nothing.fit, list(with_nothing)
    ('stretch', [])
    """

    def __init__(
        self,
        chunks: Chunks,
        settings: Mapping[str, Any],
        *,
        image_ids: Iterable[str] | None = None,
    ) -> None:
        self._chunks = chunks
        self._settings = dict(settings)
        self._image_ids = None if image_ids is None else tuple(image_ids)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> AttributionStore:
        """The store in a folder that ``explain(..., out=path)`` filled.

        Raises FileMissing where there is none, InvalidInput where its settings are unreadable.
        """
        settings = read_settings(path)
        if settings is None:
            raise FileMissing(
                f"path: {str(path)!r} holds no attribution store (no {SETTINGS_FILE}); give the "
                "folder that explain(..., out=...) filled."
            )
        return cls(FolderChunks(Path(path)), settings)

    @property
    def settings(self) -> dict[str, Any]:
        """How the maps were made: model, preprocess, target, fit, seed, methods, versions."""
        return json.loads(json.dumps(self._settings))

    @property
    def model(self) -> str:
        """The model's name: its file's stem, or a live model's own name."""
        return str(self._settings["model"]["name"])

    @property
    def fit(self) -> str:
        """How images were brought to the model's input, so that masks can follow."""
        return str(self._settings["fit"])

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the model's input and of every map, in pixels."""
        height, width, _ = self._settings["model"]["input_shape"]
        return height, width

    @property
    def path(self) -> Path | None:
        """The folder, or None for a store in memory."""
        return self._chunks.path

    @property
    def facts(self) -> Mapping[str, ImageFacts]:
        """{image_id: ImageFacts}: explained and predicted output, the photo's size."""
        return Facts(self._chunks, self._ids())

    def __getitem__(self, method: str) -> Mapping[str, Map]:
        if method not in self:
            raise unknown_name("method", method, self)
        return MethodMaps(self._chunks, method, self._ids())

    def __contains__(self, method: object) -> bool:
        return method in self._settings["methods"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings["methods"])

    def __len__(self) -> int:
        return len(self._settings["methods"])

    def __repr__(self) -> str:
        where = f" in {str(self.path)!r}" if self.path else ""
        size = f"{len(self)} methods x {len(self._ids())} images"
        return f"AttributionStore({size}{where}: {shorten(self)})"

    def get(self, method: str, default: Any = None) -> Any:
        """The method's maps, or ``default``."""
        if method not in self:
            return default
        return self[method]

    def select(
        self, *, methods: Iterable[str] | None = None, image_ids: Iterable[str] | None = None
    ) -> AttributionStore:
        """The same store, seen through these methods and images only, in this order."""
        names = list(self if methods is None else methods)
        for name in names:
            if name not in self:
                raise unknown_name("methods", name, self)
        chosen = {name: self._settings["methods"][name] for name in names}
        ids = self._image_ids if image_ids is None else image_ids
        return AttributionStore(self._chunks, {**self._settings, "methods": chosen}, image_ids=ids)

    def _ids(self) -> tuple[str, ...]:
        return self._chunks.image_ids() if self._image_ids is None else self._image_ids


class MethodMaps(Mapping[str, Map]):
    """{image_id: float32 (H, W, C)} of one method; a run that was stopped leaves gaps."""

    def __init__(self, chunks: Chunks, method: str, image_ids: tuple[str, ...]) -> None:
        self._chunks, self._method = chunks, method
        self._image_ids = dict.fromkeys(image_ids)

    def __getitem__(self, image_id: str) -> Map:
        if image_id not in self:
            raise IdMismatch(
                f"image {image_id!r} has no {self._method!r} map; there are {len(self)}: "
                f"{shorten(self)}."
            )
        return self._chunks.get(self._method, image_id)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._image_ids and self._chunks.has(self._method, str(image_id))

    def __iter__(self) -> Iterator[str]:
        return (i for i in self._image_ids if self._chunks.has(self._method, i))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"MethodMaps({self._method!r}, {len(self)} images: {shorten(self)})"

    def get(self, image_id: str, default: Any = None) -> Any:
        """The image's map, or ``default``."""
        if image_id not in self:
            return default
        return self[image_id]


class Facts(Mapping[str, ImageFacts]):
    """{image_id: ImageFacts}, each read when asked for."""

    def __init__(self, chunks: Chunks, image_ids: tuple[str, ...]) -> None:
        self._chunks, self._image_ids = chunks, dict.fromkeys(image_ids)

    def __getitem__(self, image_id: str) -> ImageFacts:
        record = self._chunks.record(image_id) if image_id in self._image_ids else None
        if record is None:
            raise IdMismatch(
                f"image {image_id!r} is not in this store, which has {shorten(self._image_ids)}."
            )
        return record.facts

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._image_ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._image_ids)

    def __len__(self) -> int:
        return len(self._image_ids)


# --- settings ----------------------------------------------------------------------------------

SETTINGS_FILE = "store.json"
FORMAT = 1


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The settings of the store in this folder, of the methods that have maps; None without one."""
    file = Path(path) / SETTINGS_FILE
    if not file.exists():
        return None
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        if settings["format"] != FORMAT:
            raise ValueError(f"format {settings['format']}, expected {FORMAT}")
        there = FolderChunks(Path(path)).methods(settings["methods"])
        settings["methods"] = {name: settings["methods"][name] for name in there}
        settings["model"], settings["fit"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{file}: not the settings of an attribution store ({error}); delete the folder or "
            "give another."
        ) from error
    return settings


def open_for_writing(
    out: str | os.PathLike[str] | None, settings: Mapping[str, Any]
) -> tuple[Chunks, dict[str, Any]]:
    """Where the maps go, and the settings with the methods already there joined.

    Raises InvalidInput where the folder holds maps that were made with other settings.
    """
    settings = {"format": FORMAT, **json.loads(json.dumps(settings, default=_plain))}
    if out is None:
        return MemoryChunks(), settings
    if Path(out).exists() and not Path(out).is_dir():
        raise InvalidInput(f"out: {str(out)!r} is a file; give a folder.")
    before, chunks = read_settings(out), FolderChunks(Path(out))
    differing = [] if before is None else _differences(before, settings)
    if before is not None and before["methods"]:
        _refuse(out, differing)
        settings["methods"] = {**before["methods"], **settings["methods"]}
    elif differing:
        chunks.clear_records()
    chunks.write_text(SETTINGS_FILE, json.dumps(settings, indent=2))
    return chunks, settings


def text_sha256(text: str) -> str:
    """A hash of any text, also of file names that are not valid Unicode."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs, in words; methods that only one side has do not count."""
    shared = set(before["methods"]) & set(now["methods"])
    old = _flat({**before, "methods": {m: before["methods"][m] for m in sorted(shared)}})
    new = _flat({**now, "methods": {m: now["methods"][m] for m in sorted(shared)}})
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return [f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in keys]


def _refuse(out: str | os.PathLike[str], differing: list[str]) -> None:
    if differing:
        raise InvalidInput(
            f"out: {str(out)!r} holds maps made with other settings: {'; '.join(differing)}. Give "
            "another folder, delete this one, or use its settings."
        )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise InvalidInput(
        f"parameters: {value!r} ({type(value).__name__}) cannot be stored; give numbers."
    )
