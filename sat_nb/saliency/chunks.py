"""Where maps lie: one chunk a method and image, in memory or as files written whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole

Map = NDArray[np.float32]


@dataclass(frozen=True)
class ImageFacts:
    """``target`` was explained, ``predicted`` is the largest output; the photo's size in pixels."""

    target: int
    predicted: int
    height: int
    width: int


@dataclass(frozen=True)
class Record:
    """An image's facts, and the hash of the pixels that they and its maps belong to."""

    facts: ImageFacts
    pixels_sha256: str


class Chunks(Protocol):
    """What a store needs of the place where its maps lie."""

    @property
    def path(self) -> Path | None:
        """The folder, or None."""

    def image_ids(self) -> tuple[str, ...]:
        """All images with a record, in the order they came (sorted in a folder)."""

    def record(self, image_id: str) -> Record | None:
        """The image's record, or None."""

    def begin(self, image_id: str, record: Record) -> None:
        """Drop what an image of this id left behind, and set its record."""

    def has(self, method: str, image_id: str) -> bool:
        """Whether the map is there."""

    def get(self, method: str, image_id: str) -> Map:
        """The map (H, W, C)."""

    def put(self, method: str, image_id: str, attribution: Map) -> None:
        """Keep the map (H, W, C)."""


class MemoryChunks:
    """Maps in memory."""

    path: Path | None = None

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._maps: dict[str, dict[str, Map]] = {}  # by image, by method

    def image_ids(self) -> tuple[str, ...]:
        """All images with a record."""
        return tuple(self._records)

    def record(self, image_id: str) -> Record | None:
        """The image's record, or None."""
        return self._records.get(image_id)

    def begin(self, image_id: str, record: Record) -> None:
        """Drop what an image of this id left behind, and set its record."""
        self._maps[image_id] = {}
        self._records[image_id] = record

    def has(self, method: str, image_id: str) -> bool:
        """Whether the map is there."""
        return method in self._maps.get(image_id, {})

    def get(self, method: str, image_id: str) -> Map:
        """The map (H, W, C)."""
        return self._maps[image_id][method]

    def put(self, method: str, image_id: str, attribution: Map) -> None:
        """Keep the map (H, W, C)."""
        self._maps[image_id][method] = attribution


class FolderChunks:
    """Maps in a folder: ``images/<image>.json`` and ``maps/<method>/<image>.npy``.

    A record is written before its maps and after the maps of an earlier image of that id are
    gone, so a map always belongs to the record beside it, whenever the run is killed.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path

    def image_ids(self) -> tuple[str, ...]:
        """All images with a record."""
        files = self.path.glob("images/[!.]*.json")
        return tuple(sorted(_read_json(file)["image_id"] for file in files))

    def record(self, image_id: str) -> Record | None:
        """The image's record, or None."""
        file = self._record_file(image_id)
        if not file.exists():
            return None
        stored = _read_json(file)
        return Record(ImageFacts(**stored["facts"]), stored["pixels_sha256"])

    def begin(self, image_id: str, record: Record) -> None:
        """Drop what an image of this id left behind, and set its record."""
        for chunk in self.path.glob(f"maps/*/{file_name(image_id)}.npy"):
            chunk.unlink()
        stored = {"image_id": image_id, **asdict(record)}
        with written_whole(self._record_file(image_id)) as part:
            part.write_text(json.dumps(stored), encoding="utf-8")

    def has(self, method: str, image_id: str) -> bool:
        """Whether the map is there."""
        return self._map_file(method, image_id).exists()

    def get(self, method: str, image_id: str) -> Map:
        """The map (H, W, C)."""
        file = self._map_file(method, image_id)
        try:
            return np.load(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise InvalidInput(
                f"{file}: not readable as the map of image {image_id!r} ({error}); delete the "
                "file and call explain again, which computes it anew."
            ) from error

    def put(self, method: str, image_id: str, attribution: Map) -> None:
        """Keep the map (H, W, C)."""
        with written_whole(self._map_file(method, image_id)) as part:
            np.save(part, attribution, allow_pickle=False)

    def methods(self, names: Iterable[str]) -> list[str]:
        """Those of the methods that have a map here."""
        return [name for name in names if (self.path / "maps" / _quoted(name)).is_dir()]

    def clear_records(self) -> None:
        """Forget the images; for a folder without any map."""
        for file in self.path.glob("images/[!.]*.json"):
            file.unlink()

    def write_text(self, name: str, text: str) -> None:
        """Write a text file beside the maps, whole or not at all."""
        with written_whole(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    def _record_file(self, image_id: str) -> Path:
        return self.path / "images" / f"{file_name(image_id)}.json"

    def _map_file(self, method: str, image_id: str) -> Path:
        return self.path / "maps" / _quoted(method) / f"{file_name(image_id)}.npy"


def file_name(image_id: str) -> str:
    """A name that any file system takes, for any id: readable at first, unique by its hash.

    The hash keeps apart ids that differ in case or after 60 characters, and keeps names that
    a system reserves ("CON", "..") from standing alone. No character means something to glob.

    >>> file_name("a/b").startswith("a%2Fb-")
    True
    """
    digest = hashlib.sha256(image_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_quoted(image_id)[:60]}-{digest[:16]}"


def _quoted(name: str) -> str:
    quoted = quote(name, safe="", errors="surrogatepass")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput(
            f"{file}: not readable ({error}); delete it and call explain again."
        ) from error
