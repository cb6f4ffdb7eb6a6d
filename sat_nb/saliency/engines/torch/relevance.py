"""The way of relevance through a graph: which rule each operation has, and the walk.

PyTorch's own backward pass is the walk: it goes back from the logits and adds up what several
operations send to one value. The rules are those of ``rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from sat_nb.saliency.engines.torch.graph import (
    Walk,
    argument,
    depending,
    operation,
    the_output,
)
from sat_nb.saliency.engines.torch.linear import linear
from sat_nb.saliency.engines.torch.operations import (
    ACTIVATIONS,
    ATTENTION,
    AVERAGES,
    BOUNDS,
    GATES,
    KERNELS,
    MATRICES,
    MOVES,
    NEVER_NEGATIVE,
    NORMS,
    PRODUCTS,
    SOFTMAX,
    SUMS,
)
from sat_nb.saliency.engines.torch.rules import Rules, Step
from sat_nb.saliency.engines.torch.scaling import Scaling

# --- which rule an operation has ---------------------------------------------------------------


def kind_of(node: fx.Node, moving: set[fx.Node]) -> str:
    """The kind of an operation; "" for one that has no rule. ``moving`` depend on the input."""
    name = operation(node)
    several = sum(one in moving for one in node.all_input_nodes) > 1 or (
        len(node.args) > 1 and node.args[0] is node.args[1]
    )
    if name in SUMS:
        return "sum" if several else "kernel"
    if name in PRODUCTS:
        return "product" if several else "kernel"
    if name in MATRICES:
        return "matrix" if several else "kernel"
    if name == ATTENTION:
        return "attention"
    return next((kind for kind, names in _KINDS.items() if name in names), "")


_KINDS = {
    "move": MOVES | {"sym_size"},
    "average": AVERAGES,
    "kernel": KERNELS,
    "activation": ACTIVATIONS,
    "norm": NORMS,
    "softmax": SOFTMAX,
}


def _sources(node: fx.Node, kind: str, moving: set[fx.Node]) -> list[fx.Node]:
    """The inputs that get relevance."""
    inputs = [one for one in node.all_input_nodes if one in moving]
    if kind == "softmax":
        return []
    if kind == "attention":
        return [argument(node, "value")]
    if kind == "activation":
        return inputs[:1]
    if kind in ("product", "matrix"):
        return _weighed(node, inputs)
    if kind == "move":
        return [one for one in inputs if one in _moved(node)]
    return inputs


def _weighed(node: fx.Node, inputs: list[fx.Node]) -> list[fx.Node]:
    """The factors that are not gates; one alone can get relevance."""
    first, second = (one if isinstance(one, fx.Node) else None for one in node.args[:2])
    if first is second or first is None or second is None:
        return inputs * 2
    if operation(node) in ("div", "divide", "true_divide"):
        return inputs[:1] if _gate(second) else inputs
    gates = _gate(first), _gate(second)
    if gates[0] == gates[1]:
        return inputs
    return [second] if gates[0] > gates[1] else [first]


def _moved(node: fx.Node) -> list[fx.Node]:
    """The values that an operation moves; its other inputs say where from, or to what shape."""
    name = operation(node)
    if name in ("where", "cat", "concat", "concatenate", "stack", "hstack", "vstack", "maximum"):
        skipped = [node.args[0]] if name == "where" else []
        return [one for one in node.all_input_nodes if one not in skipped]
    if name in ("slice_scatter", "select_scatter", "broadcast_tensors"):
        return node.all_input_nodes
    return node.all_input_nodes[:1]


def _gate(node: fx.Node) -> int:
    """How surely a value only gates: 2 or 1 where it is made by one of GATES, and moved or scaled.

    A sigmoid does more surely than what also bounds features, such as ReLU6.
    """
    while operation(node) not in GATES:
        moving = [one for one in node.all_input_nodes if one.op == "call_function"]
        passing = operation(node) in MOVES | PRODUCTS | SUMS | {"clamp_min", "neg"}
        if not passing or not moving:
            return 0
        node = moving[0]
    return 1 if operation(node) in BOUNDS else 2


def activation_name(node: fx.Node) -> str:
    """An activation by name; what other operations do as well is "relu" or "relu6", too."""
    low, high = argument(node, "min_val"), argument(node, "max_val")
    if operation(node) in ("clamp", "clamp_min"):
        low, high = argument(node, "min"), argument(node, "max")
    limits = {(0, None): "relu", (0, 6): "relu6"}
    return limits.get((low, high), operation(node))


def never_negative(graph: fx.Graph, moving: set[fx.Node]) -> set[fx.Node]:
    """The values that cannot be negative, whatever the input."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if node not in moving or node.op != "call_function":
            continue
        name = operation(node)
        passes = name in MOVES | AVERAGES or (name == "add" and kind_of(node, moving) == "sum")
        above = all(one in found for one in node.all_input_nodes if one in moving)
        bent = name in ACTIVATIONS | SOFTMAX and activation_name(node) in NEVER_NEGATIVE
        if bent or (passes and above and _pads_no_less(node)):
            found.add(node)
    return found


