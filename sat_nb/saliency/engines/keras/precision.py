"""Models that compute in 16 bits, as under mixed precision, are explained in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.saliency.engines.keras.graph import Unfit

_POLICIES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def in_float32(model: Any) -> tuple[Any, tuple[str, ...]]:
    """The model with the same weights, all layers computing in float32; what changed, in words.

    Raises Unfit where it cannot be built so.
    """
    parts = [part for part in model.submodules if isinstance(part, tf.keras.layers.Layer)]
    lower = sorted({str(part.compute_dtype) for part in parts} & set(_POLICIES))
    if not lower:
        return model, ()
    try:
        same = type(model).from_config(_with_float32(model.get_config()))
        same.set_weights([weight.astype(np.float32) for weight in model.get_weights()])
    except Exception as error:  # layers may refuse in any way
        what = f"{type(error).__name__}: {error}".split("\n")[0]
        raise Unfit(
            f"layers of it compute in {lower[0]}, and it cannot be built in float32 ({what:.200})",
            "build it by the same code under tf.keras.mixed_precision.set_global_policy('float32'),"
            " give it these weights with new.set_weights(old.get_weights()), and save it",
        ) from error
    return same, (f"layers that compute in {lower[0]} compute in float32",)


def _with_float32(config: Any) -> Any:
    """The config, with no lower precision anywhere in it."""
    if isinstance(config, dict):
        return {
            key: "float32" if key == "dtype" and _name(value) in _POLICIES else _with_float32(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_float32(one) for one in config)
    return config


def _name(value: Any) -> str:
    """A policy's name, however it is written."""
    return str(value.get("config", {}).get("name") if isinstance(value, dict) else value)
