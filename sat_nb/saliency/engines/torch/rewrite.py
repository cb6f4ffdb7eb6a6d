"""Graphs as PyTorch exports them, brought into a form that all methods support, equal in value.

Every function here changes a graph in place. To add a rewriting, write a function and an entry of
:data:`REWRITINGS`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from sat_nb.registry import Entry, registry
from sat_nb.saliency.engines.torch.affine import constants_join_layers
from sat_nb.saliency.engines.torch.graph import (
    Unfit,
    Walk,
    add_constant,
    argument,
    aten,
    describe,
    like,
    operation,
    runnable,
    tensors,
)
from sat_nb.saliency.engines.torch.operations import SOFTMAX, VIEWS
from sat_nb.saliency.engines.torch.photo_layer import photo_layers_have_a_quick_derivative

BY_HAND = "save it as torch.export.export(...).run_decompositions({})"


def in_place_operations_make_new_values(module: fx.GraphModule) -> None:
    """``relu_`` and the like become ``relu``; who reads the changed value later reads the new."""
    order = {node: number for number, node in enumerate(module.graph.nodes)}
    for node in list(module.graph.nodes):
        name = operation(node)
        if not name.endswith("_") or name.startswith("__"):
            continue
        changed = node.args[0]
        if any(order[user] > order[node] for one in _aliases(changed) for user in one.users):
            raise Unfit(f"{describe(node)} writes into a part of another value", BY_HAND)
        plain = getattr(getattr(aten, name[:-1], None), node.target._overloadname, None)
        if plain is None:
            raise Unfit(f"{describe(node)} changes a value in place", BY_HAND)
        node.target = plain
        changed.replace_all_uses_with(node, lambda user: order[user] > order[node])  # noqa: B023


def _aliases(node: fx.Node) -> set[fx.Node]:
    """Other values that share the memory of this one, as far as views tell."""
    found, waiting = {node}, [node]
    while waiting:
        one = waiting.pop()
        near = [user for user in one.users if operation(user) in VIEWS]
        if operation(one) in VIEWS or operation(one) == "operator.getitem":
            near += [source for source in tensors(one) if source.op != "get_attr"]
        waiting += [other for other in near if other not in found]
        found.update(near)
    return found - {node}


def constants_are_computed_once(module: fx.GraphModule) -> None:
    """What does not depend on the photo, nor on how many there are, becomes a constant."""
    open_ = set()
    values: dict[fx.Node, Any] = {}
    for node in list(module.graph.nodes):
        if node.op == "get_attr":
            values[node] = getattr(module, node.target)
        elif node.op != "call_function" or any(one in open_ for one in tensors(node)):
            open_.add(node)
        else:
            args, kwargs = (
                fx.node.map_arg(given, values.__getitem__) for given in (node.args, node.kwargs)
            )
            values[node] = node.target(*args, **kwargs)
    for node, value in values.items():
        if node.op == "call_function" and isinstance(value, torch.Tensor):
            node.replace_all_uses_with(add_constant(module, value, node))
        elif node.op == "call_function" and not isinstance(value, list | tuple):
            _replace_number(node, value)


def _replace_number(node: fx.Node, number: Any) -> None:
    for user in list(node.users):
        user.args = fx.node.map_arg(user.args, lambda one: number if one is node else one)
        user.kwargs = fx.node.map_arg(user.kwargs, lambda one: number if one is node else one)


_NOTHING = (
    *("alias", "clone", "contiguous", "lift", "lift_fresh", "lift_fresh_copy", "resolve_conj"),
    "resolve_neg",
)
_NOISE = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "native_dropout")
_CHECKS = ("_assert_async", "_assert_tensor_metadata")


def operations_without_effect_are_left_out(module: fx.GraphModule) -> None:
    """Copies, casts to the type that all has, dropout, and assertions."""
    for node in list(module.graph.nodes):
        name = operation(node)
        if name in _CHECKS:
            module.graph.erase_node(node)
        elif name == "copy":  # of the second into the shape of the first
            node.target, node.args = aten.expand_as.default, (node.args[1], node.args[0])
        elif name in _NOTHING or name in _NOISE or _is_cast(node):
            single = node.target._schema.returns[0].type.kind() == "TensorType"
            users = [node] if single and name != "native_dropout" else list(node.users)
            for user in users:
                user.replace_all_uses_with(node.args[0])
                module.graph.erase_node(user)
            if node not in users:
                module.graph.erase_node(node)


def _is_cast(node: fx.Node) -> bool:
    """Whether it turns floating-point numbers into others: there is only one type of them."""
    if operation(node) not in ("to", "_to_copy", "type_as"):
        return False
    dtype = argument(node, "dtype")
    return dtype is None or dtype.is_floating_point


def training(module: fx.GraphModule) -> tuple[str, ...]:
    """What acts as in training and is switched off, in words; Unfit where it cannot be."""
    notes = []
    for node in module.graph.nodes:
        name = operation(node)
        if name in _NOISE and argument(node, "train", False):
            notes.append(f"{describe(node)} is called in training, and runs as at inference")
        batchwise = argument(node, "training") or argument(node, "train")
        if name in ("batch_norm", "native_batch_norm", "_native_batch_norm_legit") and batchwise:
            raise Unfit(
                f"{describe(node)} was exported in training mode, so that an image's outputs "
                "depend on the other images of its batch",
                "call model.eval() before torch.export.export",
            )
        if name in (
            "rrelu",
            "bernoulli",
            "rand_like",
            "randn_like",
            "rand",
            "randn",
            "multinomial",
        ):
            raise Unfit(f"{describe(node)} draws random numbers", "export the model without it")
    return tuple(dict.fromkeys(notes))


def _batch_norm(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    names = ("input", "weight", "bias", "running_mean", "running_var")
    given = [argument(node, name) for name in names]
    return aten.batch_norm.default, (*given, False, 0.0, argument(node, "eps"), False)


def _max_pool(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    return aten.max_pool2d.default, tuple(node.args)


def _layer_norm(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    return aten.layer_norm.default, tuple(node.args)


def _group_norm(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    x, weight, bias = (argument(node, name) for name in ("input", "weight", "bias"))
    return aten.group_norm.default, (
        x,
        argument(node, "group"),
        weight,
        bias,
        argument(node, "eps"),
    )


def _attention(node: fx.Node) -> tuple[Any, tuple[Any, ...]]:
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    return aten.scaled_dot_product_attention.default, tuple(argument(node, n) for n in names)


def _is_safe_softmax(node: fx.Node) -> bool:
    """Whether it puts 0 where a softmax has nothing to choose from, as attention is written out."""
    _, zeros, softmax = node.args
    names = [operation(one) if isinstance(one, fx.Node) else "" for one in (zeros, softmax)]
    return names[1] in SOFTMAX and names[0] in ("full_like", "zeros_like")


_FIRST_OF_SEVERAL: dict[str, Callable[[fx.Node], tuple[Any, tuple[Any, ...]]]] = {
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "_batch_norm_no_update": _batch_norm,
    "native_batch_norm": _batch_norm,
    "max_pool2d_with_indices": _max_pool,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_attention_math": _attention,
}
"""Operations of which only the first result counts, as the operation that gives that alone."""


def operations_give_one_value(module: fx.GraphModule) -> None:
    """Operations that also give statistics or places become those that do not."""
    for node in list(module.graph.nodes):
        if operation(node) == "where" and _is_safe_softmax(node):
            node.replace_all_uses_with(node.args[2])
        make = _FIRST_OF_SEVERAL.get(operation(node))
        firsts = [user for user in node.users if user.target is operator.getitem]
        if make is None or any(first.args[1] != 0 for first in firsts if first.users):
            continue
        for first in firsts:
            first.target, first.args = make(node)
            first.meta = node.meta


@dataclass(frozen=True, kw_only=True)
class Rewriting(Entry):
    """A change of the graph that leaves its outputs as they are."""

    function: Callable[[fx.GraphModule], None]


REWRITINGS: dict[str, Rewriting] = registry(
    *(
        Rewriting(
            name=function.__name__, about=str(function.__doc__).splitlines()[0], function=function
        )
        for function in (
            in_place_operations_make_new_values,
            constants_are_computed_once,
            operations_without_effect_are_left_out,
            operations_give_one_value,
            photo_layers_have_a_quick_derivative,
        )
    )
)
"""What is done to every graph, in this order."""


def rewritten(module: fx.GraphModule, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Rewrite the graph in place, for inputs of ``shape``; what changed of its layers, in words."""
    for rewriting in REWRITINGS.values():
        rewriting.function(module)
        runnable(module)
    joined = constants_join_layers(module, sizes(module, shape))
    runnable(module)
    return (f"{joined} BatchNorms and biases joined the layers before them",) if joined else ()


