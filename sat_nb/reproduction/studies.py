"""The studies by name, and how one is run. A study more is one entry more in STUDIES."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import sat_nb as sat
from sat_nb.errors import FileMissing, InvalidInput, unknown_name
from sat_nb.files import existing, written_whole
from sat_nb.reproduction.claims import Claim, write_claims


@dataclass(frozen=True)
class Study:
    """A study: what it asks, and the module that answers, imported when it is run.

    The module has ``SETTINGS``, a frozen dataclass by size, ``run(work, *, size, data)``,
    ``draw(result, out)``, which returns the files it wrote, and ``claims(result)``; where its
    settings on real photos are others, they are ``ON_PHOTOS``. ``photos`` is what it wants of a
    folder of real photos, "." for the folder itself; None where it has no such part.
    """

    title: str
    module: str
    photos: str | None = None

    def load(self) -> ModuleType:
        """The module."""
        return importlib.import_module(self.module)


STUDIES: dict[str, Study] = {
    "method": Study(
        "Figure 1 and Table 1: one image through the whole method, and the aggregate",
        "sat_nb.reproduction.method",
        "ccp",
    ),
    "watermark": Study(
        "Figures 2, 5 and 6: from which prevalence on a watermark shows",
        "sat_nb.reproduction.watermark",
        "ccp",
    ),
    "pretrained": Study(
        "Figure 3: classifiers trained on ImageNet", "sat_nb.reproduction.pretrained", "."
    ),
    "bias": Study("Figure 4 and Table 2: person or place", "sat_nb.reproduction.bias", "."),
    "methods": Study("Figure 7: six methods on one class", "sat_nb.reproduction.methods", "ccp"),
    "does_it_hold": Study(
        "Beyond the paper: deleted segments, randomised models, fewer images",
        "sat_nb.reproduction.does_it_hold",
        ".",
    ),
}


def chosen_studies(name: str, *, on_real: bool = False) -> tuple[str, ...]:
    """The studies that ``name`` means: itself, or for "all" every one (on real photos: that can).

    Raises InvalidInput for an unknown name, and for a study without a part on real photos.
    """
    able = tuple(n for n, study in STUDIES.items() if study.photos or not on_real)
    if name == "all":
        return able
    if name not in STUDIES:
        raise unknown_name("name", name, [*STUDIES, "all", "claims"])
    if name not in able:
        raise InvalidInput(f"data: {name!r} has no part on real photos; those that have: {able}.")
    return (name,)


def run_study(
    name: str,
    *,
    size: str,
    work: str | os.PathLike[str],
    out: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
) -> tuple[list[Path], tuple[Claim, ...]]:
    """Run a study, draw it, and write its claims and its record; the files, and the claims.

    Parameters
    ----------
    name: of STUDIES.
    size: a size that the study has settings for.
    work: the folder that keeps photos, models and maps, so that a stopped run goes on.
    out: the folder of figures, CSVs, ``claims_<name>.csv`` and ``<name>.json``.
    data: a folder of real photos; None for what the package makes.

    Raises InvalidInput for a name or a size that is not known.
    """
    chosen_studies(name, on_real=data is not None)
    entry = STUDIES[name]
    study, photos = entry.load(), {}
    settings = study.SETTINGS
    if data is not None:
        photos = {"data": existing(data, "data") / str(entry.photos)}
        settings = getattr(study, "ON_PHOTOS", settings)
    if size not in settings:
        raise unknown_name("size", size, settings)
    result = study.run(work, size=size, **photos)
    files, found = list(study.draw(result, out)), tuple(study.claims(result))
    files.append(write_claims(out, name, found))
    files.append(write_record(out, name, size, asdict(settings[size])))
    return files, found


SIZES = {
    "tiny": "seconds: what the tests run, large enough for what they check",
    "small": "minutes on two cores, on data that the package makes",
    "full": "the paper's size, on data in your own folders ($SAT_NB_PAPER_DATA)",
}
PACKAGES = ("numpy", "pandas", "scipy", "tensorflow", "innvestigate", "aeon")


def chosen_size(size: str = "small") -> str:
    """``size``, a key of SIZES, unless the environment variable SAT_NB_SIZE names another.

    >>> chosen_size("full") in SIZES
    True
    """
    size = os.environ.get("SAT_NB_SIZE", size)
    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    return size


def work_folder(default: str | os.PathLike[str] = ".cache/studies") -> Path:
    """Where studies keep photos, models and maps: $SAT_NB_WORK, or ``default``."""
    return Path(os.environ.get("SAT_NB_WORK", default))


def paper_data(part: str, origin: str) -> Path:
    """The folder ``part`` of the user's own data, for ``size="full"``.

    ``origin`` says where the data comes from, for the FileMissing that names what is absent.
    """
    root = os.environ.get("SAT_NB_PAPER_DATA")
    if root is None:
        raise FileMissing(
            f"SAT_NB_PAPER_DATA: expected the folder that holds {part!r}, but the environment "
            f"variable is not set. {origin}"
        )
    folder = Path(root) / part
    if not folder.is_dir():
        raise FileMissing(f"SAT_NB_PAPER_DATA: {str(folder)!r} is no folder. {origin}")
    return folder


def kept_folder(
    work: str | os.PathLike[str], name: str, settings: Mapping[str, Any], *code: Any
) -> Path:
    """The folder of a step's results, named by all that decides them.

    ``code`` are modules or functions whose source is part of what decides: where it changes,
    what they made before is not used again.
    """
    text = json.dumps(settings, sort_keys=True, default=str)
    text += "".join(inspect.getsource(part) for part in code)
    return Path(work) / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def write_record(
    out: str | os.PathLike[str], study: str, size: str, settings: Mapping[str, Any]
) -> Path:
    """Write ``out/study.json``: what the study's files were made with; holds no date and no path.

    ``settings`` has the seeds, and whatever else decides the numbers.
    """
    record = {
        "study": study,
        "size": size,
        "settings": dict(settings),
        "versions": {
            "sat_nb": sat.__version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }
    file = Path(out) / f"{study}.json"
    with written_whole(file) as part:
        part.write_text(json.dumps(record, indent=1, sort_keys=True, default=str) + "\n")
    return file
