"""The sums over masks, whatever bytes, strides and sizes the arrays have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sat_nb import InvalidInput
from sat_nb.table.kernel import mask_runs, runs_and_sums, segment_sums, sums_and_tolerances

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 20))


def sums_of(masks: np.ndarray, attribution: np.ndarray) -> np.ndarray:
    return segment_sums(attribution[..., None], mask_runs(masks))


def plain_sums(on: np.ndarray, attribution: np.ndarray) -> list[float]:
    return [float(attribution[mask].sum()) for mask in (*on, ~on.any(axis=0))]


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 255))))
def test_a_byte_that_is_not_zero_is_on(cells: np.ndarray) -> None:
    attribution = np.arange(float(cells[0].size)).reshape(cells[0].shape)
    masks, on = cells.view(bool), cells != 0
    with np.errstate(invalid="ignore"):  # what is empty has no centre
        runs = mask_runs(masks)
    np.testing.assert_array_equal(runs.px, on.sum(axis=(1, 2)))
    sums = segment_sums(attribution[..., None], runs)
    np.testing.assert_array_equal(sums, plain_sums(on, attribution))


def test_without_masks_all_pixels_are_outside() -> None:
    assert sums_of(np.zeros((0, 2, 3), bool), np.ones((2, 3))).tolist() == [6.0]


def test_any_layout_in_memory() -> None:
    generator = np.random.default_rng(0)
    attribution = generator.standard_normal((6, 16))
    raw = generator.integers(0, 256, 1 + 2 * 6 * 16, np.uint8) // 200
    aligned = raw[1:].reshape(2, 6, 16)
    on = aligned != 0
    layouts = {
        "unaligned": raw[1:].view(bool).reshape(2, 6, 16),
        "read-only": np.frombuffer(aligned.tobytes(), bool).reshape(2, 6, 16),
        "Fortran": np.asfortranarray(on),
        "strided": np.repeat(on, 2, axis=2)[:, :, ::2],
        "reversed": np.ascontiguousarray(on[:, ::-1, ::-1])[:, ::-1, ::-1],
        "uint8": aligned,
        "float": aligned.astype(float) / 3,
    }
    for name, masks in layouts.items():
        np.testing.assert_allclose(
            sums_of(masks, attribution), plain_sums(on, attribution), err_msg=name
        )


def test_a_map_of_another_size_is_refused() -> None:
    runs = mask_runs(np.ones((1, 4, 5), bool))
    with pytest.raises(InvalidInput, match=r"the masks' size \(4, 5\), got \(2, 5\)"):
        segment_sums(np.ones((2, 5, 1)), runs)


def test_runs_found_with_the_first_sums_are_those_found_alone() -> None:
    generator = np.random.default_rng(0)
    masks = generator.random((3, 5, 70)) < 0.5
    maps = [generator.standard_normal((5, 70, c)) for c in (1, 3, 4)]
    runs, sums, tolerances = runs_and_sums(masks, maps)
    alone = mask_runs(masks)
    for name, value in vars(alone).items():
        np.testing.assert_array_equal(getattr(runs, name), value, err_msg=name)
    expected, near = sums_and_tolerances(maps, alone)
    np.testing.assert_array_equal(sums, expected)
    assert tolerances == near


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 7, 63, 64, 65, 127, 130])),
    st.integers(0, 2**32 - 1),
)
def test_runs_are_those_of_each_row(shape: tuple[int, int, int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks = generator.random(shape) < generator.choice([0.02, 0.5, 0.98])
    with np.errstate(invalid="ignore"):  # what is empty has no centre
        runs = mask_runs(masks)
    found = list(zip(runs.starts.tolist(), runs.stops.tolist(), runs.masks.tolist(), strict=True))
    _, height, width = shape
    expected = [
        (row * width + begin, row * width + end, number)
        for row in range(height)
        for number, on in enumerate([*masks[:, row], ~masks[:, row].any(axis=0)])
        for begin, end in stretches(on)
    ]
    assert found == expected
    centres = [np.argwhere(mask).mean(axis=0) + 0.5 for mask in masks if mask.any()]
    np.testing.assert_allclose(
        runs.centroids[masks.any(axis=(1, 2))] * (height, width),
        np.reshape(centres, (-1, 2)),
        rtol=1e-12,
    )


def stretches(on: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
