"""Methods that average the plain gradient over many points: pure functions of numpy arrays.

Each takes ``gradients``, which sums gradients at several points (see :data:`Gradients`), one
preprocessed image (H, W, C), its target (a number, or weights of the logits), its seed, how
many points may go through the model at once, and its own parameters. It returns a Chunk: the
map, arrays that tell its error, and ``n_samples``, the number of gradients it took.

The functions here take a fixed number of samples. Those in ``sampling_until_settled`` take as many
as it needs to settle ranks; the registry SAMPLINGS there holds both kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import unknown_name
from sat_nb.registry import Entry, registry
from sat_nb.saliency.store.codec import Chunk

Item = TypeVar("Item")


@dataclass(frozen=True)
class Points:
    """m inputs ``origin + steps[i] * directions[i]``, made where the model is.

    ``origin`` is (H, W, C), ``steps`` (m,), ``directions`` (m, H, W, C), or (1, H, W, C) where
    all points lie on one line. Sent in this form, a path of many points costs no more than one.
    """

    origin: Float32
    directions: Float32
    steps: Float32

    def __len__(self) -> int:
        return len(self.steps)

    def array(self) -> Float32:
        """The inputs themselves, (m, H, W, C)."""
        return self.origin + self.steps[:, None, None, None] * self.directions


Gradients = Callable[[Points, Any, Float32], Float32]
"""(m points, a target, shares (r, m)) -> r sums (r, H, W, C) of the gradients by their shares."""

VALUES_AT_ONCE = 32 * 224 * 224 * 3
"""Input values that go through the model at once: 32 photos of the usual size.

Reading VGG16's 0.5 GB of fully connected weights takes 1 % of the time of 32 photos, and 4 % of
that of 8. 32 photos need up to 3.7 GB (DenseNet121) on top of the model; more gain little.
"""

REPLICATES = 8
"""The largest number of independent means that a random method's samples are divided into."""

COARSER_ERRORS = 3.0
"""A quadrature's error is estimated as its difference from one with a third of its nodes, divided
by this number."""


def smoothgrad(
    gradients: Gradients,
    image: Float32,
    target: Any,
    *,
    seed: int,
    points_at_once: int,
    n_samples: int = 64,
    noise: float = 0.15,
) -> Chunk:
    """The mean gradient at ``n_samples`` noisy copies of the image (Smilkov et al. 2017, eq. 2).

    ``noise`` is the Gaussian's standard deviation as a share of the image's value range,
    max - min of its preprocessed input, as in the paper (10-20 % there). The array
    ``replicates`` (r, H, W) holds the means of r equal parts of the samples, summed over the
    channels, from which a table takes the standard error of any segment's mean. r is the
    largest divisor of ``n_samples`` up to :data:`REPLICATES`; sample i belongs to part i % r.
    """
    r = max(d for d in range(1, REPLICATES + 1) if n_samples % d == 0)
    shares = np.tile(np.eye(r), n_samples // r) * r / n_samples
    points = noisy_points(image, seed, noise, even_ranges(n_samples, points_at_once))
    means = weighted_sums(gradients, points, target, shares).astype(np.float32)
    arrays = {"replicates": means.sum(axis=3)} if r > 1 else {}
    return Chunk(means.mean(axis=0), arrays=arrays, facts={"n_samples": n_samples})


def integrated_gradients(
    gradients: Gradients,
    image: Float32,
    target: Any,
    *,
    seed: int,
    points_at_once: int,
    n_nodes: int = 36,
    baseline: float | Sequence[float] = 0.0,
    rule: str = "midpoint",
) -> Chunk:
    """(x - baseline) times the mean gradient on the way there (Sundararajan et al. 2017, eq. 1).

    The integral along the straight path is taken at ``n_nodes`` points by ``rule``, a name in
    :data:`QUADRATURES`. ``baseline`` is the value of every input of the reference image in the
    preprocessed space, or a list with one for each channel. Nothing is random. Every third
    midpoint node is a node of the midpoint rule with a third of the nodes. So where ``n_nodes`` is
    a multiple of three, the array ``coarser`` (H, W) holds the map by that rule, summed over the
    channels, and a table estimates the error from it.
    """
    if rule not in QUADRATURES:
        raise unknown_name("parameters['integrated_gradients']['rule']", rule, QUADRATURES)
    nodes, weights = QUADRATURES[rule](n_nodes)
    both = weights[None]
    if rule == "midpoint" and n_nodes % 3 == 0:
        both = np.stack([weights, 3 * weights * (np.arange(n_nodes) % 3 == 1)])
    points = path_points(image, baseline, nodes, even_ranges(n_nodes, points_at_once))
    means = weighted_sums(gradients, points, target, both)
    maps = ((image - np.asarray(baseline, np.float32)) * means).astype(np.float32)
    arrays = {"coarser": maps[1].sum(axis=2)} if len(maps) > 1 else {}
    return Chunk(maps[0], arrays=arrays, facts={"n_samples": n_nodes})


@dataclass(frozen=True, kw_only=True)
class Quadrature(Entry):
    """A rule for integrals over [0, 1]: ``function(n)`` gives n nodes and their weights.

    >>> QUADRATURES["left"](2)
    (array([0. , 0.5]), array([0.5, 0.5]))
    """

    function: Callable[[int], tuple[Float64, Float64]]

    def __call__(self, n: int) -> tuple[Float64, Float64]:
        """The nodes (n,), and their weights (n,), which add up to 1."""
        return self.function(n)


def _midpoint(n: int) -> tuple[Float64, Float64]:
    return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)


