"""A model as a graph of ATen operations (``torch.fx``), and questions about its nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import fx

aten = torch.ops.aten


class Unfit(Exception):
    """A model that cannot be explained: the problem, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


class Place(NamedTuple):
    """A module that a node belongs to: the key of its call, its path in the model, its class."""

    key: str
    path: str
    kind: str


def operation(node: fx.Node) -> str:
    """The name of what a node calls, without overload: "conv2d"; "" for other nodes."""
    target = node.target
    if node.op != "call_function" or isinstance(target, str):
        return ""
    if isinstance(target, torch._ops.OpOverload):
        return target._schema.name.partition("::")[2]
    return f"operator.{target.__name__}"


def places(node: fx.Node) -> tuple[Place, ...]:
    """The modules that a node stands in, from the outermost; empty where the file does not say."""
    return node.meta.get("places", ())


def describe(node: fx.Node) -> str:
    """An operation and its layer, for messages."""
    within = [place for place in places(node) if place.path and place.kind != place.path]
    name = f"operation {operation(node) or node.name!r}"
    if not within:
        return name
    return f"{name} of layer {within[-1].path!r} ({within[-1].kind.rpartition('.')[2]})"


def tensors(node: fx.Node) -> list[fx.Node]:
    """The nodes that a node takes, in their order."""
    return list(node.all_input_nodes)


def the_input(graph: fx.Graph) -> fx.Node:
    """The placeholder."""
    return next(node for node in graph.nodes if node.op == "placeholder")


def the_output(graph: fx.Graph) -> fx.Node:
    """The node whose value is the graph's output."""
    (last,) = (node for node in graph.nodes if node.op == "output")
    return last.args[0]


OF_SIZES = frozenset(
    {
        *("sym_size", "sym_numel", "sym_stride", "zeros_like", "ones_like", "full_like"),
        *("new_zeros", "new_ones", "new_full"),
    }
)
"""Operations that ask only how large a value is."""


def depending(graph: fx.Graph) -> set[fx.Node]:
    """The nodes whose values depend on the numbers of the input."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        sizes = operation(node) in OF_SIZES
        if node.op == "placeholder" or (not sizes and any(i in found for i in tensors(node))):
            found.add(node)
    return found


def argument(node: fx.Node, name: str, default: Any = None) -> Any:
    """An operation's argument by its name in the operation's schema."""
    if name in node.kwargs:
        return node.kwargs[name]
    schema = getattr(node.target, "_schema", None)
    arguments = [] if schema is None else schema.arguments
    names = [one.name for one in arguments]
    place = names.index(name) if name in names else len(node.args)
    if place < len(node.args):
        return node.args[place]
    found = [one for one in arguments if one.name == name and one.has_default_value()]
    return found[0].default_value if found else default


def constant(module: fx.GraphModule, value: Any) -> Any:
    """The tensor of a get_attr node; other values as they are; None for what is computed."""
    if not isinstance(value, fx.Node):
        return value
    return getattr(module, value.target) if value.op == "get_attr" else None


def add_constant(module: fx.GraphModule, tensor: torch.Tensor, before: fx.Node) -> fx.Node:
    """A new get_attr node that gives this tensor."""
    name = f"made{len(module._buffers)}"
    module.register_buffer(name, tensor)
    with module.graph.inserting_before(before):
        return module.graph.get_attr(name)


def like(module: fx.GraphModule) -> torch.Tensor:
    """A tensor of the type and on the device of the module's numbers."""
    floating = (buffer for buffer in module.buffers() if buffer.is_floating_point())
    return next(floating, torch.zeros(()))


def runnable(module: fx.GraphModule) -> fx.GraphModule:
    """The module after changes of its graph."""
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


class Walk(fx.Interpreter):
    """Runs a graph node by node: ``instead(node, args, kwargs)`` may give another value.

    It returns NotImplemented for the node's own. ``seen(node, value)`` is told every value.
    """

    def __init__(
        self,
        module: fx.GraphModule,
        instead: Callable[[fx.Node, Any, Any], Any] | None = None,
        seen: Callable[[fx.Node, Any], Any] | None = None,
    ) -> None:
        super().__init__(module)
        self._instead, self._seen = instead, seen

    def run_node(self, n: fx.Node) -> Any:
        """The value of one node."""
        if self._instead is not None and n.op == "call_function":
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            value = self._instead(n, args, kwargs)
            if value is NotImplemented:
                value = n.target(*args, **kwargs)
        else:
            value = super().run_node(n)
        if self._seen is not None:
            changed = self._seen(n, value)
            value = value if changed is None else changed
        return value


def once(items: Iterable[fx.Node]) -> Iterator[fx.Node]:
    """The nodes without repetitions."""
    yield from dict.fromkeys(items)
