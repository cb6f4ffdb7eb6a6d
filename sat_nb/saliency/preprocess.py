"""From photos to what a model was trained on. To add a preprocessing, add an entry to PREPROCESS.

Each takes photos as float32 (n, H, W, 3), RGB, values 0..255, and returns float32 of the same
shape. A function of the user's own also takes deeper photos, with the numbers that are stored.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sat_nb.arrays import Float32, Pixels
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.photos.window import HINT
from sat_nb.registry import Entry, registry

Preprocess = Callable[[Float32], Any]

CAFFE_MEANS = np.array([103.939, 116.779, 123.68], dtype=np.float32)  # blue, green, red
TORCH_MEANS = np.array([0.485, 0.456, 0.406], dtype=np.float32)
TORCH_DEVIATIONS = np.array([0.229, 0.224, 0.225], dtype=np.float32)
CLIP_MEANS = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
CLIP_DEVIATIONS = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Preprocessing(Entry):
    """A preprocessing: ``function`` takes and returns a batch (n, H, W, 3)."""

    function: Preprocess

    def __call__(self, batch: Float32) -> Any:
        """The batch as the model takes it."""
        return self.function(batch)


def caffe(batch: Float32) -> Float32:
    """RGB to BGR, minus the ImageNet means."""

    def channel(rgb: Float32, c: int, out: Float32) -> None:
        np.subtract(rgb[..., 2 - c], CAFFE_MEANS[c], out=out)

    return _by_channel(batch, channel)


def torch(batch: Float32) -> Float32:
    """To [0, 1], minus the ImageNet means, divided by their deviations."""
    return _normalised(batch, TORCH_MEANS, TORCH_DEVIATIONS)


def clip(batch: Float32) -> Float32:
    """To [0, 1], minus the means of CLIP's photos, divided by their deviations."""
    return _normalised(batch, CLIP_MEANS, CLIP_DEVIATIONS)


def _normalised(batch: Float32, means: Float32, deviations: Float32) -> Float32:
    def channel(rgb: Float32, c: int, out: Float32) -> None:
        scaled = rgb[..., c] / np.float32(255)  # in a row: only so is division fast
        scaled -= means[c]
        scaled /= deviations[c]
        out[...] = scaled

    return _by_channel(batch, channel)


def _by_channel(batch: Float32, channel: Callable[[Float32, int, Float32], None]) -> Float32:
    """The channels one by one, as arithmetic with three numbers a pixel takes far longer."""
    rgb = np.broadcast_to(batch, (*batch.shape[:-1], 3))
    result = np.empty(rgb.shape, dtype=np.float32)
    for c in range(3):
        channel(rgb, c, result[..., c])
    return result


_OF_THREE_CHANNELS = ("caffe", "torch", "clip")

PREPROCESS: dict[str, Preprocessing] = registry(
    Preprocessing(
        name="none",
        title="None",
        about="The photo as it is, from 0 to 255.",
        function=lambda batch: batch,
    ),
    Preprocessing(
        name="unit",
        title="0 to 1",
        about="Divided by 255: from 0 to 1.",
        function=lambda batch: batch / np.float32(255),
    ),
    Preprocessing(
        name="signed",
        title="-1 to 1",
        about="Divided by 127.5, minus 1: from -1 to 1; mean and deviation 0.5 of timm and Hugging "
        "Face.",
        function=lambda batch: batch / np.float32(127.5) - np.float32(1),
    ),
    Preprocessing(
        name="caffe",
        title="Caffe",
        about="RGB to BGR, minus the ImageNet means: VGG16 and ResNet50 of Keras.",
        function=caffe,
    ),
    Preprocessing(
        name="torch",
        title="Torch",
        about="From 0 to 1, normalised by the ImageNet statistics: torchvision, timm, DenseNet.",
        function=torch,
    ),
    Preprocessing(
        name="clip",
        title="CLIP",
        about="From 0 to 1, normalised by the statistics of CLIP's photos: CLIP and timm's "
        "models that were trained from it.",
        source="Radford et al. 2021",
        function=clip,
    ),
)
"""Preprocessings by name."""

