"""Model files are data: what they could run is named and not run, what they claim is bounded."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sat_nb
from sat_nb.errors import InvalidInput
from sat_nb.interventions.deletion import deletion_effects
from sat_nb.interventions.weight_randomisation import randomise_layers, weighted_layers
from sat_nb.models.allowed import (
    ACTIVATIONS,
    FUNCTIONS,
    KERAS_3,
    LAYERS,
    OPERATION_LAYERS,
    OPERATIONS,
)
from sat_nb.models.keras_file import load_keras
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


def calls_itself(meta: Any) -> None:
    """A function that a layer calls, and that calls itself through another one."""
    library = meta.graph_def.library
    inner, outer = library.function.add(), library.function.add()
    inner.signature.name, outer.signature.name = "inner", "outer"
    inner.node_def.add(name="if", op="If").attr["else_branch"].func.name = "outer"
    outer.node_def.add(name="c", op="inner")
    called = next(iter(meta.object_graph_def.concrete_functions))
    for function in library.function:
        if function.signature.name == called:
            function.node_def.add(name="c", op="PartitionedCall").attr["f"].func.name = "outer"


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
    "SavedModel While": (
        graph("Relu", "While"),
        "'While', a loop that may never end; layers of Keras' own .* are read from an .h5 file",
    ),
    "SavedModel loop of TensorFlow 1": (graph("NextIteration"), "a loop that may never end"),
    "SavedModel that calls itself": (
        lambda plain, out, canary: changed_graph(plain / "m", out / "a", calls_itself),
        r"its function '(inner|outer)' calls itself; .*trust_model=True",
    ),
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


def test_an_adapted_layer_of_a_saved_model_is_loaded(tf: Any, tmp_path: Path) -> None:
    """Its folder also holds the function that adapts, which is not called."""
    seen = np.random.default_rng(0).uniform(0, 255, (4, 2, 2, 3)).astype(np.float32)
    normalization = tf.keras.layers.Normalization()
    normalization.adapt(seen)
    model = tf.keras.Sequential([tf.keras.layers.Input((2, 2, 3)), normalization])
    model.save(tmp_path / "m")
    np.testing.assert_allclose(load(tmp_path / "m")(seen), model(seen), rtol=1e-5)


@pytest.mark.keras
def test_layers_of_all_applications_are_allowed() -> None:
    """Their source is read: to build all of them takes minutes."""
    import keras

    folder = Path(keras.__file__).parent / "src" / "applications"
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
    assert (LAYERS - KERAS_3 | OPERATION_LAYERS) - known == {"Custom>CustomScaleLayer"}
    for name in FUNCTIONS:
        names = (name, f"compat.v1.{name}", f"math.{name}")
        assert any(callable(get_symbol_from_name(n)) for n in names), name
    listed = pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    assert {op.name for op in op_def_pb2.OpList.FromString(listed).op} >= OPERATIONS
    doing = "File|Save|Restore|Print|Py|Dataset|Iterator|Summary|Rpc|Send|Recv|Table|Library|Debug"
    # adapted layers take items of an iterator that they are given; none can be made
    assert [name for name in OPERATIONS if re.search(doing, name)] == ["IteratorGetNext"]
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
    of_keras_3 = "saliency/engines/torch/keras3.py"
    assert found == {"models/keras_file.py", of_keras_3}
    gated = (root / of_keras_3).read_text(encoding="utf-8").partition("load_model(")[0]
    assert "if not trusted:\n        _check(path)" in gated


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
