"""Models of Keras, loaded by Keras 3 on PyTorch and exported as a program."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from sat_nb.errors import shorten
from sat_nb.models.refused import Refused
from sat_nb.saliency.engines.torch.graph import Unfit
from sat_nb.saliency.engines.torch.keras_config import readable

ON_KERAS_2 = "explain it with engine='keras', which has Keras 2"


def exported(
    path: Path, size: tuple[int, int] | None, *, trusted: bool
) -> tuple[Any, dict[str, tuple[str, str]]]:
    """The model in a Keras file, of Keras 2 or 3, as an exported program, and its layers' names.

    ``size`` fills in the height and width that the model leaves open. Raises Unfit and Refused.
    """
    keras = _keras()
    if not trusted:
        _check(path)
    try:
        with readable(path) as (fitting, names):
            model = keras.saving.load_model(
                fitting, custom_objects=_of_keras_2(keras), compile=False, safe_mode=not trusted
            )
    except Exception as error:  # Keras has many ways to fail
        raise Unfit(
            f"cannot be loaded by Keras {keras.__version__} ({_brief(error)})",
            f"save it again with Keras 3 as model.save('model.keras'), or {ON_KERAS_2}",
        ) from error
    shape = _input_shape(model, size)
    _check_weights(model)
    program, layers = export_keras(model, shape)
    return program, {place: (names.get(name, name), kind) for place, (name, kind) in layers.items()}


def _check_weights(model: Any) -> None:
    broken = [one.path for one in model.variables if torch.isnan(one.value).any()]
    if broken:
        raise Unfit(
            f"{len(broken)} of its weights have NaN in them: {shorten(broken)}",
            "train it again, with a lower learning rate, and save it",
        )


def _keras() -> Any:
    """Keras 3 on PyTorch; which backend it has is settled when it is imported first."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ImportError as error:
        raise Unfit(
            f"is a model of Keras, and Keras 3 cannot be imported here ({error})",
            f"pip install 'keras>=3' where the engine is, or {ON_KERAS_2}",
        ) from error
    if keras.__version__.startswith("2.") or keras.backend.backend() != "torch":
        raise Unfit(
            f"is a model of Keras, and there is Keras {keras.__version__} on another backend",
            "set KERAS_BACKEND=torch in the environment of the engine",
        )
    return keras


def _of_keras_2(keras: Any) -> dict[str, type]:
    """Layers that take the descriptions of Keras 2, which name options that Keras 3 lacks."""

    def taking_both(base: Any) -> type:
        def from_config(cls: Any, config: dict[str, Any]) -> Any:
            plain = dict(config)
            for name in ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
                if name not in inspect.signature(base.__init__).parameters:
                    plain.pop(name, None)
            return cls(**plain)

        return type(base.__name__, (base,), {"from_config": classmethod(from_config)})

    names = ("DepthwiseConv2D", "SeparableConv2D")
    return {name: taking_both(getattr(keras.layers, name)) for name in names}


def _check(path: Path) -> None:
    """Refused for a file that could do more than compute."""
    import h5py

    from sat_nb.models.hdf5 import check_model
    from sat_nb.models.keras_zip import check_archive

    try:
        if path.suffix == ".keras":
            check_archive(path)
        else:
            with h5py.File(path, "r") as file:
                check_model(file, path.stat().st_size)
    except Refused:
        raise
    except Exception as error:
        raise Unfit(
            f"cannot be read ({_brief(error)})",
            "expected a whole model that model.save('model.keras') or model.save('model.h5') wrote",
        ) from error


def _input_shape(model: Any, size: tuple[int, int] | None) -> tuple[int, ...]:
    """(H, W, C) of the one input; Unfit where the model is no classifier of images."""
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) != 1 or len(model.outputs) != 1:
        names = ", ".join(repr(str(one.name)) for one in (*inputs, *getattr(model, "outputs", ())))
        raise Unfit(
            f"expected one input, the image, and one output, got {names or 'none'}",
            "save keras.Model(image, output) with the one output to explain",
        )
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise Unfit(
            f"expected images (None, height, width, 3) or (..., 1) as input, got {shape}",
            "save a model that takes channels-last images",
        )
    height, width, channels = shape[1:]
    if size is None and None in (height, width):
        raise Unfit(
            f"the input {shape} has no fixed height and width", "give input_size=(height, width)"
        )
    wanted = size or (height, width)
    if height not in (None, wanted[0]) or width not in (None, wanted[1]):
        raise Unfit(
            f"input_size is {wanted}, but the model takes {(height, width)}", "leave input_size out"
        )
    return (*wanted, channels)


class _Called(torch.nn.Module):
    """A layer, called as a module, so that the program knows its operations' layer."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = [layer]  # in a list: its weights are not this module's

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer does at inference."""
        (layer,) = self.layer
        if getattr(layer, "_call_has_training_arg", False):
            kwargs["training"] = False
        return layer(*args, **kwargs)


class _Model(torch.nn.Module):
    """A Functional or Sequential model, layer by layer."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        functional = getattr(model, "_functional", None) or model
        self._model = [model, functional]
        operations = list(getattr(functional, "operations", []))
        self.names = [operation.name for operation in operations]
        self.known = [(one.name, type(one).__name__) for one in operations]
        self.layers = torch.nn.ModuleList(map(_Called, operations))

    def forward(self, images: Any) -> Any:
        """The model's output."""
        model, functional = self._model
        if not hasattr(functional, "_run_through_graph"):
            return model(images, training=False)
        (output,) = _leaves(
            functional._run_through_graph(_as_inputs(functional, images), operation_fn=self._called)
        )
        return output

    def _called(self, operation: Any) -> Callable[..., Any]:
        return self.layers[self.names.index(operation.name)]


def _as_inputs(functional: Any, images: Any) -> Any:
    return functional._standardize_inputs(images)


def _leaves(outputs: Any) -> list[Any]:
    return list(torch.utils._pytree.tree_leaves(outputs))


def export_keras(model: Any, shape: tuple[int, ...]) -> tuple[Any, dict[str, tuple[str, str]]]:
    """The live model as an exported program for any number of images (H, W, C).

    With it comes {path of a module in the program: the layer's name and class}.
    """
    module = _Model(model).eval()
    images = torch.zeros(2, *shape)
    try:
        with torch.no_grad():
            program = torch.export.export(
                module, (images,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
            )
    except Exception as error:
        raise Unfit(
            f"cannot be exported from Keras to PyTorch ({_brief(error)})",
            f"build it from layers of Keras that only compute, or {ON_KERAS_2}",
        ) from error
    return program, {f"layers.{number}": layer for number, layer in enumerate(module.known)}


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:400]}".strip().split("\n")[0]
