"""The affine beginning of a model: what it does to its own input before its first layer.

Relevance ends where this ends, as if the user had preprocessed the photos so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from sat_nb.saliency.engines.torch.affine import Shapes, affine
from sat_nb.saliency.engines.torch.graph import Walk, describe, like, the_input


@dataclass(frozen=True)
class Scaling:
    """``end`` is the node whose value is the scaled input; ``mean`` factor and offset, or None."""

    end: fx.Node
    mean: tuple[float, float] | None = None
    changes: tuple[str, ...] = ()


def scaling_of(module: fx.GraphModule, shapes: Shapes, *, channels_first: bool) -> Scaling:
    """The longest beginning of the graph that maps each channel to itself by factor and offset."""
    start = end = the_input(module.graph)
    changes = []
    while len(end.users) == 1:
        (node,) = end.users
        if not _is_affine(module, node, shapes, channels_first) or not _goes_on(node):
            break
        end = node
        changes.append(f"{describe(node)} joined the preprocessing")
    if end is start:
        return Scaling(start)
    return Scaling(end, _factor_and_offset(module, start, end, shapes[start]), tuple(changes))


def _goes_on(node: fx.Node) -> bool:
    return all(user.op != "output" for user in node.users)


def _is_affine(module: fx.GraphModule, node: fx.Node, shapes: Shapes, channels_first: bool) -> bool:
    found = affine(module, node, shapes)
    return found is not None and all(
        _a_channel(number, channels_first) for number in (found.scale, found.offset)
    )


def _a_channel(number: torch.Tensor, channels_first: bool) -> bool:
    """Whether a constant is one number, or one for each channel."""
    shape = (1, 1, 1, 1, *number.shape)[-4:]
    others = (shape[0], *shape[2:]) if channels_first else shape[:3]
    return all(size == 1 for size in others)


def _factor_and_offset(
    module: fx.GraphModule, start: fx.Node, end: fx.Node, shape: tuple[int, ...]
) -> tuple[float, float]:
    class Found(Exception):
        pass

    values = []

    def seen(node: fx.Node, value: Any) -> None:
        if node is end:
            values.append(value)
            raise Found

    for number in (0.0, 1.0):
        try:
            images = torch.full(shape, number).to(like(module))
            Walk(module, seen=seen).run(images)
        except Found:
            continue
    zero, one = values
    return float((one - zero).mean()), float(zero.mean())
