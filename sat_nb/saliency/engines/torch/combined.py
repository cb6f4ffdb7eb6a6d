"""Models whose one output is a combination of logits: -z, or f_a - f_b.

Deep Taylor decomposes a positive value, neuron by neuron. A combination is the output of a neuron
of its own, whose weights are those of the last layer, combined alike: w_a - w_b for f_a - f_b.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import fx

from sat_nb.saliency.engines.torch.graph import (
    add_constant,
    argument,
    aten,
    constant,
    depending,
    operation,
    runnable,
    the_output,
)
from sat_nb.saliency.engines.torch.load import Classifier
from sat_nb.saliency.engines.torch.relevance import never_negative

_WITHIN_CHANNELS = (*("adaptive_avg_pool2d", "avg_pool2d", "mean"), "_adaptive_avg_pool2d")
_FLATTENING = ("flatten", "reshape", "squeeze")


def combined(classifier: Classifier, weights: torch.Tensor) -> Classifier:
    """The classifier with the one output sum_k weights[k] * logit_k.

    The last operation with weights takes the combination. Where there is none before the logits, a
    new one does, which needs logits that are never negative: NotImplementedError where they may be.
    """
    names = {node: node.name for node in classifier.module.graph.nodes}
    module = fx.GraphModule(classifier.module, copy.deepcopy(classifier.module.graph))
    by_name = {node.name: node for node in module.graph.nodes}
    weights = weights.to(classifier.device, classifier.dtype)
    place = _last_with_weights(module, classifier.n_logits)
    if place is not None:
        _fold(module, place, weights)
    elif the_output(module.graph) in never_negative(module.graph, depending(module.graph)):
        _append(module, weights)
    else:
        raise NotImplementedError("its logits are not made by a convolution or a linear layer")
    runnable(module)
    scaling = replace(classifier.scaling, end=by_name[names[classifier.scaling.end]])
    return replace(classifier, module=module, n_logits=1, scaling=scaling)


def _last_with_weights(module: fx.GraphModule, n_logits: int) -> fx.Node | None:
    """The node that makes the logits, but for averages of each of them and reshaping."""
    node = the_output(module.graph)
    while operation(node) in (*_WITHIN_CHANNELS, *_FLATTENING):
        node = node.args[0]
        if len(node.users) != 1:
            return None
    name, axis = _weight_of(node)
    weight = constant(module, argument(node, name)) if name else None
    if weight is None or weight.shape[axis] != n_logits or argument(node, "groups", 1) != 1:
        return None
    return node


def _weight_of(node: fx.Node) -> tuple[str, int]:
    """The argument that is a node's weight, and its axis of outputs; "" where it has none."""
    if operation(node) in ("conv2d", "linear"):
        return "weight", 0
    if operation(node) == "convolution" and not argument(node, "transposed"):
        return "weight", 0
    return ("mat2", 1) if operation(node) in ("addmm", "mm") else ("", 0)


def _fold(module: fx.GraphModule, node: fx.Node, weights: torch.Tensor) -> None:
    name, axis = _weight_of(node)
    bias_name = "self" if operation(node) == "addmm" else "bias"
    new = {name: _sum(constant(module, argument(node, name)), weights, axis)}
    bias = constant(module, argument(node, bias_name)) if operation(node) != "mm" else None
    if bias is not None:
        new[bias_name] = (bias * weights).sum()[None]
    places = [one.name for one in node.target._schema.arguments]
    args = list(node.args)
    for key, tensor in new.items():
        args[places.index(key)] = add_constant(module, tensor, node)
    node.args = tuple(args)
    for later in list(module.graph.nodes)[list(module.graph.nodes).index(node) + 1 :]:
        if operation(later) in _FLATTENING:
            later.target, later.args, later.kwargs = aten.flatten.using_ints, (later.args[0], 1), {}


def _sum(kernel: torch.Tensor, weights: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.tensordot(weights, kernel, dims=([0], [axis])).unsqueeze(axis)


def _append(module: fx.GraphModule, weights: torch.Tensor) -> None:
    (output,) = (node for node in module.graph.nodes if node.op == "output")
    kernel = add_constant(module, weights[:, None], output)
    with module.graph.inserting_before(output):
        total: Any = module.graph.call_function(aten.mm.default, (output.args[0], kernel))
    output.args = (total,)
