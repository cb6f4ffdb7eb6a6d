"""The loop: gradients of fresh samples are accumulated, scaled and projected, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.agnostic.network import Draw, Inputs, Network
from sat_nb.arguments import checked_whole, is_number
from sat_nb.arrays import Float32
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, registry

Slope = Callable[[Float32, Float32, int], tuple[Float32, float]]
Refine = Callable[[Float32], Float32]

DECAYS = 0.9, 0.999
"""How much of the first and of the second moment each step keeps, as in Adam (Kingma & Ba 2015)."""
NORM, RMS = 40.0, 0.25
"""The default radius of the ball: Jalwana et al.'s, and for small inputs at most this root mean
square over the values."""
AVERAGED = 5
"""How many batches' mean fidelity must reach the threshold: a single batch may be lucky."""


def scalar(gradient: Float32) -> Float32:
    """One second moment for the whole map: it scales the steps and leaves their direction."""
    return np.square(gradient).sum(keepdims=True)


def elementwise(gradient: Float32) -> Float32:
    """A second moment for each value, as in Adam: small slopes count as much as large ones."""
    return np.square(gradient)


@dataclass(frozen=True, kw_only=True)
class SecondMoment(Entry):
    """What gradients are divided by: ``function(gradient)`` joins a running mean."""

    function: Callable[[Float32], Float32]


SECOND_MOMENTS: dict[str, SecondMoment] = registry(
    SecondMoment(
        name="scalar",
        about="One number for the whole map, which leaves the direction of its steps.",
        function=scalar,
    ),
    SecondMoment(
        name="elementwise",
        about="One number for each value, so that small slopes count as much as large ones.",
        source="Kingma & Ba 2015",
        function=elementwise,
    ),
)
"""Second moments by name."""


