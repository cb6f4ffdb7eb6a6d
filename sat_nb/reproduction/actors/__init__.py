"""Rendered climbers, divers and anglers with exact masks: a small counterpart of BAR.

    data = actors.make("actors/")
    images, segments = data.images, sat.read_segments(data.exports)

In the training photos every action has its own place: climbers are on rock, divers under water,
anglers at a lake. In the test photos every action is in a meadow, in snow or in a hall, each
equally often, so that the place tells nothing. People, clothes, light and scale come from one
distribution for all actions. Each photo is a function of (action, seed, split, index, size).

The segments
------------
============ ==================================================================================
person       head, torso, arms and legs together
head         with hair and neck
torso
arms         with hands
legs         with shoes
fins         of most divers; most climbers have a rope, most anglers a fishing rod (with its line)
background   everything that is neither person nor gear
rock, sky    of climbers; the parts of a place belong to the background, too
water        under water and of the lake; with seabed, or with shore, bank and sky
grass, snow  with trees, hills and sky; in the hall, wall and floor
============ ==================================================================================

A pixel belongs to the person where the person covers at least half of it, counted on a canvas with
3 x 3 points per pixel, and then to the part that covers most of it. It belongs to rope, rod or line
where they cover a fifth of it, since they are thinner than a pixel.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tqdm.auto import tqdm

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.reproduction.actors.photo import CLASS_NAMES, UNUSUAL, USUAL, Example, render
from sat_nb.reproduction.bar import BiasedPhotos, read_biased
from sat_nb.reproduction.rendering import SPLITS, check_size, files_of, write_example

__all__ = ["CLASS_NAMES", "UNUSUAL", "USUAL", "Example", "Settings", "make", "render"]

VERSION = 1  # raised when the drawing changes: folders made before are refused then


@dataclass(frozen=True)
class Settings:
    """The settings a folder was made with; ``n_train`` and ``n_test`` count photos by action."""

    n_train: int
    n_test: int
    size: int
    seed: int
    version: int = VERSION


def make(
    folder: str | os.PathLike[str],
    *,
    n_train: int = 200,
    n_test: int = 80,
    size: int = 96,
    seed: int = 0,
) -> BiasedPhotos:
    """Render the data set into ``folder``, or use what an earlier call with these settings made.

    An interrupted call continues where it stopped.

    Parameters
    ----------
    folder : str or path
        Where to write ``images/`` and ``exports/`` (DINO-X, both codecs), each with
        ``train/ACTION`` and ``test/ACTION`` in it.
    n_train, n_test : int, default 200 and 80
        Photos of each action, at its usual place and elsewhere.
    size : int, default 96
        Height and width of the photos in pixels, at least 32.
    seed : int, default 0
        Seed of everything that is drawn.

    Returns
    -------
    BiasedPhotos
        The photos and their labels, as :func:`sat_nb.reproduction.bar.read_biased` reads them.

    Raises
    ------
    InvalidInput
        For settings out of range, and for a folder that holds other files or was made with other
        settings.

    Examples
    --------
    >>> make("actors", n_train=50, n_test=20)  # doctest: +SKIP
    BiasedPhotos(150 to train, 60 to test: climbing, diving, fishing)
    """
    settings = Settings(
        checked_whole("n_train", n_train, 1),
        checked_whole("n_test", n_test, 1),
        size,
        checked_whole("seed", seed),
    )
    check_size(size)
    root = Path(folder)
    _begin(root, settings)
    paths = {
        f"{split}/{action}/{action}_{index:04d}": (split, action, index)
        for split, n in zip(SPLITS, (n_train, n_test), strict=True)
        for action in CLASS_NAMES
        for index in range(n)
    }
    missing = [
        (number, path)
        for number, path in enumerate(paths)
        if not all(file.exists() for file in files_of(root, path))
    ]
    for number, path in tqdm(missing, desc="actors", unit="photo", disable=not missing):
        split, action, index = paths[path]
        example = render(action, seed, index=index, split=split, size=size)
        write_example(root, path, example.pixels, example.segmentation, number)
    return read_biased(root, CLASS_NAMES)


def _begin(root: Path, settings: Settings) -> None:
    """Write the settings into a new folder; refuse one with other settings or other files."""
    file = root / "settings.json"
    text = json.dumps({"actors": asdict(settings)})
    if file.is_file():
        if file.read_text(encoding="utf-8") != text:
            raise InvalidInput(
                f"folder: {str(root)!r} was made with other settings than {text}; give another "
                "folder, or delete this one."
            )
        return
    if root.is_dir() and any(root.iterdir()):
        raise InvalidInput(f"folder: {str(root)!r} has files but no actors; give an empty folder.")
    with written_whole(file) as part:
        part.write_text(text, encoding="utf-8")
