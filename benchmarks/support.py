"""What each method costs on each model of the README's table, in plain gradients, in one run.

    python benchmarks/support.py [--size 96] [--batch 4] [--turns 7] [MODEL ...]

Random weights. The worker is asked as ``explain`` asks it; in every turn each method gets the
same batch once, and so does a process with a ``tf.function`` around ``GradientTape`` on the saved
model, as it was before rewriting. Medians of the ratios within a turn. Integrated Gradients and
SmoothGrad take 8 samples.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
from pathlib import Path

import numpy as np
from architectures import ARCHITECTURES
from saliency import METHODS, Ours, Peer, bare_gradient, timed

BARE = "bare tf.function"


def main() -> None:
    """Print the table, model by model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(ARCHITECTURES))
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    others = METHODS[1:]
    print("| model | gradient, ms | gradient /", BARE, "|", " | ".join(others), "|")
    print("| --- |" + " --- |" * (2 + len(others)))
    for name in options.models or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            path = saved(name, options.size, Path(folder))
            turns = measured(path, options.batch, options.turns)
        gradient = statistics.median(turn["gradient"] for turn in turns)
        cells = [f"{1000 * gradient:.0f}", ratio(turns, "gradient", BARE)]
        cells += [ratio(turns, method, "gradient") for method in others]
        print(f"| `{name}` |", " | ".join(cells), "|", flush=True)


def measured(path: Path, n_images: int, n_turns: int) -> list[dict[str, float]]:
    """{who: seconds for the batch} of every turn; a first one, which builds, is left out."""
    ours, peer = Ours(path), Peer(bare_gradient, path)
    batch = np.random.default_rng(0).uniform(-1, 1, (n_images, *ours.shape)).astype(np.float32)
    for method in METHODS:
        ours.build(method)
    turns = []
    for _ in range(n_turns + 1):
        turn = {method: timed(lambda m=method: ours(m, batch))[0] for method in METHODS}
        turns.append(turn | {BARE: peer("gradient", batch)[0]})
    peer.peak()  # ends it
    return turns[1:]


def ratio(turns: list[dict[str, float]], who: str, against: str) -> str:
    """Median of the paired ratios, and their range."""
    ratios = sorted(turn[who] / turn[against] for turn in turns)
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def saved(name: str, size: int, folder: Path) -> Path:
    """The untrained model's file, saved by a process that ends with it."""
    path = folder / "model.h5"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_save, args=(name, size, str(path)))
    process.start()
    process.join()
    return path


def _save(name: str, size: int, path: str) -> None:
    ARCHITECTURES[name]((size, size, 3), 10).save(path)


if __name__ == "__main__":
    main()
