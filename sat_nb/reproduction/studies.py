"""The studies: a registry, how one is run, and the files it leaves.

To add a study, write a module (see :class:`Study`) and add an entry to STUDIES.
"""

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
from sat_nb.registry import Entry, registry
from sat_nb.reproduction.claims import Claim, write_claims
from sat_nb.reproduction.parity import as_in_paper, changed_verdicts, compared, parity_claim
from sat_nb.reproduction.results import save_numbers
from sat_nb.saliency.engines.keras import check_tensorflow


@dataclass(frozen=True, kw_only=True)
class Study(Entry):
    """A study: its question, and the module that answers it.

    The module has ``SETTINGS``, a frozen dataclass for each of SIZES; ``run(work, *, size, data)``;
    ``draw(result, out)``, which returns the files it wrote; and ``claims(result)``, which returns
    the paper's claims beside what was found. Where the settings on real photos differ, they are
    ``ON_PHOTOS``. A study that is explained twice also has ``parts(result)``, the rows behind its
    figure, and ``run`` takes the ``settings`` that name iNNvestigate's methods.

    Parameters
    ----------
    module : str
        The name of the module. It is imported when the study is run.
    photos : str, optional
        The subfolder that the study reads in a folder of real photos, "." for the folder itself.
        None for a study that runs on rendered photos only.
    explained_twice : str, optional
        The figure that is also drawn with iNNvestigate's maps, as in the paper, and compared with
        the one by this project's own; None for a study that is explained once.
    """

    module: str
    photos: str | None = None
    explained_twice: str | None = None

    def load(self) -> ModuleType:
        """The module."""
        return importlib.import_module(self.module)


STUDIES: dict[str, Study] = registry(
    Study(
        name="method",
        title="Figure 1 and Table 1: one image through the whole method, and the aggregate",
        about="One photo, its map, its masks and its table, and what many of them add up to.",
        module="sat_nb.reproduction.method",
        photos="ccp",
        explained_twice="Table 1",
    ),
    Study(
        name="watermark",
        title="Figures 2, 5 and 6: from which prevalence on a watermark shows",
        about="From which share of marked training photos on do table and accuracy tell that a "
        "model uses a watermark?",
        module="sat_nb.reproduction.watermark",
        photos="ccp",
        explained_twice="Figure 6",
    ),
    Study(
        name="pretrained",
        title="Figure 3: classifiers trained on ImageNet",
        about="Which parts of a photo do pretrained classifiers look at?",
        module="sat_nb.reproduction.pretrained",
        photos=".",
        explained_twice="Figure 3",
    ),
    Study(
        name="bias",
        title="Figure 4 and Table 2: person or place",
        about="Does a classifier of actions look at the people or at the place?",
        module="sat_nb.reproduction.bias",
        photos=".",
    ),
    Study(
        name="methods",
        title="Figure 7: six methods on one class",
        about="How far do six saliency methods agree on the segments of one class?",
        module="sat_nb.reproduction.methods",
        photos="ccp",
        explained_twice="Figure 7",
    ),
    Study(
        name="does_it_hold",
        title="Beyond the paper: deleted segments, randomised models, fewer images",
        about="Do rankings of segments survive deletion, random weights and fewer images?",
        module="sat_nb.reproduction.does_it_hold",
        photos=".",
    ),
)


