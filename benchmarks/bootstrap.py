"""Cost of bootstrap intervals of a whole table against scipy's, segment by segment, in one run.

    python benchmarks/bootstrap.py

10,000 BCa resamples of 100 images x 12 segments, one of them in half of the images: all of
`intervals`, from the table to the bounds, against `scipy.stats.bootstrap` with `np.mean` on
the values of each segment (its Relative mean; every segment is resampled separately). Bounds: the
time of scipy, and two seconds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

import sat_nb as sat


def main() -> None:
    """Print the medians of paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--segments", type=int, default=12)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    table = make_table(options.images, options.segments)
    n = options.resamples
    for how in ("relative", "absolute"):
        run(how, lambda how=how: sat.intervals(table, how=how, n_resamples=n), table, n, options)


def run(
    how: str, ours: Callable[[], object], table: pd.DataFrame, n: int, options: argparse.Namespace
) -> None:
    """Ours and scipy's in turns, and the bare product of counts and sums."""
    theirs = lambda: by_segment(table, n)  # noqa: E731
    counts = np.random.default_rng(0).multinomial(
        options.images, np.full(options.images, 1 / options.images), size=n
    )
    sums, counts = np.ones((options.images, 4 * options.segments)), counts.astype(float)
    ours(), theirs()
    pairs = [(timed(ours), timed(theirs)) for _ in range(options.repeats)]
    product = statistics.median(timed(lambda: counts @ sums) for _ in range(options.repeats))
    seconds = sorted(a for a, _ in pairs)
    ratios = sorted(a / b for a, b in pairs)
    print(
        f"intervals, {how}: {statistics.median(seconds):.3f} s "
        f"({seconds[0]:.3f} to {seconds[-1]:.3f}); bound 2 s"
    )
    print(
        f"  / scipy.stats.bootstrap   {statistics.median(ratios):.3f} "
        f"({ratios[0]:.3f} to {ratios[-1]:.3f}) of {statistics.median(b for _, b in pairs):.3f} s; "
        "bound 1"
    )
    print(f"  / the matrix product      {statistics.median(seconds) / product:.0f}")


def make_table(n_images: int, n_segments: int) -> pd.DataFrame:
    """Maps of one row of pixels; every other image has the last segment."""
    rng = np.random.default_rng(0)
    masks = np.eye(n_segments, dtype=bool)[:, None, :]
    names = tuple(f"part {k}" for k in range(n_segments))
    all_, few = (sat.SegmentationMap(names[:k], masks[:k]) for k in (n_segments, n_segments - 1))
    segments = {f"image {i}": few if i % 2 else all_ for i in range(n_images)}
    maps = {"m": {image_id: rng.exponential(size=(1, n_segments)) for image_id in segments}}
    return sat.build(maps, segments, pad_px=0)


def by_segment(table: pd.DataFrame, n_resamples: int) -> list[object]:
    """The plain way: a bootstrap for each segment."""
    return [
        bootstrap((values.to_numpy(),), np.mean, method="BCa", n_resamples=n_resamples, rng=0)
        for _, values in table.groupby("segment")["mean_attribution"]
    ]


def timed(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
