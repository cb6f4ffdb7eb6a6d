"""Runs: each has one set of settings, and the images that were explained with it.

A folder holds several: ``runs/<run>/settings.json``; ``runs/<run>/asked/<hash>.json`` (which images
were to be explained by which methods, one file a call); ``runs/<run>/images/<image>.json`` (an
image's facts); and ``store.json`` with the format and the run that was used last. The maps are
kept apart from them, under fingerprints, so that runs which differ elsewhere share them. Several
processes may write to one folder: every file is written whole, its name says what is in it, and
what is read, changed and written again (settings) is so under a lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.errors import CannotWrite, FileMissing, InvalidInput, unknown_name
from sat_nb.saliency.store.chunks import (
    Chunks,
    FolderChunks,
    Key,
    MemoryChunks,
    file_name,
)
from sat_nb.saliency.store.codec import FORMAT, Chunk
from sat_nb.saliency.store.documents import (
    STORE_FILE,
    locked,
    read_asked,
    read_record,
    read_settings,
    read_store_file,
    write_document,
)

UNNAMED_ENGINE = 3
"""The version of the numbers of the Keras engine, in stores that name no engine."""


@dataclass(frozen=True)
class ImageFacts:
    """The class that was explained, the predicted class, and the photo's size in pixels.

    ``target`` is None where maps are those of no class.
    """

    target: int | None
    predicted: int
    height: int
    width: int


@dataclass(frozen=True)
class Record:
    """An image's facts, and the hashes of what they belong to.

    ``masks_sha256`` is that of the masks whose ranks are to be settled under samples="auto".
    """

    facts: ImageFacts
    pixels_sha256: str
    masks_sha256: str | None = None

    @property
    def target(self) -> int:
        """The class that the image was to be explained by."""
        assert self.facts.target is not None
        return self.facts.target


class Run:
    """The maps made with one set of settings.

    >>> run = Run(MemoryChunks(), {"methods": {"gradient": {}}, "fit": "stretch"})
    >>> run.asked_for(["gradient"], ["zebra/3"])
    >>> run.asked, run.has("gradient", "zebra/3")
    ({'gradient': ('zebra/3',)}, False)
    """

    path: Path | None = None
    """The folder, or None."""

    def __init__(self, chunks: Chunks, settings: Mapping[str, Any]) -> None:
        self.chunks = chunks
        self.settings: dict[str, Any] = dict(settings)
        self.records: dict[str, Record] = {}
        self._asked: dict[str, dict[str, None]] = {}

    @property
    def asked(self) -> dict[str, tuple[str, ...]]:
        """{method: the images to explain by it}, in the order in which they were asked for."""
        return {method: tuple(ids) for method, ids in self._asked.items()}

    def asked_for(self, methods: Iterable[str], image_ids: Sequence[str]) -> None:
        """Remember that these images are to be explained by these methods."""
        for method in methods:
            self._asked.setdefault(method, {}).update(dict.fromkeys(image_ids))

    def begin(self, image_id: str, record: Record) -> None:
        """Set the image's record, in place of one of other pixels or another target."""
        self.records[image_id] = record

    def key(self, method: str, image_id: str) -> Key | None:
        """The key of the map, whether it exists or not; None for an image without a record."""
        record = self.records.get(image_id)
        if record is None:
            return None
        return Key(method, image_id, fingerprint(self.settings, method, record))

    def has(self, method: str, image_id: str) -> bool:
        """Whether the map is there."""
        key = self.key(method, image_id)
        return key is not None and self.chunks.has(key)

    def get(self, key: Key) -> Chunk:
        """The map, which has the shape of the model's input."""
        return self.chunks.get(key, shape=self.settings.get("model", {}).get("input_shape"))

    def put(self, method: str, image_id: str, chunk: Chunk) -> None:
        """Keep the map of an image that has a record."""
        key = self.key(method, image_id)
        if key is None:
            raise LookupError(f"image {image_id!r} has no record")
        self.chunks.put(key, chunk, dtype=self.settings.get("dtype", "float32"))


class FolderRun(Run):
    """A run in a folder. Nothing is written before there is something to keep."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(FolderChunks(folder), settings)
        self.path = folder
        self._take(name)

    def _take(self, name: str) -> None:
        """Be the run of this name, and know what was kept of it."""
        self.name, self.records, self._asked = name, {}, {}
        assert self.path is not None
        self._folder = self.path / "runs" / name
        for methods, image_ids in read_asked(self._folder / "asked", self.path):
            super().asked_for(methods, image_ids)
        for file in self._folder.glob("images/[!.]*.json"):
            stored = read_record(file, self.path)
            facts = ImageFacts(**stored["facts"])
            record = Record(facts, stored["pixels_sha256"], stored.get("masks_sha256"))
            self.records[stored["image_id"]] = record

    def asked_for(self, methods: Iterable[str], image_ids: Sequence[str]) -> None:
        """Remember that these images are to be explained by these methods."""
        asked = {"methods": list(methods), "image_ids": list(image_ids)}
        known = [self._asked.get(method, {}) for method in asked["methods"]]
        assert self.path is not None
        has_begun = (self.path / STORE_FILE).exists()  # not where the first run was killed
        if has_begun and all(i in ids for ids in known for i in image_ids):
            return
        with locked(self.path):
            self._join()
            super().asked_for(asked["methods"], image_ids)
            write_document(self._folder / "settings.json", self.settings, self.path, indent=2)
            self.make_latest()
            file = self._folder / "asked" / f"{_sha256(asked)[:16]}.json"
            write_document(file, asked, self.path)

    def _join(self) -> None:
        """Join what other processes have written meanwhile: methods, or the run itself."""
        assert self.path is not None
        runs = read_runs(self.path)
        names = [name for name in (self.name, *reversed(runs)) if name in runs]
        fitting = [name for name in names if _joins(runs[name], self.settings)]
        if fitting:
            known = runs[fitting[0]]["methods"]
            self.settings["methods"] = {**known, **self.settings["methods"]}
        name = fitting[0] if fitting else _new_name(len(runs), self.settings)
        if name != self.name:
            self._take(name)

    def begin(self, image_id: str, record: Record) -> None:
        """Set the image's record, in place of one of other pixels or another target."""
        assert self.path is not None
        stored = {"image_id": image_id, **asdict(record)}
        file = self._folder / "images" / f"{file_name(image_id)}.json"
        write_document(file, stored, self.path)
        super().begin(image_id, record)

    def make_latest(self) -> None:
        """Make this the run that ``AttributionStore.open`` shows."""
        assert self.path is not None
        content = {"format": FORMAT, "latest": self.name}
        write_document(self.path / STORE_FILE, content, self.path)


