"""Exported PyTorch programs (``.pt2``), read as data: JSON and raw numbers, without PyTorch.

PyTorch's own reader unpickles and evaluates what is in the file. Here a program is a list of
operations that must all stand in ``torch_operations``, and weights are bytes; pickles, such as the
example inputs, are never opened.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sat_nb.models.hdf5 import ALWAYS_ALLOWED, MAX_UNPACKED
from sat_nb.models.refused import Refused, Unreadable
from sat_nb.models.torch_operations import N_BYTES, TYPES, allowed
from sat_nb.reading import read_member

EXPORT = (
    "save the model as a program, which holds no code: torch.export.save(torch.export.export("
    "model.eval(), (torch.zeros(2, 3, height, width),), dynamic_shapes=({0: torch.export.Dim.AUTO},"
    ")), 'model.pt2')"
)
AGAIN = "write it again by torch.export.save of PyTorch 2.13"
MAX_PROGRAM_BYTES = 2**27
MAX_MEMBERS = 100_000
MAX_OPERATIONS = 200_000
MAX_REPEATED = 2**24
"""Numbers of a tensor beyond those in the file, which repeats some."""


@dataclass(frozen=True)
class Numbers:
    """One tensor of the file: a view of the bytes of a member."""

    member: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True)
class TorchProgram:
    """What is in a ``.pt2`` file.

    ``graph`` and ``signature`` are PyTorch's JSON; ``numbers`` {name: tensor} of all weights and
    constants, ``read(member)`` the bytes of one.
    """

    graph: Mapping[str, Any]
    signature: Mapping[str, Any]
    numbers: Mapping[str, Numbers]
    read: Callable[[str], bytes]


def is_torch_file(path: Path) -> bool:
    """Whether the file is one of PyTorch's, of any kind."""
    if path.suffix in (".pt2", ".pt", ".pth", ".ckpt", ".safetensors", ".torchscript"):
        return True
    return path.is_file() and zipfile.is_zipfile(path) and bool(_names(path) & _OF_TORCH)


def read_program(path: Path) -> TorchProgram:
    """The program in a ``.pt2`` file; Refused where it is none, or holds more than a program."""
    try:
        return _read(path)
    except Refused:
        raise
    except Exception as error:  # a damaged archive has many ways to fail
        reason = f"{type(error).__name__}: {error}"
        raise Unreadable(f"is damaged ({reason:.200})", AGAIN) from error


def _read(path: Path) -> TorchProgram:
    if not zipfile.is_zipfile(path):
        raise _no_program(path)
    with zipfile.ZipFile(path) as archive:
        members = _members(archive, path)
    if _text(path, members, "archive_format") != b"pt2":
        raise _no_program(path)
    programs = [name for name in members if name.startswith("models/")]
    if len(programs) != 1:
        raise Unreadable(f"holds {len(programs)} programs, expected one", AGAIN)
    (program,) = programs
    graph_module = _json(path, members, program).get("graph_module", {})
    graph, signature = graph_module.get("graph"), graph_module.get("signature")
    if not isinstance(graph, dict) or not isinstance(signature, dict):
        raise Unreadable("holds no graph", AGAIN)
    _check_operations(graph)
    name = program.removeprefix("models/").removesuffix(".json")
    numbers = {
        **_numbers(path, members, "data/weights/", f"{name}_weights_config.json"),
        **_numbers(path, members, "data/constants/", f"{name}_constants_config.json"),
    }
    return TorchProgram(graph, signature, numbers, lambda member: _text(path, members, member))


# --- the archive -------------------------------------------------------------------------------

_OF_TORCH = frozenset({"archive_format", "data.pkl", "constants.pkl", "serialized_state_dict.pt"})


