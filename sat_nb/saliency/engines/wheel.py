"""A wheel of the sat_nb that runs here, made from its files and from what it says about itself."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import sat_nb
from sat_nb.errors import InvalidInput

_WHEEL = "Wheel-Version: 1.0\nGenerator: sat_nb\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel_of_this(folder: Path) -> Path:
    """Write ``sat_nb-VERSION-py3-none-any.whl`` into the folder; its path.

    The files are those that are imported here, be they installed or a developer's own, so that an
    engine in another Python is the very same; the dependencies are those that are installed here.
    """
    about = _installed()
    package = Path(sat_nb.__file__).parent
    info = f"sat_nb-{about.version}.dist-info"
    contents = {
        file.relative_to(package.parent).as_posix(): file.read_bytes()
        for file in sorted(package.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }
    contents |= {f"{info}/METADATA": _metadata(about), f"{info}/WHEEL": _WHEEL.encode()}
    contents |= {f"{info}/entry_points.txt": (about.read_text("entry_points.txt") or "").encode()}
    record = [f"{name},{_digest(content)},{len(content)}" for name, content in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    path = folder / f"sat_nb-{about.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def _installed() -> Distribution:
    try:
        return distribution("sat-nb")
    except PackageNotFoundError as error:
        raise InvalidInput(
            "--from: the sat_nb that runs here is not installed, so its dependencies are unknown; "
            "give its source folder or a wheel."
        ) from error


def _metadata(about: Distribution) -> bytes:
    return (about.read_text("METADATA") or about.read_text("PKG-INFO") or "").encode()


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"
