"""Exported programs as graphs: from the data of a ``.pt2`` file, or from PyTorch's own object."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from sat_nb.models.torch_program import Numbers, TorchProgram
from sat_nb.saliency.engines.torch.graph import Place, Unfit

HALVES = (torch.float16, torch.bfloat16)
Layers = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Program:
    """A graph with one input and one output, as it was saved, in one floating-point type.

    ``sizes`` are those of the input; None where any may come. ``changes`` says in words what was
    changed to get it; ``names`` {attribute of ``module``: name of the weight}.
    """

    module: fx.GraphModule
    sizes: tuple[int | None, ...]
    changes: tuple[str, ...]
    names: Mapping[str, str]


def of_archive(program: TorchProgram, dtype: torch.dtype, device: torch.device) -> Program:
    """The graph of a file's program; Unfit where it is not one of one input and one output."""
    reader = _Reader(program, dtype, device)
    return reader.program()


class _Reader:
    """Makes a graph of PyTorch's JSON, value by value."""

    def __init__(self, program: TorchProgram, dtype: torch.dtype, device: torch.device) -> None:
        self.source, self.dtype, self.device = program, dtype, device
        self.graph, self.root = fx.Graph(), torch.nn.Module()
        self.values: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.halves: set[str] = set()
        self.members: dict[tuple[str, str], torch.Tensor] = {}

    def program(self) -> Program:
        specs = [_one(spec) for spec in self.source.signature["input_specs"]]
        inputs = [spec["arg"] for kind, spec in specs if kind == "user_input"]
        images = [_one(arg)[1]["name"] for arg in inputs if "as_tensor" in arg]
        _check_inputs(images, len(images))
        self.values[images[0]] = self.graph.placeholder("x")
        for kind, spec in specs:
            if kind != "user_input":
                self._weight(kind, spec)
        for node in self.source.graph["nodes"]:
            self._node(node)
        self.graph.output(self.values[self._output()])
        module = fx.GraphModule(self.root, self.graph)
        return Program(module, self._sizes(images[0]), _in_float32(self.halves), self.names)

    def _sizes(self, name: str) -> tuple[int | None, ...]:
        meta = self.source.graph["tensor_values"][name]
        return tuple(size.get("as_int") for size in meta["sizes"])

    def _output(self) -> str:
        specs = [_one(spec) for spec in self.source.signature["output_specs"]]
        outputs = [
            arg["as_tensor"]["name"]
            for kind, spec in specs
            if kind == "user_output" and "as_tensor" in (arg := spec["arg"])
        ]
        return one_output(outputs)

    # --- weights ---

    def _weight(self, kind: str, spec: Mapping[str, Any]) -> None:
        name = next((spec[key] for key in spec if key.endswith("_name")), "")
        if name not in self.source.numbers:
            raise Unfit(f"takes a {kind.replace('_', ' ')} {name!r} that is no tensor", SAVE_AGAIN)
        attribute = f"weight{len(self.names)}"
        self.names[attribute] = name
        self.root.register_buffer(
            attribute, self._floating(self._tensor(self.source.numbers[name]))
        )
        self.values[spec["arg"]["name"]] = self.graph.get_attr(attribute)

    def _tensor(self, numbers: Numbers) -> torch.Tensor:
        dtype = getattr(torch, numbers.dtype)
        key = numbers.member, numbers.dtype
        if key not in self.members:
            content = bytearray(self.source.read(numbers.member))
            empty = torch.empty(0, dtype=dtype)
            self.members[key] = torch.frombuffer(content, dtype=dtype) if content else empty
        return self.members[key].as_strided(numbers.shape, numbers.strides, numbers.offset)

    def _floating(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dtype in HALVES:
            self.halves.add(_half(tensor.dtype))
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)

    # --- operations ---

    def _node(self, node: Mapping[str, Any]) -> None:
        target = _target(node["target"])
        args = [self._value(one["arg"]) for one in node["inputs"] if one.get("kind", 1) != 2]
        kwargs = {
            one["name"]: self._value(one["arg"]) for one in node["inputs"] if one.get("kind") == 2
        }
        made = self.graph.call_function(_of_any_strides(target), tuple(args), kwargs)
        made.meta["places"] = tuple(_places(node.get("metadata", {}).get("nn_module_stack", "")))
        self._outputs(made, node["outputs"])

    def _outputs(self, made: fx.Node, outputs: list[Mapping[str, Any]]) -> None:
        if len(outputs) == 1 and _one(outputs[0])[0] != "as_tensors":
            kind, value = _one(outputs[0])
            if kind != "as_none":
                self.values[_name(kind, value)] = made
            return
        (only,) = outputs if len(outputs) == 1 else (None,)
        parts = _one(only)[1] if only else [_one(one)[1] for one in outputs]
        for number, part in enumerate(parts):
            if isinstance(part, Mapping) and part.get("name"):
                one = self.graph.call_function(operator.getitem, (made, number))
                one.meta["places"] = made.meta["places"]
                self.values[part["name"]] = one

    def _value(self, arg: Mapping[str, Any]) -> Any:
        kind, value = _one(arg)
        if kind not in _ARGUMENTS:
            raise Unfit(f"holds an argument of the kind {kind!r}", SAVE_AGAIN)
        return _ARGUMENTS[kind](self, value)

    def _named(self, value: Mapping[str, Any]) -> Any:
        name = value["name"] if "name" in value else value.get("as_name")
        return self.values[name] if name is not None else _one(value)[1]

    def _type(self, code: int) -> torch.dtype | None:
        dtype = _TYPES.get(code)
        if dtype in HALVES:
            self.halves.add(_half(dtype))
        return self.dtype if dtype is not None and dtype.is_floating_point else dtype