# Those of this package, which an engine in another process has as well, and which all work pixel by
# pixel. Neither holds of what a user registers.
_SHIPPED = dict(PREPROCESS)


def channels_first(function: Callable[[Any], Any]) -> Preprocess:
    """Turn a preprocessing of (n, 3, H, W), as in PyTorch, into one that ``explain`` takes.

    Parameters
    ----------
    function : callable
        ``function(batch)`` gets photos as a NumPy array, float32 (n, 3, H, W), RGB, 0 to 255, and
        returns an array or a tensor of the same shape.

    Returns
    -------
    callable
        The same for batches (n, H, W, 3); ``explain(preprocess=)`` and all that take one take it.

    Examples
    --------
    >>> def halved(batch):
    ...     assert batch.shape[1] == 3
    ...     return batch / 2
    >>> channels_first(halved)(np.ones((1, 4, 5, 3), np.float32)).shape
    (1, 4, 5, 3)

    With torchvision:

    >>> def normalised(batch):  # doctest: +SKIP
    ...     return transforms.Normalize(mean, std)(torch.from_numpy(batch) / 255)
    >>> explain(model, images, preprocess=channels_first(normalised), ...)  # doctest: +SKIP
    """

    @functools.wraps(function)
    def preprocess(batch: Float32) -> Any:
        turned = np.ascontiguousarray(np.moveaxis(batch, 3, 1))
        result = np.asarray(function(turned))
        return np.moveaxis(result, 1, 3) if result.ndim == 4 else result

    return preprocess


def get_preprocess(preprocess: str | Preprocess) -> Preprocess:
    """The registered entry of that name, or the function (or entry) itself."""
    if callable(preprocess):
        return preprocess
    if preprocess not in PREPROCESS:
        raise unknown_name(
            "preprocess", preprocess, PREPROCESS, others=["a function batch -> batch"]
        )
    return PREPROCESS[preprocess]


def shipped_name(preprocess: str | Preprocess) -> str | None:
    """The name of a preprocessing of this package; None for any other, such as a registered one.

    >>> shipped_name("unit"), shipped_name(lambda batch: batch)
    ('unit', None)
    """
    entry = PREPROCESS.get(preprocess) if isinstance(preprocess, str) else preprocess
    if isinstance(entry, Preprocessing) and _SHIPPED.get(entry.name) is entry:
        return entry.name
    return None


def check_range(
    preprocess: str | Preprocess, image_id: str, pixels: Pixels, has_window: bool
) -> None:
    """InvalidInput where a registered preprocessing would take stored numbers for 0..255."""
    is_own = callable(preprocess) and preprocess not in PREPROCESS.values()
    if is_own or has_window or pixels.dtype == np.uint8:
        return
    raise InvalidInput(
        f"images: photo {image_id!r} holds {pixels.dtype} from {pixels.min():g} to "
        f"{pixels.max():g}, and preprocess={preprocess_name(preprocess)!r} expects 0 (black) to "
        f"255 (white). Say how its numbers become that, as in read_images(path, window=(low, "
        f"high)) or ImageSet(images, window=...): {HINT}. Or give a preprocess function of your "
        "own, which gets the stored numbers as float32."
    )


