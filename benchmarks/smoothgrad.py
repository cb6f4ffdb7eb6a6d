"""What sequential stopping and other ways of drawing the noise gain SmoothGrad, in one run.

    python benchmarks/smoothgrad.py --model model.h5 --images photos/ --segments exports/ \
        --preprocess caffe [--n-images 24] [--keep samples.npz]

Draws 1,024 samples of each photo's gradient once (eager TensorFlow), and keeps of each the means
over the segments. All else is arithmetic on these: for many random halves, the ranks from the
first n of one half, n fixed or found by the rule of ``samples="auto"``, against those of the
other half's 512. Beside it, the variance of the mean of 16 samples under other designs, as a
share of that of independent noise. Without a model it takes the embedded data and its CNN.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sampling import embedded
from scipy.special import ndtri

import sat_nb as sat
from sat_nb.geometry import get_fit
from sat_nb.saliency import sampling_until_settled as settling
from sat_nb.saliency.preprocess import apply_preprocess

N_SAMPLES, ROUND, NOISE = 1024, 16, 0.15
FIXED = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
RANK_ERRORS = (0.05, 0.1, 0.15, 0.2, 0.3)
Samples = list[tuple[tuple[str, ...], np.ndarray]]
"""For each photo the segments' names and their means (n, k)."""


def main() -> None:
    """Print the gains."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--segments", type=Path)
    parser.add_argument("--preprocess", default="unit")
    parser.add_argument("--n-images", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="read the samples from here, or write them")
    options = parser.parse_args()
    if options.keep and options.keep.exists():
        independent, variances = load(options.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            given = (options.model, options.images, options.segments)
            given = given if options.model else embedded(Path(folder))
            independent, variances = collect(*given, options.preprocess, options.n_images)
        if options.keep:
            save(options.keep, independent, variances)
    print(f"{len(independent)} photos; variance of the mean of {ROUND} samples, as a share of that")
    print("of independent noise: median over photos and segments (quartiles)")
    for name, ratios in variances.items():
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"  {name:18s} {middle:.2f} ({low:.2f}-{high:.2f}; {len(ratios)} segments)")
    report_stopping(independent, options.repeats)


# --- stopping ----------------------------------------------------------------------------------


def report_stopping(samples: Samples, repeats: int) -> None:
    """Print errors and passes, and the fixed number of samples with the same error."""
    fixed = {n: mean_errors(samples, repeats, lambda x, n=n: n) for n in FIXED}
    print(f"{'samples':>14s} {'passes':>7s} {'rank error':>11s} {'fixed at equal error':>21s}")
    for n, (error, _) in fixed.items():
        print(f"{n:14d} {n:7d} {error:11.3f}")
    errors = np.array([error for error, _ in fixed.values()])
    for limit in RANK_ERRORS:
        error, passes = mean_errors(samples, repeats, lambda x, limit=limit: stop(x, limit))
        equal = np.exp(np.interp(-error, -errors, np.log(FIXED)))
        name = f"auto {limit}"
        print(f"{name:>14s} {passes:7.0f} {error:11.3f} {equal:12.0f} {equal / passes:7.2f} x")


def stop(samples: np.ndarray, limit: float) -> int:
    """The number of samples after which the expected error of a rank is below the limit."""
    for n in range(ROUND, len(samples), 8):
        if settling.rank_error_of(samples[:n]) < limit:
            return n
    return len(samples)


def mean_errors(
    samples: Samples, repeats: int, count: Callable[[np.ndarray], int]
) -> tuple[float, float]:
    """Mean |rank - reference| of a segment in a photo, and mean passes, over random halves."""
    random, errors, passes = np.random.default_rng(0), [], []
    for _ in range(repeats):
        for _, means in samples:
            drawn = means[random.permutation(N_SAMPLES)]
            n = count(drawn[: N_SAMPLES // 2])
            errors.append(np.abs(ranks(drawn[:n]) - ranks(drawn[N_SAMPLES // 2 :])).mean())
            passes.append(n)
    return float(np.mean(errors)), float(np.mean(passes))


def ranks(means: np.ndarray) -> np.ndarray:
    """Local ranks by |mean|, 1 = largest."""
    return np.argsort(np.argsort(-np.abs(means.mean(axis=0)))) + 1


# --- designs -----------------------------------------------------------------------------------


def independent(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Independent noise, as the method draws it."""
    return random.standard_normal((ROUND, *shape), dtype=np.float32)


