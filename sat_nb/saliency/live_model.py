"""Models as people have them, as files: paths stay, live models are saved for a while.

To add a kind of live model, add an entry to :data:`LIVE_MODELS`. None of these libraries is
imported here: whoever holds a live model has imported its library.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.models.keras_file import plain_model
from sat_nb.registry import Entry, registry
from sat_nb.saliency.model_file import ModelFile, checked_size, content_sha256
from sat_nb.temporary import temporary_folder

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class LiveModel(Entry):
    """A kind of live model.

    ``is_one(model)`` recognises it; ``save(model, folder, input_size)`` writes it into the folder
    and returns the file, or raises InvalidInput; ``called(model)`` is its name in tables.
    """

    is_one: Callable[[Any], bool]
    save: Callable[[Any, Path, Size | None], Path]
    called: Callable[[Any], str] = lambda model: str(model.name)


@contextmanager
def model_file(
    model: Any, *, input_size: Size | None = None, trusted: bool = False
) -> Iterator[ModelFile]:
    """``model``, a path or a live model, as a file for as long as the block runs.

    A ModelFile is what another process has made of one of these.

    The file of a live model is temporary, and trusted: its code is the user's.
    """
    if isinstance(model, ModelFile):
        yield model
        return
    size = checked_size(input_size)
    if isinstance(model, str | os.PathLike):
        path = plain_model(Path(model))
        yield ModelFile(str(path.absolute()), path.stem, content_sha256(path), size, trusted)
        return
    kind = next((entry for entry in LIVE_MODELS.values() if entry.is_one(model)), None)
    if kind is None:
        kinds = ", ".join(entry.title for entry in LIVE_MODELS.values())
        raise InvalidInput(
            f"model: expected the path of a saved model or a live model ({kinds}), got "
            f"{type(model).__name__}; save a Keras model with model.save('model.h5')."
        )
    with temporary_folder() as folder:
        path = kind.save(model, folder, size)
        sha256 = content_sha256(path)
        yield ModelFile(str(path), kind.called(model), sha256, size, trusted=True)


# --- Keras -------------------------------------------------------------------------------------


def _is_keras(model: Any) -> bool:
    return callable(getattr(model, "save", None)) and hasattr(model, "layers")


def _is_keras_3(model: Any) -> bool:
    """Whether it is a model of Keras 3, whose base class says by which backend it computes."""
    bases = {f"{cls.__module__}.{cls.__name__}" for cls in type(model).__mro__}
    return _is_keras(model) and "keras.src.models.model.Model" in bases


def _save_keras_3(model: Any, folder: Path, size: Size | None) -> Path:
    try:
        model.save(str(folder / "model.keras"))
    except Exception as error:
        raise _not_saved(model, [f"as model.keras: {_first_line(error)}"]) from error
    return folder / "model.keras"


def _save_keras_2(model: Any, folder: Path, size: Size | None) -> Path:
    """The file of the first format that can hold it.

    That is .h5, or a SavedModel where layers are of the user's own classes, which only that holds.
    """
    own = _own_layers(model)
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
            failures.append(f"as {name}: {_first_line(error)}")
    raise _not_saved(model, failures)


def _not_saved(model: Any, failures: list[str]) -> InvalidInput:
    own = _own_layers(model)
    of_own = f", which has layers of your own ({', '.join(own)})," if own else ""
    return InvalidInput(
        f"model: the live Keras model {getattr(model, 'name', '?')!r}{of_own} cannot be saved "
        f"({'; '.join(failures)}); build it as a Functional or Sequential model of Keras layers, "
        "or save it yourself and give the path."
    )


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]


def _own_layers(model: Any) -> list[str]:
    """The classes of its layers that neither Keras nor TensorFlow defines."""
    parts = [model, *getattr(model, "submodules", ())]
    return sorted({type(part).__name__ for part in parts if _is_own(part)})


def _is_own(part: Any) -> bool:
    library = type(part).__module__.partition(".")[0]
    return hasattr(part, "get_config") and library not in ("keras", "tensorflow", "tf_keras")


# --- PyTorch -----------------------------------------------------------------------------------


def _is_module(model: Any) -> bool:
    return any(f"{c.__module__}.{c.__name__}" == _MODULE for c in type(model).__mro__)


_MODULE = "torch.nn.modules.module.Module"


def _save_module(model: Any, folder: Path, size: Size | None) -> Path:
    from sat_nb.saliency.engines.torch.export import export

    return export(model, folder / "model.pt2", size)


LIVE_MODELS: dict[str, LiveModel] = registry(
    LiveModel(
        name="keras3",
        title="a model of Keras 3",
        about="Saved as .keras.",
        is_one=_is_keras_3,
        save=_save_keras_3,
    ),
    LiveModel(
        name="keras2",
        title="a model of Keras 2",
        about="Saved as .h5, or as a SavedModel where layers are of the user's own classes.",
        is_one=_is_keras,
        save=_save_keras_2,
    ),
    LiveModel(
        name="torch",
        title="a torch.nn.Module",
        about="Exported as a program of plain operations, a .pt2 file.",
        is_one=_is_module,
        save=_save_module,
        called=lambda model: type(model).__name__,
    ),
)
"""The kinds of live models by name; the first that recognises a model saves it."""
