"""The data set on disk, laid out as BAR is: made once and used again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.reproduction.actors.photo import CLASS_NAMES, render
from sat_nb.reproduction.bar import BiasedPhotos, read_biased
from sat_nb.reproduction.draws import SPLITS, check_size
from sat_nb.segments.formats.dinox import write_dinox

VERSION = 1  # raise when the drawing changes: folders made before are then refused
_CODECS = ("coco_rle", "dds_rle")


@dataclass(frozen=True)
class Settings:
    """What a folder was made with; photos are counted for each action."""

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

    Parameters
    ----------
    folder: where to write ``images/`` and ``exports/`` (DINO-X, both codecs), each with
        ``train/ACTION`` and ``test/ACTION`` in it.
    n_train, n_test: photos of each action, at its usual place and elsewhere.
    size: height and width of the photos, pixels.
    seed: of all that is drawn.

    A call that was interrupted goes on where it stopped. Raises InvalidInput for a folder made
    with other settings, or with files of another kind.
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
    jobs = [
        (split, action, index)
        for split, n in zip(SPLITS, (n_train, n_test), strict=True)
        for action in CLASS_NAMES
        for index in range(n)
    ]
    missing = [
        (k, job) for k, job in enumerate(jobs) if not all(f.exists() for f in _files(root, job))
    ]
    for number, job in tqdm(missing, desc="actors", unit="photo", disable=not missing):
        _write(root, job, settings, number)
    return read_biased(root, CLASS_NAMES)


def _files(root: Path, job: tuple[str, str, int]) -> tuple[Path, Path]:
    split, action, index = job
    name = f"{split}/{action}/{action}_{index:04d}"
    return root / "images" / f"{name}.png", root / "exports" / f"{name}.json"


def _write(root: Path, job: tuple[str, str, int], settings: Settings, number: int) -> None:
    split, action, index = job
    example = render(action, settings.seed, index=index, split=split, size=settings.size)
    photo, export = _files(root, job)
    with written_whole(photo) as part:
        Image.fromarray(example.pixels).save(part)
    write_dinox(export, example.segmentation, codec=_CODECS[number % 2])


def _begin(root: Path, settings: Settings) -> None:
    """Say in the folder what it is made with; refuse one that is another's."""
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
