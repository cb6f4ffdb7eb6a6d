"""Sampling until ranks are settled, on functions whose gradient is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm

from sat_nb.errors import IdMismatch, InvalidInput
from sat_nb.saliency import sampling
from sat_nb.saliency import sampling_until_settled as settling
from sat_nb.saliency.explain import explain
from sat_nb.saliency.methods import read_methods, read_parameters
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import build
from sat_nb.table.settled import settled_ranks
from tests.saliency.sums import sums_of

IMAGE = np.random.default_rng(0).normal(size=(4, 6, 2)).astype(np.float32)
HALVES = np.zeros((2, 4, 6), dtype=bool)
HALVES[0, :2], HALVES[1, 2:] = True, True
OPTIONS = {"seed": 3, "points_at_once": 5}


def quadratic(slope):
    """The gradient of f(x) = sum(slope * (x + x**2 / 2))."""
    return lambda points, targets: (slope * (1 + points)).astype(np.float32)


def steps(random, n_jumps):
    """A gradient that jumps along the way to IMAGE, as a ReLU network's does."""
    places, sizes = random.uniform(size=n_jumps), random.normal(size=(n_jumps, *IMAGE.shape))
    flat = np.abs(IMAGE).reshape(-1).argmax()

    def gradient(points, targets):
        way = points.reshape(len(points), -1)[:, flat] / IMAGE.reshape(-1)[flat]
        return np.tensordot((way[:, None] > places), sizes, axes=1).astype(np.float32)

    exact = IMAGE * np.tensordot(1 - places, sizes, axes=1)
    return gradient, exact


# --- SmoothGrad --------------------------------------------------------------------------------


def smoothgrad(slope, *, max_samples=96, **options):
    options = {**OPTIONS, "noise": 0.3, "masks": HALVES, "max_samples": max_samples, **options}
    return settling.smoothgrad(sums_of(quadratic(slope)), IMAGE, 0, **options)


def test_stops_at_once_where_ranks_are_far_apart():
    slope = np.where(HALVES[0], 5.0, 0.1)[..., None]
    assert smoothgrad(slope).facts == {"n_samples": 16, "settled": True}


@pytest.mark.parametrize(("max_samples", "spent"), [(16, 16), (50, 48), (96, 96)])
def test_stops_where_the_budget_is_spent(max_samples, spent):
    """Equal halves under a gradient that is noise: there is nothing to find out."""
    random = np.random.default_rng(4)
    chunk = settling.smoothgrad(
        sums_of(lambda points, targets: random.normal(size=points.shape)),
        IMAGE,
        0,
        **OPTIONS,
        masks=HALVES,
        noise=0.1,
        max_samples=max_samples,
    )
    assert chunk.facts == {"n_samples": spent, "settled": False}


def test_one_mask_under_two_names_is_settled():
    """A tie is a tie, however long one looks."""
    chunk = smoothgrad(np.ones(IMAGE.shape), masks=HALVES[[0, 0]])
    assert chunk.facts == {"n_samples": 16, "settled": True}


@pytest.mark.parametrize("points_at_once", [1, 3, 8, 100])
def test_map_is_that_of_as_many_samples(points_at_once):
    slope = np.random.default_rng(5).normal(size=IMAGE.shape)
    chunk = smoothgrad(slope, points_at_once=points_at_once)
    plain = sampling.smoothgrad(
        sums_of(quadratic(slope)),
        IMAGE,
        0,
        noise=0.3,
        n_samples=chunk.facts["n_samples"],
        **OPTIONS,
    )
    np.testing.assert_allclose(chunk.attribution, plain.attribution, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        chunk.arrays["replicates"], plain.arrays["replicates"], rtol=1e-5, atol=1e-5
    )


