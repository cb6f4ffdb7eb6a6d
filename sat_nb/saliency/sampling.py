"""Methods that average the plain gradient over many points: pure functions of numpy arrays.

Each takes ``gradients``, which sums gradients at several points (see :data:`Gradients`), one
preprocessed image (H, W, C), its target (a number, or weights of the logits), its seed, how
many points may go through the model at once, and its own parameters; it returns a Chunk: the
map, what tells its error, and ``n_samples``, the gradients that it took. A method more is one
function more, and one entry more in :data:`SAMPLINGS`. Those that go on until ranks are settled
are in ``settling``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sat_nb.arrays import Float32, Float64
from sat_nb.errors import unknown_name
from sat_nb.saliency.store.codec import Chunk

Item = TypeVar("Item")


@dataclass(frozen=True)
class Points:
    """m inputs ``origin + steps[i] * directions[i]``, made where the model is.

    ``origin`` is (H, W, C), ``steps`` (m,), ``directions`` (m, H, W, C), or (1, H, W, C) where
    they lie on a line.
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

CHUNK_VALUES = 32 * 224 * 224 * 3
"""Input values that go through the model at once: 32 photos of the usual size.

To read VGG16's 0.5 GB of fully connected weights for so many takes 1 % of their time, for 8
photos 4 %. They take up to 3.7 GB (DenseNet121) on top of what the model does; more gain little.
"""

REPLICATES = 8
"""Into how many independent means, at most, the samples of a random method are divided."""

COARSER_ERRORS = 3.0
"""The error of a quadrature is its difference from one with a third of its nodes, by this."""


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
    channels, from which a table takes the standard error of any segment's mean; r is the
    largest divisor of ``n_samples`` up to :data:`REPLICATES`, and sample i is in part i % r.
    """
    r = max(d for d in range(1, REPLICATES + 1) if n_samples % d == 0)
    shares = np.tile(np.eye(r), n_samples // r) * r / n_samples
    points = noisy(image, seed, noise, pieces(n_samples, points_at_once))
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

    The integral on the straight path is taken at ``n_nodes`` points by ``rule``, a name in
    :data:`QUADRATURES`. ``baseline`` is the value of every input of the reference image, in
    the preprocessed space, or a list of one a channel. Nothing is random. Of midpoint nodes every
    third one is a midpoint rule too: where ``n_nodes`` is a multiple of three, the array
    ``coarser`` (H, W) holds the map by these alone, summed over the channels, from which a table
    estimates the error.
    """
    if rule not in QUADRATURES:
        raise unknown_name("parameters['integrated_gradients']['rule']", rule, QUADRATURES)
    nodes, weights = QUADRATURES[rule](n_nodes)
    both = weights[None]
    if rule == "midpoint" and n_nodes % 3 == 0:
        both = np.stack([weights, 3 * weights * (np.arange(n_nodes) % 3 == 1)])
    points = on_the_way(image, baseline, nodes, pieces(n_nodes, points_at_once))
    means = weighted_sums(gradients, points, target, both)
    maps = ((image - np.asarray(baseline, np.float32)) * means).astype(np.float32)
    arrays = {"coarser": maps[1].sum(axis=2)} if len(maps) > 1 else {}
    return Chunk(maps[0], arrays=arrays, facts={"n_samples": n_nodes})


def _midpoint(n: int) -> tuple[Float64, Float64]:
    return (np.arange(n) + 0.5) / n, np.full(n, 1 / n)


def _gauss_legendre(n: int) -> tuple[Float64, Float64]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


QUADRATURES: dict[str, Callable[[int], tuple[Float64, Float64]]] = {
    "midpoint": _midpoint,  # error falls with n^-2, also where ReLUs bend the path
    "gauss_legendre": _gauss_legendre,  # exact for polynomials up to degree 2n - 1
    "left": lambda n: (np.arange(n) / n, np.full(n, 1 / n)),  # iNNvestigate's; falls with 1 / n
}
"""n -> nodes in [0, 1] and their weights, which add up to 1."""


def random_map(shape: tuple[int, int, int], *, seed: int) -> Chunk:
    """Standard normal noise that knows neither image nor model: what a method must beat."""
    return Chunk(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))


SAMPLINGS: dict[str, Callable[..., Chunk]] = {
    "smoothgrad": smoothgrad,
    "integrated_gradients": integrated_gradients,
}


# --- points ------------------------------------------------------------------------------------


def pieces(n_points: int, length: int) -> Iterator[range]:
    """0..n_points in as few pieces of at most that length as will do, about equally long.

    >>> [len(piece) for piece in pieces(16, 7)]
    [5, 5, 6]
    """
    n_pieces = -(-n_points // length)
    for i in range(n_pieces):
        yield range(i * n_points // n_pieces, (i + 1) * n_points // n_pieces)


def noisy(image: Float32, seed: int, noise: float, samples: Iterable[range]) -> Iterator[Points]:
    """Copies of the image under noise; sample i is the same however they are cut into pieces."""
    random = np.random.default_rng(seed)
    sigma = np.float32(noise * float(image.max() - image.min()))
    shapes = ((len(piece), *image.shape) for piece in samples)
    for drawn in ahead(random.standard_normal(shape, dtype=np.float32) for shape in shapes):
        yield Points(image, drawn, np.full(len(drawn), sigma))


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each made in a thread while the one before it is used.

    >>> list(ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    end: Any = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item


def on_the_way(
    image: Float32, baseline: float | Sequence[float], nodes: Float64, piece: Iterable[range]
) -> Iterator[Points]:
    """Points on the straight line from the baseline to the image."""
    start = np.full_like(image, baseline)
    for some in piece:
        steps = nodes[some.start : some.stop].astype(np.float32)
        yield Points(start, (image - start)[None], steps)


def weighted_sums(
    gradients: Gradients, chunks: Iterable[Points], target: Any, shares: Float64
) -> Float64:
    """Sums (r, H, W, C) of the gradients at all m points, by ``shares`` (r, m)."""
    total: Any = 0.0
    n_points = 0
    for points in chunks:
        some = shares[:, n_points : n_points + len(points)].astype(np.float32)
        sums = gradients(points, target, some)
        total = np.add(total, sums, out=total) if n_points else sums.astype(np.float64)
        n_points += len(points)
    return total


def most_at_once(shape: tuple[int, ...], n_workers: int = 1) -> int:
    """How many inputs of that shape go through each worker at once, where memory allows.

    >>> most_at_once((224, 224, 3)), most_at_once((224, 224, 3), n_workers=4)
    (32, 8)
    """
    return max(1, CHUNK_VALUES // int(np.prod(shape)) // n_workers)
