"""Exported programs as data: what is right is read, what is hostile is refused, without PyTorch."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sat_nb.models.refused import Refused
from sat_nb.models.torch_operations import allowed
from sat_nb.models.torch_program import is_torch_file, read_program

RELU = {
    "target": "torch.ops.aten.relu.default",
    "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}],
    "outputs": [{"as_tensor": {"name": "relu"}}],
    "metadata": {},
}
META = {
    "dtype": 7,
    "sizes": [{"as_int": 2}, {"as_int": 3}],
    "strides": [{"as_int": 3}, {"as_int": 1}],
    "storage_offset": {"as_int": 0},
}


def weight(**changes: Any) -> dict[str, Any]:
    plain = {"path_name": "weight_0", "is_param": True, "use_pickle": False, "tensor_meta": META}
    return plain | changes


def saved(path: Path, *, nodes: Any = (RELU,), weights: Any = None, **members: bytes) -> Path:
    """A file as torch.export.save writes it, with these operations and weights."""
    graph = {"nodes": list(nodes), "tensor_values": {}, "inputs": [], "outputs": []}
    model = {"graph_module": {"graph": graph, "signature": {"input_specs": []}}}
    config = {"fc.weight": weight()} if weights is None else weights
    content = {
        "archive_format": b"pt2",
        "models/model.json": json.dumps(model).encode(),
        "data/weights/model_weights_config.json": json.dumps({"config": config}).encode(),
        "data/weights/weight_0": np.arange(6, dtype="<f4").tobytes(),
        "data/constants/model_constants_config.json": b'{"config": {}}',
        **{name.replace("__", "/"): value for name, value in members.items()},
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in content.items():
            archive.writestr(f"model/{name}", value)
    return path


def refused(path: Path, match: str) -> None:
    with pytest.raises(Refused, match=match):
        read_program(path)


def test_a_program_is_read(tmp_path: Path) -> None:
    program = read_program(saved(tmp_path / "model.pt2"))
    (one,) = program.numbers.values()
    assert (one.dtype, one.shape, one.strides, one.offset) == ("float32", (2, 3), (3, 1), 0)
    assert np.frombuffer(program.read(one.member), "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    assert [node["target"] for node in program.graph["nodes"]] == [RELU["target"]]
    assert is_torch_file(tmp_path / "model.pt2")


def test_pickles_beside_the_program_are_never_opened(tmp_path: Path) -> None:
    bomb = b"cos\nsystem\n(S'touch /tmp/pwned'\ntR."
    program = read_program(saved(tmp_path / "m.pt2", data__sample_inputs__model_pt=bomb))
    assert len(program.numbers) == 1


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.mylib.run.default",
        "torch.ops.aten.relu.default.__class__",
        "torch.ops.higher_order.cond",
        "torch.os.system",
        "torch.ops.load_library",
        "builtins.eval",
        "_operator.methodcaller",
        "_operator.attrgetter",
        "math.sqrt",
        "torch.ops.aten.relu",
        "",
        None,
        7,
    ],
)
def test_only_operations_that_compute_are_allowed(target: Any, tmp_path: Path) -> None:
    if target != "torch.ops.aten.relu":
        refused(saved(tmp_path / "m.pt2", nodes=[RELU | {"target": target}]), "not among the oper")
    else:
        assert allowed(target)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"use_pickle": True}, "is a pickle, which may run any code"),
        ({"path_name": "../../../etc/passwd"}, "is damaged"),
        ({"tensor_meta": None}, "is a pickle"),
        ({"tensor_meta": META | {"dtype": 99}}, "is no tensor of numbers"),
        ({"tensor_meta": META | {"sizes": [{"as_expr": {"expr_str": "x"}}]}}, "is no tensor"),
        ({"tensor_meta": META | {"sizes": [{"as_int": -2}, {"as_int": 3}]}}, "no whole shape"),
        ({"tensor_meta": META | {"sizes": [{"as_int": 2}]}}, "no whole shape"),
        ({"tensor_meta": META | {"sizes": [{"as_int": 3}, {"as_int": 3}]}}, "claims more numbers"),
        ({"tensor_meta": META | {"storage_offset": {"as_int": 1}}}, "claims more numbers"),
        (
            {
                "tensor_meta": META
                | {
                    "sizes": [{"as_int": 2**40}, {"as_int": 3}],
                    "strides": [{"as_int": 0}, {"as_int": 1}],
                }
            },
            "claims more numbers",
        ),
    ],
)
def test_weights_are_the_bytes_in_the_file(change: Any, match: str, tmp_path: Path) -> None:
    refused(saved(tmp_path / "m.pt2", weights={"fc.weight": weight(**change)}), match)


def test_damaged_files_are_refused_with_a_remedy(tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole.pt2").read_bytes()
    cut, text = tmp_path / "cut.pt2", tmp_path / "text.pt2"
    cut.write_bytes(whole[: len(whole) // 2])
    text.write_text("no program")
    for path in (cut, text):
        refused(path, r"no exported program of PyTorch; save the model as a program")
    refused(saved(tmp_path / "a.pt2", models__model_json=b""), "")
    two = saved(tmp_path / "two.pt2", **{"models__other.json": b"{}"})
    refused(two, "holds 2 programs, expected one")


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    for content in (b"{", b"[]", b"[" * 100_000, b'{"graph_module": {"graph": []}}'):
        refused(saved(tmp_path / "m.pt2", **{"models__model.json": content}), "damaged|no graph")


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.pt2")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data/weights/weight_1", bytes(2**29))
    assert path.stat().st_size < 2**20
    refused(path, "bytes unpack to .* the limit")


@pytest.mark.parametrize(
    ("name", "members", "match"),
    [
        ("w.pth", {"archive/data.pkl": b"}."}, "a pickle of PyTorch.*torch.export.save"),
        ("s.pt", {"s/constants.pkl": b"}.", "s/code/x.py": b""}, "is TorchScript"),
        ("o.pt2", {"serialized_exported_program.json": b"{}"}, "format of PyTorch before 2.8"),
    ],
)
def test_other_files_of_pytorch_are_told_apart(
    name: str, members: Any, match: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    assert is_torch_file(tmp_path / name)
    refused(tmp_path / name, match)


def test_old_pickles_are_told_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "old.pt").write_bytes(pickle.dumps({}))
    refused(tmp_path / "old.pt", "a pickle of PyTorch")


def test_weights_of_broken_length_are_refused(tmp_path: Path) -> None:
    refused(saved(tmp_path / "m.pt2", data__weights__weight_0=bytes(25)), "are no float32")


def test_a_list_of_members_that_is_damaged_is_told(tmp_path: Path) -> None:
    raw = saved(tmp_path / "whole.pt2").read_bytes()
    at = raw.rindex(b"PK\1\2")
    for name in ("m.pt2", "m.keras"):
        (tmp_path / name).write_bytes(raw[:at] + b"PK\7\7" + raw[at + 4 :])
        refused(tmp_path / name, "is damaged")
        assert is_torch_file(tmp_path / name) is (name == "m.pt2")


def test_a_program_that_is_no_object_is_told(tmp_path: Path) -> None:
    refused(
        saved(tmp_path / "m.pt2", **{"models/model.json": b'{"graph_module": []}'}), "is damaged"
    )