@dataclass(frozen=True)
class Settings:
    """How the loop runs; see ``input_agnostic_saliency``."""

    steps: int
    norm: float | None
    rate: float
    batch_size: int
    second_moment: str
    refine_every: int | None
    threshold: float | None
    seed: int

    def asdict(self) -> dict[str, Any]:
        """{argument: value}."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """A map (H, W, C), its fidelity and norm before the first and after each step, and the end."""

    map: Float32
    fidelity: NDArray[np.float64]
    norms: NDArray[np.float64]
    stopped: str


def read_settings(
    steps: Any,
    norm: Any,
    rate: Any,
    batch_size: Any,
    second_moment: Any,
    refine_every: Any,
    threshold: Any,
    seed: Any,
) -> Settings:
    """The settings; InvalidInput for the first that is wrong."""
    if not isinstance(second_moment, str) or second_moment not in SECOND_MOMENTS:
        raise unknown_name("second_moment", second_moment, SECOND_MOMENTS)
    for name, value in (("norm", norm), ("rate", rate)):
        if value is not None and not (is_number(value) and 0 < value < np.inf):
            raise InvalidInput(
                f"{name}: expected a number > 0, in units of the input's range, got {value!r}."
            )
    if rate is None:
        raise InvalidInput("rate: expected a number > 0, such as 0.1, got None.")
    if threshold is not None and not (is_number(threshold) and 0 < threshold <= 1):
        raise InvalidInput(
            f"threshold: expected a probability, or None to spend all steps, got {threshold!r}."
        )
    if refine_every is not None:
        refine_every = checked_whole("refine_every", refine_every, 1)
    return Settings(
        checked_whole("steps", steps, 1),
        None if norm is None else float(norm),
        float(rate),
        checked_whole("batch_size", batch_size, 1),
        second_moment,
        refine_every,
        threshold,
        checked_whole("seed", seed),
    )


def accumulate(
    slope: Slope,
    draw: Draw,
    label: int,
    shape: tuple[int, int, int],
    settings: Settings,
    *,
    refine: Refine | None = None,
    after_step: Callable[[], object] = lambda: None,
) -> Found:
    """Run the loop for one label; an interrupt ends it and keeps the map as it is.

    The samples of a step depend only on the seed and the step: all labels see the same samples, and
    no map is ever judged by samples that it was made from.
    """
    norm = settings.norm or min(NORM, RMS * float(np.sqrt(np.prod(shape))))
    added, first = np.zeros((2, *shape), np.float32)
    second: Float32 = np.zeros(1, np.float32)
    fidelity: list[float] = []
    norms: list[float] = []
    stopped = "steps"
    try:
        for step in range(1, settings.steps + 2):
            rng = np.random.default_rng([settings.seed, step])
            gradient, probability = slope(draw(rng, settings.batch_size), added, label)
            fidelity.append(probability)
            norms.append(float(np.linalg.norm(added)))
            if _passed(fidelity, settings.threshold):
                stopped = "threshold"
                break
            if step > settings.steps:
                break
            first, second, towards = _moved(first, second, gradient, step, settings.second_moment)
            added = into_ball(added - settings.rate * towards, norm)
            if refine is not None and step % (settings.refine_every or 1) == 0:
                added = into_ball(refine(added), norm)
            after_step()
    except KeyboardInterrupt:
        stopped = "interrupted"
    return Found(added, np.array(fidelity), np.array(norms), stopped)


def into_ball(added: Float32, norm: float) -> Float32:
    """The nearest map whose Euclidean norm is at most ``norm``.

    >>> into_ball(np.array([3.0, 4.0], np.float32), 1.0)
    array([0.6, 0.8], dtype=float32)
    """
    length = float(np.linalg.norm(added))
    return added if length <= norm else (added * np.float32(norm / length)).astype(np.float32)


def _moved(
    first: Float32, second: Float32, gradient: Float32, step: int, kind: str
) -> tuple[Float32, Float32, Float32]:
    """Both moments with this gradient, and their ratio, scaled so that its largest |value| is 1."""
    decay_1, decay_2 = DECAYS
    first = decay_1 * first + (1 - decay_1) * gradient
    second = decay_2 * second + (1 - decay_2) * SECOND_MOMENTS[kind].function(gradient)
    # Both moments start at 0; divided by what their weights add up to, they are unbiased.
    mean, square = first / (1 - decay_1**step), second / (1 - decay_2**step)
    ratio = mean / np.maximum(np.sqrt(square), np.finfo(np.float32).tiny)
    largest = float(np.abs(ratio).max())
    return first, second, (ratio / largest if largest > 0 else ratio).astype(np.float32)


def _passed(fidelity: list[float], threshold: float | None) -> bool:
    if threshold is None or len(fidelity) <= AVERAGED:
        return False
    return float(np.mean(fidelity[-AVERAGED:])) >= threshold


# --- refinement --------------------------------------------------------------------------------

AMPLIFICATION = 5.0
"""The factor for the active part of the map, before it is projected onto the ball again."""


def refine_of(network: Network, inputs: Inputs) -> Callable[[Float32], Float32] | None:
    """The refinement for a network; None where it has no feature maps.

    The map, added to the middle of the range, goes through the model. The last convolution's
    response, averaged over its channels and resized to the input, is cut by Otsu's threshold
    (Jalwana et al. 2020). Where it is active the map is amplified, elsewhere it is set to 0.
    """
    import tensorflow as tf

    if network.features is None:
        return None
    middle, features = inputs.low + inputs.span / 2, network.features

    @tf.function(input_signature=[tf.TensorSpec(network.shape, tf.float32)])
    def response(added: tf.Tensor) -> tf.Tensor:
        seen = tf.clip_by_value(middle + inputs.span * added, inputs.low, inputs.low + inputs.span)
        mean = tf.reduce_mean(features(seen[None]), axis=3, keepdims=True)
        return tf.image.resize(mean, network.shape[:2])[0, :, :, 0]

    def refine(added: Float32) -> Float32:
        values = response(added).numpy()
        active = values > otsu(values)
        if not (added * active[:, :, None]).any():
            return added
        return np.where(active[:, :, None], np.float32(AMPLIFICATION) * added, np.float32(0))

    return refine


def otsu(values: NDArray, bins: int = 256) -> float:
    """The threshold that splits values into two groups as far apart as possible (Otsu 1979).

    It maximises the variance between the groups. If all values are equal, it is that value.

    >>> round(otsu(np.array([0.0, 0.1, 0.1, 0.9, 1.0])), 1)
    0.1
    """
    counts, edges = np.histogram(values, bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    sums = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    best = int(np.nanargmax(np.where(above > 0, apart, -1.0)))
    return float(edges[best + 1])