def antithetic(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Pairs of opposite noise."""
    half = random.standard_normal((ROUND // 2, *shape), dtype=np.float32)
    return np.concatenate([half, -half])


def latin_hypercube(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of each input value from every sixteenth of its distribution exactly once."""
    strata = random.permuted(np.tile(np.arange(ROUND)[:, None], int(np.prod(shape))), axis=0)
    shares = (strata + random.uniform(size=strata.shape)) / ROUND
    return ndtri(np.clip(shares, 1e-7, 1 - 1e-7)).astype(np.float32).reshape(ROUND, *shape)


def orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Orthogonal samples with the lengths of independent ones."""
    drawn = random.standard_normal((ROUND, int(np.prod(shape))), dtype=np.float32)
    directions = np.linalg.qr(drawn.T)[0].T
    lengths = np.linalg.norm(drawn, axis=1)
    turned = directions * lengths[:, None] * random.choice([-1, 1], size=(ROUND, 1))
    return turned.astype(np.float32).reshape(ROUND, *shape)


DESIGNS = {"antithetic": antithetic, "Latin hypercube": latin_hypercube, "orthogonal": orthogonal}


# --- gradients ---------------------------------------------------------------------------------


def collect(
    model: Path, images: Path, exports: Path, preprocess: str, n_images: int
) -> tuple[Samples, dict[str, list[float]]]:
    """All photos' samples, and of the first six the variances under each design."""
    network, size = logits_of(model)
    photos, masks = sat.read_images(images), sat.read_segments(exports)
    samples: Samples = []
    variances: dict[str, list[float]] = {name: [] for name in DESIGNS}
    for number, image_id in enumerate([i for i in photos if i in masks][:n_images]):
        random = np.random.default_rng(number)
        pixels = get_fit("stretch").image(photos[image_id], size)[None].astype(np.float32)
        x = apply_preprocess(preprocess, pixels, (*size, 3))[0]
        segmentation = masks[image_id].merged().resize(size, fit="stretch").pad(2)
        rounds = partial_means(network, x, segmentation.masks, random)
        plain = np.concatenate([rounds(independent) for _ in range(N_SAMPLES // ROUND)])
        samples.append((segmentation.names, plain))
        if number < 6:
            usual = plain.var(axis=0, ddof=1) / ROUND
            for name, design in DESIGNS.items():
                means = [rounds(design).mean(axis=0) for _ in range(32)]
                variances[name].extend(np.var(means, axis=0, ddof=1) / usual)
        print(f"  {image_id}", flush=True)
    return samples, variances


def partial_means(
    network: Any, x: np.ndarray, masks: np.ndarray, random: np.random.Generator
) -> Callable[[Callable[..., np.ndarray]], np.ndarray]:
    """A function of a design: segment means (ROUND, k) of one round of samples."""
    import tensorflow as tf

    target = int(np.argmax(network(x[None])))
    sigma = np.float32(NOISE * (x.max() - x.min()))

    @tf.function
    def gradient(points: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(points)
            logit = tf.reduce_sum(network(points)[:, target])
        return tape.gradient(logit, points)

    def one_round(design: Callable[..., np.ndarray]) -> np.ndarray:
        points = tf.constant(x + sigma * design(random, x.shape))
        return settling.segment_means(gradient(points).numpy(), masks)

    return one_round


def logits_of(path: Path) -> tuple[Any, tuple[int, int]]:
    """The model up to its logits, and its input size."""
    import tensorflow as tf

    model = tf.keras.models.load_model(path, compile=False)
    if hasattr(model.layers[-1], "activation"):
        model.layers[-1].activation = tf.keras.activations.linear
    linear = tf.keras.models.clone_model(model)
    linear.set_weights(model.get_weights())
    return linear, tuple(model.inputs[0].shape[1:3])


# --- files -------------------------------------------------------------------------------------


def save(path: Path, samples: Samples, variances: dict[str, list[float]]) -> None:
    """Everything that was drawn, for trying another rule."""
    arrays = dict(numbered(samples))
    np.savez(path, **arrays, **{f"design {name}": v for name, v in variances.items()})


def numbered(samples: Samples) -> Iterator[tuple[str, Any]]:
    """Names and arrays of each photo."""
    for number, (names, means) in enumerate(samples):
        yield f"names {number}", np.array(names)
        yield f"means {number}", means


def load(path: Path) -> tuple[Samples, dict[str, list[float]]]:
    """What :func:`save` wrote."""
    kept = np.load(path)
    count = sum(name.startswith("means") for name in kept)
    samples = [(tuple(kept[f"names {i}"]), kept[f"means {i}"]) for i in range(count)]
    designs = [name for name in kept if name.startswith("design ")]
    return samples, {name.removeprefix("design "): list(kept[name]) for name in designs}


if __name__ == "__main__":
    main()
