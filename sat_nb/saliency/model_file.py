"""The model as a file: the worker reads it by path, and knows it by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sat_nb.errors import InvalidInput


@dataclass(frozen=True)
class ModelFile:
    """A saved model: its name for tables, the hash of its content, the wanted input (h, w).

    ``trusted`` says that it may run code of its own: its user said so, or made it.
    """

    path: str
    name: str
    sha256: str
    input_size: tuple[int, int] | None = None
    trusted: bool = False


@dataclass(frozen=True)
class ModelFacts:
    """What the worker found in the file.

    ``input_shape`` is (H, W, C); ``n_outputs`` the number of classes, 2 for a model with one
    output; ``head`` "softmax", "sigmoid" or "logits"; ``rewritten`` says in words which layers
    were replaced by equal ones, and ``notes`` where what is explained is not the model as it
    predicts. ``scaling`` is the mean factor and offset by which it scales its own input.
    """

    input_shape: tuple[int, int, int]
    n_outputs: int
    head: str
    rewritten: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scaling: tuple[float, float] | None = None


def content_sha256(path: Path) -> str:
    """The hash of a file's content, or of all files of a folder (SavedModel), by name."""
    try:
        return _sha256(path)
    except OSError as error:
        raise InvalidInput(f"model: {str(path)!r} cannot be read ({error.strerror}).") from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def checked_size(size: tuple[int, int] | None) -> tuple[int, int] | None:
    """``input_size``, or InvalidInput where it is no (height, width) in pixels."""
    if size is None:
        return None
    whole = (
        isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(v, int) for v in size)
    )
    if not whole or min(size) < 1:
        raise InvalidInput(f"input_size: expected (height, width) in pixels, got {size!r}.")
    return size[0], size[1]
