from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from benchmarks.calibration import as_table
from tests.oracles import statistics as oracle
from tests.oracles import tables


@settings(max_examples=30)
@given(st.lists(st.sampled_from([-2.0, -0.5, 0.0, 1.0, 3.0]), min_size=12, max_size=12))
def test_evidence_counts_signs(values: list[float]) -> None:
    here = np.arange(12.0).reshape(6, 2)
    here[0, 1] = np.nan
    table = as_table(here).assign(mean_attribution=values[:11])
    if min(values[:11]) >= 0:
        with pytest.raises(sat.InvalidInput, match="'m' is nowhere below 0"):
            sat.evidence(table, method="m")
        return
    found = sat.evidence(table, method="m").set_index("segment")
    raw = {}
    for name in ("s00", "s01"):
        own = table.loc[table["segment"] == name, "mean_attribution"].tolist()
        above, below = [v for v in own if v > 0], [v for v in own if v < 0]
        row = found.loc[name]
        assert row["n_images"] == len(own)
        assert row["share_for"] == len(above) / len(own)
        assert row["share_against"] == len(below) / len(own)
        for column, some in (("mean_for", above), ("mean_against", below)):
            expected = np.mean(some) if some else np.nan
            assert row[column] == pytest.approx(expected, nan_ok=True)
        raw[name] = oracle.sign_test_p(len(above), len(below))
        assert row["p_value"] == pytest.approx(raw[name])
    np.testing.assert_allclose(
        found.loc[list(raw), "adjusted_p_value"], tables.holm(list(raw.values()))
    )


def test_evidence_for_stands_before_evidence_against(table: pd.DataFrame) -> None:
    flipped = table.copy()
    flipped.loc[flipped["segment"] == "eyes", "mean_attribution"] *= -1
    found = sat.evidence(flipped, method="noisy")
    assert found["segment"].iloc[-1] == "eyes"
    assert found["share_against"].iloc[-1] == 1
    assert found["adjusted_p_value"].iloc[-1] == pytest.approx(5 * 2**-19)


def test_evidence_takes_one_method_of_one_model(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="method: unknown name 'lrp'"):
        sat.evidence(table, method="lrp")
    two_models = pd.concat([table, table.assign(model="other")])
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.evidence(two_models, method="sharp")
