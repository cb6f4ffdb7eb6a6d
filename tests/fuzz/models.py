"""Model files that are fuzzed: what stands before them is asked, and no engine is started.

TensorFlow is imported for SavedModels alone, once a process.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np

import sat_nb as sat
from sat_nb.models import keras_file
from sat_nb.models.refused import Refused
from sat_nb.models.torch_program import is_torch_file, read_program

CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_input_shape": [None, 4, 4, 3], "dtype": "float32", "name": "i"},
            },
            {"class_name": "Flatten", "config": {"name": "f", "data_format": "channels_last"}},
            {
                "class_name": "Dense",
                "config": {"name": "d", "units": 2, "activation": "softmax", "use_bias": True},
            },
        ],
    },
}
SAVED_MODEL = Path(__file__).with_name("saved_model.zip")
"""A SavedModel of Flatten and Dense(2) on photos (4, 4, 3), as TensorFlow 2.14 wrote it."""

_TENSOR = {
    "dtype": 7,
    "sizes": [{"as_int": 2}, {"as_int": 3}],
    "strides": [{"as_int": 3}, {"as_int": 1}],
    "storage_offset": {"as_int": 0},
    "requires_grad": True,
    "device": {"type": "cpu", "index": None},
    "layout": 7,
}
_GRAPH = {
    "inputs": [{"as_tensor": {"name": "w"}}, {"as_tensor": {"name": "x"}}],
    "outputs": [{"as_tensor": {"name": "linear"}}],
    "tensor_values": {"w": _TENSOR, "x": _TENSOR, "linear": _TENSOR},
    "nodes": [
        {
            "target": "torch.ops.aten.linear.default",
            "inputs": [
                {"name": "input", "arg": {"as_tensor": {"name": "x"}}, "kind": 1},
                {"name": "weight", "arg": {"as_tensor": {"name": "w"}}, "kind": 1},
            ],
            "outputs": [{"as_tensor": {"name": "linear"}}],
            "metadata": {"nn_module_stack": "L__self__,,torch.nn.Linear"},
        }
    ],
}
_SIGNATURE = {
    "input_specs": [
        {"parameter": {"arg": {"name": "w"}, "parameter_name": "fc.weight"}},
        {"user_input": {"arg": {"as_tensor": {"name": "x"}}}},
    ],
    "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "linear"}}}}],
}


def write_h5(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "m.h5", "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(CONFIG), "2.14.0"
        file.create_dataset("model_weights/d/d/kernel:0", data=np.ones((48, 2), np.float32))


def write_keras(folder: Path) -> None:
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_dataset("layers/dense/vars/0", data=np.ones((48, 2), np.float32))
    _write_zip(
        folder / "m.keras",
        {
            "config.json": json.dumps(CONFIG),
            "metadata.json": json.dumps({"keras_version": "2.14.0"}),
            "model.weights.h5": weights.getvalue(),
        },
    )


def write_pt2(folder: Path) -> None:
    weight = {"path_name": "weight_0", "is_param": True, "use_pickle": False}
    config = {"config": {"fc.weight": {**weight, "tensor_meta": _TENSOR}}}
    program = {"graph_module": {"graph": _GRAPH, "signature": _SIGNATURE}}
    _write_zip(
        folder / "m.pt2",
        {
            "m/archive_format": "pt2",
            "m/models/model.json": json.dumps(program),
            "m/data/weights/model_weights_config.json": json.dumps(config),
            "m/data/weights/weight_0": np.arange(6, dtype="<f4").tobytes(),
            "m/data/constants/model_constants_config.json": json.dumps({"config": {}}),
        },
    )


def _write_zip(file: Path, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # without the time of day


def write_saved_model(folder: Path) -> None:
    with zipfile.ZipFile(SAVED_MODEL) as archive:
        archive.extractall(folder / "m")


def read_keras(folder: Path, name: str) -> None:
    """The gate before a model of Keras, which does not load it."""
    path = keras_file.plain_model(folder / name)
    try:
        with keras_file._opened(path, False):
            pass
    except Refused as refused:
        raise sat.InvalidInput(keras_file._sentence(path, refused)) from refused


def read_pt2(folder: Path) -> None:
    """The program, and every tensor in it, whose numbers must be in the file."""
    path = keras_file.plain_model(folder / "m.pt2")
    assert is_torch_file(path)
    try:
        program = read_program(path)
        for one in program.numbers.values():
            # No type is wider: that tensors end within their bytes is what the reader promises.
            content = np.frombuffer(program.read(one.member), _width(one.dtype))
            places = [n - 1 for n in one.shape]
            last = one.offset + int(np.dot(places, one.strides)) if all(one.shape) else -1
            assert last < len(content)
    except Refused as refused:
        raise sat.InvalidInput(f"model: {refused}") from refused


def _width(dtype: str) -> str:
    from sat_nb.models.torch_operations import N_BYTES

    return f"V{N_BYTES[dtype]}"
