"""Model files are data: what they could run is named and not run, what they claim is bounded."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sat_nb
from sat_nb.errors import FileMissing, InvalidInput, SatError
from sat_nb.interventions.deletion import deletion_effects
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.models import hdf5, keras_zip
from sat_nb.models.allowed import ACTIVATIONS, FUNCTIONS, LAYERS, OPERATION_LAYERS, OPERATIONS
from sat_nb.models.keras_config import MAX_CONFIG_BYTES, check_config, read_json
from sat_nb.models.keras_file import load_keras
from sat_nb.models.refused import Refused
from sat_nb.reproduction.cnn import accuracy
from tests.models.model_files import (
    changed_graph,
    changed_h5,
    changed_layers,
    changed_zip,
    with_class,
    with_field,
    with_layer,
)

Make = Callable[[Path, Path, Path], Path]
"""(folder of plain models, folder to write to, canary) -> the model file."""


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def plain(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small model in all forms: m.h5, m.keras and the SavedModel m."""
    layers, folder = tf.keras.layers, tmp_path_factory.mktemp("plain")
    photo = layers.Input((4, 4, 3), name="photo")
    flat = layers.Flatten(name="flat")(photo)
    model = tf.keras.Model(photo, layers.Dense(2, name="classes")(flat))
    for name in ("m.h5", "m.keras", "m"):
        model.save(folder / name)
    return folder


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that no model may touch, in a folder of its own."""
    (tmp_path / "nest").mkdir()
    file = tmp_path / "nest" / "canary"
    file.write_text("alive")
    return file


def load(path: Path, *, trusted: bool = False) -> Any:
    return load_keras(path, trusted=trusted)


def bytecode(canary: Path) -> Any:
    """What Keras stores of a Lambda layer that removes the canary."""
    from keras.src.utils.generic_utils import func_dump

    code: dict[str, Any] = {}
    exec(f"def f(x):\n import os\n os.remove({str(canary)!r})\n return x", code)
    return list(func_dump(code["f"]))


# --- code --------------------------------------------------------------------------------------


def h5(change: Callable[[Path], Any]) -> Make:
    return lambda plain, out, canary: changed_h5(plain / "m.h5", out / "a.h5", change(canary))


def zipped(change: Callable[[Path], Any]) -> Make:
    return lambda plain, out, canary: changed_zip(
        plain / "m.keras", out / "a.keras", change(canary)
    )


def described(change: Callable[[Path], Any]) -> Make:
    return lambda plain, out, canary: changed_layers(plain / "m", out / "a", change(canary))


def graph(*operations: str) -> Make:
    """A SavedModel whose layers run these operations, too."""

    def add(meta: Any) -> None:
        called = next(iter(meta.object_graph_def.concrete_functions))
        for function in meta.graph_def.library.function:
            if function.signature.name == called:
                for operation in operations:
                    function.node_def.add(name=f"added_{operation}", op=operation)

    return lambda plain, out, canary: changed_graph(plain / "m", out / "a", add)


def hidden(meta: Any) -> None:
    """WriteFile in a function that only a function calls which only a layer calls."""
    library = meta.graph_def.library
    inner, outer = library.function.add(), library.function.add()
    inner.signature.name, outer.signature.name = "inner", "outer"
    inner.node_def.add(name="w", op="WriteFile")
    outer.node_def.add(name="c", op="PartitionedCall").attr["f"].func.name = "inner"
    called = next(iter(meta.object_graph_def.concrete_functions))
    for function in library.function:
        if function.signature.name == called:
            function.node_def.add(name="if", op="If").attr["then_branch"].func.name = "outer"


def taken_for_another(meta: Any) -> None:
    """WriteFile in a function that only the main graph calls, but that TensorFlow may swap in."""
    taken = meta.graph_def.library.function.add()
    taken.signature.name = "taken"
    taken.attr["api_implements"].s = b"lstm"
    taken.node_def.add(name="w", op="WriteFile")
    meta.graph_def.node.add(name="c", op="PartitionedCall").attr["f"].func.name = "taken"


def lambda_of(canary: Path) -> dict[str, Any]:
    return {
        "function": bytecode(canary),
        "function_type": "lambda",
        "module": "__main__",
        "output_shape": None,
        "output_shape_type": "raw",
        "output_shape_module": None,
        "arguments": {},
    }


def op_layer(function: str, *more: Any) -> Callable[[Path], Any]:
    return lambda canary: with_layer("TFOpLambda", {"function": function}, str(canary), *more)


CODE: dict[str, tuple[Make, str]] = {
    "h5 Lambda": (
        h5(lambda canary: with_class("Lambda", lambda_of(canary))),
        r"layer 'flat' \(Lambda\) runs Python bytecode stored in the file",
    ),
    "keras Lambda": (
        zipped(lambda canary: with_class("Lambda", lambda_of(canary))),
        r"layer 'flat' \(Lambda\) runs Python bytecode",
    ),
    "SavedModel Lambda": (
        described(lambda canary: with_class("Lambda", lambda_of(canary))),
        r"layer 'flat' \(Lambda\) runs Python bytecode",
    ),
    "keras lambda as activation": (
        zipped(
            lambda canary: with_field(
                "activation", {"class_name": "__lambda__", "config": {"value": bytecode(canary)}}
            )
        ),
        r"\(__lambda__\) runs Python bytecode",
    ),
    "h5 remove": (h5(op_layer("io.gfile.remove")), r"'added' \(TFOpLambda\) calls tf.io.gfile.rem"),
    "h5 copy": (h5(op_layer("io.gfile.copy", "/tmp/copy")), "calls tf.io.gfile.copy"),
    "h5 old name": (h5(op_layer("compat.v1.gfile.Remove")), "calls tf.compat.v1.gfile.Remove"),
    "h5 py_function": (h5(op_layer("py_function")), "calls tf.py_function"),
    "h5 raw": (h5(op_layer("raw_ops.WriteFile")), "calls tf.raw_ops.WriteFile"),
    "h5 function is no text": (
        h5(lambda canary: with_layer("TFOpLambda", {"function": ["io.gfile.remove"]})),
        r"calls tf.\['io.gfile.remove'\]",
    ),
    "keras makedirs": (zipped(op_layer("io.gfile.makedirs")), "calls tf.io.gfile.makedirs"),
    "keras module": (
        zipped(
            lambda canary: with_field(
                "kernel_initializer",
                {
                    "class_name": "function",
                    "module": "os",
                    "config": "remove",
                    "registered_name": "remove",
                },
            )
        ),
        "runs the Python function os.remove",
    ),
    "keras class elsewhere": (
        zipped(lambda canary: with_class("Dense", {"units": 2}, "classes", module="antigravity")),
        r"'classes' \(Dense\) imports the Python module antigravity",
    ),
    "keras dotted class": (
        zipped(lambda canary: with_class("os.remove", {}, "classes")),
        "of the class os.remove",
    ),
    "keras registered": (
        zipped(lambda canary: with_class("Dense", {"units": 2}, registered_name="Mine>Layer")),
        "registered as Mine>Layer",
    ),
    "keras second model": (
        zipped(lambda canary: with_class("TFSMLayer", {"filepath": str(canary)})),
        r"\(TFSMLayer\) loads a second model",
    ),
    "h5 vocabulary": (
        h5(lambda canary: with_class("StringLookup", {"vocabulary": str(canary)})),
        r"\(StringLookup\) reads a vocabulary from the path",
    ),
    "h5 method": (
        h5(
            lambda canary: with_layer(
                "ClassMethod", {"cls_symbol": "io.TFRecordWriter", "method_name": "__call__"}
            )
        ),
        r"\(ClassMethod\) calls the Python method",
    ),
    "h5 inner layer": (
        h5(
            lambda canary: with_class(
                "TimeDistributed", {"layer": {"class_name": "Lambda", "config": {"name": "deep"}}}
            )
        ),
        r"layer 'deep' \(Lambda\)",
    ),
    "h5 custom": (
        h5(lambda canary: with_class("Custom>Mine", {})),
        r"class Custom>Mine, which is not among the layers of Keras that only compute",
    ),
    "h5 cell": (
        h5(
            lambda canary: with_class("RNN", {"cell": {"class_name": "Mine", "config": {}}}),
        ),
        "of the class Mine",
    ),
    "h5 activation": (
        h5(lambda canary: with_field("activation", "deserialize")),
        "'classes'.*has the activation deserialize",
    ),
    "h5 operation": (
        h5(
            lambda canary: with_layer(
                "TensorFlowOpLayer", {"node_def": {"name": "w", "op": "WriteFile"}}
            )
        ),
        "runs the operation WriteFile",
    ),
    "SavedModel inner class": (
        described(
            lambda canary: with_field("activation", {"class_name": "deserialize", "config": {}})
        ),
        "of the class deserialize",
    ),
    "SavedModel WriteFile": (graph("WriteFile"), "runs the operation 'WriteFile'"),
    "SavedModel ReadFile": (graph("Relu", "ReadFile"), "runs the operation 'ReadFile'"),
    "SavedModel SaveV2": (graph("SaveV2"), "runs the operation 'SaveV2'"),
    "SavedModel PrintV2": (graph("PrintV2"), "runs the operation 'PrintV2'"),
    "SavedModel EagerPyFunc": (graph("EagerPyFunc"), "runs the operation 'EagerPyFunc'"),
    "SavedModel unknown": (graph("MyOwnOp"), "runs the operation 'MyOwnOp'"),
    "SavedModel in place of another": (
        lambda plain, out, canary: changed_graph(plain / "m", out / "a", taken_for_another),
        "function 'taken' runs the operation 'WriteFile'",
    ),
    "SavedModel hidden": (
        lambda plain, out, canary: changed_graph(plain / "m", out / "a", hidden),
        "function 'inner' runs the operation 'WriteFile'",
    ),
}


@pytest.mark.parametrize("name", CODE)
def test_code_is_named_and_not_run(name: str, plain: Path, canary: Path, tmp_path: Path) -> None:
    make, match = CODE[name]
    file = make(plain, tmp_path, canary)
    with pytest.raises(InvalidInput, match=match) as caught:
        load(file)
    assert str(file) in str(caught.value)
    assert "trust_model=True (--trust-model)" in str(caught.value)
    assert [p.name for p in canary.parent.iterdir()] == ["canary"]
    assert canary.read_text() == "alive"


def test_the_attacks_work_where_the_file_is_trusted(
    plain: Path, canary: Path, tmp_path: Path
) -> None:
    """Else the test above would say nothing; the files are no models for Keras afterwards."""
    for name in ("h5 Lambda", "h5 remove"):
        canary.write_text("alive")
        make, _ = CODE[name]
        with contextlib.suppress(InvalidInput):
            load(make(plain, tmp_path, canary), trusted=True)
        assert not canary.exists(), name


def test_a_trusted_lambda_computes(tf: Any, tmp_path: Path) -> None:
    layers = tf.keras.layers
    steps = [layers.Input((2, 2, 3)), layers.Lambda(lambda x: 2 * x), layers.Flatten()]
    photo = np.ones((1, 2, 2, 3), np.float32)
    for name in ("l.h5", "l.keras"):
        tf.keras.Sequential(steps).save(tmp_path / name)
        with pytest.raises(InvalidInput, match=r"\(Lambda\) runs Python bytecode"):
            load(tmp_path / name)
        assert (load(tmp_path / name, trusted=True)(photo).numpy() == 2).all()


# --- what plain models hold ----------------------------------------------------------------------


def test_plain_models_are_loaded(plain: Path) -> None:
    photo = np.ones((1, 4, 4, 3), np.float32)
    values = [load(plain / name)(photo).numpy() for name in ("m.h5", "m.keras", "m")]
    assert np.abs(values[0]).max() > 0
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[0], values[2])


def test_a_layer_of_the_authors_own_is_a_graph_in_a_saved_model(tf: Any, tmp_path: Path) -> None:
    """And is checked as one; registered by its name it would be the user's code with other data."""

    class Twice(tf.keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    layers, photo = tf.keras.layers, np.ones((1, 2, 2, 3), np.float32)
    steps = [layers.Input((2, 2, 3)), Twice(name="twice"), layers.Flatten()]
    tf.keras.Sequential(steps).save(tmp_path / "m")
    assert (load(tmp_path / "m")(photo).numpy() == 2).all()
    with (
        tf.keras.utils.custom_object_scope({"Twice": Twice}),
        pytest.raises(InvalidInput, match=r"layer 'twice' \(Twice\) is of the class Twice"),
    ):
        load(tmp_path / "m")


def test_layers_and_functions_of_all_kinds_are_loaded(tf: Any, tmp_path: Path) -> None:
    layers = tf.keras.layers
    x = photo = layers.Input((8, 8, 3))
    x = layers.RandomFlip()(layers.Rescaling(1 / 255)(x))
    inner = tf.keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="swish")])
    losses = tf.keras.losses
    inner.compile("adam", losses.mean_squared_error, metrics=["mae", losses.MeanAbsoluteError()])
    x = layers.BatchNormalization()(inner(x) * 2.0 + 1.0)
    x = tf.nn.relu6(tf.concat([x, x], axis=-1))[:, 1:, 1:]
    x = layers.Conv2D(3, 1, kernel_regularizer="l2", kernel_constraint="max_norm")(x)
    x = layers.LayerNormalization()(layers.Reshape((25, 3))(x))
    x = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 3)(x, x) + x)
    model = tf.keras.Model(photo, layers.Dense(2, activation=tf.nn.softmax)(x))
    rate = tf.keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(tf.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", ["accuracy"])
    seen = np.ones((1, 8, 8, 3), np.float32)
    for name in ("all.h5", "all.keras"):
        model.save(tmp_path / name)
        np.testing.assert_allclose(load(tmp_path / name)(seen), model(seen), rtol=1e-5)
    for training in (False, True):  # what a SavedModel would hold, without the time to write one
        call = tf.function(lambda x, training=training: model(x, training=training))
        graph = call.get_concrete_function(tf.TensorSpec((None, 8, 8, 3))).graph.as_graph_def()
        nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
        assert {node.op for node in nodes} <= OPERATIONS


def test_layers_of_all_applications_are_allowed() -> None:
    """Their source is read: to build all of them takes minutes."""
    folder = Path(pytest.importorskip("keras").__file__).parent / "src" / "applications"
    used = {
        node.func.attr
        for file in folder.glob("[!_]*.py")
        if not file.name.endswith("_test.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "layers"
    }
    assert len(used) > 15
    of_resnext = {"Lambda"}  # which Keras does not offer
    assert used - {"Layer", "VersionAwareLayers"} - of_resnext <= LAYERS


def test_all_allowed_names_exist_and_none_is_known_to_do_more(tf: Any) -> None:
    from keras.src.layers import serialization
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session
    from tensorflow.python.util.tf_export import get_symbol_from_name

    serialization.populate_deserializable_objects()
    known = {*serialization.LOCAL.ALL_OBJECTS, "LayerScale", "CustomScaleLayer"}
    assert (LAYERS | OPERATION_LAYERS) - known == {"Custom>CustomScaleLayer"}
    for name in FUNCTIONS:
        names = (name, f"compat.v1.{name}", f"math.{name}")
        assert any(callable(get_symbol_from_name(n)) for n in names), name
    listed = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    assert {op.name for op in op_def_pb2.OpList.FromString(listed).op} >= OPERATIONS
    doing = "File|Save|Restore|Print|Py|Dataset|Iterator|Summary|Rpc|Send|Recv|Table|Library|Debug"
    assert [name for name in OPERATIONS if re.search(doing, name)] == []
    doing = (
        r"(^|\.)(io|data|debugging|distribute|py_\w+|numpy_\w+|print\w*|map_fn|while_loop)(\.|$)"
    )
    assert [name for name in FUNCTIONS if re.search(doing, name)] == []


def test_allowed_activations_are_keras_own(tf: Any) -> None:
    for name in ACTIVATIONS - {"leaky_relu", "relu6", "silu"}:
        assert callable(tf.keras.activations.get(name)), name


def test_only_the_gate_loads_models() -> None:
    root = Path(sat_nb.__file__).parent
    loads = r"load_model\(|saved_model\.load|model_from_(json|config|yaml)|load_weights|func_load"
    found = {
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        if re.search(loads, file.read_text(encoding="utf-8"))
    }
    assert found == {"models/keras_file.py"}


def everywhere(file: Path, trusted: dict[str, Any]) -> list[Callable[[], Any]]:
    """Calls that load a model in this process; ``explain`` is asked in its own tests."""
    photos = {"a": np.zeros((2, 2, 3), np.uint8)}
    out = file.parent / "out"
    effects: Any = {"preprocess": "unit", "kept": out / "effects"}
    return [
        lambda: sat_nb.input_agnostic_saliency(file, 0, steps=1, progress=False, **trusted),
        lambda: sat_nb.class_signatures(file, steps=1, progress=False, **trusted),
        lambda: deletion_effects(file, photos, {}, {}, **effects, **trusted),
        lambda: weighted_layers(file, **trusted),
        lambda: randomise_layers(file, 1, out=out / "random.h5", **trusted),
    ]


def test_the_gate_stands_everywhere(tf: Any, tmp_path: Path) -> None:
    layers, file = tf.keras.layers, tmp_path / "l.h5"
    steps = [layers.Input((2, 2, 3)), layers.Lambda(lambda x: 2 * x), layers.Flatten()]
    end = layers.Dense(3, activation="softmax", name="classes")
    tf.keras.Sequential([*steps, end]).save(file)
    for call in everywhere(file, {}):
        with pytest.raises(InvalidInput, match=r"\(Lambda\) runs Python bytecode"):
            call()
    with pytest.raises(InvalidInput, match=r"\(Lambda\) runs Python bytecode"):
        accuracy(file, {"a": np.zeros((2, 2, 3), np.uint8)}, {"a": 0})
    agnostic, _, _, weighted, randomised = everywhere(file, {"trust_model": True})
    assert agnostic().n_steps == 1
    assert weighted() == ("classes",)
    assert randomised().exists()


# --- links and sizes -----------------------------------------------------------------------------


@pytest.fixture
def h5_file(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(plain / "m.h5", tmp_path / "a.h5"))


KERNEL = "model_weights/classes/classes/kernel:0"


def external(group: Any, canary: Path) -> None:
    del group["kernel:0"]
    group.create_dataset("kernel:0", (48, 2), "f4", external=[(str(canary), 0, 384)])


def virtual(group: Any, canary: Path) -> None:
    import h5py

    layout = h5py.VirtualLayout((48, 2), "f4")
    layout[:] = h5py.VirtualSource(str(canary), "data", (48, 2))
    del group["kernel:0"]
    group.create_virtual_dataset("kernel:0", layout)


def external_link(group: Any, canary: Path) -> None:
    import h5py

    del group["kernel:0"]
    group["kernel:0"] = h5py.ExternalLink(str(canary), "/data")


def soft_link(group: Any, canary: Path) -> None:
    import h5py

    group["kernel:1"] = h5py.SoftLink("/elsewhere")


def huge(group: Any, canary: Path) -> None:
    group.create_dataset("more", (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip")


def no_numbers(group: Any, canary: Path) -> None:
    import h5py

    group.create_dataset("more", (2,), dtype=h5py.string_dtype())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (external, "kernel:0' are read from another file"),
        (virtual, "kernel:0' are read from another file"),
        (external_link, "kernel:0' is a link to another place or file"),
        (soft_link, "kernel:1' is a link"),
        (huge, "claim 4000000000392 bytes of weights"),
        (no_numbers, "more' are no numbers"),
    ],
)
def test_weights_are_in_the_file_itself(
    change: Callable[[Any, Path], None], match: str, tf: Any, h5_file: Path, canary: Path
) -> None:
    import h5py

    with h5py.File(h5_file, "a") as file:
        change(file[KERNEL].parent, canary)
    with pytest.raises(InvalidInput, match=match):
        load(h5_file)


def test_groups_in_circles_are_walked_once(tf: Any, h5_file: Path) -> None:
    import h5py

    with h5py.File(h5_file, "a") as file:
        file["model_weights/round"] = file["model_weights"]
    load(h5_file)


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_layers_have_no_more_weights_than_the_file(name: str, plain: Path, tmp_path: Path) -> None:
    change = with_field("units", 10**9)
    make = changed_h5 if name == "m.h5" else changed_zip
    with pytest.raises(InvalidInput, match="more weights than the file holds"):
        load(make(plain / name, tmp_path / name, change))


def test_outputs_fit_into_memory(tf: Any, tmp_path: Path) -> None:
    layers = tf.keras.layers
    steps = [layers.Input((8, 8, 3)), layers.UpSampling2D(5000, name="up"), layers.Flatten()]
    tf.keras.Sequential(steps).save(tmp_path / "up.h5")
    match = r"layer 'up' \(UpSampling2D\) makes \(None, 40000, 40000, 3\) numbers"
    with pytest.raises(InvalidInput, match=match):
        load(tmp_path / "up.h5")
    steps = [layers.Input((None, None, 3)), layers.UpSampling2D(5000, name="up")]
    open_size = tf.keras.Sequential([*steps, layers.GlobalAveragePooling2D()])
    open_size.save(tmp_path / "open.h5")
    with pytest.raises(InvalidInput, match=match):
        sat_nb.input_agnostic_saliency(tmp_path / "open.h5", 0, input_size=(8, 8), progress=False)


def test_a_packed_file_unpacks_to_little(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_zip, "ALWAYS_ALLOWED", 1000)
    monkeypatch.setattr(hdf5, "ALWAYS_ALLOWED", 1000)
    file = tmp_path / "a.keras"
    changed_zip(plain / "m.keras", file, lambda config: config.update(more=" " * 10**6))
    with pytest.raises(InvalidInput, match=r"its \d+ bytes unpack to \d+"):
        load(file)


@pytest.mark.parametrize("name", ["model.weights.npz", "assets/../../out.txt"])
def test_a_packed_file_holds_nothing_else(name: str, plain: Path, tmp_path: Path) -> None:
    others = {name: b"numbers"}
    file = changed_zip(plain / "m.keras", tmp_path / "a.keras", lambda config: None, **others)
    with pytest.raises(InvalidInput, match=f"holds '{re.escape(name)}', which Keras does not"):
        load(file)


def too_large_a_constant(meta: Any) -> None:
    called = next(iter(meta.object_graph_def.concrete_functions))
    for function in meta.graph_def.library.function:
        if function.signature.name == called:
            tensor = function.node_def.add(name="big", op="Const").attr["value"].tensor
            tensor.dtype = 1
            tensor.tensor_shape.dim.add(size=10**12)


def test_constants_are_no_larger_than_the_file(plain: Path, tmp_path: Path) -> None:
    file = changed_graph(plain / "m", tmp_path / "a", too_large_a_constant)
    with pytest.raises(InvalidInput, match="constants claim 4000000000024 bytes"):
        load(file)


def test_a_saved_model_is_in_its_folder(plain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain / "m", tmp_path / "a"))
    shards = list((folder / "variables").glob("*data*"))
    away = shards[0].rename(tmp_path / "away")
    shards[0].symlink_to(away)
    with pytest.raises(InvalidInput, match="variables.data.* is a link that leads out"):
        load(folder)
    shards[0].unlink()
    os.mkfifo(shards[0])
    with pytest.raises(InvalidInput, match="variables.data.* is no plain file"):
        load(folder)


def linked(*calls: Any) -> dict[str, Any]:
    """A model of layers a, b, ... whose calls take these."""
    layers = [
        {"class_name": "Flatten", "name": name, "config": {"name": name}, "inbound_nodes": taken}
        for name, taken in zip("abc", calls, strict=False)
    ]
    config = {"layers": layers, "input_layers": [["a", 0, 0]], "output_layers": [["b", 0, 0]]}
    return {"class_name": "Functional", "config": config}


def test_layers_are_linked_to_the_input() -> None:
    check_config(linked([], [[["a", 0, 0, {}]]], [["b", 0, 0, {"y": ["a", 0, 0]}]]))
    check_config(linked([], [[["c", 0, 0]]], [["_CONSTANT_VALUE", -1, 2.0, {"y": ["a", 0, 0]}]]))
    several: tuple[Any, ...] = (
        ([], [[["c", 0, 0, {}]]], [[["b", 0, 0, {}]]]),
        ([], [[["b", 0, 0, {}]]]),
        ([], [[["a", 1, 0, {}]]]),
        ([], [[["absent", 0, 0, {}]]]),
        ([], [["a", 0, 0, {"y": ["b", 0, 0]}]]),
    )
    for calls in several:
        with pytest.raises(Refused, match="layer 'b' waits for a layer that waits for it"):
            check_config(linked(*calls))
    with pytest.raises(Refused, match="layer 'b' takes no other layer's output, but constants"):
        check_config(linked([], [["_CONSTANT_VALUE", -1, [10**6], {"dtype": "float32"}]]))


def test_names_are_shown_as_text() -> None:
    with pytest.raises(Refused) as caught:
        check_config({"class_name": "x\x1b[31m\u202e", "config": {"name": "y\n\x1b"}})
    assert str(caught.value).isprintable()


def test_descriptions_are_bounded() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    with pytest.raises(Refused, match="nested more than 200 levels"):
        check_config({"class_name": "Functional", "config": deep})
    many = [{"class_name": "Flatten", "config": {}}] * 20_001
    with pytest.raises(Refused, match="more than 20000 layers"):
        check_config({"class_name": "Functional", "config": {"layers": many}})
    with pytest.raises(Refused, match="is no JSON: RecursionError"):
        read_json("[" * 10**6, "its model config")
    with pytest.raises(Refused, match="bytes, and 16777216 are the limit"):
        read_json(" " * (MAX_CONFIG_BYTES + 1), "its model config")


# --- damage --------------------------------------------------------------------------------------


def refuse(path: Path, match: str, error: type[SatError] = InvalidInput) -> None:
    with pytest.raises(error, match=match) as caught:
        load(path)
    assert len(str(caught.value)) < 2000
    assert path.name[-100:] in str(caught.value)


def test_what_is_no_model(plain: Path, tmp_path: Path) -> None:
    refuse(tmp_path / "absent.h5", "does not exist", FileMissing)
    refuse(tmp_path / ("long" * 1000), "cannot be opened")
    refuse(tmp_path, "folder without saved_model.pb")
    refuse(Path("/dev/zero"), "no plain file but a pipe or device")
    os.mkfifo(tmp_path / "pipe.h5")
    refuse(tmp_path / "pipe.h5", "no plain file but a pipe or device")
    for name, content in {"a.h5": b"", "b.h5": b"text", "c.keras": b"PK\5\6" + bytes(18)}.items():
        (tmp_path / name).write_bytes(content)
        refuse(tmp_path / name, r"cannot be read by the Keras engine \(.*expected a whole model")


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m/saved_model.pb", "m/keras_metadata.pb"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.97])
def test_a_file_that_was_cut_off(name: str, kept: float, plain: Path, tmp_path: Path) -> None:
    top, _, _ = name.partition("/")
    if "/" in name:
        shutil.copytree(plain / top, tmp_path / top)
    content = (plain / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(kept * len(content))])
    refuse(tmp_path / top, "cannot be read by the Keras engine")


