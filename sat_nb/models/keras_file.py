"""The gate before every model file: it is checked, and only then Keras loads it.

The one place of the package that loads a saved model. What a file may hold stands in ``allowed``.
"""

from __future__ import annotations

import math
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.models.hdf5 import check_model, check_version
from sat_nb.models.hdf5_walk import check_readable
from sat_nb.models.keras_zip import check_archive, check_metadata
from sat_nb.models.refused import Refused, Unreadable, damaged
from sat_nb.models.saved_model import check_saved_model, is_saved_model

MAX_VARIABLES = 2, 2**26  # times the weights in the file, and bytes beside that
MAX_OUTPUT_BYTES = 2**31  # of one layer, for one image


def plain_model(path: Path) -> Path:
    """The path of a model; FileMissing or InvalidInput where no model can be there."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError as error:
        raise FileMissing(
            f"model: {_shown(path)} does not exist; give the path of a saved model."
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"model: {_shown(path)} cannot be opened ({_brief(error)}).") from error
    if stat.S_ISDIR(found) and not is_saved_model(path):
        raise InvalidInput(
            f"model: {_shown(path)} is a folder without saved_model.pb; give the file or the "
            "folder that model.save wrote."
        )
    if not stat.S_ISDIR(found) and not stat.S_ISREG(found):
        raise InvalidInput(
            f"model: {_shown(path)} is no plain file but a pipe or device; give the file that "
            "model.save wrote."
        )
    return path


def load_keras(path: Path, *, trusted: bool) -> Any:
    """The Keras model in a file or folder, with its weights.

    Unless it is ``trusted``, everything in it must only compute, and it may not be larger in memory
    than on disk, give or take. TensorFlow is imported.

    Raises FileMissing; InvalidInput where it cannot be read or is refused, with what it would run.
    """
    if not isinstance(trusted, bool):
        raise InvalidInput(f"trust_model: expected True or False, got {trusted!r:.100}.")
    try:
        with _opened(plain_model(path), trusted) as (source, bound):
            return _loaded(source, bound, trusted)
    except Refused as refused:
        raise InvalidInput(_sentence(path, refused)) from refused


def check_outputs(model: Any) -> None:
    """Refused where a layer makes more of one image than fits into memory; unknown sizes pass."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            check_outputs(layer)
        for node in layer._inbound_nodes:
            for shape in _shapes(node.output_shapes):
                if math.prod(n or 1 for n in shape) * 4 > MAX_OUTPUT_BYTES:
                    raise Refused(
                        f"layer {layer.name!r} ({type(layer).__name__}) makes {tuple(shape)} "
                        f"numbers of an image, more than {MAX_OUTPUT_BYTES} bytes"
                    )


def _sentence(path: Path, refused: Refused) -> str:
    colon = "" if isinstance(refused, Unreadable) else ":"
    return f"model: {_shown(path)}{colon} {refused.problem[:1000]}; {refused.remedy}."


def _shown(path: Path) -> str:
    text = str(path)
    return repr(text if len(text) < 400 else f"{text[:200]}...{text[-150:]}")


@contextmanager
def _opened(path: Path, trusted: bool) -> Iterator[tuple[Any, int | None]]:
    """What Keras is to load, once it was checked, and how many bytes of weights it may make."""
    with ExitStack() as stack:
        try:
            if path.is_dir():
                source, bound = str(path), None if trusted else check_saved_model(path)
            elif str(path).endswith(".keras") and zipfile.is_zipfile(path):
                check_metadata(path)
                source, bound = str(path), None if trusted else check_archive(path)
            else:
                import h5py

                check_readable(path)
                source = stack.enter_context(h5py.File(path, "r"))
                check_version(source.attrs.get("keras_version"))
                bound = None if trusted else check_model(source, path.stat().st_size)
        except (Refused, MemoryError):
            raise
        except Exception as error:  # h5py and protocol buffers have many ways to fail
            raise damaged(_brief(error)) from error
        yield source, bound


def _loaded(source: Any, bound: int | None, trusted: bool) -> Any:
    import tensorflow as tf

    weights = _Weights(None if bound is None else MAX_VARIABLES[0] * bound + MAX_VARIABLES[1])
    try:
        with tf.variable_creator_scope(weights.counted):
            model = tf.keras.models.load_model(
                source, custom_objects=_unregistered(), compile=False, safe_mode=not trusted
            )
    except Exception as error:
        weights.check()
        raise damaged(_brief(error)) from error
    weights.check()
    if not trusted and hasattr(model, "layers"):
        check_outputs(model)
    return model


def _unregistered() -> dict[str, Any]:
    """Layers of Keras' own that it does not find by their names."""
    with suppress(ImportError):
        from keras.src.applications.convnext import LayerScale

        return {"LayerScale": LayerScale}
    return {}


@dataclass
class _Weights:
    """Counts the bytes of the variables that are made, before they take memory."""

    most: int | None
    n_bytes: int = 0

    def counted(self, create: Any, **given: Any) -> Any:
        """Make a variable, as TensorFlow calls it."""
        self.n_bytes += _variable_bytes(given.get("shape"), given.get("dtype"))
        self.check()
        return create(**given)

    def check(self) -> None:
        """Refused for more bytes than allowed; Keras may have turned that into another error."""
        if self.most is not None and self.n_bytes > self.most:
            raise Refused("its layers have more weights than the file holds")


def _variable_bytes(shape: Any, dtype: Any) -> int:
    import tensorflow as tf

    sizes = tf.TensorShape(shape)
    if not sizes.is_fully_defined():
        return 0
    return math.prod(sizes.as_list()) * (tf.as_dtype(dtype).size if dtype is not None else 4)


def _shapes(shapes: Any) -> list[Any]:
    """The shapes in what Keras says of a layer's outputs: one of them, or several."""
    if isinstance(shapes, tuple | list) and shapes and not isinstance(shapes[0], int | None):
        return [one for each in shapes for one in _shapes(each)]
    return [shapes]


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:500]}"
