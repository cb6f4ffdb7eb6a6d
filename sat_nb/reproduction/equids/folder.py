"""The data set on disk: photos, exports of masks and labels, rendered once and used again."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sat_nb.arguments import checked_whole
from sat_nb.errors import FileMissing, InvalidInput, unknown_name
from sat_nb.files import existing, written_whole
from sat_nb.reproduction.equids.photo import CLASS_NAMES, watermark_text
from sat_nb.reproduction.equids.rendering import Photo, finish_all
from sat_nb.reproduction.rendering import check_size, files_of

VERSION = 1  # raised when the drawing changes: folders made before are refused then
_COLUMNS = ("image_id", "part", "class", "label", "watermark")


@dataclass(frozen=True)
class Settings:
    """The settings a folder was made with; ``n_train`` and ``n_test`` count photos by class."""

    n_train: int
    n_test: int
    size: int
    seed: int
    watermark_share: float
    watermark_class: str
    version: int = VERSION


@dataclass(frozen=True)
class EquidsFolder:
    """The data set on disk.

    ``images`` and ``exports`` are folders for ``read_images`` and ``read_segments``. ``train``,
    ``test`` and ``test_marked`` are image ids; ``test_marked`` are the photos of ``test``, of both
    classes, with a watermark each. ``labels`` is {image_id: 0 for a horse, 1 for a zebra},
    ``watermarks`` is {image_id: text} of the photos that have one.
    """

    root: Path
    images: Path
    exports: Path
    train: tuple[str, ...]
    test: tuple[str, ...]
    test_marked: tuple[str, ...]
    labels: dict[str, int]
    watermarks: dict[str, str]
    settings: Settings
    class_names: tuple[str, ...] = CLASS_NAMES

    def labelled(self, part: str) -> dict[str, int]:
        """{image_id: label} of "train", "test" or "test_marked", for ``train_cnn``."""
        parts = {"train": self.train, "test": self.test, "test_marked": self.test_marked}
        if part not in parts:
            raise unknown_name("part", part, parts)
        return {image_id: self.labels[image_id] for image_id in parts[part]}

    def __repr__(self) -> str:
        return (
            f"EquidsFolder({str(self.root)!r}: {len(self.train)} photos to train, "
            f"{len(self.test)} to test, {self.settings.size} px, "
            f"{self.settings.watermark_share:.0%} of each training {self.settings.watermark_class} "
            "marked)"
        )


@dataclass(frozen=True)
class _Job:
    """One photo of the data set: its id, and what it shows."""

    image_id: str
    species: str
    index: int
    split: str
    marked: bool


def make(
    folder: str | os.PathLike[str],
    *,
    n_train: int = 500,
    n_test: int = 100,
    size: int = 128,
    seed: int = 0,
    watermark_share: float = 0.0,
    watermark_class: str = "zebra",
    renders: str | os.PathLike[str] | None = None,
) -> EquidsFolder:
    """Render the data set into ``folder``, or use what an earlier call with these settings made.

    An interrupted call continues where it stopped.

    Parameters
    ----------
    folder : str or path
        Where to write ``images/``, ``exports/`` (DINO-X, both codecs) and ``labels.csv``.
    n_train, n_test : int, default 500 and 100
        Photos of each class.
    size : int, default 128
        Height and width of the photos in pixels, at least 32.
    seed : int, default 0
        Photos of one seed are the same at any share; only the watermarks differ.
    watermark_share : float, default 0.0
        The share, 0 to 1, of the training photos of ``watermark_class`` that carry a watermark.
        Photos marked at a small share are marked at any larger one, too.
    watermark_class : str, default "zebra"
        "horse" or "zebra".
    renders : str or path, optional
        A folder that keeps every photo with and without its watermark, for all data sets that name
        it; their files are links to it, or copies where links are impossible. Data sets of many
        shares then take no longer than one.

    Returns
    -------
    EquidsFolder
        The data set, as :func:`load` reads it.

    Raises
    ------
    InvalidInput
        For settings out of range, and for a folder that holds other files or was made with other
        settings.

    Examples
    --------
    >>> make("equids", watermark_share=0.25)  # doctest: +SKIP
    EquidsFolder('equids': 1000 photos to train, 200 to test, 128 px, ...)
    """
    settings = Settings(n_train, n_test, size, seed, watermark_share, watermark_class)
    _check(settings)
    root = Path(folder)
    if _complete(root, settings):
        return load(root)
    jobs = _jobs(settings)
    if renders is None:
        finish_all(_own_photos(root, jobs, settings))
    else:
        kept = Path(renders) / f"seed_{seed}_{size}px_v{VERSION}"
        finish_all(_shared_photos(kept, jobs, settings))
        for job in jobs:
            _link(kept, root, job)
    rows = [_row(job, settings) for job in jobs]
    with written_whole(root / "labels.csv") as part, part.open("w", newline="") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
    with written_whole(root / "settings.json") as part:
        part.write_text(json.dumps({**asdict(settings), "complete": True}))
    return load(root)


def load(folder: str | os.PathLike[str]) -> EquidsFolder:
    """Read a folder that :func:`make` has finished.

    Parameters
    ----------
    folder : str or path
        The data set's folder.

    Returns
    -------
    EquidsFolder
        The data set.

    Raises
    ------
    FileMissing
        Where the folder does not exist, or :func:`make` has not finished it.
    """
    root = existing(folder, "folder")
    stored = _stored(root)
    if stored is None or not stored.pop("complete"):
        raise FileMissing(f"folder: {str(root)!r} holds no finished data set; call equids.make.")
    with (root / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ids = {
        part: tuple(r["image_id"] for r in rows if r["part"] == part)
        for part in ("train", "test", "test_marked")
    }
    return EquidsFolder(
        root,
        root / "images",
        root / "exports",
        **ids,
        labels={r["image_id"]: int(r["label"]) for r in rows},
        watermarks={r["image_id"]: r["watermark"] for r in rows if r["watermark"]},
        settings=Settings(**stored),
    )


def _check(settings: Settings) -> None:
    checked_whole("n_train", settings.n_train, 1)
    checked_whole("n_test", settings.n_test, 1)
    checked_whole("seed", settings.seed)
    check_size(settings.size)
    if not 0.0 <= settings.watermark_share <= 1.0:
        raise InvalidInput(
            f"watermark_share: expected a share from 0 to 1, got {settings.watermark_share!r}."
        )
    if settings.watermark_class not in CLASS_NAMES:
        raise unknown_name("watermark_class", settings.watermark_class, CLASS_NAMES)


def _complete(root: Path, settings: Settings) -> bool:
    """Whether the folder is finished; starts a new one, and refuses one with other settings."""
    stored = _stored(root)
    if stored is None:
        if root.is_dir() and any(not _begun(file) for file in root.iterdir()):
            raise InvalidInput(
                f"folder: {str(root)!r} has files but no equids data set; give an empty folder."
            )
        with written_whole(root / "settings.json") as part:
            part.write_text(json.dumps({**asdict(settings), "complete": False}))
        return False
    complete = stored.pop("complete")
    different = [
        f"{name} {stored.get(name)!r} instead of {value!r}"
        for name, value in asdict(settings).items()
        if stored.get(name) != value
    ]
    if different:
        raise InvalidInput(
            f"folder: {str(root)!r} was made with {', '.join(different)}; "
            "give another folder, or delete this one."
        )
    return bool(complete)


def _begun(file: Path) -> bool:
    """Whether this is a temporary file of another process that starts the same folder."""
    return file.name.startswith(".part-")


def _stored(root: Path) -> dict | None:
    file = root / "settings.json"
    if not file.is_file():
        return None
    try:
        stored = json.loads(file.read_text())
        stored["complete"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{file}: not the settings of an equids data set ({error}); give another folder."
        ) from error
    return stored


def _jobs(settings: Settings) -> list[_Job]:
    order = np.random.default_rng([settings.seed, 1]).permutation(settings.n_train)
    marked = set(order[: round(settings.watermark_share * settings.n_train)].tolist())
    jobs = []
    for part, n in (
        ("train", settings.n_train),
        ("test", settings.n_test),
        ("test_marked", settings.n_test),
    ):
        split = part.removesuffix("_marked")
        for species in CLASS_NAMES:
            chosen = marked if species == settings.watermark_class else set()
            for i in range(n):
                mark = part == "test_marked" or (part == "train" and i in chosen)
                jobs.append(_Job(f"{part}/{species}_{i + 1:04d}", species, i, split, mark))
    return jobs


def _own_photos(root: Path, jobs: list[_Job], settings: Settings) -> list[Photo]:
    """The photos to render into the data set itself; both versions of a test photo at once."""
    paths: dict[tuple[str, int, str], dict[str, str]] = {}
    for job in jobs:
        version = "marked" if job.marked else "clean"
        paths.setdefault((job.species, job.index, job.split), {})[version] = job.image_id
    return _photos(root, paths, settings)


def _shared_photos(kept: Path, jobs: list[_Job], settings: Settings) -> list[Photo]:
    """The photos to render for all data sets; those that any share may mark, in both versions."""
    paths = {}
    for job in jobs:
        versions = {"clean": _kept_path(job, "clean")}
        if job.split == "test" or job.species == settings.watermark_class:
            versions["marked"] = _kept_path(job, "marked")
        paths[job.species, job.index, job.split] = versions
    return _photos(kept, paths, settings)


def _photos(
    root: Path, paths: dict[tuple[str, int, str], dict[str, str]], settings: Settings
) -> list[Photo]:
    return [
        Photo(str(root), species, settings.seed, index, split, settings.size, **versions)
        for (species, index, split), versions in paths.items()
    ]


def _kept_path(job: _Job, version: str) -> str:
    return f"{job.split}/{version}/{job.species}_{job.index + 1:04d}"


def _link(kept: Path, root: Path, job: _Job) -> None:
    sources = files_of(kept, _kept_path(job, "marked" if job.marked else "clean"))
    for source, target in zip(sources, files_of(root, job.image_id), strict=True):
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # on another disk, or on one without links
            with written_whole(target) as part:
                shutil.copyfile(source, part)


def _row(job: _Job, settings: Settings) -> tuple[str, ...]:
    """The row of a photo in labels.csv."""
    which: dict[str, Any] = {"index": job.index, "split": job.split}
    text = watermark_text(job.species, settings.seed, **which) if job.marked else ""
    label = str(CLASS_NAMES.index(job.species))
    return job.image_id, job.image_id.split("/")[0], job.species, label, text
