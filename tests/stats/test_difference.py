from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.stats.bootstrap import bootstrap
from tests.oracles import differences as oracle
from tests.oracles.tables import holm

Tables = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture
def two(table: pd.DataFrame) -> Tables:
    """The toy methods as if they were two models."""
    renamed = [
        table[table["method"] == name].assign(method="m", model=model)
        for name, model in (("sharp", "before"), ("noisy", "after"))
    ]
    return renamed[0], renamed[1]


# --- against the definition ---------------------------------------------------------------------


@st.composite
def pairs_of_tables(draw: st.DrawFn) -> Tables:
    """Two models on up to eight images, with some of four segments, not always the same ones."""
    seed = draw(st.integers(0, 2**32 - 1))
    names = np.array(list("abcd"))
    present = [st.lists(st.integers(0, 3), unique=True, min_size=2) for _ in range(2)]
    sets = draw(st.lists(st.tuples(*present, st.booleans()), min_size=2, max_size=8))
    found = []
    for side in (0, 1):
        rng = np.random.default_rng([seed, side])
        segments, heat = {}, {}
        for i, (ours, theirs, alike) in enumerate(sets):
            here = ours if alike or side == 0 else theirs
            masks = np.eye(4, dtype=bool)[here][:, None, :]
            segments[f"i{i}"] = SegmentationMap(tuple(names[here]), masks)
            heat[f"i{i}"] = rng.integers(-4, 5, (1, 4)).astype(float)
        found.append(sat.build({"m": heat}, segments, pad_px=0, model="ab"[side]))
    return found[0], found[1]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=15)
@given(tables=pairs_of_tables(), grouped=st.booleans())
def test_differences_are_the_definition(tables: Tables, grouped: bool) -> None:
    a, b = tables
    unit_of = {i: f"g{int(i[1:]) // 2}" if grouped else i for i in a["image_id"]}
    expected = oracle.shifts(a.to_dict("records"), b.to_dict("records"))
    if not expected:
        with pytest.raises(sat.InvalidInput, match="no image has the same segment in both"):
            sat.difference(a, b, method="m", missing="skip", n_resamples=200)
        return
    found = sat.difference(a, b, method="m", missing="skip", unit=unit_of, n_resamples=200).table
    assert set(found.index) == set(expected)
    assert found["rank_shift"].is_monotonic_increasing
    means = {s: oracle.unit_means(by_image, unit_of) for s, by_image in expected.items()}
    raw = [oracle.signed_rank(means[s]) for s in found.index]
    np.testing.assert_allclose(found["p_value"], raw)
    np.testing.assert_allclose(found["adjusted_p_value"], holm(raw))
    for segment, by_image in expected.items():
        row = found.loc[segment]
        assert row["n_images"] == len(by_image)
        assert row["rank_shift"] == pytest.approx(np.mean(list(by_image.values())))
        assert row["rank_b"] - row["rank_a"] == pytest.approx(row["rank_shift"])


def test_the_interval_is_the_bootstrap_of_the_mean_shift(two: Tables) -> None:
    a, b = two
    result = sat.difference(a, b, method="m", alpha=0.1, n_resamples=400, seed=3)
    ranks = [t.pivot(index="image_id", columns="segment", values="rank") for t in two]
    shift = (ranks[1] - ranks[0]).to_numpy()
    sums = np.stack([np.nan_to_num(shift), ~np.isnan(shift)], axis=1).astype(float)
    bounds = bootstrap(
        sums, lambda s: s[:, 0] / s[:, 1], level=0.9, n_resamples=400, interval="bca", seed=3
    )
    found = result.table.loc[ranks[0].columns]
    np.testing.assert_allclose(found["low"], bounds.low)
    np.testing.assert_allclose(found["high"], bounds.high)
    assert (found["interval"] == bounds.interval).all()


def test_what_it_returns(two: Tables) -> None:
    result = sat.difference(*two, method="m", alpha=0.1)
    assert (result.model_a, result.model_b, result.method) == ("before", "after", "m")
    assert (result.alpha, result.n_total, result.left_out) == (0.1, 20, {})
    assert result.table.index.name == "segment"
    assert list(result.table.columns) == [
        "rank_a",
        "rank_b",
        "rank_shift",
        "low",
        "high",
        "interval",
        "p_value",
        "adjusted_p_value",
        "n_images",
    ]
    assert result.table.loc["ears", "n_images"] == 15
    eyes = result.table.loc["eyes"]
    assert eyes["rank_a"] == 1
    assert 0 < eyes["low"] < eyes["rank_shift"] < eyes["high"]
    assert eyes["adjusted_p_value"] < 0.05