def _new_name(n_before: int, settings: Mapping[str, Any]) -> str:
    return f"{n_before + 1:04d}-{_sha256(settings)[:8]}"


# --- fingerprints ------------------------------------------------------------------------------


def fingerprint(settings: Mapping[str, Any], method: str, record: Record) -> str:
    """A hash of all that decides a map: settings, versions, target and pixels.

    The seed counts only for methods that are random, the target only for those that have one. A
    function that preprocesses counts by what it does, not by its name.
    """
    how = settings["methods"][method]
    preprocess, model = settings.get("preprocess"), settings.get("model", {})
    target = settings.get("target")
    against = target[1] if isinstance(target, list) else None
    return _sha256(
        {
            "format": FORMAT,
            "engine": settings.get("engine", UNNAMED_ENGINE),
            "model": [model.get("sha256"), model.get("input_shape")],
            "preprocess": preprocess["fingerprint"] if isinstance(preprocess, dict) else preprocess,
            "fit": settings["fit"],
            "method": [method, how],
            "seed": settings.get("seed") if how.get("sampling") else None,
            "versions": settings.get("versions"),
            "dtype": settings.get("dtype"),
            "target": [record.target, against] if is_targeted(how) else None,
            "output": settings.get("output"),
            "pixels": record.pixels_sha256,
            "masks": record.masks_sha256 if "max_samples" in how.get("parameters", {}) else None,
            **_of_combination(how, model, record.target, against),
        }
    )


def is_targeted(how: Mapping[str, Any]) -> bool:
    """Whether maps that were made like this are those of a class."""
    return bool(how.get("targeted", True))


def _of_combination(
    how: Mapping[str, Any], model: Mapping[str, Any], target: int, against: int | None
) -> dict[str, str]:
    """What keeps Deep Taylor of -z and of f_a - f_b apart from maps of before it was one walk."""
    if (how.get("engine"), how.get("analyzer")) != ("relevance", "deep_taylor"):
        return {}
    may_be_one_output = model.get("n_outputs") == 2 and model.get("head") != "softmax"
    is_combination = against is not None or (may_be_one_output and target == 0)
    return {"combination": "one walk"} if is_combination else {}


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are after a round trip through JSON, so that runs can be compared."""
    return json.loads(json.dumps(settings, default=_plain))


# --- folders -----------------------------------------------------------------------------------


def start_run(folder: Path | None, settings: Mapping[str, Any]) -> Run:
    """A run with these settings: in memory, or in a folder, where an equal run goes on.

    Runs are equal if all their settings are; methods that only one of them has do not matter.
    """
    settings = plain(settings)
    if folder is None:
        return Run(MemoryChunks(), settings)
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"out: {str(folder)!r} is a file; give a folder.")
    before = read_runs(folder)
    for name, known in reversed(before.items()):
        if _joins(known, settings):
            settings["methods"] = {**known["methods"], **settings["methods"]}
            run = FolderRun(folder, name, settings)
            if name != next(reversed(before)):
                with contextlib.suppress(CannotWrite):  # a read-only folder may still be read
                    run.make_latest()
            return run
    return FolderRun(folder, _new_name(len(before), settings), settings)


def open_run(path: str | os.PathLike[str], name: str | None) -> Run:
    """The run of this name, or the one used last; FileMissing where there is no store."""
    runs = read_runs(Path(path))
    if not runs:
        raise FileMissing(
            f"path: {str(path)!r} holds no attribution store (no {STORE_FILE}); give the "
            "folder that explain(..., out=...) filled."
        )
    name = next(reversed(runs)) if name is None else name
    if name not in runs:
        raise unknown_name("run", name, runs)
    return FolderRun(Path(path), name, runs[name])


def read_runs(folder: Path) -> dict[str, dict[str, Any]]:
    """{run: settings} in the order in which they were started, but the one used last at the end."""
    if not (folder / STORE_FILE).exists():
        return {}
    latest = read_store_file(folder / STORE_FILE)["latest"]
    files = sorted(folder.glob("runs/*/settings.json"))
    runs = {file.parent.name: read_settings(file, folder) for file in files}
    if latest in runs:
        runs[latest] = runs.pop(latest)
    return runs


def _joins(known: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    shared = set(known["methods"]) & set(settings["methods"])
    same_methods = all(known["methods"][m] == settings["methods"][m] for m in shared)
    return same_methods and {**known, "methods": 0} == {**settings, "methods": 0}


def _sha256(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise InvalidInput(
        f"parameters: {value!r} ({type(value).__name__}) cannot be stored; give numbers."
    )
