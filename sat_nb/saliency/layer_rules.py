"""Which layers a method cannot explain, told by their class names, without TensorFlow."""

from __future__ import annotations

from typing import Any

KEEP_RELEVANCE = frozenset(
    {
        "Activation",
        "Add",
        "AveragePooling2D",
        "Concatenate",
        "Cropping2D",
        "Dropout",
        "ELU",
        "Flatten",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "InputLayer",
        "LeakyReLU",
        "MaxPooling2D",
        "PReLU",
        "Permute",
        "ReLU",
        "Reshape",
        "SpatialDropout2D",
        "ThresholdedReLU",
        "UpSampling2D",
        "ZeroPadding2D",
    }
)
"""Layers without weights through which iNNvestigate's Deep Taylor passes relevance by the
gradient, which is right, or which it refuses itself. Any other, like Rescaling or a model as a
layer, it would get wrong without an error."""


class LosesRelevance(NotImplementedError):
    """iNNvestigate would give wrong maps here without saying so; ``layers`` are the culprits."""

    def __init__(self, layers: list[Any]) -> None:
        super().__init__("relevance would silently be lost or made up there")
        self.layers = layers


def losing_relevance(model: Any, analyzer: str) -> list[Any]:
    """Layers where iNNvestigate 2.1 computes a relevance method wrongly, without an error.

    LRP and Deep Taylor divide by sqrt(variance ** 2 + epsilon) in BatchNormalization, where
    the layer itself divides by sqrt(variance + epsilon).
    """
    if not analyzer.startswith(("lrp", "deep_taylor")):
        return []
    deep_taylor = analyzer.startswith("deep_taylor")
    return [
        layer
        for layer in model.layers
        if type(layer).__name__ == "BatchNormalization" or (deep_taylor and not _keeps(layer))
    ]


def _keeps(layer: Any) -> bool:
    has_kernel = hasattr(layer, "kernel") or hasattr(layer, "depthwise_kernel")
    return has_kernel or type(layer).__name__ in KEEP_RELEVANCE


def culprits(error: Exception) -> list[Any]:
    """The layers that iNNvestigate stumbled over; only its local variables name them."""
    if isinstance(error, LosesRelevance):
        return error.layers
    found: list[Any] = []
    trace = error.__traceback__
    while trace:
        frame = trace.tb_frame.f_locals
        named = [frame.get("layer"), *(frame.get("checked_layers") or [])]
        found = [one for one in named if hasattr(one, "get_config")] or found
        trace = trace.tb_next
    return found


def describe(layer: Any) -> str:
    """A layer's name and class, for messages."""
    return f"layer {layer.name!r} ({type(layer).__name__})"
