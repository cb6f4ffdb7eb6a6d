"""input_agnostic_saliency: a map for a label, made without any input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.agnostic.inputs import Bounds, Distribution, Draw, read_distribution, read_inputs
from sat_nb.agnostic.loop import Settings, Slope, accumulate, read_settings
from sat_nb.agnostic.network import Network, read_network, slope_of
from sat_nb.agnostic.refine import refine_of
from sat_nb.agnostic.regions import Box, extreme, strongest_box
from sat_nb.arguments import is_whole
from sat_nb.errors import InvalidInput

Floats = NDArray[np.float32]
Curve = NDArray[np.float64]

BOXES = (0.1875, 0.25, 0.3125)
"""Sides of the boxes that are tried alone, as shares of the input's height and width."""


@dataclass(frozen=True)
class InputAgnosticSaliency:
    """What a model attributes to a label.

    ``map`` is float32 (H, W, C), in shares of the input's range: added to an input it speaks for
    the label, so positive values ask for more there and negative ones for less. ``fidelity`` is
    the label's mean probability on fresh samples, without a map and after each step; ``norms``
    are the map's Euclidean norms, alike. ``stopped`` says why it ended: "steps", "threshold" or
    "interrupted". ``box_fidelity`` is {share: probability}: the label's mean probability where
    nothing but the strongest box of that share of height and width is added, every value in it at
    the end of the range that the map points at. ``settings`` are the arguments.
    """

    label: int
    map: Floats
    fidelity: Curve
    norms: Curve
    stopped: str
    box_fidelity: dict[float, float]
    settings: dict[str, Any]

    @property
    def n_steps(self) -> int:
        """How many steps made the map."""
        return len(self.fidelity) - 1

    def box(self, share: float = 0.25) -> Box:
        """The box of that share of height and width that holds most of the map's energy."""
        return strongest_box(self.map, share)[0]

    def __repr__(self) -> str:
        return (
            f"InputAgnosticSaliency(label {self.label}: {self.n_steps} steps, fidelity "
            f"{self.fidelity[0]:.2f} to {self.fidelity[-1]:.2f}, stopped: {self.stopped})"
        )


def input_agnostic_saliency(
    model: Any,
    target: int | Iterable[int],
    *,
    distribution: Distribution = "noise",
    bounds: Bounds = (0.0, 1.0),
    steps: int = 60,
    norm: float | None = None,
    rate: float = 0.1,
    batch_size: int = 32,
    second_moment: str = "scalar",
    refine_every: int | None = None,
    threshold: float | None = 0.99,
    input_size: tuple[int, int] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Any:
    """DOC"""
    settings = read_settings(
        steps, norm, rate, batch_size, second_moment, refine_every, threshold, seed
    )
    network = read_network(model, input_size, "input_agnostic_saliency")
    labels = _labels(target, network.n_classes)
    inputs = read_inputs(network.shape, bounds)
    draw = read_distribution(distribution, inputs)
    slope = slope_of(network, inputs)
    _check_slope(slope, draw, network, settings)
    refine = refine_of(network, inputs) if settings.refine_every else None
    results: dict[int, InputAgnosticSaliency] = {}
    with _bar(len(labels) * settings.steps, progress) as bar:
        for label in labels:
            found = accumulate(
                slope, draw, label, network.shape, settings, refine=refine, after_step=bar.update
            )
            boxes = _box_fidelity(slope, draw, label, found.map, settings)
            results[label] = InputAgnosticSaliency(
                label, found.map, found.fidelity, found.norms, found.stopped, boxes, settings.asdict()
            )
            if found.stopped == "interrupted":
                break
    return results[labels[0]] if is_whole(target) else results


def _labels(target: Any, n_classes: int) -> list[int]:
    """The labels, each once, in their order."""
    given = [target] if is_whole(target) or isinstance(target, str) else target
    try:
        labels = list(given)
    except TypeError:
        labels = [given]
    wrong = [label for label in labels if not is_whole(label) or not 0 <= label < n_classes]
    if wrong or not labels:
        raise InvalidInput(
            f"target: expected a label from 0 to {n_classes - 1}, or several, got "
            f"{wrong[0] if wrong else labels!r}."
        )
    return list(dict.fromkeys(int(label) for label in labels))


def _check_slope(slope: Slope, draw: Draw, network: Network, settings: Settings) -> None:
    """InvalidInput where no label's probability depends on the input, or it is not a number."""
    samples = draw(np.random.default_rng([settings.seed, 0]), 4)
    none = np.zeros(network.shape, np.float32)
    slopes = [slope(samples, none, label)[0] for label in range(min(network.n_classes, 3))]
    if not np.isfinite(slopes).all():
        raise InvalidInput(
            "model: its outputs for samples of the distribution are NaN or infinite; check its "
            "weights, and that bounds=(low, high) is the range that it was trained on."
        )
    if not np.any(slopes):
        raise InvalidInput(
            "model: its outputs do not change with its input, or TensorFlow has no gradient for "
            "one of its layers, so nothing can be asked of it; check that its weights were loaded, "
            "and that it rounds and compares nothing."
        )


def _box_fidelity(
    slope: Slope, draw: Draw, label: int, map: Floats, settings: Settings
) -> dict[float, float]:
    fresh = draw(np.random.default_rng([settings.seed, 0]), settings.batch_size)
    return {share: slope(fresh, extreme(map, share), label)[1] for share in BOXES}


def _bar(total: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, desc="maps", unit="step", disable=not progress)
