"""The untrained models of the table in docs/explain/models.md, for its test and its benchmark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sat_nb.models.efficientnet import lite0_network

Shape = tuple[int, int, int]
FIRES = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}  # channels that are squeezed to


def squeezenet(shape: Shape, n_classes: int) -> Any:
    """SqueezeNet v1.0 (Iandola et al. 2016): fire modules; a ReLU and an average at the end."""
    from tensorflow.keras import Model, layers

    photo = layers.Input(shape)
    x = layers.Conv2D(96, 7, 2, activation="relu")(photo)
    for number, channels in FIRES.items():
        if number in (2, 5, 9):
            x = layers.MaxPooling2D(3, 2)(x)
        x = layers.Conv2D(channels, 1, activation="relu")(x)
        wide = [
            layers.Conv2D(4 * channels, size, padding="same", activation="relu")(x)
            for size in (1, 3)
        ]
        x = layers.Concatenate()(wide)
    x = layers.Conv2D(n_classes, 1, activation="relu")(x)
    return Model(photo, layers.Softmax()(layers.GlobalAveragePooling2D()(x)))


def application(name: str) -> Callable[[Shape, int], Any]:
    """One of ``keras.applications``, with random weights."""

    def make(shape: Shape, n_classes: int) -> Any:
        from tensorflow.keras import applications

        return getattr(applications, name)(weights=None, input_shape=shape, classes=n_classes)

    return make


ARCHITECTURES: dict[str, Callable[[Shape, int], Any]] = {
    "VGG16": application("VGG16"),
    "SqueezeNet": squeezenet,
    "EfficientNet-Lite0": lite0_network,
    "MobileNetV2": application("MobileNetV2"),
    "ResNet50": application("ResNet50"),
    "DenseNet121": application("DenseNet121"),
}
"""{name in the README: (input shape, number of classes) -> Keras model}."""
