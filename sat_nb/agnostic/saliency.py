"""input_agnostic_saliency: a map for a label, made without any input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.agnostic.loop import (
    SECOND_MOMENTS,
    Settings,
    Slope,
    accumulate,
    read_settings,
    refine_of,
)
from sat_nb.agnostic.network import (
    DISTRIBUTIONS,
    Bounds,
    Draw,
    Network,
    Samples,
    read_distribution,
    read_inputs,
    read_network,
    slope_of,
)
from sat_nb.arguments import is_whole
from sat_nb.arrays import Float32, Float64
from sat_nb.errors import InvalidInput
from sat_nb.registry import lists

BOXES = (0.1875, 0.25, 0.3125)
"""Sides of the boxes that are tried alone, as shares of the input's height and width."""


@dataclass(frozen=True)
class InputAgnosticSaliency:
    """What a model attributes to a label, found without any input.

    Parameters
    ----------
    label : int
        The class.
    map : array
        The map, float32 (H, W, C), in units of the input's range. Added to an input it speaks for
        the label: positive values ask for more at that place, negative values for less.
    fidelity : array
        The label's mean probability on fresh samples, without a map and after each step.
    norms : array
        The map's Euclidean norms, without a map and after each step.
    stopped : str
        Why the loop ended: "steps", "threshold" or "interrupted".
    box_fidelity : dict[float, float]
        {share: probability}: the label's mean probability if nothing but the strongest box of that
        share of height and width is added, every value in it at the end of the range that the map
        points to.
    settings : dict[str, Any]
        The arguments.
    """

    label: int
    map: Float32
    fidelity: Float64
    norms: Float64
    stopped: str
    box_fidelity: dict[float, float]
    settings: dict[str, Any]

    @property
    def n_steps(self) -> int:
        """The number of steps that made the map."""
        return len(self.fidelity) - 1

    def box(self, share: float = 0.25) -> Box:
        """Find the box that holds most of the map's energy.

        Parameters
        ----------
        share : float, default 0.25
            The box's height and width as shares of the map's.

        Returns
        -------
        Box
            Its first row and column, height and width in pixels.
        """
        return strongest_box(self.map, share)[0]

    def __repr__(self) -> str:
        return (
            f"InputAgnosticSaliency(label {self.label}: {self.n_steps} steps, fidelity "
            f"{self.fidelity[0]:.2f} to {self.fidelity[-1]:.2f}, stopped: {self.stopped})"
        )


