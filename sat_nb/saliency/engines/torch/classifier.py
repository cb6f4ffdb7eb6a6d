"""What makes a program a classifier of images: its input, its logits and its head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from sat_nb.saliency.engines.torch.graph import (
    Unfit,
    argument,
    describe,
    operation,
    runnable,
    the_output,
)
from sat_nb.saliency.engines.torch.operations import ACTIVATIONS

HEADS: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda logits: torch.softmax(logits, dim=1),
    "sigmoid": torch.sigmoid,
    "logits": lambda logits: logits,
}
"""From logits (n, k) to the saved model's outputs, by the name of its head."""

_HEADS = {
    "softmax": "softmax",
    "_softmax": "softmax",
    "_safe_softmax": "softmax",
    "log_softmax": "softmax",
    "_log_softmax": "softmax",
    "sigmoid": "sigmoid",
    "log_sigmoid": "sigmoid",
}
_NO_LOGITS = ACTIVATIONS | frozenset(
    ["argmax", "exp", "max", "topk", "sort", "round", "sign", "softmax"]
)


def input_layout(sizes: tuple[int | None, ...]) -> bool:
    """Whether images enter as (n, C, H, W), not (n, H, W, C); Unfit where they are no images."""
    if len(sizes) == 4 and sizes[1] in (1, 3):
        return True
    if len(sizes) == 4 and sizes[3] in (1, 3):
        return False
    shown = tuple("n" if i == 0 and size is None else size for i, size in enumerate(sizes))
    raise Unfit(
        f"expected images (n, 3, height, width) or (n, 1, height, width) as input, got {shown}",
        "export a model that takes images of three channels or one",
    )


def input_size(sizes: tuple[int | None, ...], wanted: tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) of the input; ``wanted`` fills in what the program leaves open."""
    height, width = sizes[2:] if input_layout(sizes) else sizes[1:3]
    if wanted is None and None in (height, width):
        raise Unfit("the input has no fixed height and width", "give input_size=(height, width)")
    size = wanted or (height, width)
    if height not in (None, size[0]) or width not in (None, size[1]):
        raise Unfit(
            f"input_size is {size}, but the model takes {(height, width)}", "leave input_size out"
        )
    return size  # type: ignore[return-value]


def without_activation(module: fx.GraphModule) -> tuple[str, tuple[str, ...]]:
    """Let the graph end in its logits; the name of its head in HEADS, and what changed, in words.

    Raises Unfit where the model ends in anything else.
    """
    last = the_output(module.graph)
    name = operation(last)
    if name not in _HEADS:
        if name in _NO_LOGITS:
            raise Unfit(
                f"expected softmax, sigmoid or no activation at its end, got {describe(last)}",
                "export the model with one of these at its end",
            )
        return "logits", ()
    if _HEADS[name] == "softmax" and argument(last, "dim") not in (1, -1):
        raise Unfit(
            f"{describe(last)} goes over axis {argument(last, 'dim')}, not over the classes",
            "export it with dim=1",
        )
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    output.args = (last.args[0],)
    runnable(module)
    change = f"{describe(last)} taken off"
    logs = "; predictions are its probabilities, not their logarithms" if "log" in name else ""
    return _HEADS[name], (change + logs,)


def check_output(shape: tuple[int, ...], last: fx.Node, head: str) -> int:
    """The number of logits; Unfit unless the output is (n, n_classes)."""
    if len(shape) != 2 or shape[1] < 1:
        squeezed = " (squeezed?)" if len(shape) == 1 else ""
        raise Unfit(
            f"expected an output (n, n_classes), got {('n', *shape[1:])}{squeezed} from "
            f"{describe(last)}",
            "export a classifier: one output a class, in two axes",
        )
    if shape[1] == 1 and head == "softmax":
        raise Unfit(
            "its one output is the softmax of one value, which is 1 whatever the model sees",
            "end it in a sigmoid, or in a softmax of one output a class, and train it again",
        )
    return shape[1]