def _pads_no_less(node: fx.Node) -> bool:
    padded = operation(node) in ("constant_pad_nd", "pad")
    return not padded or (argument(node, "value") or 0) >= 0


@dataclass(frozen=True)
class Plan:
    """The operations that relevance goes through, and those that a method does not support."""

    steps: dict[fx.Node, Step]
    unknown: list[fx.Node]


def plan(module: fx.GraphModule, end: fx.Node, rules: Rules) -> Plan:
    """Which rule each operation between the logits and ``end``, the scaled input, gets."""
    moving = depending(module.graph)
    positive = never_negative(module.graph, moving)
    steps: dict[fx.Node, Step] = {}
    unknown: list[fx.Node] = []
    wanted = {the_output(module.graph)}
    for node in reversed(module.graph.nodes):
        if node not in wanted or node is end or node.op != "call_function":
            continue
        step = _step(module, node, moving, positive)
        steps[node] = step
        if not _supported(step, rules):
            unknown.append(node)
        wanted.update(step.sources)
    if end not in wanted and not unknown:
        unknown.append(the_output(module.graph))
    return Plan(steps, unknown[::-1])


def _step(
    module: fx.GraphModule, node: fx.Node, moving: set[fx.Node], positive: set[fx.Node]
) -> Step:
    kind = kind_of(node, moving)
    sources = tuple(_sources(node, kind, moving))
    map_ = linear(module, node, sources[0]) if kind == "kernel" and len(sources) == 1 else None
    return Step(node, kind, sources, map_, all(one in positive for one in sources))


def _supported(step: Step, rules: Rules) -> bool:
    if step.kind not in rules.rules:
        return False
    if step.kind == "activation":
        return rules.names is None or activation_name(step.node) in rules.names
    if step.kind == "kernel":
        return step.map is not None or (not rules.positive and _is_linear(step))
    return step.kind not in ("product", "matrix") or len(step.sources) == 1


def _is_linear(step: Step) -> bool:
    """Whether it is linear in its one source, with weights that need not be known as such."""
    name = operation(step.node)
    divides = name in PRODUCTS - {"mul", "multiply"}
    return len(step.sources) == 1 and not (divides and step.node.args[0] is not step.sources[0])


# --- the walk ----------------------------------------------------------------------------------


def relevance(
    module: fx.GraphModule,
    scaling: Scaling,
    rules: Rules,
    found: Plan,
    tensor: Any,
    weights: Any,
    parameters: dict[str, Any],
) -> Any:
    """The relevance of the input ``tensor``, in the model's layout.

    ``weights`` (n, k) are the shares of their values with which the k logits start.
    """
    scaled: list[Any] = []

    def instead(node: fx.Node, args: Any, kwargs: Any) -> Any:
        step = found.steps.get(node)
        if step is None:
            with torch.no_grad():
                return node.target(*args, **kwargs)
        return rules.rules[step.kind](step, args, kwargs, parameters)

    def seen(node: fx.Node, value: Any) -> Any:
        if node is not scaling.end:
            return None
        scaled.append(value.detach().requires_grad_())
        return scaled[0]

    with torch.enable_grad():
        logits = Walk(module, instead, seen).run(tensor)
    start = rules.start(logits.detach(), weights)
    (received,) = torch.autograd.grad(logits, scaled, start)
    return rules.end(scaled[0].detach(), received)
