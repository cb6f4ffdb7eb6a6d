"""The registry of pools: how channels become one number a pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sat_nb.arrays import Map
from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, registry


@dataclass(frozen=True, kw_only=True)
class Pool(Entry):
    """A way to make one number a pixel of the channels of an attribution map.

    Pass one of your own, with a version, to ``build(pool=...)``; its name and version go into the
    table's settings.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every :class:`~sat_nb.registry.Entry`.
    parameters : Mapping[str, Parameter]
        As for every entry.
    function : callable
        From a float map (H, W, C) to an array (H, W), or to an array (H, W, c) whose channels add
        up to the number.
    share_of_sum : callable, optional
        Where the number is a multiple of the channels' sum, the factor by number of channels.
        Standard errors of the sum then give those of the number; without it they are missing.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> green = Pool(name="green", version="1", function=lambda attribution: attribution[..., 1])
    >>> build(*toy(1), pool=green).attrs["sat_nb"]["pool"]
    'green@1'
    """

    function: Callable[[Map], Map]
    share_of_sum: Callable[[int], float] | None = None

    def __call__(self, attribution: Map) -> Map:
        """Pool a map (H, W, C): an array (H, W, c) whose channels add up to the number."""
        found = self.function(attribution)
        pooled = found if found is attribution else as_map(found)
        if pooled is None or pooled.shape[:2] != attribution.shape[:2]:
            raise InvalidInput(
                f"pool: the function of {self.name!r} must return numbers of shape (H, W) or "
                f"(H, W, C) for a map {attribution.shape}."
            )
        return pooled


def _strongest(attribution: Map) -> Map:
    best = np.abs(attribution).argmax(axis=2)[..., None]
    return np.take_along_axis(attribution, best, axis=2)


def _norm(attribution: Map) -> Map:
    return np.linalg.norm(attribution.astype(np.float64, copy=False), axis=2, keepdims=True)


POOLS: dict[str, Pool] = registry(
    Pool(
        name="sum",
        about="Sum over the channels.",
        function=lambda attribution: attribution,  # the join sums up all channels anyway
        share_of_sum=lambda n_channels: 1.0,
    ),
    Pool(
        name="mean",
        about="Mean over the channels.",
        function=lambda attribution: attribution.mean(axis=2, keepdims=True, dtype=np.float64),
        share_of_sum=lambda n_channels: 1.0 / n_channels,
    ),
    Pool(
        name="max_abs",
        title="largest |value|",
        about="Value of the channel with the largest absolute value, with its sign.",
        function=_strongest,
    ),
    Pool(
        name="l2",
        title="L2 norm",
        about="Euclidean norm over the channels, which has no sign.",
        function=_norm,
    ),
)
"""What ``build`` takes as ``pool``, by name."""


def as_map(numbers: Any) -> Map | None:
    """Real numbers (H, W) or (H, W, C) as a float map (H, W, C); None for anything else."""
    array = np.asarray(numbers)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.size == 0 or array.dtype.kind not in "fiu":
        return None
    if array.dtype not in (np.float32, np.float64):  # what the kernel is compiled for
        array = array.astype(np.float64)
    return array
