"""Model files, read and checked: the classifier that all methods explain."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import fx

from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput, shorten
from sat_nb.models.keras_file import plain_model
from sat_nb.models.refused import Refused
from sat_nb.models.torch_program import is_torch_file, read_program
from sat_nb.saliency.engines.torch import keras3, program, rewrite
from sat_nb.saliency.engines.torch.classifier import (
    HEADS,
    check_output,
    input_layout,
    input_size,
    without_activation,
)
from sat_nb.saliency.engines.torch.graph import Unfit, Walk, the_output
from sat_nb.saliency.engines.torch.program import Program
from sat_nb.saliency.engines.torch.scaling import Scaling, scaling_of
from sat_nb.saliency.model_file import ModelFacts, ModelFile

DEVICE = "SAT_NB_TORCH_DEVICE"
"""The variable of the environment that names the device: "cpu", "cuda", "cuda:1", "mps"."""

TOLERANCE = 1e-4
"""How much outputs may differ after rewriting, as a share of the largest."""


@dataclass(frozen=True)
class Classifier:
    """A model up to its logits, in operations that the methods support.

    ``module`` takes a tensor of images in the model's own layout and gives the logits (n, k).
    ``explained`` turns them into what is explained. ``batch`` is the number of images that the
    program was exported for; None for any. ``shapes`` {node: shape of its value for two images}.
    """

    module: fx.GraphModule
    facts: ModelFacts
    n_logits: int
    channels_first: bool
    dtype: torch.dtype
    device: torch.device
    scaling: Scaling
    shapes: dict[fx.Node, tuple[int, ...]]
    batch: int | None = None
    explained: Callable[[Any], Any] = field(default=HEADS["logits"])

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (H, W, C) of one image."""
        return self.facts.input_shape

    @cached_property
    def head(self) -> Callable[[Any], Any]:
        """From the logits to the saved model's outputs."""
        return HEADS[self.facts.head]

    def explaining(self, output: str) -> Classifier:
        """The classifier whose "logit" or "probability" is explained."""
        return self if output == "logit" else replace(self, explained=self.head)

    def tensor(self, batch: Any) -> Any:
        """Images (n, H, W, C) as the model takes them."""
        array = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device, self.dtype)
        return self.turned(array)

    def turned(self, images: Any) -> Any:
        """A tensor (n, H, W, C) in the model's layout."""
        return images.permute(0, 3, 1, 2) if self.channels_first else images

    def maps(self, tensor: Any) -> Float32:
        """A tensor in the model's layout as maps (n, H, W, C)."""
        images = tensor.permute(0, 2, 3, 1) if self.channels_first else tensor
        return np.ascontiguousarray(images.detach().cpu().numpy().astype(np.float32))

    def outputs(self, batch: Float32, output: str) -> tuple[Float32, Float32]:
        """The saved model's outputs (n, n_classes), and what is explained of them (n, n_logits)."""
        with torch.no_grad():
            parts = [self.module(self.tensor(some)) for some in self.batches(batch)]
            logits = torch.cat(parts)[: len(batch)]
            predicted = self.head(logits)
        if self.n_logits == 1:
            both = torch.cat([-logits, logits], dim=1)
            predicted = self.head(both)
            explained = logits if output == "logit" else predicted[:, 1:]
        else:
            explained = logits if output == "logit" else predicted
        return _array(predicted), _array(explained)

    def batches(self, batch: Any) -> list[Any]:
        """The images as they may go through the model; the last batch is filled up."""
        if self.batch is None or len(batch) == 0:
            return [batch]
        n = -(-len(batch) // self.batch) * self.batch
        filled = np.concatenate([batch, np.repeat(batch[-1:], n - len(batch), axis=0)])
        return np.split(filled, n // self.batch)


def _array(tensor: Any) -> Float32:
    return tensor.cpu().numpy().astype(np.float32)


def the_device() -> torch.device:
    """Where the engine computes: what the environment names, or a GPU of CUDA, or the processor."""
    named = os.environ.get(DEVICE)
    if not named:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=named).item()
    except Exception as error:
        reason = str(error).split("\n")[0]
        raise InvalidInput(
            f"{DEVICE}: {named!r} cannot be used here ({reason:.200}); expected 'cpu', 'cuda', "
            "'cuda:1' or 'mps': set it to 'cpu', or unset it."
        ) from error
    return torch.device(named)


def devices() -> list[str]:
    """The devices by their names in :data:`DEVICE`, the one in use first."""
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    there += ["mps"] if torch.backends.mps.is_available() else []
    used = str(the_device())
    used = "cuda:0" if used == "cuda" else used
    return [used, *(name for name in there if name != used)]


def read_classifier(file: ModelFile, *, dtype: torch.dtype = torch.float32) -> Classifier:
    """The classifier in a file, rewritten and compared with what it was.

    ``dtype`` is the type of all numbers in it. Raises FileMissing and InvalidInput where the file
    is absent, unreadable, refused, or no classifier of images.
    """
    device = the_device()
    try:
        return classifier(_read(file, dtype, device), file.input_size, dtype, device)
    except (Unfit, Refused) as unfit:
        raise InvalidInput(f"model: {_called(file)}: {unfit.problem}; {unfit.remedy}.") from unfit
    except (InvalidInput, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a program may hold any call that its operations do not take
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise InvalidInput(
            f"model: {_called(file)}: cannot be run as it is written ({reason:.300}); "
            f"{program.SAVE_AGAIN}."
        ) from error


def _called(file: ModelFile) -> str:
    """The model in messages: its file, or the name of a live one, whose file is temporary."""
    path = Path(file.path)
    return repr(file.path) if path.stem == file.name else repr(file.name)


def _read(file: ModelFile, dtype: torch.dtype, device: torch.device) -> Program:
    path = plain_model(Path(file.path))
    if not is_torch_file(path):
        exported, layers = keras3.exported(path, file.input_size, trusted=file.trusted)
        return program.of_exported(exported, dtype, device, layers)
    try:
        return program.of_archive(read_program(path), dtype, device)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise Unfit(f"is damaged ({reason:.200})", program.SAVE_AGAIN) from error
    except Refused as refused:
        if not file.trusted or type(refused) is not Refused:
            raise
    try:
        return program.of_exported(torch.export.load(path), dtype, device)
    except Exception as error:  # a file of any content
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise Unfit(f"cannot be loaded ({reason:.300})", program.SAVE_AGAIN) from error


def classifier(
    saved: Program, wanted: tuple[int, int] | None, dtype: torch.dtype, device: torch.device
) -> Classifier:
    """The classifier of a program as it was saved; Unfit where it is none."""
    channels_first = input_layout(saved.sizes)
    height, width = input_size(saved.sizes, wanted)
    n_channels = saved.sizes[1 if channels_first else 3]
    assert n_channels is not None
    shape = (height, width, n_channels)
    _check_weights(saved)
    n = saved.sizes[0] or 2
    sizes = (n, n_channels, height, width) if channels_first else (n, *shape)
    rewrite.sizes(saved.module, sizes)
    module = fx.GraphModule(saved.module, copy.deepcopy(saved.module.graph))
    notes = rewrite.training(module)
    changes = rewrite.rewritten(module, sizes)
    head, off = without_activation(module)
    images = _images(sizes, channels_first, dtype, device)
    shapes = _shapes(module, images[0])
    last = the_output(module.graph)
    n_logits = check_output(shapes.get(last, ()), last, head)
    _check_equal(saved.module, module, head, images, notes)
    scaling = scaling_of(module, shapes, channels_first=channels_first)
    if channels_first:  # as photos lie in memory; else every layer would turn its weights around
        module.to(memory_format=torch.channels_last)
    facts = ModelFacts(
        shape,
        max(n_logits, 2),
        head,
        (*saved.changes, *changes, *off, *scaling.changes),
        notes,
        scaling.mean,
    )
    return Classifier(
        module, facts, n_logits, channels_first, dtype, device, scaling, shapes, saved.sizes[0]
    )


def _check_weights(saved: Program) -> None:
    broken = [
        name
        for attribute, name in saved.names.items()
        if (weight := getattr(saved.module, attribute)).is_floating_point()
        and not weight.isfinite().all()
        and weight.isnan().any()
    ]
    if broken:
        raise Unfit(
            f"{len(broken)} of its weights have NaN in them: {shorten(broken)}",
            "train it again, with a lower learning rate, and save it",
        )


# --- whether it is the same model --------------------------------------------------------------


def _images(
    sizes: tuple[int, ...], channels_first: bool, dtype: torch.dtype, device: torch.device
) -> list[Any]:
    """Noise and blocks at the scales that preprocessings make."""
    random = np.random.default_rng(0)
    n, *rest = sizes
    height, width, n_channels = (rest[1], rest[2], rest[0]) if channels_first else rest
    coarse = random.uniform(0, 1, (n, 4, 4, n_channels))
    blocks = coarse[:, np.arange(height) * 4 // height][:, :, np.arange(width) * 4 // width]
    noise = random.uniform(0, 1, (n, height, width, n_channels))
    shares = np.where(np.arange(n)[:, None, None, None] % 2 == 0, noise, blocks)
    tensor = torch.from_numpy(shares).to(device, dtype)
    tensor = tensor.permute(0, 3, 1, 2) if channels_first else tensor
    return [low + (high - low) * tensor for low, high in ((0, 1), (-2, 2), (0, 255))]


def _shapes(module: fx.GraphModule, images: Any) -> dict[fx.Node, tuple[int, ...]]:
    found: dict[fx.Node, tuple[int, ...]] = {}

    def seen(node: fx.Node, value: Any) -> None:
        if isinstance(value, torch.Tensor):
            found[node] = tuple(value.shape)

    with torch.no_grad():
        try:
            Walk(module, seen=seen).run(images)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n")[0]
            raise Unfit(
                f"does not run on images {tuple(images.shape)} ({reason:.300})",
                "export it for images of its size, with a dynamic number of them",
            ) from error
    return found


def _check_equal(
    saved: fx.GraphModule,
    module: fx.GraphModule,
    head: str,
    images: list[Any],
    notes: tuple[str, ...],
) -> None:
    """Unfit where the rewritten model differs from the saved one, or has nothing to explain."""
    found = []
    with torch.no_grad():
        for tensor in images:
            expected, logits = saved(tensor), module(tensor)
            found.append(logits)
            if notes:
                continue
            again = saved(tensor)
            largest = expected.abs().max().clamp(min=1e-30)
            if ((again - expected).abs().max() > TOLERANCE * largest).item():
                raise Unfit("gives other outputs each time it sees the same image", _NO_RANDOM)
            came = HEADS[head](logits)
            if not (_alike(came, expected) or _alike(came.log(), expected)):
                far = ((came - expected).abs().max() / largest).item()
                raise Unfit(
                    f"in the form that is explained, its outputs differ by {far:.1g} of the "
                    "largest on test images",
                    "its maps would be wrong; please report it",
                )
    every = torch.cat(found)
    if not (every.max(dim=0).values - every.min(dim=0).values).any():
        raise Unfit(
            "gives the same outputs whatever it sees (test images), so there is nothing to explain",
            "check that its weights were loaded and trained",
        )


_NO_RANDOM = "export it without what is random"


def _alike(came: Any, expected: Any) -> bool:
    largest = expected.abs().max().clamp(min=1e-30)
    both = torch.isfinite(came) & torch.isfinite(expected)
    return bool(((came - expected)[both].abs() <= TOLERANCE * largest).all())
