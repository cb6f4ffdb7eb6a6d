"""Both engines give the same maps of the same weights, in float64, each in its own Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

METHODS = ("gradient", "grad_cam", "lrp.z", "lrp.epsilon", "deep_taylor")
SIZE = 24


def normalized(layers: Any, x: Any, activation: str | None = "relu") -> Any:
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def vgg(layers: Any, x: Any) -> Any:
    for width in (6, 8):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(10, activation="relu")(layers.Flatten()(x))
    return layers.Dense(4, activation="softmax")(x)


def resnet(layers: Any, x: Any) -> Any:
    x = normalized(layers, layers.Conv2D(6, 7, strides=2, padding="same", use_bias=False)(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for _ in range(2):
        y = normalized(layers, layers.Conv2D(6, 3, padding="same")(x))
        y = normalized(layers, layers.Conv2D(6, 3, padding="same")(y), None)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    return layers.Dense(4)(layers.GlobalAveragePooling2D()(x))


def mobilenet(layers: Any, x: Any) -> Any:
    x = normalized(layers, layers.Conv2D(6, 3, strides=2, padding="same")(x), "relu6")
    y = normalized(layers, layers.Conv2D(12, 1, use_bias=False)(x), "relu6")
    y = layers.ZeroPadding2D(((0, 1), (0, 1)))(y)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(
        layers.Cropping2D(((0, 1), (0, 1)))(y)
    )
    y = normalized(layers, y, "relu6")
    y = normalized(layers, layers.Conv2D(6, 1, use_bias=False)(y), None)
    x = layers.Add()([x, y])
    x = layers.ReLU(6.0)(layers.SeparableConv2D(8, 3, strides=2, padding="same")(x))
    return layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))


def densenet(layers: Any, x: Any) -> Any:
    """With a name as Keras' own DenseNet has them, and one as PyTorch has them."""
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, name="conv1/conv")(x)
    for _ in range(2):
        y = layers.Conv2D(4, 3, padding="same", use_bias=False)(normalized(layers, x))
        x = layers.Concatenate()([x, y])
    x = layers.Conv2D(8, 1, name="blocks.1.conv")(normalized(layers, x))
    x = layers.AveragePooling2D()(x)
    x = normalized(layers, x)
    return layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def squeezenet(layers: Any, x: Any) -> Any:
    """With a model within, as transfer learning makes them."""
    import tensorflow as tf

    inputs = layers.Input((SIZE, SIZE, 3))
    within = layers.Conv2D(6, 3, strides=2, activation="relu")(inputs)
    x = tf.keras.Model(inputs, within, name="base/model")(x)
    x = layers.Concatenate()(
        [layers.Conv2D(4, n, padding="same", activation="relu")(x) for n in (1, 3)]
    )
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 1, activation="relu")(x))
    return layers.Activation("softmax")(x)


NETWORKS = {made.__name__: made for made in (vgg, resnet, mobilenet, densenet, squeezenet)}


@pytest.fixture(scope="module")
def maps(
    torch_python: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """{(engine, network, "one" or "pair"): {method: maps}}."""
    tf = pytest.importorskip("tensorflow")
    folder = tmp_path_factory.mktemp("agreement")
    random = np.random.default_rng(0)
    for name, network in NETWORKS.items():
        inputs = tf.keras.layers.Input((SIZE, SIZE, 3))
        model = tf.keras.Model(inputs, network(tf.keras.layers, inputs))
        model.set_weights(
            [
                random.uniform(0.5, 1.5, w.shape)
                if "variance" in v.name
                else random.normal(0, 0.4, w.shape)
                for v, w in zip(model.weights, model.get_weights(), strict=True)
            ]
        )
        model.save(folder / f"{name}.h5")
    batch = random.normal(0, 1, (3, SIZE, SIZE, 3)).astype(np.float32)
    np.savez(folder / "asked.npz", batch=batch, methods=METHODS)
    program = "tests.saliency.torch.both_engines"
    for engine, python in {"keras": sys.executable, "torch": torch_python}.items():
        command = [python, "-m", program, engine, str(folder), "float64"]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
    return {
        (engine, network, asked): dict(np.load(folder / f"{engine}.{network}.{asked}.float64.npz"))
        for engine in ("keras", "torch")
        for network in NETWORKS
        for asked in ("one", "pair")
    }


@pytest.mark.parametrize("asked", ["one", "pair"])
@pytest.mark.parametrize("network", NETWORKS)
def test_both_engines_agree(network: str, asked: str, maps: Any) -> None:
    keras, torch = maps["keras", network, asked], maps["torch", network, asked]
    assert set(keras) == set(torch) == {*METHODS, "logits"}
    for name, expected in keras.items():
        largest = np.abs(expected).max()  # 0 for Deep Taylor where no value is positive
        assert np.abs(torch[name] - expected).max() <= 1e-6 * largest, name
