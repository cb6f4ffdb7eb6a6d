from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.stats.size_effect import EFFECTS
from tests.oracles import statistics as oracle


def sized(n: int = 25, k: int = 6, *, slope: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Some segments missing; ranks that go with the area by ``slope`` and with the segment."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(-6, -1, (n, k)) + np.linspace(-1, 1, k)
    values = rng.normal(size=(n, k)) + np.linspace(0, 1, k) + slope * size
    here = rng.random((n, k)) < 0.8
    table = as_table(np.where(here, values, np.nan))
    return table.assign(mask_fraction=2 ** size[here])


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


def test_slopes_and_errors_are_those_of_statsmodels() -> None:
    """``OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": images})`` of statsmodels 0.14.6."""
    (row,) = sat.size_effect(sized(slope=0.5)).to_dict("records")
    assert row["slope"] == pytest.approx(0.6189298302903872, rel=1e-12)
    assert row["se_slope"] == pytest.approx(0.04746425205876827, rel=1e-12)
    assert row["slope_within_segments"] == pytest.approx(0.4968548269031856, rel=1e-12)
    assert row["se_slope_within_segments"] == pytest.approx(0.04938750387432281, rel=1e-12)


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
    with pytest.raises(sat.InvalidInput, match="method: unknown name 'lrp'"):
        sat.adjust_for_size(table, method="lrp")
    two_models = pd.concat([table, table.assign(model="other")])
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.adjust_for_size(two_models, method="sharp")
    gone = table.assign(mask_fraction=np.nan)
    with pytest.raises(sat.InvalidInput, match="mask_fraction is nan for 'eyes' in 'image_00'"):
        sat.size_effect(gone)


def test_one_image_has_no_slope() -> None:
    table = sized()
    one = table[table["image_id"] == table["image_id"].iloc[0]]
    assert len(one) > 2
    row = sat.size_effect(one).iloc[0]
    assert np.isnan(row["slope"])
    assert row["n_images"] == 1