def test_a_saved_model_without_its_weights(plain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain / "m", tmp_path / "a"))
    (folder / "variables" / "variables.index").write_bytes(b"no table")
    refuse(folder, "cannot be read by the Keras engine")
    shutil.rmtree(folder / "variables")
    refuse(folder, "its weights are missing")
    (folder / "keras_metadata.pb").unlink()
    refuse(folder, "was not written by Keras' model.save")


def test_files_of_keras_3_are_told(plain: Path, h5_file: Path, tmp_path: Path) -> None:
    import h5py

    with h5py.File(h5_file, "a") as file:
        file.attrs["keras_version"] = "3.15.1"
    refuse(h5_file, "a.h5' was written by Keras 3.15.1, .* with Keras 2 .*set_weights")
    file = changed_zip(
        plain / "m.keras",
        tmp_path / "a.keras",
        lambda config: None,
    )
    refuse_version(file)


def refuse_version(file: Path) -> None:
    """As Keras 3 writes it."""
    import zipfile

    with zipfile.ZipFile(file) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    contents["metadata.json"] = b'{"keras_version": "3.3.3"}'
    with zipfile.ZipFile(file, "w") as new:
        for name, content in contents.items():
            new.writestr(name, content)
    refuse(file, "was written by Keras 3.3.3")