def chosen_studies(name: str, *, on_real: bool = False) -> tuple[str, ...]:
    """The studies that ``name`` stands for: one, or with "all" every study that can be run.

    Raises InvalidInput for an unknown name and, with ``on_real``, for a study that has no part on
    real photos.
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
    """Run a study, draw its figures, and write its claims and its record.

    Parameters
    ----------
    name : str
        A key of STUDIES.
    size : str
        A key of the study's settings: "tiny", "small" or "full".
    work : str or path
        The folder that keeps photos, models and maps; an interrupted run continues there.
    out : str or path
        The folder for figures, CSVs, ``claims_NAME.csv`` and ``NAME.json``.
    data : str or path, optional
        A folder of real photos; by default the study runs on data that the package makes.

    Returns
    -------
    tuple
        The files that were written, and the claims.

    Raises
    ------
    InvalidInput
        For an unknown name or size.
    EngineMissing
        Where TensorFlow is missing, with which models are trained.
    """
    chosen_studies(name, on_real=data is not None)
    check_tensorflow(f"study {name!r}")  # before minutes are spent on photos
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
    if entry.explained_twice is not None:
        twin = study.run(work, size=size, settings=as_in_paper(settings[size]), **photos)
        more, one = _beside_the_papers(entry, result, twin, found, Path(out))
        files, found = [*files, *more], (*found, one)
    files.append(write_claims(out, name, found))
    files.append(write_record(out, name, size, asdict(settings[size])))
    return files, found


def _beside_the_papers(
    entry: Study, result: Any, twin: Any, found: tuple[Claim, ...], out: Path
) -> tuple[list[Path], Claim]:
    """Draw the twin, explained by iNNvestigate, and compare; the files written, and the claim."""
    study = entry.load()
    parts = study.parts(result)
    parity = compared(parts, study.parts(twin))
    files = list(study.draw(twin, out / "innvestigate"))
    for name, table in {"ranks": parity.ranks.round(4), "pairs": parity.pairs}.items():
        files.append(save_numbers(table, out / f"parity_{entry.name}_{name}.csv"))
    changed = changed_verdicts(found, tuple(study.claims(twin)))
    data = found[0].data if found else ", ".join(parts)
    return files, parity_claim(str(entry.explained_twice), data, parity, changed)


SIZES = {
    "tiny": "seconds: for the tests, just large enough for what they check",
    "small": "minutes on two cores, on data that the package makes",
    "full": "the paper's size, on data in your own folders ($SAT_NB_PAPER_DATA)",
}
"""{size of a study: what it means}."""

PACKAGES = ("numpy", "pandas", "scipy", "tensorflow", "innvestigate")


def chosen_size(size: str = "small") -> str:
    """The size of the studies: $SAT_NB_SIZE where it is set, else the argument.

    Parameters
    ----------
    size : str, default "small"
        A key of SIZES.

    Returns
    -------
    str
        A key of SIZES.

    Raises
    ------
    InvalidInput
        For an unknown size.

    Examples
    --------
    >>> chosen_size("full") in SIZES
    True
    """
    size = os.environ.get("SAT_NB_SIZE", size)
    if size not in SIZES:
        raise unknown_name("size", size, SIZES)
    return size


def work_folder(default: str | os.PathLike[str] = ".cache/studies") -> Path:
    """The folder in which studies keep photos, models and maps.

    Parameters
    ----------
    default : str or path, default ".cache/studies"
        The folder where $SAT_NB_WORK is not set.

    Returns
    -------
    Path
        $SAT_NB_WORK, or ``default``.
    """
    return Path(os.environ.get("SAT_NB_WORK", default))


def paper_data(part: str, origin: str) -> Path:
    """The folder ``part`` of the user's own data, for ``size="full"``.

    Raises FileMissing where it is absent; ``origin`` tells in that message where to get the data.
    """
    root = os.environ.get("SAT_NB_PAPER_DATA")
    if root is None:
        raise FileMissing(
            f"SAT_NB_PAPER_DATA: expected the folder that holds {part!r}, but the environment "
            f"variable is not set. {origin}"
        )
    folder = Path(root) / part
    if not folder.is_dir():
        raise FileMissing(f"SAT_NB_PAPER_DATA: {str(folder)!r} is not a folder. {origin}")
    return folder


def kept_folder(
    work: str | os.PathLike[str], name: str, settings: Mapping[str, Any], *code: Any
) -> Path:
    """The folder for the results of a step, named after everything that they depend on.

    ``code`` are modules and functions on whose source the results depend, too: once it changes,
    earlier results are not used again.
    """
    text = json.dumps(settings, sort_keys=True, default=str)
    text += "".join(inspect.getsource(part) for part in code)
    return Path(work) / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def write_record(
    out: str | os.PathLike[str], study: str, size: str, settings: Mapping[str, Any]
) -> Path:
    """Write ``out/STUDY.json``: settings, seeds and versions that the study's files depend on.

    It has no dates and no paths, so that a second run writes the same bytes.
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


# --- figures -------------------------------------------------------------------------------------
