"""What each method costs on each model of docs/explain/models.md, in plain gradients, in one run.

    python benchmarks/support.py [--size 96] [--batch 4] [--turns 7] [MODEL ...]

Random weights. The worker is asked as ``explain`` asks it; in every turn each method gets the
same batch right after the plain gradient, and the gradient right after a process with a
``tf.function`` around ``GradientTape`` on the model as it was before rewriting. Printed are medians
of these ratios, and their quartiles, of processor time, which other work on the machine hardly
changes. Integrated Gradients and SmoothGrad take 8 samples.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from architectures import ARCHITECTURES
from saliency import METHODS, Ours, Peer, bare_gradient, processor_seconds, saved

BARE = "bare tf.function"


def main() -> None:
    """Print the table, model by model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(ARCHITECTURES))
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    print("| model | gradient, processor ms | gradient /", BARE, "|", " | ".join(METHODS[1:]), "|")
    print("| --- |" + " --- |" * (1 + len(METHODS)))
    for name in options.models or ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            path = saved(name, options.size, Path(folder))
            times = measured(path, options.batch, options.turns)
        gradient = statistics.median(own for own, _ in times["gradient"])
        cells = [f"{1000 * gradient:.0f}", *map(ratio, times.values())]
        print(f"| `{name}` |", " | ".join(cells), "|", flush=True)


def measured(path: Path, n_images: int, n_turns: int) -> dict[str, list[tuple[float, float]]]:
    """{method: (its seconds, its partner's) in every turn}; a first turn is left out.

    The partner, measured right before, is the gradient; for the gradient it is the bare one.
    """
    ours, peer = Ours(path), Peer(bare_gradient, path)
    peer.wait()
    batch = np.random.default_rng(0).uniform(-1, 1, (n_images, *ours.shape)).astype(np.float32)
    pairs: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    for method in METHODS:
        ours.build(method)

    def seconds(method: str) -> float:
        return spent(ours.pid, lambda: ours(method, batch))

    for _ in range(n_turns + 1):
        bare = spent(peer.process.pid, lambda: peer("gradient", batch))
        pairs["gradient"].append((seconds("gradient"), bare))
        for method in METHODS[1:]:
            gradient = seconds("gradient")
            pairs[method].append((seconds(method), gradient))
    peer.peak()  # ends it
    return {method: times[1:] for method, times in pairs.items()}


def spent(pid: int, function: Callable[[], Any]) -> float:
    """Processor time of all threads of a process (on Linux) while the function runs."""
    start = processor_seconds(pid)
    function()
    return processor_seconds(pid) - start


def ratio(times: list[tuple[float, float]]) -> str:
    """Median of the paired ratios, and the middle half of them."""
    ratios = [own / partner for own, partner in times]
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    main()
