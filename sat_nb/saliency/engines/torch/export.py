"""Live PyTorch modules as files: in the caller's process, which holds the module's code.

The engine's process has none of it. A program of plain operations is what it can run.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput

REMEDY = (
    "take what depends on values (if tensor.sum() > 0, .item(), loops over a tensor, numpy) out of "
    "forward or write it with torch.where, or export it yourself with torch.export.export and give "
    "the .pt2 file"
)


def export(module: Any, file: Path, input_size: tuple[int, int] | None = None) -> Path:
    """Write a live ``nn.Module`` as an exported program for any number of images; the file.

    ``input_size`` (height, width) is needed where the module does not tell it (timm's
    ``default_cfg`` and transformers' ``config`` do). Outputs with ``logits``, as those of
    transformers, become these. Raises InvalidInput where it cannot be exported, with the place in
    the module's code.
    """
    import torch

    _check_mode(module)
    _check_weights(module)
    _check_inputs(module)
    shape = _channels(module), *_size(module, input_size)
    like = next(module.parameters(), None)
    kind = torch.float32 if like is None or not like.is_floating_point() else like.dtype
    images = torch.zeros(2, *shape, dtype=kind, device=None if like is None else like.device)
    whole = module if isinstance(_output(module, images), torch.Tensor) else _one_output(module)
    try:
        with torch.no_grad(), _silent():
            program = torch.export.export(
                whole, (images,), dynamic_shapes=({0: torch.export.Dim.AUTO},)
            )
            if _writes_into_parts(program):
                program = program.run_decompositions({})
            torch.export.save(program, file)
    except Exception as error:  # export has many ways to fail, and so has the module's own code
        raise InvalidInput(
            f"model: {type(module).__name__} cannot be exported for images (n, "
            f"{', '.join(map(str, shape))}){_place(error)} ({_reason(error)}); {REMEDY}."
        ) from error
    return file


def _output(module: Any, images: Any) -> Any:
    """What the module returns, checked; InvalidInput where it does not run, or returns several."""
    import torch

    try:
        with torch.no_grad(), _silent():
            output = module(images)
    except Exception as error:  # the module's own code
        raise InvalidInput(
            f"model: {type(module).__name__} does not run on images {tuple(images.shape)}"
            f"{_place(error)} ({_reason(error)}); give the size that it was made for as "
            "input_size=(height, width), or a module that takes images (n, channels, height, "
            "width)."
        ) from error
    try:
        _explained(output)
    except ValueError as error:
        raise InvalidInput(
            f"model: {type(module).__name__}: {error}, in a module around it if need be."
        ) from error
    return output


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """PyTorch warns a lot, and logs whole graphs when an export fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _one_output(module: Any) -> Any:
    """A module that returns what is explained of another's output."""
    import torch

    class Explained(torch.nn.Module):
        """The module's logits, or its only output."""

        def __init__(self) -> None:
            super().__init__()
            self.model = module

        def forward(self, images: Any) -> Any:
            return _explained(self.model(images))

    return Explained().eval()


def _explained(output: Any) -> Any:
    """The tensor to explain in what a module returns."""
    named = output if isinstance(output, dict) else {}
    if "logits" in named:
        return named["logits"]
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, dict | list | tuple):
        parts = list(named.values()) if named else list(output)
        if len(parts) == 1:
            return parts[0]
        kinds = ", ".join(map(str, named)) or f"{len(parts)} values"
        raise ValueError(
            f"its forward returns several outputs ({kinds}); return the one to explain"
        )
    return output


def _check_mode(module: Any) -> None:
    training = [
        name or "the model itself" for name, part in module.named_modules() if part.training
    ]
    acting = [
        name or "the model itself"
        for name, part in module.named_modules()
        if part.training and _acts_in_training(part)
    ]
    if module.training or acting:
        shown = ", ".join(map(repr, (acting or training)[:3]))
        raise InvalidInput(
            f"model: {type(module).__name__} is in training mode ({shown}), in which dropout and "
            "BatchNorm act otherwise than when it predicts; call model.eval() first."
        )


def _acts_in_training(part: Any) -> bool:
    return bool(re.search("Dropout|BatchNorm|InstanceNorm|RReLU|DropPath", type(part).__name__))


def _check_inputs(module: Any) -> None:
    """InvalidInput where forward needs more than images."""
    parameters = inspect.signature(module.forward).parameters.values()
    needed = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if len(needed) > 1:
        raise InvalidInput(
            f"model: {type(module).__name__} takes {len(needed)} inputs ({', '.join(needed)}), "
            "expected images alone; wrap it in a module whose forward takes the images and gives "
            "the others."
        )


def _check_weights(module: Any) -> None:
    broken = [
        name
        for name, value in module.state_dict().items()
        if hasattr(value, "is_floating_point") and value.is_floating_point() and value.isnan().any()
    ]
    if broken:
        raise InvalidInput(
            f"model: {len(broken)} weights of {type(module).__name__} have NaN in them "
            f"({', '.join(broken[:3])}); train it again, with a lower learning rate."
        )


def _size(module: Any, given: tuple[int, int] | None) -> tuple[int, int]:
    if given is not None:
        return given
    timm = getattr(module, "default_cfg", None)
    if isinstance(timm, dict) and timm.get("input_size"):
        return tuple(timm["input_size"][1:])
    size = getattr(getattr(module, "config", None), "image_size", None)
    if isinstance(size, int):
        return size, size
    if isinstance(size, list | tuple) and len(size) == 2:
        return size[0], size[1]
    raise InvalidInput(
        f"model: {type(module).__name__} does not tell the size of its images; give "
        "input_size=(height, width), for example (224, 224)."
    )


def _channels(module: Any) -> int:
    """How many channels the first convolution takes; 3 where there is none."""
    import torch

    told = getattr(getattr(module, "config", None), "num_channels", None)
    if isinstance(told, int):
        return told
    first = next((m for m in module.modules() if isinstance(m, torch.nn.Conv2d)), None)
    return first.in_channels if first is not None else 3


def _writes_into_parts(program: Any) -> bool:
    """Whether the program writes into parts of tensors (``x[:, 0] = y``)."""
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    return any(re.search(r"\b(copy_|index_put_|fill_|masked_fill_|scatter_)\b", n) for n in names)


def _place(error: BaseException) -> str:
    """The last line of the module's own code in an error of export."""
    told = re.findall(r'File "([^"]+)", line (\d+), in (\w+)', str(error))
    trace, ran = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        ran.append((code.co_filename, str(trace.tb_lineno), code.co_name))
        trace = trace.tb_next
    own = [one for one in told or ran if _is_own(one[0])]
    return f" at {own[-1][0]}, line {own[-1][1]}, in {own[-1][2]}" if own else ""


def _is_own(file: str) -> bool:
    """Whether a file is neither of PyTorch nor of what it works with."""
    import torch

    library = str(Path(torch.__file__).parent)
    others = (library, library.removesuffix("torch") + "sympy", __file__, contextlib.__file__, "<")
    return not file.startswith(others)


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:400]
