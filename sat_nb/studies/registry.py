"""The studies by name, and how one is run. A study more is one entry more in STUDIES."""

from __future__ import annotations

import importlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.files import existing
from sat_nb.studies.claims import Claim, write_claims
from sat_nb.studies.run import write_record


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
        "sat_nb.studies.method",
        "ccp",
    ),
    "watermark": Study(
        "Figures 2, 5 and 6: from which prevalence on a watermark shows",
        "sat_nb.studies.watermark",
        "ccp",
    ),
    "pretrained": Study(
        "Figure 3: classifiers trained on ImageNet", "sat_nb.studies.pretrained", "."
    ),
    "bias": Study("Figure 4 and Table 2: person or place", "sat_nb.studies.bias", "."),
    "methods": Study("Figure 7: six methods on one class", "sat_nb.studies.methods", "ccp"),
    "does_it_hold": Study(
        "Beyond the paper: deleted segments, randomised models, fewer images",
        "sat_nb.studies.does_it_hold",
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