def _names(path: Path) -> set[str]:
    """The names of its files, without folders; none where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.rpartition("/")[2] for name in archive.namelist()[:MAX_MEMBERS]}
    except Exception:  # a damaged archive has many ways to fail: the reader says which
        return set()


def _no_program(path: Path) -> Unreadable:
    """What the file is instead, and the line that exports a program."""
    names = _names(path) if zipfile.is_zipfile(path) else set()
    if "serialized_state_dict.pt" in names or "serialized_exported_program.json" in names:
        return Unreadable(
            "is an exported program in the format of PyTorch before 2.8",
            "write it again by a later one: torch.export.save(torch.export.load('old.pt2'), "
            "'model.pt2')",
        )
    if "constants.pkl" in names:
        return Unreadable(
            "is TorchScript, which this package does not run",
            f"take the nn.Module that it was made from, and {EXPORT}",
        )
    if "data.pkl" in names or path.suffix in (".pt", ".pth", ".ckpt"):
        return Unreadable(
            "is a pickle of PyTorch, which may run any code when it is loaded and, as a state "
            "dict, holds no model",
            f"load it where you trust it, and {EXPORT}",
        )
    return Unreadable("is no exported program of PyTorch", EXPORT)


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """{name within the archive's one folder: the member}; all bounded in size."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MAX_MEMBERS:
        raise Refused(f"it holds more than {MAX_MEMBERS} files")
    total, n_bytes = sum(info.file_size for info in infos), path.stat().st_size
    if total > max(ALWAYS_ALLOWED, MAX_UNPACKED * n_bytes):
        raise Refused(
            f"its {n_bytes} bytes unpack to {total}, and {MAX_UNPACKED} times the file's size is "
            "the limit"
        )
    found = {info.filename.partition("/")[2]: info for info in infos}
    if len(found) < len(infos):
        raise Refused("two of its files have one name")
    return found


def _text(path: Path, members: Mapping[str, zipfile.ZipInfo], name: str) -> bytes:
    if name not in members:
        raise (
            _no_program(path)
            if name == "archive_format"
            else Unreadable(f"has no {name[:200]!r} in it", AGAIN)
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return read_member(archive, members[name])
    except Exception as error:  # a damaged archive has many ways to fail
        raise Unreadable(f"is damaged at {name[:200]!r} ({error})", AGAIN) from error


def _json(path: Path, members: Mapping[str, zipfile.ZipInfo], name: str) -> dict[str, Any]:
    content = _text(path, members, name)
    if len(content) > MAX_PROGRAM_BYTES:
        raise Refused(f"its {name[:200]!r} has more than {MAX_PROGRAM_BYTES} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is damaged: {name[:200]!r} is no JSON ({error})"[:300], AGAIN) from error
    if not isinstance(found, dict):
        raise Unreadable(f"is damaged: {name[:200]!r} is no JSON object", AGAIN)
    return found


# --- what it may hold --------------------------------------------------------------------------


def _check_operations(graph: Mapping[str, Any]) -> None:
    nodes = graph.get("nodes")
    if not isinstance(nodes, list):
        raise Unreadable("holds no operations", AGAIN)
    if len(nodes) > MAX_OPERATIONS:
        raise Refused(f"it has more than {MAX_OPERATIONS} operations")
    for node in nodes:
        target = node.get("target") if isinstance(node, dict) else None
        if not isinstance(target, str) or not allowed(target):
            raise Refused(
                f"it calls {str(target)[:200]!r}, which is not among the operations of PyTorch "
                "that only compute, so code of its author's or of a library would have to be run"
            )


def _numbers(
    path: Path, members: Mapping[str, zipfile.ZipInfo], folder: str, config: str
) -> dict[str, Numbers]:
    """{name: tensor} of the weights or constants that a folder of the archive holds."""
    described = _json(path, members, folder + config).get("config", {})
    return {
        str(name): _tensor(str(name), payload, folder, members)
        for name, payload in described.items()
    }


def _tensor(
    name: str, payload: Any, folder: str, members: Mapping[str, zipfile.ZipInfo]
) -> Numbers:
    try:
        meta, member = payload["tensor_meta"], folder + payload["path_name"]
        if payload["use_pickle"] or meta is None:
            raise Refused(f"its {name[:200]!r} is a pickle, which may run any code")
        shape = tuple(_whole(size) for size in meta["sizes"])
        strides = tuple(_whole(stride) for stride in meta["strides"])
        dtype, offset = TYPES[meta["dtype"]], _whole(meta["storage_offset"])
    except (AttributeError, KeyError, TypeError) as error:
        raise Unreadable(f"is damaged: {name[:200]!r} is no tensor of numbers", AGAIN) from error
    steps = zip(shape, strides, strict=True) if len(shape) == len(strides) else None
    if steps is None or min((*shape, *strides, offset, 0)) < 0 or member not in members:
        raise Unreadable(f"is damaged: {name[:200]!r} has no whole shape", AGAIN)
    last = offset + sum((size - 1) * step for size, step in steps) if math.prod(shape) else -1
    there, left_over = divmod(members[member].file_size, N_BYTES[dtype])
    if left_over:
        raise Unreadable(f"is damaged: the bytes of {name[:200]!r} are no {dtype}", AGAIN)
    if last >= there or math.prod(shape) > there + MAX_REPEATED:
        raise Refused(f"its {name[:200]!r} claims more numbers than the file holds")
    return Numbers(member, dtype, shape, strides, offset)


def _whole(size: Any) -> int:
    value = size["as_int"]
    if not isinstance(value, int):
        raise TypeError(value)
    return value
