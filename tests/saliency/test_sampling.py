"""The sampling methods on functions whose gradient is known."""

from __future__ import annotations

import numpy as np
import pytest

from sat_nb.errors import InvalidInput
from sat_nb.saliency import sampling

BATCH = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
TARGETS, SEEDS = [0, 1, 2], [10, 11, 12]


def cubic(points, targets):
    """The gradient of f_t(x) = (t + 1) sum(x^3)."""
    return (3 * (targets[:, None, None, None] + 1) * points**2).astype(np.float32)


def test_integrated_gradients_of_a_cubic_are_its_terms():
    maps = sampling.integrated_gradients(cubic, BATCH, TARGETS, seeds=SEEDS, n_nodes=200)
    exact = BATCH**3 * np.array([1, 2, 3]).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(maps, exact, rtol=1e-4)


def test_integrated_gradients_start_at_the_baseline():
    maps = sampling.integrated_gradients(
        cubic, BATCH, [0, 0, 0], seeds=SEEDS, n_nodes=200, baseline=0.5
    )
    np.testing.assert_allclose(maps, BATCH**3 - 0.5**3, rtol=1e-3, atol=1e-4)


def test_midpoint_rule_beats_the_left_sum():
    nodes = np.arange(16) / 16
    left = np.stack([x * np.mean([3 * (n * x) ** 2 for n in nodes], axis=0) for x in BATCH])
    maps = sampling.integrated_gradients(cubic, BATCH, [0, 0, 0], seeds=SEEDS, n_nodes=16)
    assert abs(maps - BATCH**3).max() < 0.05 * abs(left - BATCH**3).max()


def test_gauss_legendre_is_exact_for_polynomials():
    maps = sampling.integrated_gradients(
        cubic, BATCH, [0, 0, 0], seeds=SEEDS, n_nodes=2, rule="gauss_legendre"
    )
    np.testing.assert_allclose(maps, BATCH**3, rtol=1e-5)
    with pytest.raises(InvalidInput, match="'rule'.*unknown name 'simpson'.*'midpoint'"):
        sampling.integrated_gradients(cubic, BATCH, TARGETS, seeds=SEEDS, rule="simpson")


@pytest.mark.parametrize("rule", sampling.QUADRATURES)
def test_weights_add_up_to_one(rule):
    for n in (1, 2, 7, 64):
        nodes, weights = sampling.QUADRATURES[rule](n)
        assert len(nodes) == len(weights) == n
        assert weights.sum() == pytest.approx(1)
        assert nodes.min() >= 0
        assert nodes.max() <= 1


def test_smoothgrad_of_a_cubic_has_the_noises_variance():
    maps = sampling.smoothgrad(cubic, BATCH, [0, 0, 0], seeds=SEEDS, n_samples=20_000, noise=0.1)
    sigma = 0.1 * np.ptp(BATCH.reshape(3, -1), axis=1).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(maps, 3 * (BATCH**2 + sigma**2), atol=0.15)


def test_smoothgrad_of_an_image_depends_on_its_seed_alone():
    together = sampling.smoothgrad(cubic, BATCH, TARGETS, seeds=SEEDS, n_samples=7)
    alone = sampling.smoothgrad(cubic, BATCH[2:], TARGETS[2:], seeds=SEEDS[2:], n_samples=7)
    other = sampling.smoothgrad(cubic, BATCH[2:], TARGETS[2:], seeds=[99], n_samples=7)
    np.testing.assert_array_equal(together[2], alone[0])
    assert not np.array_equal(alone, other)


@pytest.mark.parametrize("chunk", [1, 3 * BATCH[0].size, 10**9])
def test_samples_are_the_same_however_they_are_chunked(chunk, monkeypatch):
    expected = sampling.smoothgrad(cubic, BATCH, TARGETS, seeds=SEEDS, n_samples=7)
    monkeypatch.setattr(sampling, "CHUNK_VALUES", chunk)
    maps = sampling.smoothgrad(cubic, BATCH, TARGETS, seeds=SEEDS, n_samples=7)
    np.testing.assert_allclose(maps, expected, rtol=1e-6)
