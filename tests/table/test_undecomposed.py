"""Deep Taylor's maps of what is not positive are zero: tables have no rows of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.errors import InvalidInput

N = 6


@pytest.fixture(scope="module")
def study():
    """Maps of six images, the first two of Deep Taylor zero, and three segments each."""
    random = np.random.default_rng(0)
    maps = {m: {f"i{a}": random.random((3, 4)) for a in range(N)} for m in ("deep_taylor", "m")}
    maps["deep_taylor"] |= {"i0": np.zeros((3, 4)), "i1": np.zeros((3, 4))}
    masks = np.arange(3)[:, None, None] == np.broadcast_to(np.arange(3)[:, None], (3, 4))
    segments = {f"i{a}": sat.SegmentationMap(("a", "b", "c"), masks) for a in range(N)}
    return maps, segments


def test_they_are_missing_counted_and_said(study):
    maps, segments = study
    with pytest.warns(UserWarning, match=r"2 of 6 images have no rows of 'deep_taylor' \('i0', 'i"):
        table = sat.build(maps, segments, pad_px=0)
    left_out = table.attrs["sat_nb"]["left_out"]
    assert left_out["images in which deep_taylor has nothing to decompose"] == ["i0", "i1"]
    rows = table[table["method"] == "deep_taylor"]
    assert set(rows["image_id"]) == {"i2", "i3", "i4", "i5"}
    assert table[table["method"] == "m"]["image_id"].nunique() == N
    there = {i: heat for i, heat in maps["deep_taylor"].items() if heat.any()}
    alone = sat.build({"deep_taylor": there}, {i: segments[i] for i in there}, pad_px=0)
    for how in ("relative", "absolute"):
        came, right = (sat.aggregate(t, how=how, value="rank") for t in (rows, alone))
        pd.testing.assert_frame_equal(came, right)


def test_nothing_at_all(study):
    maps, segments = study
    empty = {"deep_taylor": {i: maps["deep_taylor"][i] for i in ("i0", "i1")}}
    with pytest.raises(InvalidInput, match="zero everywhere, in all 2 images.*another target"):
        sat.build(empty, {i: segments[i] for i in ("i0", "i1")}, pad_px=0)
