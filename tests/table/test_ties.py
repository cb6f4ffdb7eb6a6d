"""Ties: means that only rounding sets apart have one rank, wherever ranks are made."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.table.kernel import mask_runs, sums_and_tolerance
from sat_nb.table.ties import local_rank
from sat_nb.toy import toy
from tests.oracles import tables as oracle

NAMES = ("eye", "ear", "tail")


def boxes() -> sat.SegmentationMap:
    masks = np.zeros((3, 24, 24), bool)
    masks[0, 1:4, 1:4] = masks[1, 5:10, 3:10] = masks[2, 14:20, 14:21] = True
    return sat.SegmentationMap(NAMES, masks)


def uniform(levels: list[float], n: int = 10) -> pd.DataFrame:
    heat = {f"i{i}": np.broadcast_to(np.array(levels), (24, 24, len(levels))) for i in range(n)}
    with pytest.warns(UserWarning, match="tie"):
        return sat.build({"cam": heat}, dict.fromkeys(heat, boxes()), pad_px=0)


@pytest.mark.parametrize(
    "levels", [[0.1], [1 / 3], [1.1] * 3, [0.1, 0.2, -0.3], [1e-30], [0.1] * 4]
)
def test_uniform_maps_say_the_same_of_every_segment(levels: list[float]) -> None:
    table = uniform(levels)
    assert (table["rank"] == 2).all()
    result = sat.compare(table, method="cam")
    assert (result.p_values.to_numpy() == 1).all()
    assert len(result.groups) == 1


VALUES = st.lists(
    st.sampled_from([0.0, 1e-9, 2e-9, 1.0, 1 + 4e-7, 1 + 8e-7, 1 + 3e-6, 5.0, np.nan]), max_size=9
)


@given(st.lists(VALUES, max_size=4), st.sampled_from([0.0, 5e-7, 1e-6]))
def test_ranks_are_those_of_the_definition(groups: list[list[float]], near: float) -> None:
    values = [v for group in groups for v in group]
    codes = [i for i, group in enumerate(groups) for _ in group]
    found = local_rank(
        pd.Series(values, dtype=float), pd.Series(codes, dtype=int), pd.Series([near] * len(values))
    )
    expected = [r for group in groups for r in oracle.tied_ranks(group, near)]
    np.testing.assert_array_equal(found.to_numpy(float), np.array(expected, dtype=float))


def test_without_a_tolerance_only_equal_values_tie() -> None:
    values = pd.Series([1.0, 1 + 1e-15, 3.0, 3.0])
    assert local_rank(values, pd.Series([0] * 4)).tolist() == [4, 3, 1.5, 1.5]
    missing = pd.Series([np.nan] * 4)
    assert local_rank(values, pd.Series([0] * 4), missing).tolist() == [4, 3, 1.5, 1.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("pool", sat.POOLS)
def test_the_tolerance_is_a_millionth_of_the_pooled_map(
    pool: str, channels: int, dtype: type
) -> None:
    heat = np.random.default_rng(0).normal(size=(24, 24, channels)).astype(dtype)
    table = sat.build({"m": {"i": heat}}, {"i": boxes()}, pad_px=0, pool=pool)
    wide = heat.astype(float)
    pooled = {
        "sum": wide.sum(axis=2),
        "mean": wide.mean(axis=2),
        "max_abs": np.abs(wide).max(axis=2),
        "l2": np.sqrt((wide**2).sum(axis=2)),
    }[pool]
    expected = 1e-6 * np.abs(pooled).max()
    np.testing.assert_allclose(table["tie_tolerance"], expected, rtol=1e-6)


def test_the_largest_value_may_be_outside_all_masks() -> None:
    heat = np.ones((24, 24))
    heat[0, 23] = -500.0
    with pytest.warns(UserWarning, match="same mean in every segment"):
        table = sat.build({"m": {"i": heat}}, {"i": boxes()}, pad_px=0)
    assert table["tie_tolerance"].tolist() == pytest.approx([5e-4] * 3)


def test_channels_that_cancel_are_summed_in_double_precision() -> None:
    heat = np.zeros((8, 8, 3), np.float32)
    heat[...] = [16777216, -16777216, 0.5]
    heat[3, 4, 2] = 2.5
    sums, tolerance = sums_and_tolerance(heat, mask_runs(np.ones((1, 8, 8), bool)))
    assert sums[0] == 34
    assert tolerance == pytest.approx(1e-12 * 2**24)  # more than the 2.5e-6 of max |A|


def test_what_truly_differs_stays_apart() -> None:
    """Two segments whose means are 5 and 0.5 millionths of the largest value apart."""
    heat = np.zeros((24, 24))
    heat[1:4, 1:4], heat[5:10, 3:10], heat[14:20, 14:21] = 1.0, 1.0 - 5e-6, 1.0 - 5.5e-6
    table = sat.build({"m": {"i": heat}}, {"i": boxes()}, pad_px=0)
    assert table["rank"].tolist() == [1, 2.5, 2.5]


def superpixels() -> tuple[dict, dict]:
    """The first two of three segments lie in one superpixel of each map."""
    rng = np.random.default_rng(3)
    heat, masks = {}, np.zeros((3, 24, 24), bool)
    masks[0, 2:5, 2:5] = masks[1, 6:11, 3:9] = masks[2, 15:22, 15:20] = True
    for i in range(12):
        heat[f"i{i}"] = np.zeros((24, 24))
        heat[f"i{i}"][:12, :12], heat[f"i{i}"][12:, 12:] = rng.normal(size=2)
    segments = dict.fromkeys(heat, sat.SegmentationMap(NAMES, masks))
    return {"lime": heat, "again": heat}, segments


@pytest.fixture
def shared() -> pd.DataFrame:
    return sat.build(*superpixels(), pad_px=0)


def wide(table: pd.DataFrame) -> pd.DataFrame:
    return table.pivot(index=["method", "image_id"], columns="segment", values="rank")


def test_segments_in_one_superpixel_tie_in_every_photo(shared: pd.DataFrame) -> None:
    ranks = wide(shared)
    assert (ranks["eye"] == ranks["ear"]).all()
    assert (ranks["eye"] != ranks["tail"]).all()


def test_ranking_again_keeps_ties(shared: pd.DataFrame, tmp_path: Path) -> None:
    for by in ("abs_mean_attribution", "mean_attribution"):
        ranks = wide(sat.rerank(shared, by=by))
        assert (ranks["eye"] == ranks["ear"]).all()
    pd.testing.assert_series_equal(sat.rerank(shared)["rank"], shared["rank"])
    file = sat.write_table(shared, tmp_path / "t.parquet")
    pd.testing.assert_series_equal(sat.rerank(sat.read_table(file))["rank"], shared["rank"])
    folder = sat.write_table(shared, tmp_path / "t", partition_by=["method"])
    for path in (file, folder):
        on_disk = sat.aggregate(path, value="rank", by=("method", "model"))
        in_memory = sat.aggregate(shared, value="rank", by=("method", "model"))
        pd.testing.assert_frame_equal(on_disk, in_memory)


def test_select_keeps_the_tolerance_of_an_image_that_loses_its_segments(
    shared: pd.DataFrame,
) -> None:
    less = sat.select(
        shared[~((shared["image_id"] == "i3") & (shared["segment"] == "tail"))], segments="tail"
    )
    vacant = less[less["segment"].isna()]
    assert len(vacant) == 2
    assert (vacant["tie_tolerance"] > 0).all()


def test_tables_of_earlier_versions_keep_their_ranks(shared: pd.DataFrame, tmp_path: Path) -> None:
    old = shared.drop(columns="tie_tolerance")
    old["rank"] = old.groupby(["image_id", "method"])["abs_mean_attribution"].rank(ascending=False)
    pd.testing.assert_series_equal(sat.rerank(old)["rank"], old["rank"])
    assert (wide(old)["eye"] != wide(old)["ear"]).any()
    file = sat.write_table(old, tmp_path / "old.parquet")
    pd.testing.assert_frame_equal(sat.read_table(file), old)
    assert sat.compare(old, method="lime").n_total == 12
    joined = pd.concat(
        [old[old["method"] == "lime"].assign(method="old"), shared], ignore_index=True
    )
    pd.testing.assert_series_equal(sat.rerank(joined)["rank"], joined["rank"])


def test_rows_with_a_tolerance_do_not_join_a_folder_without(
    shared: pd.DataFrame, tmp_path: Path
) -> None:
    old = shared.drop(columns="tie_tolerance")
    sat.write_table(old, tmp_path / "t", partition_by=["method"])
    with pytest.raises(sat.InvalidInput, match="drop.columns=.'tie_tolerance'"):
        sat.write_table(shared, tmp_path / "t", partition_by=["method"])


def test_consensus_of_ties_is_a_tie(shared: pd.DataFrame) -> None:
    for combination in sat.COMBINATIONS:
        found = sat.consensus(shared, combination=combination)
        ranks = wide(found.table)
        if combination == "mean_rank":
            assert (ranks["eye"] == ranks["ear"]).all()
        pd.testing.assert_series_equal(sat.rerank(found.table)["rank"], found.table["rank"])


def test_a_uniform_map_exceeds_no_placement() -> None:
    heat = {f"i{i}": np.full((24, 24), 0.1) for i in range(8)}
    segments = dict.fromkeys(heat, boxes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        tables = [
            sat.build({"m": heat}, each, pad_px=0)
            for each in (segments, sat.null_segments(segments, n=5))
        ]
    found = sat.excess_over_null(*tables)
    assert (found["effect"] == 0).all()


def test_maps_that_are_zero_everywhere_are_named() -> None:
    maps, segments = toy(6)
    maps["sharp"] = {i: a * (n % 2) for n, (i, a) in enumerate(maps["sharp"].items())}
    with pytest.warns(UserWarning, match="3 of 6 maps of 'sharp' are zero everywhere: 'image_00'"):
        sat.build(maps, segments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sat.build(*toy(6))