# --- properties ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n"), [(2, 6), (2, 7), (5, 7), (5, 8)])
def test_too_few_images_for_any_segment_are_said(k: int, n: int) -> None:
    """The smallest adjusted p-value is k * 2 / 2 ** n, where all images agree."""
    names = [f"s{i}" for i in range(k)]
    masks = sat.SegmentationMap(names, np.eye(k, dtype=bool)[:, None, :])
    order = np.arange(1.0, k + 1)
    tables = [
        sat.build(
            {"m": {f"{i}": values[None] for i in range(n)}},
            {f"{i}": masks for i in range(n)},
            pad_px=0,
            model=model,
        )
        for model, values in (("a", order), ("b", order[::-1]))
    ]
    smallest = k * 2 / 2**n
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = sat.difference(*tables, method="m", n_resamples=1000).table["adjusted_p_value"]
    said = [str(w.message) for w in caught if issubclass(w.category, sat.TooFewWarning)]
    assert found.min() == pytest.approx(smallest)
    assert len(said) == (smallest > 0.05)
    needed = next(m for m in range(2, 20) if k * 2 / 2**m <= 0.05)
    assert all(f"in {n} images" in text and f"at least {needed} are" in text for text in said)


def test_the_other_way_round_is_the_mirror_image(two: Tables) -> None:
    there = sat.difference(*two, method="m", interval="percentile").table
    back = sat.difference(*two[::-1], method="m", interval="percentile").table.loc[there.index]
    np.testing.assert_array_equal(back["rank_shift"], -there["rank_shift"])
    np.testing.assert_array_equal(back["p_value"], there["p_value"])
    np.testing.assert_allclose(back[["low", "high"]], -there[["high", "low"]])


def test_a_model_does_not_differ_from_itself(two: Tables) -> None:
    found = sat.difference(two[0], two[0], method="m").table
    assert (found[["rank_shift", "low", "high"]] == 0).all(axis=None)
    assert (found["p_value"] == 1).all()
    assert (found["interval"] == "point").all()


def test_order_and_index_do_not_matter_and_one_table_may_hold_both(two: Tables) -> None:
    both = pd.concat(two).sample(frac=1, random_state=1)
    one = sat.difference(both[both.model == "before"], both[both.model == "after"], method="m")
    pd.testing.assert_frame_equal(one.table, sat.difference(*two, method="m").table)


def test_copies_of_an_image_are_no_evidence_when_grouped(two: Tables) -> None:
    copied = [
        pd.concat([t.assign(image_id=t["image_id"] + f" {c}") for c in range(4)]) for t in two
    ]
    group = {i: i.split()[0] for i in copied[0]["image_id"]}
    once = sat.difference(*two, method="m").table
    grouped = sat.difference(*copied, method="m", unit=group).table
    columns = ["rank_shift", "low", "high", "p_value", "adjusted_p_value"]
    pd.testing.assert_frame_equal(once[columns], grouped[columns])
    alone = sat.difference(*copied, method="m").table
    assert alone.loc["eyes", "p_value"] < grouped.loc["eyes", "p_value"] / 100
    named = [t.assign(photo=t["image_id"].map(group)) for t in copied]
    pd.testing.assert_frame_equal(grouped, sat.difference(*named, method="m", unit="photo").table)


# --- what does not match ------------------------------------------------------------------------


def test_other_images(two: Tables) -> None:
    a, b = two[0][two[0]["image_id"] != "image_19"], two[1][two[1]["image_id"] > "image_01"]
    said = "1 images in table_a only|2 images in table_a only: 'image_00', 'image_01'"
    with pytest.raises(sat.IdMismatch, match=f"{said}.*1 images in table_b only: 'image_19'"):
        sat.difference(a, b, method="m")
    with pytest.warns(UserWarning, match="left out 2 images in table_a only") as told:
        result = sat.difference(a, b, method="m", missing="skip")
    assert told[0].filename == __file__
    assert result.n_total == 17
    assert result.left_out == {
        "images in table_a only": ["image_00", "image_01"],
        "images in table_b only": ["image_19"],
    }
    both = [t[t["image_id"].between("image_02", "image_18")] for t in two]
    pd.testing.assert_frame_equal(result.table, sat.difference(*both, method="m").table)
    with pytest.raises(sat.IdMismatch, match="expected the same images"):
        sat.difference(a.query("image_id < 'image_02'"), b, method="m", missing="skip")


def test_other_segments_are_refused_or_ranked_again(two: Tables) -> None:
    a, b = two
    less = b[(b["segment"] != "eyes") | (b["image_id"] != "image_03")]
    said = "1 images are not ranked among the same segments .*'image_03' has 'eyes' in table_a only"
    with pytest.raises(sat.InvalidInput, match=f"{said}.*missing='skip'"):
        sat.difference(a, less, method="m")
    with pytest.warns(UserWarning, match=f"{said}.*; they are ranked again") as told:
        result = sat.difference(a, less, method="m", missing="skip")
    assert told[0].filename == __file__
    assert result.left_out == {
        "segments ranked again in": ["image_03"],
        "segments in table_a only": [("image_03", "eyes")],
    }
    drop = [t[(t["segment"] != "eyes") | (t["image_id"] != "image_03")] for t in two]
    again = [
        pd.concat([t[t["image_id"] != "image_03"], sat.rerank(t[t["image_id"] == "image_03"])])
        for t in drop
    ]
    pd.testing.assert_frame_equal(result.table, sat.difference(*again, method="m").table)


