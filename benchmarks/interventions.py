"""Replaced photos a second, against the engine's bare forward passes in batches of that size.

    python benchmarks/interventions.py
    python benchmarks/interventions.py --model net.h5 --preprocess caffe --batch-size 64

Both run in one process in turn, pair by pair: `intervene` on photos in memory, with grey, mean and
blur; and as many photos, preprocessed before, sent through the model by the engine's own `predict`.
The bound is 0.90 of the bare throughput. Without --model, a small convolutional network
(227 x 227 px) is made and saved; its weights are random, as they do not change what it costs.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sat_nb as sat
from sat_nb.saliency.process.pool import ask
from sat_nb.saliency.request import OpenModel, opened_model

BOUND = 0.90
# Of each, how many photos come on one of --photos, so that both ask the model about as often.
MEASURES: dict[str, tuple[int, dict[str, Any]]] = {
    "without": (16, {"measures": "without"}),
    "shapley": (1, {"measures": "shapley", "parameters": {"shapley": {"max_exact": 8}}}),
}


def main() -> None:
    """Print the medians of paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--preprocess", default="caffe")
    parser.add_argument("--engine")
    parser.add_argument("--photos", type=int, default=12)
    parser.add_argument("--segments", type=int, default=6)
    parser.add_argument("--side", type=int, default=300, help="of the photos, in pixels")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or small_network(Path(folder) / "net.h5")
        with opened_model(
            model,
            engine=options.engine,
            input_size=None,
            trusted=False,
            workers=1,
            max_memory=None,
        ) as opened:
            measure(opened, str(model), options)


def measure(opened: OpenModel, model: str, options: argparse.Namespace) -> None:
    """Print the throughput of each measure under each replacement."""
    batch = np.random.default_rng(0).normal(0, 50, (options.batch_size, *opened.facts.input_shape))
    batch = batch.astype(np.float32)
    bare(opened, batch, 3 * options.batch_size)
    for name, (times, asked) in MEASURES.items():
        images, segments = make_input(times * options.photos, options.segments, options.side)
        for replacement in ("grey", "mean", "blur"):
            given: dict[str, Any] = {
                "preprocess": options.preprocess,
                "engine": options.engine,
                "replace": [replacement],
                "batch_size": options.batch_size,
                "progress": False,
                **asked,
            }
            pairs = []
            for _ in range(options.repeats):
                start = time.perf_counter()
                table = sat.intervene(model, images, segments, **given)
                seconds = time.perf_counter() - start
                n = int(table.drop_duplicates("image_id")["n_forward"].sum())
                pairs.append((n / seconds, bare(opened, batch, n)))
            ratios = sorted(ours / theirs for ours, theirs in pairs)
            ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
            print(
                f"{name:8} {replacement:5} {n:6} passes  {ours:7.1f} a second, bare {theirs:7.1f}; "
                f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); "
                f"bound {BOUND:.2f}"
            )


def bare(opened: OpenModel, batch: Any, n: int) -> float:
    """Photos a second through the engine's ``predict``, in full batches."""
    n_batches = -(-n // len(batch))
    start = time.perf_counter()
    for _ in range(n_batches):
        ask("predict", "measuring", pool=opened.pool, file=opened.file, batch=batch)
    return n_batches * len(batch) / (time.perf_counter() - start)


def make_input(n_photos: int, n_segments: int, side: int) -> tuple[dict, dict]:
    """Photos of noise, and masks of rectangles that overlap here and there."""
    rng = np.random.default_rng(0)
    images, segments = {}, {}
    for i in range(n_photos):
        images[f"photo_{i:03d}"] = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        masks = np.zeros((n_segments, side, side), dtype=bool)
        for mask in masks:
            (y, x), (h, w) = (
                rng.integers(0, side * 2 // 3, 2),
                rng.integers(side // 8, side // 3, 2),
            )
            mask[y : y + h, x : x + w] = True
        names = tuple(f"segment {k}" for k in range(n_segments))
        segments[f"photo_{i:03d}"] = sat.SegmentationMap(names, masks)
    return images, segments


def small_network(file: Path) -> Path:
    """A network of six convolutions on 227 x 227 px, as costly as SqueezeNet."""
    from sat_nb.saliency.engines.keras import eager_tensorflow

    tf = eager_tensorflow("small_network")
    layers = tf.keras.layers
    network = [layers.Input((227, 227, 3)), layers.Conv2D(64, 3, 2, activation="relu")]
    for width in (64, 96, 128, 160):
        network += [layers.MaxPooling2D(3, 2), layers.Conv2D(width, 3, activation="relu")]
    network += [layers.GlobalAveragePooling2D(), layers.Dense(1000, "softmax")]
    tf.keras.Sequential(network).save(file, include_optimizer=False)
    return file


if __name__ == "__main__":
    main()