SAVE_AGAIN = "export the model again with PyTorch 2.13: torch.export.export(model.eval(), ...)"

_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    4: torch.preserve_format,
}

_ARGUMENTS: dict[str, Callable[[_Reader, Any], Any]] = {
    "as_none": lambda reader, value: None,
    "as_tensor": _Reader._named,
    "as_tensors": lambda reader, value: [reader._named(one) for one in value],
    "as_optional_tensor": lambda reader, value: reader._value(value),
    "as_optional_tensors": lambda reader, value: [reader._value(one) for one in value],
    "as_sym_int": _Reader._named,
    "as_sym_ints": lambda reader, value: [reader._named(one) for one in value],
    "as_sym_float": _Reader._named,
    "as_sym_floats": lambda reader, value: [reader._named(one) for one in value],
    "as_sym_bool": _Reader._named,
    "as_sym_bools": lambda reader, value: [reader._named(one) for one in value],
    "as_scalar_type": _Reader._type,
    "as_memory_format": lambda reader, value: _FORMATS.get(value),
    "as_layout": lambda reader, value: torch.strided,
    "as_device": lambda reader, value: reader.device,
    **dict.fromkeys(
        ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string"),
        lambda reader, value: _number(value),
    ),
}


def _number(value: Any) -> Any:
    """Floats that JSON cannot hold stand in the file as text."""
    if isinstance(value, list):
        return [_number(one) for one in value]
    return float(value) if value in ("Infinity", "-Infinity", "NaN") else value


def _one(union: Mapping[str, Any]) -> tuple[str, Any]:
    """The one entry of a union."""
    ((kind, value),) = union.items()
    return kind, value


def _name(kind: str, value: Any) -> str:
    return value["name"] if kind == "as_tensor" else value.get("as_name", "")


def _target(name: str) -> Any:
    """The function that an allowed target names."""
    first, *rest = name.split(".")
    found: Any = operator if first == "_operator" else torch
    for part in rest:
        found = getattr(found, part)
    if isinstance(found, torch._ops.OpOverloadPacket):
        return found.default
    return found


def _of_any_strides(target: Any) -> Any:
    """``reshape`` for ``view``, which takes only the order of memory that was exported."""
    return torch.ops.aten.reshape.default if target in _VIEWS else target


_VIEWS = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)