@lists(distribution=DISTRIBUTIONS, second_moment=SECOND_MOMENTS)
def input_agnostic_saliency(
    model: Any,
    target: int | Iterable[int],
    *,
    distribution: Samples = "noise",
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
    trust_model: bool = False,
) -> Any:
    """Find what speaks for a label by asking the model alone: no image is needed.

    In every step fresh samples are drawn, the map is added, and the sum is clipped to the input's
    range. The mean gradient of the cross-entropy towards the label joins two running moments; the
    map moves against their ratio, scaled to a largest |value| of 1, and is projected onto a ball.
    This runs in the caller's own process, in eager TensorFlow. An interrupt ends it and keeps the
    map of the steps so far.

    Parameters
    ----------
    model : str, os.PathLike or keras.Model
        The path of a saved Keras model (.h5, .keras, SavedModel) or a live Keras model: Functional
        or Sequential, one image in, (None, n_classes) out, softmax, sigmoid or logits at its end.
        A model with one output has two classes, 1 and 0.
    target : int or iterable of int
        A label, or several: they see the same samples and share one compiled graph.
    distribution : str, array or callable, default "noise"
        What samples are drawn from. An array (n, H, W, C) of images in the model's units; a
        function (rng, n) -> array (n, H, W, C); or a name:

        [[distribution]]
    bounds : tuple, default (0.0, 1.0)
        (low, high): the range of the model's input, each a number or one for each channel. BGR
        minus the means (104, 117, 123) lies in ((-104, -117, -123), (151, 138, 132)).
    steps : int, default 60
        The most steps for a label.
    norm : float, optional
        Radius of the ball: the map's largest Euclidean norm, in units of the range. By default
        40, and for small inputs at most a quarter of the range on average (root mean square).
    rate : float, default 0.1
        How far the map moves in a step where it moves most, in units of the range.
    batch_size : int, default 32
        The number of samples in a step.
    second_moment : str, default "scalar"
        What gradients are divided by:

        [[second_moment]]
    refine_every : int, optional
        Refine the map after every so many steps: the last convolution's response to it, averaged
        over the channels and cut by Otsu's threshold, decides where it is kept and amplified
        fivefold; elsewhere it is set to 0. None never does.
    threshold : float, default 0.99
        Stop when the label's mean probability over five steps reaches it; None takes all steps.
    input_size : tuple[int, int], optional
        (height, width) in pixels, for a model that leaves them open.
    seed : int, default 0
        The start of the samples. The same seed gives the same map.
    progress : bool, default True
        Whether to show a progress bar.
    trust_model : bool, default False
        Whether a model file may run code of its own, as for :func:`explain`.

    Returns
    -------
    InputAgnosticSaliency
        Or {label: InputAgnosticSaliency} if several labels were given; after an interrupt, the
        finished ones and the one that had begun.

    Raises
    ------
    InvalidInput
        For arguments and models that cannot be asked, model files that are refused, labels out of
        range, samples of another shape or outside the bounds, and NaN, before any work.
    FileMissing
        For a path that does not exist.

    Notes
    -----
    The method is Akhtar & Jalwana's [1]_, based on Jalwana et al. [2]_. Neither has published code,
    and the texts leave much open. The choices here:

    - The map is added, not subtracted, so that its sign is what speaks for the label. The
      gradient is taken at the input that the model saw, also where that was clipped.
    - The norm: the published 10 (224 px, range 1) is enough for noise of a twentieth of the
      range. With the wider "noise" SqueezeNet needs 40: at 10 its chihuahua stays below 1 % after
      40 steps.
    - Elementwise moments follow Adam. The default is scalar: for a linear model the map is then the
      difference of the weights, and not only their signs.
    - Refinement, the published remedy for scattered maps, makes them local and costs fidelity, and
      ``class_signatures`` does not find compromised models any better with it; so it is off by
      default.
    - A step's fidelity is that of samples whose gradient the map does not contain yet.

    References
    ----------
    .. [1] N. Akhtar & M. A. A. K. Jalwana, AAAI 2023, arXiv 2303.17836.
    .. [2] M. A. A. K. Jalwana et al., CVPR 2020.

    Examples
    --------
    >>> found = input_agnostic_saliency("model.h5", 151)  # doctest: +SKIP
    >>> found.fidelity[[0, -1]], found.stopped  # doctest: +SKIP
    (array([0.0002, 0.9912]), 'threshold')
    """
    settings = read_settings(
        steps, norm, rate, batch_size, second_moment, refine_every, threshold, seed
    )
    network = read_network(model, input_size, "input_agnostic_saliency", trusted=trust_model)
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
            results[label] = InputAgnosticSaliency(
                label,
                found.map,
                found.fidelity,
                found.norms,
                found.stopped,
                _box_fidelity(slope, draw, label, found.map, settings),
                settings.asdict(),
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
    try:
        slopes = [slope(samples, none, label)[0] for label in range(min(network.n_classes, 3))]
    except LookupError as error:  # an operation without a registered gradient
        raise InvalidInput(
            f"model: TensorFlow has no gradient for one of its layers ({str(error)[:200]}); "
            "expected one that can be differentiated from end to end."
        ) from error
    if not np.isfinite(slopes).all():
        raise InvalidInput(
            "model: its outputs for samples of the distribution are NaN or infinite; check its "
            "weights, and that bounds=(low, high) is the range that it was trained on."
        )
    if not np.any(slopes):
        raise InvalidInput(
            "model: its outputs have no gradient at its input (they do not change with it, or are "
            "rounded or compared on the way), so there is nothing to find; check that its weights "
            "were loaded, and give a model that can be differentiated."
        )


def _box_fidelity(
    slope: Slope, draw: Draw, label: int, map: Float32, settings: Settings
) -> dict[float, float]:
    fresh = draw(np.random.default_rng([settings.seed, 0]), settings.batch_size)
    return {share: slope(fresh, extreme(map, share), label)[1] for share in BOXES}


def _bar(total: int, progress: bool) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=total, desc="maps", unit="step", disable=not progress)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: its first row and column, and how many of them it has."""

    top: int
    left: int
    height: int
    width: int

    def mask(self, size: tuple[int, ...]) -> NDArray[np.bool_]:
        """Bool (H, W), True inside, for a map of that size (H, W) or (H, W, C)."""
        inside = np.zeros(size[:2], dtype=bool)
        inside[self.top : self.top + self.height, self.left : self.left + self.width] = True
        return inside


def strongest_box(map: NDArray, share: float) -> tuple[Box, float]:
    """The box that holds most energy, and its share of all energy (0 to 1).

    Energy is the square of the values, summed over the channels. The box has ``share`` of the
    map's height and width, at least one pixel; among equal boxes the first is taken.

    >>> spot = np.zeros((8, 8, 1)); spot[2:4, 5:7] = 1
    >>> strongest_box(spot, 0.25)
    (Box(top=2, left=5, height=2, width=2), 1.0)
    """
    energy = np.square(map, dtype=np.float64).sum(axis=2)
    height, width = (max(1, round(share * side)) for side in energy.shape)
    # Sums over all boxes at once, as differences of four sums from the corner.
    sums = np.pad(energy.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    held = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]
    held += sums[:-height, :-width]
    top, left = (int(i) for i in np.unravel_index(held.argmax(), held.shape))
    total = float(energy.sum())
    return Box(top, left, height, width), float(held.max()) / total if total > 0 else 0.0


def extreme(map: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The map's strongest box alone, with the signs of its values: -1, 0 or 1.

    Added to an input and clipped to the range, it sets every value in the box to one end of the
    range.
    """
    box, _ = strongest_box(map, share)
    return (np.sign(map) * box.mask(map.shape)[:, :, None]).astype(np.float32)