def test_settled_where_little_error_is_expected():
    """Against the rule, written for one pair at a time."""
    random, found = np.random.default_rng(1), set()
    for _ in range(300):
        samples = random.normal(random.normal(size=4), random.uniform(0.1, 3), size=(24, 4))
        swaps = 0.0
        for one, other in combinations((samples * np.sign(samples.mean(axis=0))).T, 2):
            error = np.std(one - other, ddof=1) / np.sqrt(24)
            swaps += norm.cdf(-abs(np.mean(one - other)) / error)
        assert settling.rank_error_of(samples) == pytest.approx(2 * swaps / 4)
        found.add(settling.rank_error_of(samples) < settling.RANK_ERROR)
    assert found == {True, False}


@pytest.mark.parametrize("k", [0, 1])
def test_without_neighbours_nothing_is_open(k):
    assert settling.rank_error_of(np.random.default_rng(0).normal(size=(16, k))) == 0
    assert smoothgrad(np.ones(IMAGE.shape), masks=HALVES[:k]).facts["n_samples"] == 16


def test_smoothgrad_of_a_quadratic_has_the_known_mean_and_variance():
    """f(x) = x'Ax / 2: the mean is Ax, and the variance of n samples sigma^2 diag(AA') / n."""
    random = np.random.default_rng(2)
    x = random.normal(size=(2, 3, 1)).astype(np.float32)
    a = random.normal(size=(6, 6))
    a = a + a.T

    def gradient(points, targets):
        return (points.reshape(-1, 6) @ a).reshape(points.shape).astype(np.float32)

    maps = np.stack(
        [
            sampling.smoothgrad(
                sums_of(gradient), x, 0, seed=seed, points_at_once=8, n_samples=16, noise=0.2
            ).attribution.ravel()
            for seed in range(3000)
        ]
    )
    sigma = 0.2 * np.ptp(x)
    variance = sigma**2 * np.diag(a @ a.T) / 16
    off = (maps.mean(axis=0) - a @ x.ravel()) / np.sqrt(variance / len(maps))
    assert abs(off).max() < 4
    np.testing.assert_allclose(maps.var(axis=0, ddof=1), variance, rtol=0.12)  # 4 errors


# --- Integrated Gradients ----------------------------------------------------------------------


def integrated(gradient, **options):
    options = {**OPTIONS, "masks": HALVES, "max_samples": 108, "baseline": 0.0, **options}
    return settling.integrated_gradients(sums_of(gradient), IMAGE, 0, **options)


def plain_integrated(gradient, n_nodes, **options):
    options = {**OPTIONS, **options}
    return sampling.integrated_gradients(sums_of(gradient), IMAGE, 0, n_nodes=n_nodes, **options)