def _places(stack: str) -> Iterator[Place]:
    """The modules in the metadata of an operation: "key,path,class" joined by ";"."""
    for entry in stack.split(";"):
        parts = entry.split(",")
        if len(parts) == 3:
            yield Place(*parts)


def _check_inputs(names: list[str], n_tensors: int) -> None:
    if n_tensors != 1:
        raise Unfit(
            f"expected one input, the image, got {n_tensors} ({', '.join(map(repr, names))})",
            "fix the other inputs: export a module whose forward(image) calls the model with "
            "constants for each other input",
        )


def one_output(names: list[Any]) -> Any:
    """The one output of the program; Unfit where there are several."""
    if len(names) != 1:
        raise Unfit(
            f"expected one output, got {len(names)} ({', '.join(map(str, names))})",
            "export a module whose forward(image) returns the one output to explain",
        )
    return names[0]


def of_exported(
    exported: Any, dtype: torch.dtype, device: torch.device, layers: Layers | None = None
) -> Program:
    """The graph of a ``torch.export.ExportedProgram``, whatever operations it has.

    ``layers`` {path of a module: the name and class by which its user knows it}.
    """
    source = exported.module(check_guards=False)
    inputs = [node for node in source.graph.nodes if node.op == "placeholder"]
    _check_inputs([node.name for node in inputs], len(inputs))
    copier = _Copier(source, dtype, device, {} if layers is None else layers)
    for node in source.graph.nodes:
        copier.copy(node)
    module = fx.GraphModule(copier.root, copier.graph)
    sizes = (size if isinstance(size, int) else None for size in inputs[0].meta["val"].shape)
    return Program(module, tuple(sizes), _in_float32(copier.halves), copier.names)


class _Copier:
    """Copies the graph of an exported program, node by node."""

    def __init__(
        self, source: Any, dtype: torch.dtype, device: torch.device, layers: Layers
    ) -> None:
        self.source, self.dtype, self.device, self.layers = source, dtype, device, layers
        self.graph, self.root = fx.Graph(), torch.nn.Module()
        self.copies: dict[fx.Node, fx.Node] = {}
        self.names: dict[str, str] = {}
        self.halves: set[str] = set()

    def copy(self, node: fx.Node) -> None:
        """Add the node to the copy."""
        if node.op == "get_attr":
            self.copies[node] = self._weight(str(node.target))
        elif node.op == "output":
            leaves = torch.utils._pytree.tree_leaves(node.args[0])
            self.graph.output(self.copies[one_output([one for one in leaves if one is not None])])
        elif node.op != "call_module":  # which only checks the input
            self.copies[node] = self._operation(node)

    def _weight(self, name: str) -> fx.Node:
        attribute = f"weight{len(self.names)}"
        self.names[attribute] = name
        tensor = operator.attrgetter(name)(self.source).detach()
        dtype = self._floating(tensor.dtype)
        self.root.register_buffer(attribute, tensor.to(self.device, dtype))
        return self.graph.get_attr(attribute)

    def _operation(self, node: fx.Node) -> fx.Node:
        new = self.graph.node_copy(node, self.copies.__getitem__)
        new.target = _of_any_strides(node.target)
        new.args = fx.node.map_aggregate(new.args, self._floating)
        new.kwargs = fx.node.map_aggregate(new.kwargs, self._floating)
        stack = node.meta.get("nn_module_stack") or {}
        new.meta = {
            "places": tuple(
                Place(str(key), *self.layers.get(path, (str(path), _class(kind))))
                for key, (path, kind) in stack.items()
            )
        }
        return new

    def _floating(self, value: Any) -> Any:
        if isinstance(value, torch.device):
            return self.device
        if isinstance(value, torch.dtype) and value.is_floating_point:
            self.halves.update([_half(value)] if value in HALVES else [])
            return self.dtype
        return value


def _half(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _in_float32(halves: set[str]) -> tuple[str, ...]:
    return tuple(f"layers that compute in {half} compute in float32" for half in sorted(halves))


def _class(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
