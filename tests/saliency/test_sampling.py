"""The sampling methods on functions whose gradient is known."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency import sampling
from tests.saliency.sums import sums_of

BATCH = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
TARGETS, SEEDS = [0, 1, 2], [10, 11, 12]


def every(method, *, targets=TARGETS, seeds=SEEDS, batch=BATCH, points_at_once=8, **parameters):
    """The method's maps of all images."""
    chunks = [
        method(
            sums_of(cubic), image, target, seed=seed, points_at_once=points_at_once, **parameters
        )
        for image, target, seed in zip(batch, targets, seeds, strict=True)
    ]
    return np.stack([chunk.attribution for chunk in chunks])


def one_map(**parameters):
    """SmoothGrad of the first image."""
    return sampling.smoothgrad(sums_of(cubic), BATCH[0], 0, points_at_once=8, **parameters)


def cubic(points, targets):
    """The gradient of f_t(x) = (t + 1) sum(x^3)."""
    return (3 * (targets[:, None, None, None] + 1) * points**2).astype(np.float32)


def test_integrated_gradients_of_a_cubic_are_its_terms():
    maps = every(sampling.integrated_gradients, n_nodes=200)
    exact = BATCH**3 * np.array([1, 2, 3]).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(maps, exact, rtol=1e-4)


def test_integrated_gradients_start_at_the_baseline():
    maps = every(sampling.integrated_gradients, targets=[0, 0, 0], n_nodes=200, baseline=0.5)
    np.testing.assert_allclose(maps, BATCH**3 - 0.5**3, rtol=1e-3, atol=1e-4)


def test_midpoint_rule_beats_the_left_sum():
    nodes = np.arange(16) / 16
    left = np.stack([x * np.mean([3 * (n * x) ** 2 for n in nodes], axis=0) for x in BATCH])
    maps = every(sampling.integrated_gradients, targets=[0, 0, 0], n_nodes=16)
    assert abs(maps - BATCH**3).max() < 0.05 * abs(left - BATCH**3).max()


def test_gauss_legendre_is_exact_for_polynomials():
    maps = every(sampling.integrated_gradients, targets=[0, 0, 0], n_nodes=2, rule="gauss_legendre")
    np.testing.assert_allclose(maps, BATCH**3, rtol=1e-5)
    with pytest.raises(InvalidInput, match="'rule'.*unknown name 'simpson'.*'midpoint'"):
        every(sampling.integrated_gradients, rule="simpson")


@pytest.mark.parametrize("rule", sampling.QUADRATURES)
def test_weights_add_up_to_one(rule):
    for n in (1, 2, 7, 64):
        nodes, weights = sampling.QUADRATURES[rule](n)
        assert len(nodes) == len(weights) == n
        assert weights.sum() == pytest.approx(1)
        assert nodes.min() >= 0
        assert nodes.max() <= 1


def test_smoothgrad_of_a_cubic_has_the_noises_variance():
    maps = every(sampling.smoothgrad, targets=[0, 0, 0], n_samples=20_000, noise=0.1)
    sigma = 0.1 * np.ptp(BATCH.reshape(3, -1), axis=1).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(maps, 3 * (BATCH**2 + sigma**2), atol=0.15)


def test_smoothgrad_of_an_image_depends_on_its_seed_alone():
    together = every(sampling.smoothgrad, n_samples=7)
    alone = every(
        sampling.smoothgrad, batch=BATCH[2:], targets=TARGETS[2:], seeds=SEEDS[2:], n_samples=7
    )
    other = every(
        sampling.smoothgrad, batch=BATCH[2:], targets=TARGETS[2:], seeds=[99], n_samples=7
    )
    np.testing.assert_array_equal(together[2], alone[0])
    assert not np.array_equal(alone, other)


@pytest.mark.parametrize("points_at_once", [1, 3, 100])
def test_samples_are_the_same_however_they_are_chunked(points_at_once):
    expected = every(sampling.smoothgrad, n_samples=7)
    maps = every(sampling.smoothgrad, n_samples=7, points_at_once=points_at_once)
    np.testing.assert_allclose(maps, expected, rtol=1e-6)


def test_ranges_are_all_there_and_about_equally_long():
    for n_points in range(1, 40):
        for length in range(1, 45):
            found = list(sampling.even_ranges(n_points, length))
            lengths = [len(some) for some in found]
            assert [i for some in found for i in some] == list(range(n_points))
            assert len(found) == np.ceil(n_points / length)
            assert max(lengths) <= length
            assert max(lengths) - min(lengths) <= 1


def test_prefetched_items_come_in_order_with_its_errors():
    def items():
        yield from range(5)
        raise InvalidInput("the sixth")

    made = sampling.prefetched(items())
    assert [next(made) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(InvalidInput, match="the sixth"):
        next(made)


@pytest.mark.parametrize(("n_samples", "r"), [(64, 8), (12, 6), (7, 7), (3, 3), (11, 1), (1, 1)])
def test_replicates_are_parts_of_the_samples(n_samples, r):
    chunk = one_map(n_samples=n_samples, seed=1)
    assert chunk.facts == {"n_samples": n_samples}
    if r == 1:
        assert not chunk.arrays
        return
    replicates = chunk.arrays["replicates"]
    assert replicates.shape == (r, *BATCH[0].shape[:2])
    np.testing.assert_allclose(replicates.mean(axis=0), chunk.attribution.sum(axis=2), rtol=1e-4)


def test_standard_error_is_the_spread_over_seeds():
    """What a table says of one run's error is what many runs show."""
    means, errors = [], []
    for seed in range(400):
        chunk = one_map(n_samples=16, seed=seed)
        sums = chunk.arrays["replicates"].sum(axis=(1, 2))
        means.append(chunk.attribution.sum())
        errors.append(sums.var(ddof=1) / len(sums))
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.2)
