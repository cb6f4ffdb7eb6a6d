"""State dicts of PyTorch without PyTorch: what is right is read, what is hostile never runs."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest

from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.models.torch_file import MAGIC, PROTOCOL, read_state_dict

# --- a writer of the format, from its description ----------------------------------------------


def opcode_global(name: str) -> bytes:
    module, _, member = name.rpartition(".")
    return f"c{module}\n{member}\n".encode()


def opcode_value(value: Any) -> bytes:
    """A plain value inside a hand-made pickle: its own pickle without PROTO and STOP."""
    return pickle.dumps(value, protocol=1)[:-1]


def opcode_tensor(
    key: str,
    n: int,
    size: tuple[int, ...],
    *,
    offset: int = 0,
    stride: tuple[int, ...],
    kind: str = "FloatStorage",
    view: Any = None,
) -> bytes:
    storage = b"(" + opcode_value("storage") + opcode_global(f"torch.{kind}") + opcode_value(key)
    storage += opcode_value("cpu") + opcode_value(n) + opcode_value(view) + b"tQ"
    rest = b"".join(map(opcode_value, (offset, size, stride, False)))
    hooks = opcode_global("collections.OrderedDict") + b")R"
    rebuild = opcode_global("torch._utils._rebuild_tensor_v2")
    return rebuild + b"(" + storage + rest + hooks + b"tR"


def head() -> bytes:
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    return b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, PROTOCOL, system))


def saved(tensors: dict[str, bytes], numbers: dict[str, np.ndarray]) -> bytes:
    """What ``torch.save(OrderedDict(...))`` wrote before PyTorch 1.6."""
    items = b"".join(opcode_value(name) + tensor for name, tensor in tensors.items())
    document = opcode_global("collections.OrderedDict") + b")R(" + items + b"u."
    keys = pickle.dumps(sorted(numbers), protocol=2)
    ends = [struct.pack("<q", numbers[k].size) + numbers[k].tobytes() for k in sorted(numbers)]
    return head() + document + keys + b"".join(ends)


SIX = {"7": np.arange(6, dtype="<f4"), "8": np.array([3], dtype="<i8")}
TENSORS = {
    "rows": opcode_tensor("7", 6, (2, 3), stride=(3, 1)),
    "columns": opcode_tensor("7", 6, (2, 3), stride=(1, 2)),
    "part": opcode_tensor("7", 6, (2,), offset=4, stride=(1,)),
    "count": opcode_tensor("8", 1, (), stride=(), kind="LongStorage"),
}


def refused(tmp_path, content: bytes, message: str) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        read_state_dict(file)


# --- what is right -----------------------------------------------------------------------------


def test_strides_offsets_scalars_and_shared_storages(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(saved(TENSORS, SIX))
    state = read_state_dict(file)
    assert list(state) == ["rows", "columns", "part", "count"]
    np.testing.assert_array_equal(state["rows"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(state["columns"], [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(state["part"], [4, 5])
    assert state["count"] == 3
    assert state["count"].dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        state["rows"][0, 0] = 1


# --- what is hostile ---------------------------------------------------------------------------


class Calls:
    """A pickle of this calls ``function`` with ``arguments`` when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("part", [0, 1, 2, 3, 4])
def test_a_pickle_that_calls_something_is_refused_and_never_run(tmp_path, part):
    trace = tmp_path / "executed"
    parts = [MAGIC, PROTOCOL, {"little_endian": True}, OrderedDict(), []]
    parts[part] = Calls(os.system, f"touch {trace}")
    content = b"".join(pickle.dumps(one, protocol=2) for one in parts)
    pickle.loads(pickle.dumps(parts[part], protocol=2))
    assert trace.exists(), "the pickle would do harm"
    trace.unlink()
    refused(tmp_path, content, r"weights\.pth: asks for posix\.system.*was not run")
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins.eval",
        "collections.namedtuple",
        "torch._utils._rebuild_parameter",
        "torch.load",
        "torch._utils._rebuild_tensor_v2.__globals__",
        "collections.OrderedDict.fromkeys",
    ],
)
def test_any_other_name_is_refused(tmp_path, name):
    refused(tmp_path, head() + opcode_global(name) + b".", f"asks for {name}".replace(".", r"\."))


# --- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off(tmp_path, share):
    content = saved(TENSORS, SIX)
    refused(tmp_path, content[: int(share * len(content))], r"expected a whole state dict")


@pytest.mark.parametrize(
    "tensor",
    [
        opcode_tensor("7", 6, (7,), stride=(1,)),
        opcode_tensor("7", 6, (2,), offset=5, stride=(1,)),
        opcode_tensor("7", 6, (2,), offset=-1, stride=(1,)),
        opcode_tensor("7", 6, (2,), stride=(1 << 60,)),
        opcode_tensor("7", 6, (2,), stride=(-1,)),
        opcode_tensor("7", 6, (1 << 40, 1 << 40), stride=(0, 0)),
        opcode_tensor("7", 1 << 60, (6,), stride=(1,)),
        opcode_tensor("7", -1, (6,), stride=(1,)),
        opcode_tensor("7", 6, (6,), stride=(1,), view=("9", 0, 6)),
        opcode_tensor("nowhere", 6, (6,), stride=(1,)),
        opcode_value("no tensor"),
    ],
)
def test_tensors_outside_their_storage(tmp_path, tensor):
    numbers = {"7": SIX["7"]}
    refused(tmp_path, saved({"weight": tensor}, numbers), r"expected a whole state dict")


def test_other_formats(tmp_path):
    refused(tmp_path, b"PK\x03\x04" + bytes(100), r"use_new_zipfile_serialization=False")
    refused(tmp_path, pickle.dumps([1, 2]) * 5, r"expected a whole state dict")
    with pytest.raises(FileMissing, match="does not exist"):
        read_state_dict(tmp_path / "none.pth")
