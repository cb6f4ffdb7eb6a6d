"""The model as a file: the worker reads it by path, and knows it by its content."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.models.keras_file import plain_model
from sat_nb.temporary import temporary_folder


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


@contextmanager
def model_file(
    model: Any, *, input_size: tuple[int, int] | None = None, trusted: bool = False
) -> Iterator[ModelFile]:
    """``model``, a path or a live Keras model, as a file for as long as the block runs.

    A live model is saved to a temporary file, which is trusted: its code is the user's. It is an
    .h5, or a SavedModel where layers are of the user's own classes, which only that can hold.
    TensorFlow is not imported for it.
    """
    size = checked_size(input_size)
    if isinstance(model, str | os.PathLike):
        path = plain_model(Path(model))
        yield ModelFile(str(path.absolute()), path.stem, content_sha256(path), size, trusted)
    elif callable(getattr(model, "save", None)) and hasattr(model, "layers"):
        with temporary_folder() as folder:
            path = _saved(model, folder)
            yield ModelFile(str(path), str(model.name), content_sha256(path), size, trusted=True)
    else:
        raise InvalidInput(
            f"model: expected the path of a saved Keras model or a Keras model, got "
            f"{type(model).__name__}; save it with model.save('model.h5')."
        )


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


def _saved(model: Any, folder: Path) -> Path:
    """The file that holds the live model, in the first format that can."""
    own = sorted({type(part).__name__ for part in _parts(model) if _is_own(part)})
    failures = []
    for name, options in {"model.h5": {}, "model": {"save_format": "tf"}}.items():
        if own and name == "model.h5":
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras calls HDF5 "legacy"
                model.save(str(folder / name), include_optimizer=False, **options)
            return folder / name
        except Exception as error:
            failures.append(f"as {name}: {type(error).__name__}: {error}".split("\n")[0])
    of_own = f", which has layers of your own ({', '.join(own)})," if own else ""
    raise InvalidInput(
        f"model: the live Keras model {getattr(model, 'name', '?')!r}{of_own} cannot be saved "
        f"({'; '.join(failures)}); build it as a Functional or Sequential model of Keras layers, "
        "or save it yourself and give the path."
    )


def _parts(model: Any) -> list[Any]:
    return [model, *getattr(model, "submodules", ())]


def _is_own(part: Any) -> bool:
    """Whether it is a layer of a class that neither Keras nor TensorFlow defines."""
    library = type(part).__module__.partition(".")[0]
    return hasattr(part, "get_config") and library not in ("keras", "tensorflow", "tf_keras")


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
