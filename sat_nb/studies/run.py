"""What all studies share: their size, where their data lies, what is kept, and the record."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sat_nb as sat
from sat_nb.errors import FileMissing, unknown_name
from sat_nb.files import written_whole

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
