"""The folder of a table that is made shard by shard.

``tabulate.json`` holds the settings of all shards, and how many there will be;
``NNNNNN-<hash>.parquet`` the rows of a shard, and ``reports/NNNNNN-<hash>.json`` its photos, with
their hashes, what failed and what was warned of. The hash is that of all that decides the rows. A
shard is finished when its report is there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput, SatError
from sat_nb.files import as_path, visible_files, writing, written_whole
from sat_nb.reading import plain_json, read_plain, readable
from sat_nb.saliency.model_file import ModelFacts, ModelFile
from sat_nb.saliency.request import facts_in
from sat_nb.saliency.store.documents import locked
from sat_nb.table.tabulate.bench import Made
from sat_nb.table.tabulate.digests import digest_of

FORMAT = 1
SETTINGS_FILE = "tabulate.json"
REPORTS = "reports"
MAX_BYTES = 2**28
_NAME = re.compile(r"(\d{6,})-[0-9a-f]{16}")


def folder_of(argument: str, path: Any) -> Path:
    """The path of a folder that is there or will be made."""
    path = as_path(path, argument)
    if os.path.isfile(path):
        raise InvalidInput(f"{argument}: {os.fspath(path)!r} is a file; give a folder.")
    return path


@dataclass(frozen=True)
class Report:
    """What is known of a finished shard, beside its rows, which take ``n_bytes`` in their file."""

    photos: Mapping[str, str]
    n_rows: int
    n_bytes: int
    failed: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Folder:
    """The folder ``path`` of a table with these settings and so many shards.

    Making one writes nothing; it fails where the folder holds something else.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], n_shards: int) -> None:
        self.path, self.settings, self.n_shards = path, settings, n_shards
        self._digest = digest_of(settings)
        self._check_settings()
        self._there = dict(self._found())

    def begin(self) -> None:
        """Write the settings, unless they are there, and how many shards there will be."""
        with locked(self.path):
            n_shards = self._check_settings()
            if n_shards < self.n_shards:
                content = {"format": FORMAT, "settings": self.settings, "n_shards": self.n_shards}
                self._write(self.path / SETTINGS_FILE, json.dumps(content, indent=1).encode())

    def report(self, number: int) -> Report | None:
        """The report of a finished shard; None for one that is still to be made."""
        name = self._there.get(number)
        if name is None:
            return None
        found = _read_report(self._report_file(name))
        if found is None or _size(self._rows_file(name)) != found.n_bytes:
            return None
        return found

    def put(self, number: int, made: Made) -> None:
        """Write a shard, then its report, each whole or not at all."""
        name = self._name(number, made.photos)
        with locked(self.path):
            self._check_settings()
            self._replace(number, name, made.photos)
            if made.content is not None:
                self._write(self._rows_file(name), made.content)
            n_bytes = len(made.content or b"")
            report = {"photos": made.photos, "n_rows": made.n_rows, "n_bytes": n_bytes}
            report |= {"failed": made.failed, "warnings": made.warnings}
            self._write(self._report_file(name), json.dumps(report).encode())
            self._there[number] = name

    def is_current(self, number: int, photos: Mapping[str, str]) -> bool:
        """Whether the shard that is there is that of these photos and masks.

        False where it may be replaced; InvalidInput where it has rows of others.
        """
        name = self._there[number]
        if name == self._name(number, photos):
            return True
        self._check_replaceable(name, photos)
        return False

    def check_alone(self) -> None:
        """InvalidInput where a shard of another run lies beside the finished ones."""
        ours = set(self._there.values())
        for file in sorted(visible_files(self.path, {".parquet"})):
            if file.stem not in ours:
                raise InvalidInput(
                    f"out: {str(file)!r} is a shard of another run, beside the finished ones of "
                    "this one, and would be read with them. Remove it, or give another folder."
                )

    # --- what is there

    def _check_settings(self) -> int:
        """How many shards the folder is to have, 0 where nobody has said so; or InvalidInput."""
        file = self.path / SETTINGS_FILE
        if self.path.exists() and not self.path.is_dir():
            raise InvalidInput(f"out: {str(self.path)!r} is a file; give a folder.")
        if not file.exists():
            return 0
        with readable("the settings of a table", "give another folder as out", file=file):
            content = plain_json(read_plain(file, MAX_BYTES))
            was, version = content["settings"], content["format"]
            n_shards = int(content.get("n_shards", 0))
        if version != FORMAT:
            raise InvalidInput(
                f"out: {str(self.path)!r} has shards of another version of sat_nb (format "
                f"{version}, here {FORMAT}); give another folder, or remove it."
            )
        if was != self.settings:
            raise InvalidInput(
                f"out: {str(self.path)!r} holds a table of another run: "
                f"{'; '.join(list(differences(self.settings, was))[:3])}. Give another folder, "
                "or the same arguments to go on with that run."
            )
        return n_shards

    def _found(self) -> Iterator[tuple[int, str]]:
        """(number, name) of the shards in the folder; InvalidInput for any other Parquet file."""
        with writing(self.path, "out"):
            files = sorted(visible_files(self.path, {".parquet"}))
            reports = sorted(visible_files(self.path / REPORTS, {".json"}))
        has_begun = (self.path / SETTINGS_FILE).exists()
        for file in files:
            if file.parent != self.path or not _NAME.fullmatch(file.stem) or not has_begun:
                raise InvalidInput(
                    f"out: {str(file)!r} is no shard of this table: it was not written by tabulate "
                    "into this folder. Give another folder, or remove the file."
                )
        names = {file.stem for file in (*files, *reports) if _NAME.fullmatch(file.stem)}
        finished = {file.stem for file in reports}
        for name in sorted(names, key=lambda name: name in finished):
            number = int(name.partition("-")[0])
            if number >= self.n_shards:
                raise InvalidInput(
                    f"out: {str(self._rows_file(name))!r} is shard {number} of another run, and "
                    f"this one has {self.n_shards}: it had more photos, or another shard_images. "
                    "Give another folder, or the same photos."
                )
            yield number, name

    def _replace(self, number: int, name: str, photos: Mapping[str, str]) -> None:
        """Remove an earlier form of the shard, which may lack photos or hold failures."""
        for folder, suffix in ((self.path, "parquet"), (self.path / REPORTS, "json")):
            for file in folder.glob(f"{number:06d}-*.{suffix}"):
                if file.stem != name and _NAME.fullmatch(file.stem):
                    self._check_replaceable(file.stem, photos)
                    file.unlink(missing_ok=True)

    def _check_replaceable(self, name: str, photos: Mapping[str, str]) -> None:
        """InvalidInput unless the new photos are those of the shard, and perhaps more.

        Those that failed may have changed.
        """
        report = _read_report(self._report_file(name))
        was = {} if report is None else report.photos
        kept = {i: h for i, h in was.items() if report is None or i not in report.failed}
        changed = [i for i, sha256 in kept.items() if photos.get(i) != sha256]
        if report is not None and not changed:
            return
        what = f"photo {changed[0]!r}, its masks, target or label" if changed else "its photos"
        raise InvalidInput(
            f"out: {str(self._rows_file(name))!r} was made of others than those given now: {what} "
            "are not the same. Give another folder; or remove this file, and it is made again."
        )

    # --- names and files

    def _name(self, number: int, photos: Mapping[str, str]) -> str:
        return f"{number:06d}-{digest_of([self._digest, dict(photos)])[:16]}"

    def _rows_file(self, name: str) -> Path:
        return self.path / f"{name}.parquet"

    def _report_file(self, name: str) -> Path:
        return self.path / REPORTS / f"{name}.json"

    def _write(self, file: Path, content: bytes) -> None:
        with written_whole(file, "out") as part:
            part.write_bytes(content)