# --- sizes -------------------------------------------------------------------------------------

MAX_VALUE_BYTES = 2**31
"""Of one value, for one image."""


def sizes(module: fx.GraphModule, shape: tuple[int, ...]) -> dict[fx.Node, tuple[int, ...]]:
    """Every value's shape for inputs of ``shape``, found without computing anything.

    Values behind an operation that cannot say are left out. Raises Unfit for a value that takes
    more memory than any model's.
    """
    found: dict[fx.Node, tuple[int, ...]] = {}

    def without_numbers(node: fx.Node, args: Any, kwargs: Any) -> Any:
        if "device" in kwargs:
            return node.target(*args, **{**kwargs, "device": torch.device("meta")})
        return NotImplemented

    def seen(node: fx.Node, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return None
        if value.numel() * value.element_size() > MAX_VALUE_BYTES * shape[0]:
            raise Unfit(
                f"{describe(node)} makes {tuple(value.shape)} numbers of {shape[0]} images, more "
                f"than {MAX_VALUE_BYTES} bytes an image",
                "export a smaller model",
            )
        found[node] = tuple(value.shape)
        return value.to("meta") if node.op == "get_attr" else None

    images = torch.empty(shape, dtype=like(module).dtype, device="meta")
    try:
        Walk(module, without_numbers, seen).run(images)
    except Unfit:
        raise
    except Exception:  # an operation without a formula for shapes; running it will tell
        return found
    return found
