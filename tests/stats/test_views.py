from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.stats.size_effect import EFFECTS
from tests.oracles import statistics as oracle
from tests.oracles import tables


def sized(n: int = 25, k: int = 6, *, slope: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Some segments missing; ranks that go with the area by ``slope`` and with the segment."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(-6, -1, (n, k)) + np.linspace(-1, 1, k)
    values = rng.normal(size=(n, k)) + np.linspace(0, 1, k) + slope * size
    here = rng.random((n, k)) < 0.8
    table = as_table(np.where(here, values, np.nan))
    return table.assign(mask_fraction=2 ** size[here])


# --- the sign -----------------------------------------------------------------------------------


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


# --- the size -----------------------------------------------------------------------------------


def test_correlation_is_spearmans_image_by_image() -> None:
    table = sized(slope=0.5)
    expected = [
        spearmanr(rows["rank"], rows["mask_fraction"]).statistic
        for _, rows in table.groupby("image_id")
        if len(rows) >= 3
    ]
    (row,) = sat.size_effect(table).to_dict("records")
    assert row["n_images"] == len(expected)
    assert row["correlation"] == pytest.approx(np.mean(expected))
    assert row["correlation"] > 0.3, "large masks rank late"
    assert row["p_value"] == signed_rank_p(np.round(expected, 12))


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_slope_is_that_of_a_regression_with_all_effects(effects: str, seed: int) -> None:
    table = sized(15, 5, slope=0.4, seed=seed)
    slope, se = oracle.slope(table.to_dict("records"), segments=effects == "image+segment")
    (row,) = sat.size_effect(table).to_dict("records")
    end = "" if effects == "image" else "_within_segments"
    assert row["slope" + end] == pytest.approx(slope)
    assert row["se_slope" + end] == pytest.approx(se)
    found = sat.adjust_for_size(table, method="m", effects=effects).set_index("segment")
    sizes = np.log2(table["mask_fraction"])
    for name, rows in table.groupby("segment"):
        above = np.log2(rows["mask_fraction"]).mean() - sizes.mean()
        adjusted = rows["rank"].mean() - slope * above
        assert found.loc[name, "rank"] == pytest.approx(rows["rank"].mean())
        assert found.loc[name, "adjusted_rank"] == pytest.approx(adjusted)
        assert found.loc[name, "se_adjustment"] == pytest.approx(abs(above) * se)
        assert found.loc[name, "n_images"] == len(rows)
    assert found["adjusted_rank"].is_monotonic_increasing


def test_a_small_part_that_matters_keeps_its_place_within_segments() -> None:
    """Eyes are small and first; no segment's rank goes with its own size."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4)) * 0.3 + np.arange(4)
    table = as_table(values)
    means = table["segment"].map({"s00": -6, "s01": -4, "s02": -3, "s03": -1})
    table["mask_fraction"] = 2 ** (means + rng.normal(size=len(table)) * 0.5)
    (row,) = sat.size_effect(table).to_dict("records")
    assert row["slope"] > 0.4
    assert abs(row["slope_within_segments"]) < 4 * row["se_slope_within_segments"] < 0.2
    kept = sat.adjust_for_size(table, method="m")
    assert kept["segment"].tolist() == ["s00", "s01", "s02", "s03"]
    taken = sat.adjust_for_size(table, method="m", effects="image").set_index("segment")
    assert taken["adjusted_rank"].max() - taken["adjusted_rank"].min() < 1.0


def test_no_effect_of_size_is_found_in_chance_at_its_rate() -> None:
    """Without any, the slope is beyond two standard errors in about a twentieth of tables."""
    beyond = 0
    for seed in range(40):
        (row,) = sat.size_effect(sized(25, 4, seed=seed)).to_dict("records")
        beyond += abs(row["slope_within_segments"]) > 2 * row["se_slope_within_segments"]
    assert 0 < beyond < 8


def test_sizes_that_do_not_vary(table: pd.DataFrame) -> None:
    """The toy's stripes have one size each, so nothing varies within a segment."""
    found = sat.size_effect(table)
    assert found["method"].tolist() == ["sharp", "noisy"]
    assert found["slope_within_segments"].isna().all()
    assert found["slope"].notna().all()
    with pytest.raises(sat.InvalidInput, match=r"do not vary .* within segments.* effects='image'"):
        sat.adjust_for_size(table, method="sharp")
    alike = table.assign(mask_fraction=0.2)
    with pytest.raises(sat.InvalidInput, match="do not vary in size within images"):
        sat.adjust_for_size(alike, method="sharp", effects="image")
    row = sat.size_effect(alike).iloc[0]
    assert row["n_images"] == 0
    assert np.isnan(row["correlation"])


def test_refusals(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="effects: unknown name 'segment'. Did you mean"):
        sat.adjust_for_size(table, method="sharp", effects="segment")
    for view in (sat.evidence, sat.adjust_for_size):
        with pytest.raises(sat.InvalidInput, match="method: unknown name 'lrp'"):
            view(table, method="lrp")
        two_models = pd.concat([table, table.assign(model="other")])
        with pytest.raises(sat.InvalidInput, match="holds 2 models"):
            view(two_models, method="sharp")
    gone = table.assign(mask_fraction=np.nan)
    with pytest.raises(sat.InvalidInput, match="mask_fraction is nan for 'eyes' in 'image_00'"):
        sat.size_effect(gone)