def known_facts(path: Path, file: ModelFile) -> ModelFacts | None:
    """What a table's settings tell of this model: a finished table then needs no worker."""
    with suppress(OSError, SatError, ValueError, KeyError, TypeError, RuntimeError):
        content = plain_json(read_plain(path / SETTINGS_FILE, MAX_BYTES))
        return facts_in(content["settings"]["maps"]["model"], file)
    return None


def _read_report(file: Path) -> Report | None:
    """The report; None where there is none that can be read, and the shard is made again."""
    with suppress(OSError, SatError, ValueError, KeyError, TypeError, RuntimeError):
        content = plain_json(read_plain(file, MAX_BYTES))
        photos, failed = dict(content["photos"]), dict(content["failed"])
        counts = int(content["n_rows"]), int(content["n_bytes"])
        return Report(photos, *counts, failed, tuple(content["warnings"]))
    return None


def _size(file: Path) -> int:
    """The size of a file in bytes, 0 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def differences(now: Any, was: Any, where: str = "") -> Iterator[str]:
    """How settings differ, each by its path: ``maps.preprocess is 'caffe', was 'unit'``."""
    if isinstance(now, dict) and isinstance(was, dict):
        for key in {**now, **was}:
            yield from differences(now.get(key), was.get(key), f"{where}.{key}".lstrip("."))
    elif now != was:
        yield f"{where} is {now!r:.80}, was {was!r:.80}"
