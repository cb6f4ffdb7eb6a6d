"""Weights of superpixels, as LIME returns them, become the map that they describe or an error."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import InvalidInput

SUPERPIXELS = [[0, 1], [2, 2]]


@given(st.integers(0, 2**32 - 1))
def test_superpixels_are_painted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.choice([0, 3, 4, 11], size=rng.integers(1, 9, 2))
    there = np.unique(numbers)
    chosen = rng.permutation(there)[: rng.integers(0, len(there) + 1)]
    weights = {int(name): float(rng.normal()) for name in chosen}
    painted = sat.paint_superpixels(list(weights.items()), numbers)
    for at in np.ndindex(*numbers.shape):
        assert painted[at] == weights.get(int(numbers[at]), 0.0)


ONE_CLASS = [
    {0: 0.5, 2: -1.0},
    [(0, 0.5), (2, -1.0)],
    iter([(0, 0.5), (2, -1.0)]),
    np.array([[0, 0.5], [2, -1.0]]),
    {np.int64(0): np.float32(0.5), np.uint8(2): np.array(-1)},
    {7: [(0, 0.5), (2, -1.0)]},  # a whole local_exp of one class
    {7: {0: 0.5, 2: -1.0}},
    json.loads(json.dumps({7: [(0, 0.5), (2, -1.0)]})),
]


@pytest.mark.parametrize("weights", ONE_CLASS, ids=map(str, range(len(ONE_CLASS))))
def test_every_way_to_hold_the_weights_of_one_class(weights: Any) -> None:
    painted = sat.paint_superpixels(weights, SUPERPIXELS)
    assert painted.tolist() == [[0.5, 0.0], [-1.0, -1.0]]
    assert painted.dtype == np.float64


LOCAL_EXP = {7: [(0, 0.5), (2, -1.0)], 3: [(1, 0.25)]}


def test_of_several_classes_the_one_that_is_asked_about_is_painted() -> None:
    for label in (3, np.int64(3)):
        painted = sat.paint_superpixels(LOCAL_EXP, SUPERPIXELS, label=label)
        assert painted.tolist() == [[0.0, 0.25], [0.0, 0.0]]
    with pytest.raises(InvalidInput, match=r"of the classes 7, 3; give label="):
        sat.paint_superpixels(LOCAL_EXP, SUPERPIXELS)
    with pytest.raises(InvalidInput, match=r"of the classes 7, 3; 0 is none of them; give label="):
        sat.paint_superpixels(LOCAL_EXP, SUPERPIXELS, label=0)
    with pytest.raises(InvalidInput, match=r"label: 7 was given.*leave label out"):
        sat.paint_superpixels(LOCAL_EXP[7], SUPERPIXELS, label=7)


@pytest.mark.parametrize(
    ("weights", "superpixels", "words"),
    [
        ({9: 1.0}, [[0, 1]], "unknown 9"),
        ([(1, 1.0), (1, 2.0)], [[0, 1]], "superpixel 1 has one of them twice"),
        ({0: 1.0}, [0, 1], r"whole numbers \(H, W\)"),
        ({0: 1.0}, [[0.5, 1.0]], "whole numbers.*explanation.segments"),
        ({0: 1.0}, [["0", "1"]], "real numbers, got <U1"),
        ({0: np.nan}, [[0]], r"weights\[0\]: expected a finite number, got float nan"),
        ({0: -np.inf}, [[0]], "finite number, got float -inf"),
        ({0: "0.5"}, [[0]], "finite number, got str '0.5'"),
        ({0: None}, [[0]], "finite number, got NoneType None"),
        ({0: True}, [[0]], "finite number, got bool True"),
        ({"0": 0.5}, [[0]], r"got str '0'; give \{int\(number\)"),
        ([("0.2 < eyes", 0.5)], [[0]], r"not explanation.as_list\(\)"),
        ({0.5: 0.5}, [[0]], "numbers of superpixels, got float 0.5"),
        ([(0, 0.5, 1)], [[0]], r"expected \{superpixel: weight\} or pairs"),
        (None, [[0]], r"local_exp\[label\], got None"),
        (SimpleNamespace(local_exp=LOCAL_EXP), [[0]], "whole SimpleNamespace; give its .local_exp"),
    ],
)
def test_what_is_no_explanation_of_these_superpixels_is_an_error(
    weights: Any, superpixels: Any, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        sat.paint_superpixels(weights, superpixels)
