"""Model files that claim more than they hold, point elsewhere, or are damaged."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sat_nb
from sat_nb.errors import FileMissing, InvalidInput, SatError
from sat_nb.models import hdf5, keras_zip
from sat_nb.models.keras_config import MAX_CONFIG_BYTES, check_config, read_json
from sat_nb.models.keras_file import load_keras
from sat_nb.models.refused import Refused
from tests.models.model_files import (
    changed_graph,
    changed_h5,
    changed_zip,
    with_field,
)


def load(path: Path, *, trusted: bool = False) -> Any:
    return load_keras(path, trusted=trusted)


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
