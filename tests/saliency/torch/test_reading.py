"""What the torch engine reads: programs and their heads; and what it refuses, with what to do."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency.model_file import ModelFile


@pytest.fixture(scope="module")
def nets(torch: Any) -> Any:
    from tests.saliency.torch import networks

    return networks


@pytest.fixture
def saved(torch: Any, tmp_path: Any) -> Any:
    """saved(module, *sizes): the file of a module exported as it is."""

    def save(module: Any, *sizes: Any, **options: Any) -> ModelFile:
        options.setdefault("dynamic_shapes", ({0: torch.export.Dim.AUTO},) * max(1, len(sizes)))
        inputs = tuple(torch.zeros(*size) for size in sizes or ((2, 3, 16, 16),))
        path = tmp_path / f"{type(module).__name__}.pt2"
        torch.export.save(torch.export.export(module, inputs, **options), path)
        return ModelFile(str(path), "model", f"{path}{np.random.default_rng().random()}")

    return save


def file_of(path: Any) -> ModelFile:
    return ModelFile(str(path), "model", str(path))


@pytest.mark.parametrize(
    ("name", "kind", "head", "n_outputs"),
    [
        ("resnet", "ResNet", "logits", 4),
        ("vit", "ViT", "logits", 3),
        ("encoder", "Encoder", "softmax", 3),
        ("gated", "Gated", "logits", 3),
    ],
)
def test_outputs_are_the_modules(
    name: str,
    kind: str,
    head: str,
    n_outputs: int,
    torch: Any,
    nets: Any,
    programs: Any,
    commands: Any,
    batch: Any,
) -> None:
    facts = commands["facts"](file_of(programs[name]))
    assert (facts.input_shape, facts.n_outputs, facts.head) == ((16, 16, 3), n_outputs, head)
    module = nets.made(getattr(nets, kind)).double()
    with torch.no_grad():
        expected = module(torch.from_numpy(batch).double().permute(0, 3, 1, 2)).numpy()
    predicted, logits = commands["predict"](file_of(programs[name]), batch)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)
    if head == "logits":
        np.testing.assert_array_equal(predicted, logits)


def test_one_output_has_two_classes_and_one_channel_is_fine(
    torch: Any, nets: Any, programs: Any, commands: Any, batch: Any
) -> None:
    grey = batch[..., :1]
    facts = commands["facts"](file_of(programs["grey"]))
    assert (facts.input_shape, facts.n_outputs) == ((16, 16, 1), 2)
    predicted, logits = commands["predict"](file_of(programs["grey"]), grey)
    assert (predicted.shape, logits.shape) == ((3, 2), (3, 1))
    np.testing.assert_allclose(predicted[:, :1], -logits)


def test_sigmoid_and_log_softmax_come_off(
    torch: Any, nets: Any, saved: Any, commands: Any, batch: Any
) -> None:
    from torch import nn

    logits = commands["predict"](saved(nets.made(nets.ResNet)), batch)[1]
    for end, head in ((nn.Sigmoid(), "sigmoid"), (nn.LogSoftmax(dim=1), "softmax")):
        file = saved(nn.Sequential(nets.made(nets.ResNet), end))
        assert commands["facts"](file).head == head
        predicted, explained = commands["predict"](file, batch)
        np.testing.assert_allclose(explained, logits, atol=1e-6)
        assert predicted.min() > 0
        assert predicted.max() < 1


def test_outputs_of_transformers_are_their_logits(
    torch: Any, nets: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from sat_nb.saliency.engines.torch.export import export

    module = nets.made(nets.WithLogits)
    path = export(module, tmp_path / "logits.pt2")  # its config tells the size
    with torch.no_grad():
        expected = module(torch.from_numpy(batch).permute(0, 3, 1, 2)).logits.numpy()
    np.testing.assert_allclose(commands["predict"](file_of(path), batch)[0], expected, atol=1e-5)


def test_a_program_scales_its_own_input(
    torch: Any, nets: Any, saved: Any, commands: Any, batch: Any
) -> None:
    from torch import nn

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nets.made(nets.ResNet)
            self.register_buffer("mean", torch.tensor([0.5, 0.4, 0.3]).reshape(1, 3, 1, 1))

        def forward(self, x: Any) -> Any:
            return self.inner((x / 255 - self.mean) / 0.25)

    file, plain = saved(Scaled().eval()), saved(nets.made(nets.ResNet))
    facts = commands["facts"](file)
    assert facts.scaling == pytest.approx((4 / 255, -1.6), rel=1e-5)
    raw = 255 * (0.25 * batch + np.float32([0.5, 0.4, 0.3]))
    for method in ("lrp.z", "deep_taylor"):
        given = {"parameters": {}, "targets": [0, 1, 2], "seeds": [0] * 3}
        (came, *_) = commands["analyze"](file, method, batch=raw, **given)
        (expected, *_) = commands["analyze"](plain, method, batch=batch, **given)
        np.testing.assert_allclose(came.attribution, expected.attribution, atol=1e-5)


def test_half_precision_is_explained_in_float32(
    torch: Any, nets: Any, saved: Any, commands: Any, batch: Any
) -> None:
    module = nets.made(nets.ResNet).to(torch.bfloat16)
    path = saved(nets.made(nets.ResNet)).path
    inputs = (torch.zeros(2, 3, 16, 16, dtype=torch.bfloat16),)
    torch.export.save(torch.export.export(module, inputs), path)
    facts = commands["facts"](ModelFile(path, "half", "half"))
    assert facts.rewritten[0] == "layers that compute in bfloat16 compute in float32"


# --- refused -----------------------------------------------------------------------------------


def test_pickles_and_torchscript_are_refused_with_the_line_that_exports(
    torch: Any, nets: Any, commands: Any, tmp_path: Any
) -> None:
    module = nets.made(nets.ResNet)
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    torch.jit.trace(module, torch.zeros(1, 3, 16, 16)).save(tmp_path / "script.pt")
    (tmp_path / "old.pt").write_bytes(b"\x80\x02}q\x00.")
    for name, problem in (
        ("weights.pth", "a pickle of PyTorch"),
        ("script.pt", "is TorchScript"),
        ("old.pt", "a pickle of PyTorch"),
    ):
        with pytest.raises(InvalidInput, match=problem + r".*torch\.export\.save\(torch\.export"):
            commands["facts"](file_of(tmp_path / name))


def test_training_mode_and_nan_weights_are_named_before_any_work(
    torch: Any, nets: Any, saved: Any, commands: Any, tmp_path: Any
) -> None:
    from sat_nb.saliency.engines.torch.export import export

    module = nets.made(nets.ResNet)
    module.block.bn1.train()
    with pytest.raises(InvalidInput, match=r"training mode \('block.bn1'\).*model.eval\(\) first"):
        export(module, tmp_path / "x.pt2", (16, 16))
    with pytest.raises(InvalidInput, match="layer 'block.bn1'.*training mode.*model.eval"):
        commands["facts"](saved(module))
    module.eval().fc.bias.data[1] = np.nan
    with pytest.raises(InvalidInput, match=r"1 weights of ResNet have NaN in them \(fc.bias\)"):
        export(module, tmp_path / "x.pt2", (16, 16))
    with pytest.raises(InvalidInput, match="1 of its weights have NaN in them: 'fc.bias'"):
        commands["facts"](saved(module))


def test_what_is_no_classifier_of_images_is_named(
    torch: Any, nets: Any, saved: Any, commands: Any
) -> None:
    from torch import nn

    class TwoInputs(nn.Module):
        def forward(self, x: Any, y: Any) -> Any:
            return (x + y).mean(dim=(2, 3))

    class TwoOutputs(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(dim=(2, 3)), x.sum(dim=(2, 3))

    class Squeezed(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(dim=(1, 2, 3))

    class Chosen(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(dim=(2, 3)).argmax(dim=1)

    class Constant(nn.Module):
        def forward(self, x: Any) -> Any:
            return (0 * x).mean(dim=(2, 3))

    image = (2, 3, 16, 16)
    for module, sizes, problem in (
        (TwoInputs(), (image, image), "expected one input, the image, got 2 .'x', 'y'."),
        (TwoOutputs(), (image,), "expected one output, got 2"),
        (Squeezed(), (image,), r"expected an output \(n, n_classes\), got \('n',\)"),
        (Chosen(), (image,), "expected softmax, sigmoid or no activation .* 'argmax'"),
        (Constant(), (image,), "the same outputs whatever it sees"),
        (nn.Flatten(), ((2, 5, 16, 16),), r"expected images \(n, 3, height, width\)"),
    ):
        with pytest.raises(InvalidInput, match=problem):
            commands["facts"](saved(module, *sizes))


def test_what_export_refuses_is_an_error_with_its_place_and_remedy(
    torch: Any, tmp_path: Any
) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export

    class Undecided(nn.Module):
        def forward(self, x: Any) -> Any:
            if x.sum() > 0:
                return x.mean(dim=(2, 3))
            return -x.mean(dim=(2, 3))

    with pytest.raises(InvalidInput, match=r"at .*test_reading.py, line \d+, in forward.*where"):
        export(Undecided().eval(), tmp_path / "x.pt2", (16, 16))
    with pytest.raises(InvalidInput, match="does not tell the size.*give input_size="):
        export(Undecided().eval(), tmp_path / "x.pt2")


def test_operations_of_others_need_trust(
    torch: Any, nets: Any, commands: Any, tmp_path: Any
) -> None:
    from dataclasses import replace

    from torch import nn

    library = torch.library.Library("sat_nb_tests", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: x + x, "CompositeExplicitAutograd")

    class Custom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nets.made(nets.ResNet)

        def forward(self, x: Any) -> Any:
            return self.inner(torch.ops.sat_nb_tests.twice(x))

    path = tmp_path / "custom.pt2"
    program = torch.export.export(Custom().eval(), (torch.zeros(2, 3, 16, 16),))
    torch.export.save(program, path)
    match = "calls 'torch.ops.sat_nb_tests.twice.default', which is not among.*trust_model=True"
    with pytest.raises(InvalidInput, match=match):
        commands["facts"](file_of(path))
    trusted = replace(file_of(path), trusted=True)
    assert commands["facts"](trusted).n_outputs == 4


def test_writing_into_parts_of_tensors_is_exported_all_the_same(
    torch: Any, nets: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export

    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nets.made(nets.ResNet)

        def forward(self, x: Any) -> Any:
            x = x.clone()
            x[:, 0] = 2 * x[:, 1]
            return self.inner(x)

    module = Writes().eval()
    path = export(module, tmp_path / "writes.pt2", (16, 16))
    with torch.no_grad():
        expected = module(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(commands["predict"](file_of(path), batch)[0], expected, atol=1e-5)
    assert commands["build"](file_of(path), "gradient", {}) is None


def test_allowed_layers_of_keras_3_exist(torch: Any) -> None:
    import importlib

    import keras

    from sat_nb.models.allowed import KERAS_3

    parts = ("core", "image", "math", "nn", "numpy")
    modules = [importlib.import_module(f"keras.src.ops.{part}") for part in parts]
    known = [name for module in modules for name in vars(module)]
    assert [name for name in KERAS_3 if not hasattr(keras.layers, name) and name not in known] == []


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_names_that_keras_3_does_not_take(
    suffix: str, torch: Any, commands: Any, batch: Any, tmp_path: Any
) -> None:
    """Keras 2's DenseNet121 has "conv1/conv"; its file keeps them, and so do messages."""
    from sat_nb.saliency.engines.torch.keras_config import _IN_ARCHIVES, _IN_HDF5
    from tests.saliency.torch.test_relevance import maps

    model = named_alike("conv1_conv", "taken")
    model.save(tmp_path / f"plain{suffix}")
    read, write = _IN_ARCHIVES if suffix == ".keras" else _IN_HDF5
    config = json.dumps(read(tmp_path / f"plain{suffix}"))
    config = config.replace('"taken"', '"conv1/conv"')
    write(tmp_path / f"plain{suffix}", tmp_path / f"named{suffix}", config)
    named, plain = (file_of(tmp_path / f"{name}{suffix}") for name in ("named", "plain"))
    expected = commands["predict"](plain, batch)[0]
    np.testing.assert_array_equal(commands["predict"](named, batch)[0], expected)
    maps_ = [
        maps(commands, file.path, "grad_cam", batch, [0] * 3, parameters={"layer": layer})
        for file, layer in ((named, "conv1/conv"), (plain, "taken"))
    ]
    np.testing.assert_array_equal(*maps_)
    with pytest.raises(InvalidInput, match="'conv1/conv'"):
        maps(commands, named.path, "grad_cam", batch, [0] * 3, parameters={"layer": "conv1"})


