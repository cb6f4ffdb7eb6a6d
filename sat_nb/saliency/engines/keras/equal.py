"""Whether the rewritten model is the saved one: the same logits, and the same slopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from sat_nb.arrays import Float32
from sat_nb.saliency.engines.keras.graph import Graph, Unfit, describe

backend = tf.keras.backend

SPREAD_TOLERANCE = 1e-2
"""How much logits may differ, as a share of how much they differ between images."""

ROUNDING = 2e-5
"""How much they may differ in any case, as a share of the largest logit."""

OUTPUT_TOLERANCE = 1e-4
"""How much the outputs may differ, as a share of the largest output (or of 1)."""

SLOPE_TOLERANCE = 0.1
"""How much the gradients of all logits' sum may differ, as a share of their norm.

Where two values of a maximum are equal but for rounding, whole pixels differ: on a VGG16 with
random weights by 4 % of the largest, in float32 against float64.
"""


@dataclass(frozen=True)
class Pair:
    """The saved model and its rewritten copy in TensorFlow's graph.

    ``saved`` and ``rewritten`` are (input, outputs, logits); the saved logits are None where they
    cannot be found. ``whole`` says that its input takes whole numbers only.
    """

    saved: tuple[Any, Any, Any]
    rewritten: tuple[Any, Any, Any]
    whole: bool = False


def logits_behind(output: Any, head: str) -> Any:
    """The saved model's logits in TensorFlow's graph; None where they cannot be found."""
    tensor = _source(output)
    if head == "logits":
        return tensor
    if tensor.op.type not in ("Softmax", "Sigmoid"):
        return None
    return _source(tensor.op.inputs[0])


def _source(tensor: Any) -> Any:
    while tensor.op.type in ("Identity", "Cast"):
        tensor = tensor.op.inputs[0]
    return tensor


def check_equal(pair: Pair, graph: Graph, head: str) -> None:
    """Raise Unfit where the two models differ, or have nothing to explain."""
    # First: a function in the graph can be given no gradient any more once it was run.
    slopes = [_slope(x, logits) for x, _, logits in (pair.saved, pair.rewritten)]
    saved, copy = _functions(pair)
    logits = []
    for batch in _batches(pair):
        expected, came = saved(batch), copy(batch)
        logits.append(came[1])
        if _differ(expected, came):
            raise _unlike(saved, batch, graph, head, _far(expected, came))
    if not np.ptp(np.concatenate(logits), axis=0).any() and not slopes[1](batch).any():
        raise Unfit(
            "gives the same outputs whatever it sees (test images), so there is nothing to explain",
            "check that its weights were loaded and trained",
        )
    if pair.saved[2] is None or pair.whole:
        return
    expected_slope, slope = (slope(batch) for slope in slopes)
    if (
        np.linalg.norm(slope - expected_slope)
        > SLOPE_TOLERANCE * np.linalg.norm(expected_slope) + 1e-30
    ):
        raise Unfit(
            "run layer by layer for explaining, its gradients differ on test images",
            "build it from Keras layers; if it is, please report it",
        )


def _slope(x: Any, logits: Any) -> Callable[[Float32], Float32]:
    """The gradient at images, of the sum of the logits by different weights."""
    if logits is None:
        return np.zeros_like
    weights = np.arange(1, logits.shape[1] + 1, dtype=np.float32)
    found = tf.gradients(tf.reduce_sum(tf.cast(logits, tf.float32) * weights), x)[0]
    if found is None:
        return np.zeros_like
    function = backend.function([x], [found])
    return lambda batch: function([batch])[0]


def _functions(pair: Pair) -> tuple[Callable[[Float32], list[Any]], Callable[[Float32], list[Any]]]:
    x, outputs, logits = pair.saved
    saved = backend.function([x], [outputs] if logits is None else [outputs, logits])
    x, outputs, logits = pair.rewritten
    copy = backend.function([x], [outputs, logits])
    return (lambda batch: list(saved([batch]))), (lambda batch: list(copy([batch])))


def _batches(pair: Pair) -> list[Float32]:
    """Noise and blocks at the scales that preprocessings make."""
    random, (height, width, channels) = np.random.default_rng(0), pair.rewritten[0].shape[1:]
    coarse = random.uniform(0, 1, (1, 4, 4, channels))
    blocks = coarse[:, np.arange(height) * 4 // height][:, :, np.arange(width) * 4 // width]
    noise = random.uniform(0, 1, (1, height, width, channels))
    n = pair.saved[0].shape[0] or 2  # a Sequential without Input may have kept a batch's size
    shares = np.concatenate([noise, blocks])[np.arange(n) % 2]
    scales = [(0, 127)] if pair.whole else [(0, 1), (-1, 1), (-128, 128), (0, 255)]
    found = [low + (high - low) * shares for low, high in scales]
    return [(np.round(b) if pair.whole else b).astype(np.float32) for b in found]


def _differ(expected: Sequence[Any], came: Sequence[Any]) -> bool:
    """NaN weights compare as equal here, and are reported by image later."""
    if len(expected) == 2 and expected[1].shape == came[1].shape:
        right = expected[1].astype(np.float32)
        spread = np.ptp(right, axis=0).max()
        allowed = SPREAD_TOLERANCE * spread + ROUNDING * np.abs(right).max()
        if np.abs(came[1] - right).max() > allowed:
            return True
    outputs = came[0][:, 1:] if came[0].shape[1] != expected[0].shape[1] else came[0]
    largest = max(1.0, float(np.abs(expected[0]).max()))
    return bool(np.abs(outputs - expected[0]).max() > OUTPUT_TOLERANCE * largest)


def _far(expected: Sequence[Any], came: Sequence[Any]) -> float:
    """The largest difference as a share of the largest value: of the logits, where known."""
    right, ours = expected[-1].astype(np.float32), came[len(expected) - 1]
    ours = ours[:, 1:] if ours.shape[1] != right.shape[1] else ours
    return float(np.abs(ours - right).max() / max(np.abs(right).max(), 1e-30))


def _unlike(
    saved: Callable[[Float32], list[Any]], batch: Float32, graph: Graph, head: str, far: float
) -> Unfit:
    """Why the rewritten model differs: one that draws random numbers differs from itself, too."""
    if any(map(_scatters, saved(batch), saved(batch))):
        drawing = _drawing(graph, batch[:1])
        return Unfit(
            "gives other outputs each time it sees the same image"
            + (f": {describe(drawing)} draws random numbers" if drawing else ""),
            "build it without what is random, give it these weights with "
            "new.set_weights(old.get_weights()), and save it",
        )
    rewritten = "; ".join(graph.changes) or "nothing was rewritten"
    return Unfit(
        f"run layer by layer for explaining, its {'logits' if head != 'logits' else 'outputs'} "
        f"differ by {far:.1g} of the largest on test images ({rewritten})",
        "its maps would be wrong: build it from Keras layers called without training=True, and if "
        "it is, please report it",
    )


def _drawing(graph: Graph, batch: Float32) -> Any:
    """The first layer of the graph that gives other values for the same input."""
    x = backend.placeholder((None, *graph.shape))
    values = graph.run(graph.scaled(x))
    run = backend.function([x], [values[node.output] for node in graph.nodes])
    pairs = zip(graph.nodes, run([batch]), run([batch]), strict=True)
    return next((node.layer for node, a, b in pairs if _scatters(a, b)), None)


def _scatters(once: Any, again: Any) -> bool:
    """Whether two runs differ by more than the order of additions makes them."""
    far = np.abs(once.astype(np.float64) - again)
    return bool((far > ROUNDING * np.abs(once).max(initial=0)).any())