def test_tables_filtered_alike_keep_their_ranks(two: Tables) -> None:
    whole = sat.difference(*two, method="m").table.loc[["eyes", "ears"], "rank_shift"]
    few = [sat.select(t, segments=["eyes", "ears"]) for t in two]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sat.difference(*few, method="m").table
    pd.testing.assert_series_equal(found["rank_shift"].loc[["eyes", "ears"]], whole)
    with pytest.raises(sat.InvalidInput, match="'image_00' has ranks among 4 and 1 segments"):
        sat.difference(few[0], sat.rerank(few[1]), method="m")


def test_images_without_segments_count_as_images(two: Tables) -> None:
    few = [sat.select(t, segments="ears") for t in two]
    result = sat.difference(*few, method="m")
    assert (result.n_total, result.table.loc["ears", "n_images"]) == (20, 15)


def test_other_orders_of_rank(two: Tables) -> None:
    by = [t.copy() for t in two]
    for t, rank_by in zip(by, ("abs_mean_attribution", "mean_attribution"), strict=True):
        t.attrs["sat_nb"] = {"rank_by": rank_by}
    with pytest.raises(sat.InvalidInput, match="ranked by 'abs_mean_.* table_b by 'mean_"):
        sat.difference(*by, method="m")


def test_ranking_again_follows_the_tables_order() -> None:
    """Signed ranks stay signed: the strongest negative segment is last, not first."""
    heat = {"m": {i: np.array([[3.0, 1.0, -9.0, 5.0]]) for i in ("x", "y")}}
    masks = np.eye(4, dtype=bool)[:, None, :]
    segments = dict.fromkeys("xy", SegmentationMap(tuple("abcd"), masks))
    a = sat.build(heat, segments, pad_px=0, rank_by="mean_attribution")
    with pytest.warns(UserWarning, match="ranked again|few"):
        result = sat.difference(a, a[a["segment"] != "d"], method="m", missing="skip")
    assert result.table["rank_a"].to_dict() == {"a": 1, "b": 2, "c": 3}


# --- errors -------------------------------------------------------------------------------------


def test_one_model_and_one_class_each(two: Tables) -> None:
    a, b = two
    with pytest.raises(
        sat.InvalidInput, match=r"table_b: holds 2 models .*table_b\[table_b.model == 'before'\]"
    ):
        sat.difference(a, pd.concat(two), method="m")
    labels = (a["image_id"] < "image_10").astype("Int64")
    with pytest.raises(
        sat.InvalidInput, match="table_a: holds 2 classes .1, 0.; .*filter it first"
    ):
        sat.difference(a.assign(label=labels), b, method="m")
    with pytest.raises(sat.InvalidInput, match="table_a: several rows for .*'image_00'"):
        sat.difference(pd.concat([a, a.assign(target=1)]), b, method="m")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "lrp"}, "method .in table_a.: unknown name 'lrp'. Valid: 'm'"),
        ({"alpha": 5}, "alpha: expected a number between 0 and 1"),
        ({"missing": "drop"}, "missing: unknown name 'drop'. Valid: 'error', 'skip'"),
        ({"interval": "bcs"}, "interval: unknown name 'bcs'"),
        ({"n_resamples": 10}, "n_resamples: expected at least"),
        ({"unit": "position"}, "unit: 'position' differs between the segments"),
    ],
)
def test_unknown_settings(two: Tables, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.difference(*two, **{"method": "m", **options})


def test_what_is_no_table_or_too_little(two: Tables) -> None:
    a, b = two
    with pytest.raises(sat.InvalidInput, match="^table_b: expected a DataFrame .* got dict"):
        sat.difference(a, {}, method="m")  # type: ignore[arg-type]
    with pytest.raises(sat.InvalidInput, match="^table_a: the columns .'rank'. are missing"):
        sat.difference(a.drop(columns="rank"), b, method="m")
    with pytest.raises(sat.InvalidInput, match="at least 2 images in both, got 1"):
        sat.difference(*(t[t["image_id"] == "image_03"] for t in two), method="m")
    half = {i: i for i in a["image_id"].unique()[:10]}
    with pytest.raises(sat.IdMismatch, match="unit: 10 images have none"):
        sat.difference(a, b, method="m", unit=half)


def test_it_prints_short(two: Tables) -> None:
    assert repr(sat.difference(*two, method="m")) == (
        "Difference(before -> after, m, 20 images: 2 of 5 segments differ at alpha 0.05; "
        "rank shifts eyes +0.75, rest -0.50, nose -0.35, ...)"
    )