def _gauss_legendre(n: int) -> tuple[Float64, Float64]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _left(n: int) -> tuple[Float64, Float64]:
    return np.arange(n) / n, np.full(n, 1 / n)


QUADRATURES: dict[str, Quadrature] = registry(
    Quadrature(
        name="midpoint",
        about="The error falls with 1 / n^2, also where ReLUs bend the path.",
        function=_midpoint,
    ),
    Quadrature(
        name="gauss_legendre",
        about="It is exact for polynomials up to degree 2n - 1.",
        function=_gauss_legendre,
    ),
    Quadrature(
        name="left",
        about="The left Riemann sum, as iNNvestigate takes it; the error falls with 1 / n.",
        function=_left,
    ),
)
"""Rules for integrals by name."""


def random_map(shape: tuple[int, int, int], *, seed: int) -> Chunk:
    """Standard normal noise that knows neither image nor model: what a method must beat."""
    return Chunk(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))


# --- points ------------------------------------------------------------------------------------


def even_ranges(n_points: int, length: int) -> Iterator[range]:
    """Split 0..n_points into as few ranges of at most ``length`` as possible, evenly.

    >>> [len(some) for some in even_ranges(16, 7)]
    [5, 5, 6]
    """
    n_ranges = -(-n_points // length)
    for i in range(n_ranges):
        yield range(i * n_points // n_ranges, (i + 1) * n_points // n_ranges)


def noisy_points(
    image: Float32, seed: int, noise: float, samples: Iterable[range]
) -> Iterator[Points]:
    """Copies of the image under noise; sample i is the same however the samples are split."""
    random = np.random.default_rng(seed)
    sigma = np.float32(noise * float(image.max() - image.min()))
    shapes = ((len(some), *image.shape) for some in samples)
    # Drawing takes about as long as the model takes for small networks, so it runs beside it.
    for drawn in prefetched(random.standard_normal(shape, dtype=np.float32) for shape in shapes):
        yield Points(image, drawn, np.full(len(drawn), sigma))


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each made in a thread while the one before it is used.

    >>> list(prefetched(iter("abc")))
    ['a', 'b', 'c']
    """
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item


def path_points(
    image: Float32, baseline: float | Sequence[float], nodes: Float64, ranges: Iterable[range]
) -> Iterator[Points]:
    """Points on the straight line from the baseline to the image."""
    start = np.full_like(image, baseline)
    for some in ranges:
        steps = nodes[some.start : some.stop].astype(np.float32)
        yield Points(start, (image - start)[None], steps)


def weighted_sums(
    gradients: Gradients, batches: Iterable[Points], target: Any, shares: Float64
) -> Float64:
    """Sums (r, H, W, C) of the gradients at all m points, weighted by ``shares`` (r, m)."""
    total: Any = 0.0
    n_points = 0
    for points in batches:
        some = shares[:, n_points : n_points + len(points)].astype(np.float32)
        sums = gradients(points, target, some)
        # In float64, so that a map does not depend on how its points are split into batches.
        total = np.add(total, sums, out=total) if n_points else sums.astype(np.float64)
        n_points += len(points)
    return total


def points_at_once(shape: tuple[int, ...], n_workers: int = 1) -> int:
    """How many inputs of that shape go through each worker at once, where memory allows.

    >>> points_at_once((224, 224, 3)), points_at_once((224, 224, 3), n_workers=4)
    (32, 8)
    """
    return max(1, VALUES_AT_ONCE // int(np.prod(shape)) // n_workers)
