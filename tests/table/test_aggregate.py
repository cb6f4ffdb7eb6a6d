from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.toy import toy


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """One method; every image has some of five segments, at least one image has one."""
    maps, segments = {}, {}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for i in range(draw(st.integers(1, 8))):
        present = draw(st.lists(st.integers(0, 4), unique=True, min_size=0 if i else 1))
        masks = np.eye(5, dtype=bool)[present][:, None, :]
        segments[f"i{i}"] = SegmentationMap(tuple("abcde"[k] for k in present), masks)
        maps[f"i{i}"] = rng.integers(-3, 4, (1, 5)).astype(float)
    return sat.build({"m": maps}, segments, pad_px=0)


def test_missing_ranks_n_plus_one_of_its_own_image() -> None:
    """image_00 has four segments: its missing ears count 5 there."""
    maps, segments = toy(1)
    maps["sharp"]["x"], segments["x"] = maps["sharp"]["image_00"], toy(2)[1]["image_01"]
    table = sat.build({"sharp": maps["sharp"]}, segments)
    by_image = table.set_index(["image_id", "segment"])["rank"]
    ears = sat.aggregate(table, how="absolute", value="rank").set_index("segment").loc["ears"]
    assert ears["rank"] == (5 + by_image["x", "ears"]) / 2
    assert ears["n_images"] == 1


def test_best_first(table: pd.DataFrame) -> None:
    ranks = sat.aggregate(table, value="rank")
    assert ranks.groupby("method")["rank"].apply(lambda r: r.is_monotonic_increasing).all()
    means = sat.aggregate(table, value="abs_mean_attribution")
    falling = means.groupby("method")["abs_mean_attribution"]
    assert falling.apply(lambda m: m.is_monotonic_decreasing).all()


def test_by_keeps_groups_apart(table: pd.DataFrame) -> None:
    two = pd.concat([table, table.assign(model="other", mean_attribution=0.0)])
    summary = sat.aggregate(two, by=("method", "model"))
    assert summary.groupby(["method", "model"]).size().tolist() == [5, 5, 5, 5]
    assert (summary.query("model == 'other'")["mean_attribution"] == 0).all()


def test_mixing_silently_is_an_error(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="holds 2 methods .*by=.*'method'"):
        sat.aggregate(table, by=())
    with pytest.raises(sat.InvalidInput, match="holds 2 models .model, other."):
        sat.aggregate(pd.concat([table, table.assign(model="other")]))
    labelled = table.assign(label=(table["image_id"] < "image_10").astype("Int64"))
    with pytest.raises(sat.InvalidInput, match=r"holds 2 classes .*table\[table.label == 1\]"):
        sat.aggregate(labelled)
    assert len(sat.aggregate(labelled, by=("method", "label"))) == 20


def test_a_segment_counts_once_an_image(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="several rows for .*'image_id': 'image_00'"):
        sat.aggregate(pd.concat([table, table]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"how": "relativ"}, "how: unknown name 'relativ'. Did you mean 'relative'?"),
        ({"value": "ranks"}, "value: unknown name 'ranks'"),
        ({"by": ("colour",)}, "by: unknown name 'colour'"),
        ({"by": ("method", "segment")}, "by: 'segment' cannot be kept apart"),
        ({"by": ("method", "method")}, "by: 'method' is given twice"),
    ],
)
def test_unknown_names(table: pd.DataFrame, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.aggregate(table, **options)


@pytest.mark.parametrize("how", ["relative", "median"])
@pytest.mark.parametrize("name", ["n_images", "total"])
def test_names_of_results_are_refused(table: pd.DataFrame, name: str, how: str) -> None:
    with pytest.raises(sat.InvalidInput, match=f"by: '{name}' is what results call a column"):
        sat.aggregate(table.assign(**{name: "x"}), by=("method", name), how=how)


def test_other_things_than_tables() -> None:
    with pytest.raises(sat.InvalidInput, match="expected a DataFrame from sat_nb.build, got list"):
        sat.aggregate([])  # type: ignore[arg-type]
    with pytest.raises(sat.InvalidInput, match="'rank' is (object|str), expected numbers"):
        sat.aggregate(sat.build(*toy(1)).assign(rank="first"))


def test_filtering_never_reranks_and_rerank_does(table: pd.DataFrame) -> None:
    filtered = table[table["segment"] != "eyes"]
    assert filtered["rank"].tolist() == table.loc[filtered.index, "rank"].tolist()
    again = sat.rerank(filtered)
    assert again["rank"].max() == 4
    assert (
        again["n_segments"] == again.groupby(["image_id", "method"])["segment"].transform("size")
    ).all()
    pd.testing.assert_frame_equal(sat.rerank(table), table)
    with pytest.raises(sat.InvalidInput, match="by: unknown name 'rank'"):
        sat.rerank(table, by="rank")


def test_a_column_that_is_there_twice_is_named() -> None:
    table = sat.build(*toy(2))
    for column in ("model", "rank"):
        twice = pd.concat([table, table[[column]]], axis=1)
        with pytest.raises(sat.InvalidInput, match=f"has the column '{column}' twice"):
            sat.aggregate(twice, value="rank")
