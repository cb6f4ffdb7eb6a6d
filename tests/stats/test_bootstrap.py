from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.stats import bootstrap as module
from sat_nb.stats.bootstrap import bootstrap
from sat_nb.stats.interval_kinds import _cubes, bca
from sat_nb.table.aggregations import Aggregation
from sat_nb.toy import toy
from tests.oracles import bootstrap as oracle
from tests.oracles import tables as aggregate_oracle

NAN = float("nan")


def mean(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums[:, 0] / sums[:, 1]


def as_sums(values: np.ndarray) -> np.ndarray:
    """Values (n, k) as sums of units: the value and a one."""
    return np.stack([values, np.ones_like(values)], axis=1)


def made_table(ranks: dict[str, list[float]]) -> pd.DataFrame:
    """One method; image i has the segments whose i-th value is not NaN, as mean attribution."""
    masks = np.eye(len(ranks), dtype=bool)[:, None, :]
    values = np.array(list(ranks.values()))
    names = np.array(list(ranks))
    segments = {
        f"i{i:02d}": SegmentationMap(tuple(names[here]), masks[here])
        for i, here in enumerate((~np.isnan(values)).T)
    }
    heat = {i: np.nan_to_num(column)[None] for i, column in zip(segments, values.T, strict=True)}
    return sat.build({"m": heat}, segments, pad_px=0)


# --- against the definition ---------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Two to seven images, in up to four groups, each with some of three segments."""
    n = draw(st.integers(2, 7))
    values = st.sampled_from([NAN, -2.0, -1.0, 0.5, 1.0, 3.0])
    rows = {name: draw(st.lists(values, min_size=n, max_size=n)) for name in "abc"}
    rows["a"][0] = 1.0
    table = made_table(rows)
    n_groups = max(2, n // 2)
    return table.assign(group=table["image_id"].map(lambda i: f"g{int(i[1:]) % n_groups}"))


@pytest.mark.filterwarnings("ignore:.*units .* are few")
@pytest.mark.parametrize("how", ["relative", "absolute"])
@pytest.mark.parametrize("interval", ["bca", "percentile"])
@settings(max_examples=8)
@given(
    table=tables(),
    value=st.sampled_from(list(sat.VALUES)),
    unit=st.sampled_from(["image_id", "group"]),
    seed=st.integers(0, 99),
)
def test_intervals_are_the_definition(
    table: pd.DataFrame, how: str, interval: str, value: str, unit: str, seed: int
) -> None:
    options: dict[str, Any] = {"level": 0.8, "n_resamples": 60, "seed": seed}
    found = sat.intervals(table, how=how, value=value, unit=unit, interval=interval, **options)
    unit_of = dict(zip(table["image_id"], table[unit], strict=True))
    rows = table.assign(segment=table["segment"].where(table["segment"].notna(), "nobody's"))
    records = rows.to_dict("records")

    def values_of(some: list[dict]) -> dict[str, float]:
        means = aggregate_oracle.aggregate(some, how=how, value=value)
        if how == "absolute" and some:  # segments that no row holds are missing everywhere
            n_of = {row["image_id"]: row["n_segments"] for row in some}
            missing = [n + 1 if value == "rank" else 0.0 for n in n_of.values()]
            means = {name: sum(missing) / len(missing) for name in "abc"} | means
        return means

    for row in found.itertuples():
        low, high, kind = oracle.interval(
            records, unit_of, row.segment, values_of, corrected=interval == "bca", **options
        )
        assert row.interval == kind
        np.testing.assert_allclose([row.low, row.high], [low, high], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_the_mean_of_a_sample_is_scipys(method: str) -> None:
    """scipy draws alike from the same generator, so the bounds are equal to rounding."""
    values = np.random.default_rng(3).gamma(3, size=(23, 2))
    bounds = bootstrap(as_sums(values), mean, interval=method, n_resamples=999, seed=8)
    assert (bounds.interval == method).all()
    for k in range(2):
        theirs = scipy_stats.bootstrap(
            (values[:, k],),
            np.mean,
            method=method,
            n_resamples=999,
            rng=np.random.default_rng(8),
        ).confidence_interval
        np.testing.assert_allclose([bounds.low[k], bounds.high[k]], theirs, rtol=1e-12)


def test_the_frame_of_aggregate_comes_back(table: pd.DataFrame) -> None:
    some = table.assign(
        label=(table["image_id"] < "image_10").astype("Int64").where(table["image_id"] > "image_01")
    )
    for how in ("relative", "absolute"):
        for by in (("method", "label"), ("label", "method")):
            options = {"how": how, "value": "rank", "by": by}
            with pytest.warns(UserWarning, match="2 units .image_id. are few"):
                found = sat.intervals(some, n_resamples=300, **options)
            plain = sat.aggregate(some, **options)
            pd.testing.assert_frame_equal(found[plain.columns], plain)
            assert list(found.columns[-4:]) == ["low", "high", "interval", "n_units"]
    one = sat.intervals(table.query("method == 'noisy'"), by=(), n_resamples=300)
    assert list(one["segment"]) == list(sat.aggregate(table.query("method == 'noisy'"))["segment"])


def test_any_aggregation_of_sums_has_intervals(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aggregation added by a user is resampled like the two of the paper."""
    share = Aggregation(
        name="share", needs="sums", function=lambda sums: sums["n_images"] / sums["n_all"]
    )
    monkeypatch.setitem(sat.AGGREGATIONS, "share", share)
    found = sat.intervals(table, how="share", interval="percentile").set_index("segment")
    ears = found[found["method"] == "sharp"].loc["ears"]
    low, high = scipy_stats.binom.ppf([0.025, 0.975], 20, 15 / 20) / 20
    assert (ears["low"], ears["high"]) == pytest.approx((low, high), abs=0.051)
    assert found.loc["eyes", "interval"].tolist() == ["point", "point"]


def test_aggregations_that_need_rows_have_none(table: pd.DataFrame) -> None:
    with pytest.raises(
        sat.InvalidInput, match="how: intervals support only .*'relative', 'abso.*got 'median'"
    ):
        sat.intervals(table, how="median")


# --- do they cover? -----------------------------------------------------------------------------

N_SETS = 2000
ERROR = 3 * np.sqrt(0.95 * 0.05 / N_SETS)  # of a coverage, three standard errors


def covered(bounds: module.Bounds, truth: float) -> float:
    return float(np.mean((bounds.low <= truth) & (truth <= bounds.high)))


def test_coverage() -> None:
    """Of 40 images with one in four missing. A normal sample's own bootstrap covers 93.4 %,

    which is what remains of 95 % when the variance divides by n and t is taken for normal.
    """
    rng = np.random.default_rng(0)
    here = rng.random((40, N_SETS)) < 0.75
    sums = np.stack([rng.normal(5, 1, here.shape) * here, here], axis=1)
    for interval in sat.INTERVALS:
        bounds = bootstrap(sums, mean, interval=interval, n_resamples=1000)
        shrink = np.sqrt(29 / 30) * scipy_stats.norm.ppf(0.975)
        expected = 1 - 2 * scipy_stats.t.sf(shrink, 29)
        assert covered(bounds, 5) == pytest.approx(expected, abs=ERROR + 0.005)


def test_the_correction_evens_out_the_misses_of_skewed_data() -> None:
    values = np.random.default_rng(1).exponential(size=(30, N_SETS))
    gaps = {}
    for interval in sat.INTERVALS:
        bounds = bootstrap(as_sums(values), mean, interval=interval, n_resamples=1000)
        gaps[interval] = abs(np.mean(bounds.low > 1) - np.mean(bounds.high < 1))
    assert gaps["bca"] < gaps["percentile"] / 1.4


def test_only_units_that_are_independent_cover() -> None:
    """Thirty scenes of five frames that hardly differ: frames as units claim far too much."""
    rng = np.random.default_rng(2)
    scenes = rng.normal(size=(30, N_SETS))
    frames = scenes.repeat(5, axis=0) + 0.3 * rng.normal(size=(150, N_SETS))
    by_scene = as_sums(frames).reshape(30, 5, 2, N_SETS).sum(axis=1)
    assert covered(bootstrap(by_scene, mean, n_resamples=1000), 0) > 0.93 - ERROR
    assert covered(bootstrap(as_sums(frames), mean, n_resamples=1000), 0) < 0.65


# --- properties ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_and_chunks_do_not_matter(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = sat.intervals(table, n_resamples=500, seed=4)
    pd.testing.assert_frame_equal(one, sat.intervals(table, n_resamples=500, seed=4))
    other = sat.intervals(table, n_resamples=500, seed=5)
    assert not np.allclose(one["low"], other["low"], rtol=1e-6)
    monkeypatch.setattr(module, "CHUNK", 700)
    pd.testing.assert_frame_equal(one, sat.intervals(table, n_resamples=500, seed=4))


def test_neither_order_nor_other_methods_nor_the_index_matter(table: pd.DataFrame) -> None:
    one = sat.intervals(table, n_resamples=500)
    shuffled = table.sample(frac=1, random_state=0).set_axis([7] * len(table))
    pd.testing.assert_frame_equal(one, sat.intervals(shuffled, n_resamples=500))
    alone = sat.intervals(table[table["method"] == "noisy"], n_resamples=500)
    pd.testing.assert_frame_equal(one[one["method"] == "noisy"].reset_index(drop=True), alone)


@settings(max_examples=25)
@given(st.floats(1e-9, 1e9), st.integers(0, 99))
def test_bounds_scale_with_the_values(scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).exponential(size=(12, 3))
    one = bootstrap(as_sums(values), mean, n_resamples=300)
    scaled = bootstrap(as_sums(values * scale), mean, n_resamples=300)
    np.testing.assert_allclose(scaled.low, one.low * scale, rtol=1e-9)
    np.testing.assert_allclose(scaled.high, one.high * scale, rtol=1e-9)
    assert (scaled.interval == one.interval).all()
    assert (one.low < one.high).all()


def test_groups_of_one_image_are_images(table: pd.DataFrame) -> None:
    own = {i: i for i in table["image_id"]}
    by_image = sat.intervals(table, n_resamples=300)
    pd.testing.assert_frame_equal(by_image, sat.intervals(table, n_resamples=300, unit=own))
    pd.testing.assert_frame_equal(
        by_image,
        sat.intervals(table.assign(photo=table["image_id"]), n_resamples=300, unit="photo"),
    )
    series = pd.Series(own)
    pd.testing.assert_frame_equal(by_image, sat.intervals(table, n_resamples=300, unit=series))


def test_near_duplicates_widen_the_interval(table: pd.DataFrame) -> None:
    """Each photo ten times: as images the interval shrinks, as groups it is the first one."""
    noisy = table[table["method"] == "noisy"]
    copies = pd.concat([noisy.assign(image_id=noisy["image_id"] + f" {c}") for c in range(10)])
    group = {i: i.split()[0] for i in copies["image_id"]}
    once = sat.intervals(noisy, value="rank")
    grouped = sat.intervals(copies, value="rank", unit=group)
    bounds = ["rank", "low", "high"]
    pd.testing.assert_frame_equal(once[bounds], grouped[bounds])
    assert grouped["n_images"].eq(10 * once["n_images"]).all()
    assert grouped["n_units"].equals(once["n_units"])
    alone = sat.intervals(copies, value="rank")
    ratio = (once["high"] - once["low"]) / (alone["high"] - alone["low"])
    assert ratio.between(2, 5).all(), "near the root of ten"


def test_seeds_as_units_pool_the_models() -> None:
    """Twelve models: their means over images are what is resampled."""
    tables = [sat.build(*toy(8, seed=s), model=f"seed {s}") for s in range(12)]
    both = pd.concat(tables)
    options: dict[str, Any] = {"value": "rank", "n_resamples": 500, "interval": "percentile"}
    found = sat.intervals(both, unit="model", **options).query("method == 'noisy'")
    per_model = sat.aggregate(both, value="rank", by=("method", "model"))
    eyes = per_model.query("method == 'noisy' and segment == 'eyes'").sort_values("model")
    row = found.set_index("segment").loc["eyes"]
    assert row["rank"] == pytest.approx(eyes["rank"].mean())
    assert (row["n_images"], row["n_units"]) == (96, 12)
    expected = bootstrap(
        as_sums(eyes[["rank"]].to_numpy()), mean, n_resamples=500, interval="percentile"
    )
    assert (row["low"], row["high"]) == pytest.approx((expected.low[0], expected.high[0]))


def test_classes_as_units_too(table: pd.DataFrame) -> None:
    classes = table.assign(label=table["image_id"].str[-2:].astype("Int64") // 2)
    found = sat.intervals(classes, unit="label", n_resamples=300)
    assert found["n_units"].eq(10).all()


# --- edges --------------------------------------------------------------------------------------


def test_one_image_has_no_interval() -> None:
    one = made_table({"eyes": [3.0], "nose": [1.0]})
    for how in ("relative", "absolute"):
        with pytest.warns(UserWarning, match="1 units .image_id. are few"):
            found = sat.intervals(one, how=how)
        assert found["interval"].tolist() == ["none", "none"]
        assert found[["low", "high"]].isna().all(axis=None)


def test_a_segment_of_one_image_among_many() -> None:
    """Relative has no scatter to go by; Absolute does: how often that image is drawn."""
    table = made_table({"eyes": [float(i) for i in range(1, 21)], "scar": [*[NAN] * 19, 7.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        relative = sat.intervals(table).set_index("segment").loc["scar"]
        absolute = sat.intervals(table, how="absolute").set_index("segment").loc["scar"]
    assert (relative["interval"], relative["n_units"]) == ("none", 1)
    assert np.isnan(relative["low"])
    assert absolute["low"] <= 0.35 <= absolute["high"]
    assert absolute["interval"] in ("bca", "percentile")


def test_constant_values_are_points() -> None:
    table = made_table({"eyes": [0.1] * 12, "nose": [1e-3 * i for i in range(12)]})
    found = sat.intervals(table).set_index("segment")
    assert found.loc["eyes", "interval"] == "point"
    assert found.loc["eyes", "low"] == found.loc["eyes", "high"] == pytest.approx(0.1)
    assert found.loc["nose", "interval"] == "bca"
    ranks = sat.intervals(table, value="rank")
    assert ranks["interval"].tolist() == ["point", "point"]


def test_images_without_segments_count_in_absolute() -> None:
    table = made_table({"eyes": [1.0, 2.0, 3.0] * 4 + [NAN] * 4})
    found = sat.intervals(table, how="absolute", value="rank", interval="percentile")
    assert found.loc[0, "rank"] == 1, "n + 1 is 1 where an image has none"
    means = sat.intervals(table, how="absolute", interval="percentile").loc[0]
    alone = sat.intervals(table, how="relative", interval="percentile").loc[0]
    assert means["low"] < alone["low"]
    assert means["high"] < alone["high"]


def test_unstable_corrections_fall_back() -> None:
    """One image in fifty carries all: the bias correction asks for quantiles beyond the data."""
    values = np.zeros((50, 1))
    values[0] = 1.0
    few = bootstrap(as_sums(values), mean, n_resamples=300)
    assert few.interval.tolist() == ["percentile"]
    tails = bootstrap(as_sums(values), mean, n_resamples=300, interval="percentile")
    assert few.low == tails.low
    assert few.high == tails.high
    estimate_outside = bca(np.arange(10.0), 99.0, np.arange(5.0), np.array([0.1, 0.9]))
    assert np.isnan(estimate_outside).all()


def test_few_units_are_told(table: pd.DataFrame) -> None:
    groups = {i: int(i[-1]) // 4 for i in table["image_id"]}
    with pytest.warns(UserWarning, match="3 units .unit. are few: .* too narrow"):
        sat.intervals(table, unit=groups, n_resamples=300)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"interval": "bc"}, "interval: unknown name 'bc'. Did you mean 'bca'?"),
        ({"level": 95}, "level: expected a number between 0 and 1, such as 0.95, got 95"),
        ({"n_resamples": 199}, "n_resamples: expected at least 200 for level 0.95, .* got 199"),
        ({"unit": "colour"}, "unit: unknown name 'colour'"),
        ({"unit": "position"}, "unit: 'position' differs between the segments of image 'image_00'"),
        ({"unit": "method"}, "unit: 'method' is also in `by`"),
        ({"unit": 3}, "unit: expected the name of a column, or .* got int"),
        ({"how": "relativ"}, "how: unknown name 'relativ'"),
        ({"by": ("colour",)}, "by: unknown name 'colour'"),
        ({"by": ()}, "table: holds 2 methods"),
    ],
)
def test_what_cannot_be(table: pd.DataFrame, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.intervals(table, **options)


def test_units_must_name_every_image_once(table: pd.DataFrame) -> None:
    half = {f"image_{i:02d}": i for i in range(10)}
    with pytest.raises(sat.IdMismatch, match="unit: 10 images have none: 'image_10'"):
        sat.intervals(table, unit=half)
    with pytest.raises(sat.IdMismatch, match="unit: 20 images have none"):
        sat.intervals(table, unit="label")
    twice = pd.Series([0, 1], index=["image_00", "image_00"])
    with pytest.raises(
        sat.InvalidInput, match="unit: expected one unit an image, got several for 'image_00'"
    ):
        sat.intervals(table, unit=twice)


def test_nothing_to_find_intervals_of(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="holds no segment; loosen"):
        sat.intervals(table.iloc[:0])
    with pytest.raises(sat.InvalidInput, match="expected a DataFrame from sat_nb.build, got list"):
        sat.intervals([])  # type: ignore[arg-type]
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.intervals(pd.concat([table, table.assign(model="other")]))


def test_ten_units_are_enough_and_nine_are_few(table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sat.intervals(table[table["image_id"] < "image_10"], n_resamples=300)
    with pytest.warns(UserWarning, match="9 units .image_id. are few"):
        sat.intervals(table[table["image_id"] < "image_09"], n_resamples=300)


@pytest.mark.parametrize(
    ("levels", "kind"),
    [
        ([0.025, 0.975], "mine"),
        ([0.0249, 0.975], "percentile"),
        ([0.025, 0.9751], "percentile"),
        ([np.nan, 0.9], "percentile"),
    ],
)
def test_five_resamples_must_lie_beyond_a_bound(levels: list[float], kind: str) -> None:
    own = sat.Interval(name="mine", function=lambda values, estimate, j, tails: np.array(levels))
    values = np.random.default_rng(0).normal(size=(20, 1))
    bounds = bootstrap(as_sums(values), mean, interval=own, n_resamples=200)
    assert bounds.interval.tolist() == [kind]


def test_third_powers_of_equal_neighbours_are_those_of_each() -> None:
    numbers = np.repeat(np.random.default_rng(0).standard_normal(50), np.arange(50) % 4)
    np.testing.assert_array_equal(_cubes(numbers), numbers**3)
    assert _cubes(np.array([0.5])).tolist() == [0.125]