def apply_preprocess(
    preprocess: str | Preprocess, batch: Float32, input_shape: tuple[int, int, int]
) -> Float32:
    """``batch`` (n, H, W, C) as the model takes it: float32 (n, *input_shape), finite.

    Raises InvalidInput where the function fails or returns something else.
    """
    name = preprocess_name(preprocess)
    try:
        result = np.asarray(get_preprocess(preprocess)(batch.copy()), dtype=np.float32)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(
            f"preprocess: {name} failed on a float32 batch {batch.shape} with values from "
            f"{batch.min():g} to {batch.max():g}: "
            f"{type(error).__name__}: {error}"
        ) from error
    expected = (len(batch), *input_shape)
    if result.shape != expected and input_shape[2] == 1 and preprocess in _OF_THREE_CHANNELS:
        raise InvalidInput(
            f"preprocess: {name!r} is for photos in colour, but the model takes grey ones, of one "
            "channel; give 'unit' (0 to 1), 'signed' (-1 to 1), 'none' (0 to 255), or a function "
            "of your own."
        )
    if result.shape != expected:
        raise InvalidInput(
            f"preprocess: {name} returned shape {result.shape}, but the model needs {expected}; "
            "return one preprocessed image for each image."
        )
    if not np.isfinite(result).all():
        raise InvalidInput(
            f"preprocess: {name} returned NaN or infinite values; return finite ones."
        )
    return result


def preprocessed(preprocess: str, channels: int, picture: Pixels) -> Float32:
    """A picture (H, W, C) of any size, as a model of so many channels takes it."""
    shape = picture.shape[0], picture.shape[1], channels
    return apply_preprocess(preprocess, picture[None].astype(np.float32), shape)[0]


MIN_SPREAD = 0.1
"""Photos span 1 to 5 where a network's first layer sees them as it was trained to."""


def scaled_twice(
    preprocess: str | Preprocess,
    input_shape: tuple[int, int, int],
    scaling: tuple[float, float] | None,
) -> str | None:
    """A warning where both the model and ``preprocess`` scale or centre photos; None otherwise.

    ``scaling`` is the factor and the offset by which the model scales its own input, or None.
    """
    if scaling is None:
        return None
    result = apply_preprocess(preprocess, _noise(input_shape), input_shape)
    low, high = float(result.min()), float(result.max())
    (scale, offset), name = scaling, preprocess_name(preprocess)
    is_small = scale < MIN_SPREAD and (high - low) * scale < MIN_SPREAD <= 255 * scale
    is_centred_twice = offset < -50 * scale and low < -50
    if not is_small and not is_centred_twice:
        return None
    adds = f" and adds {offset:.3g}" if offset else ""
    return (
        f"preprocess={name!r} makes photos range from {low:.3g} to {high:.3g}, and the model "
        f"itself multiplies its input by {scale:.3g}{adds}: its first layer then sees "
        f"{_interval(low, high, scale, offset)}. If photos were scaled once when it was trained, "
        "give preprocess='none'."
    )


def _interval(low: float, high: float, scale: float, offset: float) -> str:
    return f"{low * scale + offset:.3g} to {high * scale + offset:.3g}"


def _noise(input_shape: tuple[int, int, int]) -> Float32:
    """Two photos of noise that range from 0 to 255."""
    noise = np.random.default_rng(0).integers(0, 256, size=(2, *input_shape))
    return noise.astype(np.float32)


def preprocess_name(preprocess: str | Preprocess) -> str:
    """A name for messages and settings."""
    if isinstance(preprocess, str):
        return preprocess
    if isinstance(preprocess, Preprocessing):
        return preprocess.key
    module = getattr(preprocess, "__module__", None) or "?"
    return f"{module}.{getattr(preprocess, '__qualname__', type(preprocess).__qualname__)}"


def preprocess_settings(
    preprocess: str | Preprocess, input_shape: tuple[int, int, int]
) -> str | dict[str, str]:
    """What identifies a preprocessing: a registered name, or a function's fingerprint.

    A function is identified by what it does to a fixed batch of noise, so that a changed constant
    outside its source is noticed, too.
    """
    if isinstance(preprocess, str):
        return preprocess
    result = apply_preprocess(preprocess, _noise(input_shape), input_shape)
    fingerprint = hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest()
    return {"function": preprocess_name(preprocess), "fingerprint": fingerprint}
