"""Arithmetic with constants between layers: chains become one operation, or part of a layer.

Bias, BatchNorm and scaling come in many spellings (Keras 3 writes each as operations of their own).
What multiplies by constants and adds constants is one ``addcmul``; right after a layer with weights
it becomes part of these, as BatchNorm does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import fx

from sat_nb.saliency.engines.torch.graph import (
    add_constant,
    argument,
    aten,
    constant,
    like,
    operation,
)
from sat_nb.saliency.engines.torch.operations import PRODUCTS, SUMS

Shapes = dict[fx.Node, tuple[int, ...]]


@dataclass(frozen=True)
class Affine:
    """``x * scale + offset`` of a node's value; both constants broadcast to its shape."""

    x: fx.Node
    scale: torch.Tensor
    offset: torch.Tensor

    def then(self, after: Affine) -> Affine:
        """One map after the other."""
        offset = self.offset * after.scale + after.offset
        return replace(self, scale=self.scale * after.scale, offset=offset)


def batch_norm_map(
    module: fx.GraphModule, node: fx.Node
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The factor and offset (C,) of a BatchNorm at inference; None where they are computed."""
    mean, variance, gamma, beta = (
        constant(module, argument(node, name))
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    if mean is None or variance is None:
        return None
    scale = torch.rsqrt(variance + argument(node, "eps"))
    scale = scale if gamma is None else scale * gamma
    return scale, -mean * scale if beta is None else beta - mean * scale


def affine(module: fx.GraphModule, node: fx.Node, shapes: Shapes) -> Affine | None:
    """The node as a map by constants; None where it is none, or changes the shape."""
    found = _by_name(module, node, shapes)
    known = found is not None and found.x in shapes and shapes.get(node) == shapes[found.x]
    return found if known else None


def _by_name(module: fx.GraphModule, node: fx.Node, shapes: Shapes) -> Affine | None:
    name = operation(node)
    if name == "batch_norm":
        x, vectors = node.args[0], batch_norm_map(module, node)
        if vectors is None or x not in shapes:
            return None
        channels = (-1, *[1] * (len(shapes[x]) - 2))
        return Affine(x, *(vector.reshape(channels) for vector in vectors))
    if name == "addcmul":
        offset, scale = constant(module, node.args[0]), constant(module, node.args[2])
        known = offset is not None and scale is not None and argument(node, "value", 1) == 1
        return Affine(node.args[1], scale, offset) if known else None
    if name in SUMS | PRODUCTS:
        return _of_two(module, node, name)
    return None


def _of_two(module: fx.GraphModule, node: fx.Node, name: str) -> Affine | None:
    """A sum or product of a value and a constant."""
    given = list(node.args[:2])
    computed = [one for one in given if isinstance(one, fx.Node) and one.op != "get_attr"]
    if len(given) != 2 or len(computed) != 1:
        return None
    (x,) = computed
    first = given[0] is x
    number = constant(module, given[1] if first else given[0])
    other = torch.as_tensor(number).to(like(module))
    if name in PRODUCTS:
        return _product(node, x, other, first)
    alpha = argument(node, "alpha", 1)
    zero, one = torch.zeros_like(other), torch.ones_like(other)
    if name == "add":
        scale, offset = (one, alpha * other) if first else (alpha * one, other)
    else:
        first = first != (name == "rsub")
        scale, offset = (one, -alpha * other) if first else (-alpha * one, other)
    return Affine(x, scale + zero, offset)


def _product(node: fx.Node, x: fx.Node, other: torch.Tensor, first: bool) -> Affine | None:
    if operation(node) not in ("mul", "multiply"):
        if not first or argument(node, "rounding_mode"):
            return None
        other = 1 / other
    return Affine(x, other, torch.zeros_like(other))


# --- rewriting ---------------------------------------------------------------------------------


def constants_join_layers(module: fx.GraphModule, shapes: Shapes) -> int:
    """Rewrite the graph in place; returns how many operations became part of a layer."""
    n_joined = 0
    for node in list(module.graph.nodes):
        found = affine(module, node, shapes)
        if found is None:
            continue
        chain = _chained(module, found, shapes)
        if _joins(module, node, chain, shapes):
            n_joined += 1
        elif chain is not found:
            _one_operation(module, node, chain, shapes)
    return n_joined


def _chained(module: fx.GraphModule, found: Affine, shapes: Shapes) -> Affine:
    """The map from where the chain of such operations before it begins."""
    before = affine(module, found.x, shapes) if len(found.x.users) == 1 else None
    return before.then(found) if before is not None else found


def _one_operation(module: fx.GraphModule, node: fx.Node, chain: Affine, shapes: Shapes) -> None:
    offset, scale = (
        add_constant(module, tensor, node)
        for tensor in torch.broadcast_tensors(chain.offset, chain.scale)
    )
    with module.graph.inserting_before(node):
        new = module.graph.call_function(aten.addcmul.default, (offset, chain.x, scale))
    new.meta, shapes[new] = dict(node.meta), shapes[node]
    node.replace_all_uses_with(new)
    _erase(module, node, chain.x)


_KERNELS = {
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "linear": -1,
    "matmul": -1,
    "mm": -1,
    "addmm": -1,
}
"""Operations with weights that constants can join, and their axis of outputs."""


def _joins(module: fx.GraphModule, node: fx.Node, chain: Affine, shapes: Shapes) -> bool:
    """Make a map of each channel part of the layer before it, if there is one."""
    source, moved = chain.x, []
    while operation(source) == "permute" and len(source.users) == 1:
        moved.append([axis % len(shapes[node]) for axis in argument(source, "dims")])
        source = source.args[0]
    name = operation(source)
    if name == "convolution" and not argument(source, "transposed"):
        name = f"conv{len(shapes[source]) - 2}d"
    if name not in _KERNELS or len(source.users) != 1 or source not in shapes:
        return False
    n_axes = len(shapes[source])
    axis = _KERNELS[name] % n_axes
    for dims in reversed(moved):
        axis = dims.index(axis)
    vectors = [_vector(tensor, axis, shapes[node]) for tensor in (chain.scale, chain.offset)]
    if any(vector is None for vector in vectors) or not _weighted(module, source, *vectors):
        return False
    node.replace_all_uses_with(chain.x)
    _erase(module, node, chain.x)
    return True


def _erase(module: fx.GraphModule, node: fx.Node, end: fx.Node) -> None:
    """Take a chain out of the graph, so that nothing in it counts as a user of ``end``."""
    while node is not end and not node.users:
        before = [one for one in node.all_input_nodes if one.op != "get_attr"]
        module.graph.erase_node(node)
        (node,) = before


def _vector(tensor: torch.Tensor, axis: int, shape: tuple[int, ...]) -> torch.Tensor | None:
    """The numbers for each channel, where those for all places are the same."""
    whole = tensor.reshape([1] * (len(shape) - tensor.dim()) + list(tensor.shape))
    if any(size != 1 for place, size in enumerate(whole.shape) if place != axis):
        return None
    return whole.reshape(-1).expand(shape[axis]).contiguous()


def _weighted(
    module: fx.GraphModule, source: fx.Node, scale: torch.Tensor, offset: torch.Tensor
) -> bool:
    """Give the layer weights that are scaled, and a bias that is moved."""
    name = operation(source)
    if name in ("matmul", "mm"):
        weight = constant(module, source.args[1])
        if weight is None or weight.dim() != 2 or source.args[0].op == "get_attr":
            return False
        x, bias, rest, weight = source.args[0], None, (), weight.t()
        source.target = aten.linear.default
    elif name == "addmm":
        weight, bias = constant(module, source.args[2]), constant(module, source.args[0])
        plain = argument(source, "alpha", 1) == 1 and argument(source, "beta", 1) == 1
        if weight is None or bias is None or not plain:
            return False
        x, rest, weight = source.args[1], (), weight.t()
        source.target = aten.linear.default
    else:
        weight = constant(module, argument(source, "weight"))
        bias = constant(module, argument(source, "bias"))
        if weight is None or (bias is None and argument(source, "bias") is not None):
            return False
        x, rest = source.args[0], tuple(source.args[3:])
    scaled = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
    moved = offset if bias is None else bias * scale + offset
    new = [add_constant(module, value.contiguous(), source) for value in (scaled, moved)]
    source.args = (x, *new, *rest)
    source.kwargs = {
        k: v for k, v in source.kwargs.items() if k not in ("weight", "bias", "alpha", "beta")
    }
    return True