@pytest.mark.parametrize("seed", range(6))
def test_map_and_coarser_map_are_those_of_as_many_nodes(seed):
    gradient, _ = steps(np.random.default_rng(seed), 20)
    chunk = integrated(gradient)
    n = chunk.facts["n_samples"]
    assert n in (12, 36, 108)
    plain = plain_integrated(gradient, n)
    coarser = plain_integrated(gradient, n // 3).attribution.sum(axis=2)
    np.testing.assert_allclose(chunk.attribution, plain.attribution, rtol=1e-5, atol=1e-5)
    for array in (chunk.arrays["coarser"], plain.arrays["coarser"]):
        np.testing.assert_allclose(array, coarser, rtol=1e-5, atol=1e-4)


def test_quadrature_error_is_a_third_of_the_difference():
    """Over many integrands that jump, the estimate is as large as the error."""
    true, estimated = [], []
    for seed in range(400):
        gradient, exact = steps(np.random.default_rng(seed), 30)
        chunk = plain_integrated(gradient, 36)
        true.append(chunk.attribution.sum() - exact.sum())
        estimated.append(
            (chunk.attribution.sum() - chunk.arrays["coarser"].sum()) / sampling.COARSER_ERRORS
        )
    assert np.std(true) / np.sqrt(np.mean(np.square(estimated))) == pytest.approx(1, abs=0.25)


def test_budget_too_small_for_a_second_rule():
    chunk = integrated(steps(np.random.default_rng(0), 5)[0], max_samples=11)
    assert chunk.facts == {"n_samples": 4, "settled": False}
    assert not chunk.arrays


# --- explain -----------------------------------------------------------------------------------

METHODS = ["smoothgrad", "integrated_gradients", "gradient"]


@pytest.fixture
def segments(images):
    """Left, right and a dot for each photo, on its own grid."""

    def masks(height, width):
        found = np.zeros((3, height, width), dtype=bool)
        found[0, :, : width // 2], found[1, :, width // 2 :] = True, True
        found[2, : height // 3, : width // 3] = True
        return found

    names = ("left", "right", "dot")
    return {i: SegmentationMap(names, masks(*image.shape[:2])) for i, image in images.items()}


def test_explain_settles_ranks_and_the_table_says_so(model_files, images, segments, tmp_path):
    options = {
        "methods": METHODS,
        "preprocess": "signed",
        "progress": False,
        "out": tmp_path / "maps",
        "samples": "auto",
        "segments": segments,
    }
    maps = explain(model_files["logits.h5"], images, **options)
    table = build(maps, segments)
    auto = table[table["method"] != "gradient"]
    assert auto["se_mean_attribution"].notna().all()
    assert auto["n_samples"].between(12, 256).all()
    assert auto["n_samples"].nunique() > 1
    for method in METHODS[:2]:
        for image_id in images:
            facts = maps.chunk(method, image_id).facts
            rows = auto[(auto["method"] == method) & (auto["image_id"] == image_id)]
            assert (rows["n_samples"] == facts["n_samples"]).all()
    assert settled_ranks(table)[table["method"] == "gradient"].all()

    again = explain(model_files["logits.h5"], images, **options)
    files = sorted((tmp_path / "maps").rglob("*.map"))
    assert len(files) == 15
    for method in METHODS:
        for image_id in images:
            np.testing.assert_array_equal(again[method][image_id], maps[method][image_id])
    flipped = {**segments, "a": segments["a"].rename({"left": "right", "right": "left"})}
    explain(model_files["logits.h5"], images, **{**options, "segments": flipped})
    assert sorted((tmp_path / "maps").rglob("*.map")) == files, "masks are what counts"
    smaller = SegmentationMap(("dot",), segments["a"].masks[2:])
    explain(model_files["logits.h5"], images, **{**options, "segments": {**segments, "a": smaller}})
    assert len(list((tmp_path / "maps").rglob("*.map"))) == 17
    assert len(AttributionStore.runs(tmp_path / "maps")) == 1


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"samples": "auto"}, InvalidInput, "segments: samples='auto'.*got none"),
        ({"samples": "much"}, InvalidInput, "samples: expected.*'auto', got 'much'"),
        ({"samples": 0}, InvalidInput, "samples: expected a whole number >= 1, got 0"),
        ({"segments": {}}, InvalidInput, "segments: used only with samples='auto'"),
        ({"samples": "auto", "segments": {}}, IdMismatch, "no masks for 5 of 5 images: 'a'"),
        (
            {"samples": "auto", "parameters": {"smoothgrad": {"max_samples": 8}}},
            InvalidInput,
            "max_samples: expected .*>= 16, got 8",
        ),
        (
            {"samples": "auto", "parameters": {"smoothgrad": {"n_samples": 8}}},
            InvalidInput,
            "unknown name 'n_samples'.*'max_samples'",
        ),
    ],
)
def test_refusals(changes, error, match, model_files, images):
    options = {"methods": "smoothgrad", "preprocess": "unit", "progress": False}
    with pytest.raises(error, match=match):
        explain(model_files["logits.h5"], images, **options, **changes)


def test_samples_count_for_all_methods_that_sample():
    methods = read_methods(METHODS)
    values = read_parameters(methods, samples=18)
    assert values["smoothgrad"]["n_samples"] == values["integrated_gradients"]["n_nodes"] == 18
    assert values["gradient"] == {}
    settling_ = read_parameters(methods, samples="auto")
    assert settling_["integrated_gradients"] == {"baseline": 0.0, "max_samples": 108}
