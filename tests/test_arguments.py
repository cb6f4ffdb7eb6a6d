"""Arguments of a wrong kind are refused in words, wherever they go in."""

from __future__ import annotations

import numpy as np
import pytest

import sat_nb as sat
from sat_nb.toy import toy

MAPS, SEGMENTS = toy()
TABLE = sat.build(MAPS, SEGMENTS)
PHOTO = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize("by", ["method", ("method",), ["method"]])
def test_one_column_may_stand_alone(by):
    expected = sat.aggregate(TABLE, by=("method",))
    assert sat.aggregate(TABLE, by=by).equals(expected)
    found = sat.intervals(TABLE, by=by, n_resamples=1000)
    assert found[expected.columns].equals(expected)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: sat.intervals(TABLE, level="95%"), "level: expected a number between 0 and 1"),
        (lambda: sat.intervals(TABLE, n_resamples=1e4), "n_resamples: expected a whole number"),
        (lambda: sat.intervals(TABLE, seed=-1), "seed: expected a whole number >= 0, got -1"),
        (lambda: sat.compare(TABLE, method="sharp", alpha="5%"), "alpha: expected a number"),
        (lambda: sat.settled_ranks(TABLE, times="2"), "times: expected a number of standard"),
        (lambda: sat.settled_ranks(TABLE, times=float("nan")), "times: expected a number"),
        (lambda: sat.null_segments(SEGMENTS, n=True), "n: expected a whole number >= 1, got True"),
        (
            lambda: sat.mask_sensitivity(MAPS, SEGMENTS, changes={"pad": "x"}, progress=False),
            "changes.'pad'.: expected whole pixels >= 0, got 'x'",
        ),
        (lambda: sat.check_masks(SEGMENTS, images=[1]), "images: expected an ImageSet.*got list"),
        (lambda: sat.plot_overlay(PHOTO, np.ones((4, 4)), opacity=3), "opacity: expected a number"),
        (
            lambda: sat.plot_overlay(PHOTO, np.ones((0, 4))),
            r"attribution: .*\(0, 4\)",
        ),
    ],
)
def test_refusals(call, match):
    with pytest.raises(sat.InvalidInput, match=match):
        call()