def test_keras_files_of_keras_2(torch: Any, commands: Any, batch: Any, tmp_path: Any) -> None:
    """They name Functional's module as it was called then."""
    import keras

    from sat_nb.saliency.engines.torch.keras_config import _IN_ARCHIVES

    photo = keras.layers.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(photo))
    keras.Model(photo, keras.layers.Dense(3)(x)).save(tmp_path / "now.keras")
    read, write = _IN_ARCHIVES
    config = read(tmp_path / "now.keras")
    config["module"] = "keras.src.engine.functional"
    write(tmp_path / "now.keras", tmp_path / "then.keras", json.dumps(config))
    then, now = (
        commands["predict"](file_of(tmp_path / f), batch)[0] for f in ("then.keras", "now.keras")
    )
    np.testing.assert_array_equal(then, now)


def named_alike(*names: str) -> Any:
    """A model of Keras 3 with convolutions of these names."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Conv2D(4, 3, activation="relu", name=name) for name in names]
    end = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)]
    return keras.Sequential([keras.layers.Input((16, 16, 3)), *layers, *end])


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta"])
def test_a_device_that_is_not_there_is_named(
    device: str, torch: Any, programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sat_nb.saliency.engines.torch.load import DEVICE, read_classifier, the_device

    monkeypatch.setenv(DEVICE, device)
    match = f"{DEVICE}: '{device}' cannot be used here .*'mps': set it to 'cpu', or unset it"
    with pytest.raises(InvalidInput, match=match):
        read_classifier(file_of(programs["resnet"]))
    monkeypatch.setenv(DEVICE, "cpu")
    assert the_device() == torch.device("cpu")
    monkeypatch.delenv(DEVICE)
    assert the_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_what_a_live_module_takes_and_gives_is_said_before_it_is_exported(
    torch: Any, nets: Any, tmp_path: Any
) -> None:
    from torch import nn

    from sat_nb.saliency.engines.torch.export import export

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nets.made(nets.ResNet)

    class Takes(Around):
        def forward(self, images: Any, prompt: Any, scale: float = 1.0) -> Any:
            return self.inner(images) + prompt

    class Gives(Around):
        def forward(self, images: Any) -> Any:
            return {"classes": self.inner(images), "boxes": images}

    class Fits(Around):
        def forward(self, images: Any) -> Any:
            return self.inner(images.reshape(-1, 3, 32, 32))

    out = tmp_path / "x.pt2"
    with pytest.raises(InvalidInput, match=r"Takes takes 2 inputs \(images, prompt\).*wrap it"):
        export(Takes().eval(), out, (16, 16))
    with pytest.raises(InvalidInput, match=r"Gives: its forward returns several.*classes, boxes"):
        export(Gives().eval(), out, (16, 16))
    match = r"Fits does not run on images \(2, 3, 20, 16\) at .*test_reading.py.*input_size="
    with pytest.raises(InvalidInput, match=match):
        export(Fits().eval(), out, (20, 16))
    assert not out.exists()


def test_devices_are_named_with_the_one_in_use_first(commands: Any, torch: Any) -> None:
    found = commands["devices"]()
    assert found[0] == ("cuda:0" if torch.cuda.is_available() else "cpu")
    assert "cpu" in found
    assert len(set(found)) == len(found)
