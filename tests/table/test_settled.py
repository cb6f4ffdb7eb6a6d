"""Which ranks stand, against the definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sat_nb.errors import InvalidInput
from sat_nb.table.build import build
from sat_nb.table.settled import settled_ranks
from sat_nb.toy import toy

TABLE = build(*toy(3))


def slowly(rows: pd.DataFrame, times: float) -> dict[int, bool]:
    """Row by row, from the definition."""
    found = {}
    for _, image in rows.groupby(["image_id", "method"]):
        ranked = sorted(image.to_dict("index").items(), key=lambda item: item[1]["rank"])
        for i, (index, here) in enumerate(ranked):
            gaps = []
            for _, there in ranked[max(i - 1, 0) : i] + ranked[i + 1 : i + 2]:
                gap = abs(here["abs_mean_attribution"] - there["abs_mean_attribution"])
                error = np.hypot(here["se_mean_attribution"], there["se_mean_attribution"])
                gaps.append(gap >= times * error)
            found[index] = all(gaps)
    return found


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.floats(0, 5))
def test_as_defined(seed: int, times: float) -> None:
    random = np.random.default_rng(seed)
    noisy = TABLE.assign(n_samples=64, se_mean_attribution=random.exponential(0.3, len(TABLE)))
    noisy = noisy.sample(frac=1, random_state=seed)
    assert settled_ranks(noisy, times=times).to_dict() == slowly(noisy, times)


def test_methods_that_do_not_sample_are_settled_and_unknown_errors_are_missing():
    assert settled_ranks(TABLE).all()
    unknown = settled_ranks(TABLE.assign(n_samples=64))
    assert unknown.isna().all()
    assert unknown.dtype == "boolean"


def test_index_and_images_without_segments_are_kept():
    table = TABLE.assign(n_samples=64, se_mean_attribution=0.1)
    table.index = table.index + 100
    table.loc[100, ["segment", "abs_mean_attribution"]] = [None, np.nan]
    settled = settled_ranks(table)
    assert settled.index.equals(table.index)
    assert settled[100]


def test_refusals():
    with pytest.raises(InvalidInput, match="by.*unknown name 'rank'"):
        settled_ranks(TABLE, by="rank")
    with pytest.raises(
        InvalidInput, match="times: expected a number of standard errors >= 0, got -1"
    ):
        settled_ranks(TABLE, times=-1)
