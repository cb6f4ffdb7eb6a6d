"""Do the parts of real dogs get more than their masks get elsewhere?"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sat_nb as sat


@pytest.fixture(scope="module")
def excess(
    real_data: Path, chihuahua_maps: sat.AttributionStore, chihuahuas: pd.DataFrame
) -> pd.DataFrame:
    segments = sat.read_segments(real_data / "chihuahua" / "exports")
    null = sat.build(chihuahua_maps, sat.null_segments(segments))
    return sat.excess_over_null(chihuahuas, null).set_index(["method", "segment"])


@pytest.mark.parametrize("method", ["deep_taylor", "lrp.z"])
def test_eyes_and_nose_get_more_than_their_masks_elsewhere(
    excess: pd.DataFrame, method: str
) -> None:
    rows = excess.loc[method]
    more = rows[(rows["adjusted_p_value"] < 0.05) & (rows["effect"] > 0)]
    assert set(more.index) == {"eyes", "nose"}
    assert rows["effect"].idxmax() == "eyes"
    assert (more["above_fraction"] >= 0.7).all()


def test_nothing_is_said_of_what_has_no_other_place(excess: pd.DataFrame) -> None:
    """The rest of a photo reaches from side to side."""
    rest = excess.xs("rest", level="segment")
    assert (rest["n_images"] == 0).all()
    assert rest["adjusted_p_value"].isna().all()
