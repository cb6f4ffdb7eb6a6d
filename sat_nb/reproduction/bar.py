"""Biased Action Recognition (BAR): six actions, each at one kind of place in training photos.

Nam et al. 2020, "Learning from Failure: Training Debiased Classifier from Biased Classifier"; the
photos are at github.com/alinlab/BAR. Climbers are on rock, divers under water, anglers at water,
and so on; the test photos show the same actions elsewhere.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sat_nb.errors import FileMissing, IdMismatch, InvalidInput, shorten
from sat_nb.files import existing, files_by_id
from sat_nb.images import IMAGE_SUFFIXES, ImageSet

COUNTS: dict[str, tuple[int, int]] = {
    "climbing": (326, 105),
    "diving": (520, 159),
    "fishing": (163, 42),
    "racing": (336, 132),
    "throwing": (317, 85),
    "vaulting": (279, 131),
}
"""{action: photos to train and to test}, as published."""

CLASS_NAMES = tuple(COUNTS)
PARTS = ("train", "test")
BIASED, LESS = "biased", "less biased"
KINDS = (BIASED, LESS)
IN_BIAS, OUT_OF_BIAS = "in bias", "out of bias"
HELD_OUT = 0.2  # of the training photos of each action; half of its test photos
ALIASES = {"pole vaulting": "vaulting"}  # as the published files are named
ORIGIN = (
    "Get it from github.com/alinlab/BAR (1,941 photos to train, 654 to test) and give the folder "
    "that holds train/ and test/; masks go into exports/train/ and exports/test/ beside them, one "
    "DINO-X export a photo, named as the photo."
)


@dataclass(frozen=True)
class BiasedPhotos:
    """Photos of actions: ``train`` at their usual places, ``test`` elsewhere.

    ``labels`` is {image_id: number of its action in ``class_names``}; ``exports`` is the folder of
    masks, which have the ids of the photos, or None.
    """

    images: ImageSet
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: dict[str, int]
    class_names: tuple[str, ...]
    exports: Path | None

    def counts(self) -> dict[str, tuple[int, int]]:
        """{action: photos in train and in test}."""
        found = [Counter(self.labels[i] for i in ids) for ids in (self.train, self.test)]
        return {name: (found[0][k], found[1][k]) for k, name in enumerate(self.class_names)}

    def __repr__(self) -> str:
        return (
            f"BiasedPhotos({len(self.train)} to train, {len(self.test)} to test: "
            f"{', '.join(self.class_names)})"
        )


def read_bar(folder: str | os.PathLike[str], *, complete: bool = True) -> BiasedPhotos:
    """BAR as it is published, or with its photos sorted into folders by action.

    The header of every file is read.

    Parameters
    ----------
    folder : str or path
        Holds ``train/`` and ``test/``, or an ``images/`` with both. Each has ``climbing_0.jpg``,
        ``pole vaulting_0.jpg``, ..., as published, or a subfolder for each action. Masks are
        expected in ``exports/``.
    complete : bool, default True
        Whether to require the published number of photos of each action; False allows fewer.

    Returns
    -------
    BiasedPhotos
        The photos, their labels and the folder of masks.

    Raises
    ------
    FileMissing
        Where a folder is absent.
    InvalidInput
        For unreadable photos, unknown actions, and numbers of photos other than expected.
    IdMismatch
        For masks without a photo.
    """
    photos = read_biased(folder, CLASS_NAMES)
    for action, found in photos.counts().items():
        for part, n, expected in zip(PARTS, found, COUNTS[action], strict=True):
            if n > expected or (complete and n < expected):
                raise InvalidInput(
                    f"folder: {part}/ has {n} photos of {action!r}, BAR has {expected}. {ORIGIN}"
                    + (" To read a part of it, set complete=False." if n < expected else "")
                )
    return photos


def read_biased(folder: str | os.PathLike[str], class_names: Sequence[str]) -> BiasedPhotos:
    """Photos of actions with the layout of BAR and any number of photos; see :func:`read_bar`."""
    root = existing(folder, "folder")
    base = root / "images" if (root / "images").is_dir() else root
    files: dict[str, Path] = {}
    for part in PARTS:
        if not (base / part).is_dir():
            raise FileMissing(f"folder: {str(base / part)!r} is not a folder. {ORIGIN}")
        found = files_by_id(base / part, IMAGE_SUFFIXES)
        files |= {f"{part}/{image_id}": file for image_id, file in found.items()}
    actions = {image_id: _action(image_id, class_names) for image_id in files}
    for image_id, file in files.items():
        _check_header(image_id, file)
    exports = root / "exports" if (root / "exports").is_dir() else None
    if exports is not None:
        _check_exports(exports, files)
    return BiasedPhotos(
        ImageSet(files),
        train=tuple(i for i in files if i.startswith("train/")),
        test=tuple(i for i in files if i.startswith("test/")),
        labels={image_id: list(class_names).index(name) for image_id, name in actions.items()},
        class_names=tuple(class_names),
        exports=exports,
    )


@dataclass(frozen=True)
class Split:
    """Image ids: the training photos of each kind of model, and the photos no model has seen."""

    train: dict[str, tuple[str, ...]]
    held: dict[str, tuple[str, ...]]


def split(photos: BiasedPhotos, seed: int = 0) -> Split:
    """Hold out a fifth of each action's training photos and half of its test photos.

    The other half of the test photos joins the training photos of the less biased models.

    Parameters
    ----------
    photos : BiasedPhotos
        From :func:`read_bar` or :func:`sat_nb.reproduction.actors.make`.
    seed : int, default 0
        Seed of the random choice.

    Returns
    -------
    Split
        ``train`` by kind of model, ``held`` by part.
    """
    rng = np.random.default_rng(seed)
    held: dict[str, list[str]] = {IN_BIAS: [], OUT_OF_BIAS: []}
    used: dict[str, list[str]] = {IN_BIAS: [], OUT_OF_BIAS: []}
    for part, ids, share in (
        (IN_BIAS, photos.train, HELD_OUT),
        (OUT_OF_BIAS, photos.test, 0.5),
    ):
        for label in range(len(photos.class_names)):
            of_it = rng.permutation([i for i in ids if photos.labels[i] == label]).tolist()
            n_held = max(round(share * len(of_it)), 1)
            held[part] += of_it[:n_held]
            used[part] += of_it[n_held:]
    return Split(
        {BIASED: tuple(used[IN_BIAS]), LESS: tuple(used[IN_BIAS] + used[OUT_OF_BIAS])},
        {part: tuple(sorted(ids)) for part, ids in held.items()},
    )


def _action(image_id: str, class_names: Sequence[str]) -> str:
    """The action in an id such as train/climbing_0 or train/climbing/anything."""
    parts = image_id.split("/")
    name = parts[1] if len(parts) > 2 else parts[1].rpartition("_")[0]
    action = ALIASES.get(name, name)
    if action not in class_names:
        raise InvalidInput(
            f"folder: {image_id!r} has no known action; expected a folder or a file name that "
            f"begins with one of {', '.join(map(repr, class_names))}. {ORIGIN}"
        )
    return action


def _check_header(image_id: str, file: Path) -> None:
    try:
        with Image.open(file) as image:
            image.size  # noqa: B018  (reads the header)
    except (OSError, ValueError, SyntaxError) as error:
        raise InvalidInput(f"folder: {image_id!r} cannot be read as a photo ({error}).") from error


def _check_exports(exports: Path, files: Mapping[str, Path]) -> None:
    without_photo = [i for i in files_by_id(exports, {".json"}) if i not in files]
    if without_photo:
        raise IdMismatch(
            f"folder: exports/ has masks of {shorten(without_photo)}, for which there are no "
            "photos; an export has the path of its photo, with the extension .json."
        )
