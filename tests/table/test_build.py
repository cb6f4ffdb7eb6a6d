from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import sat_nb as sat
from sat_nb import SegmentationMap
from sat_nb.registry import Entry
from sat_nb.saliency.store.codec import Chunk
from sat_nb.table.kernel import mask_runs, segment_sums
from sat_nb.toy import toy
from tests.oracles import masks as mask_oracle
from tests.oracles import tables as oracle

SIDES = st.integers(1, 16)
VALUES = ("mean_attribution", "abs_mean_attribution", "rank", "mask_px", "n_segments")


@st.composite
def joins(draw: st.DrawFn) -> tuple[dict, dict]:
    """Two methods, a few images with maps and masks of different sizes, names that repeat."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width, channels = draw(SIDES), draw(SIDES), draw(st.integers(1, 3))
    maps: dict[str, dict[str, np.ndarray]] = {"a": {}, "b": {}}
    segments = {}
    for i in range(draw(st.integers(1, 3))):
        n = draw(st.integers(1, 4))
        masks = rng.random((n, height, width)) < draw(st.sampled_from([0.1, 0.5, 0.95]))
        masks[:, rng.integers(height), rng.integers(width)] = True
        segments[f"i{i}"] = SegmentationMap(tuple(rng.choice(list("xyz"), n)), masks)
        for method in maps:
            dtype = draw(st.sampled_from([np.float32, np.float64]))
            maps[method][f"i{i}"] = rng.normal(size=(height, width, channels)).astype(dtype)
    return maps, segments


@pytest.mark.filterwarnings("ignore:pad_px=")
@settings(max_examples=50)
@given(joins(), st.integers(0, 3))
def test_the_join_is_the_definition(join: tuple[dict, dict], pad_px: int) -> None:
    maps, segments = join
    assert_equal_rows(
        sat.build(maps, segments, pad_px=pad_px), oracle.rows(maps, segments, pad_px=pad_px)
    )


def test_the_join_brings_masks_to_the_maps_grid() -> None:
    rng = np.random.default_rng(1)
    masks = rng.random((3, 11, 9)) < 0.3
    segments = {"i": SegmentationMap(("a", "b", "a"), masks)}
    maps = {"m": {"i": rng.normal(size=(6, 7, 3))}}
    assert_equal_rows(sat.build(maps, segments, fit="stretch"), oracle.rows(maps, segments))


def assert_equal_rows(table: pd.DataFrame, rows: list[dict[str, Any]]) -> None:
    keys = ["image_id", "method", "segment"]
    ours = table.set_index(keys).sort_index()
    theirs = pd.DataFrame(rows).set_index(keys).sort_index()
    assert list(ours.index) == list(theirs.index)
    for value in VALUES:
        np.testing.assert_allclose(
            ours[value].astype(float), theirs[value].astype(float), rtol=1e-9, atol=1e-12
        )


@given(arrays(bool, st.tuples(st.integers(1, 4), SIDES, SIDES)), st.integers(1, 3))
def test_kernel_sums_each_mask_and_what_is_left(masks: np.ndarray, channels: int) -> None:
    masks[:, 0, 0] = True
    attribution = np.random.default_rng(0).normal(size=(*masks.shape[1:], channels))
    runs = mask_runs(masks)
    left = ~masks.any(axis=0)
    expected = [attribution[mask].sum() for mask in [*masks, left]]
    np.testing.assert_allclose(segment_sums(attribution, runs), expected, atol=1e-12)
    assert runs.px.tolist() == masks.sum(axis=(1, 2)).tolist()
    centres = [(np.argwhere(mask) + 0.5).mean(axis=0) / masks.shape[1:] for mask in masks]
    np.testing.assert_allclose(runs.centroids, centres)


def test_disjoint_covering_segments_add_up_to_the_map() -> None:
    maps, segments = toy(3)
    whole = {i: s for i, s in segments.items() if i != "image_00"}
    table = sat.build({"m": {i: maps["sharp"][i] for i in whole}}, whole, pad_px=0)
    totals = table.groupby("image_id")["total_attribution"].sum()
    for image_id, total in totals.items():
        assert total == pytest.approx(maps["sharp"][image_id].sum(dtype=np.float64), rel=1e-12)


@settings(max_examples=5)
@given(st.permutations(range(6)))
def test_order_of_images_never_matters(order: list[int]) -> None:
    maps, segments = toy(6)
    ids = [f"image_{i:02d}" for i in order]
    shuffled = {m: {i: by_id[i] for i in ids} for m, by_id in maps.items()}
    keys = ["image_id", "method", "segment_id"]
    one, two = sat.build(maps, segments), sat.build(shuffled, segments)
    pd.testing.assert_frame_equal(
        one.sort_values(keys, ignore_index=True), two.sort_values(keys, ignore_index=True)
    )


@pytest.mark.parametrize("factor", [2.0, 1e-6, 1e6])
def test_ranks_survive_scaling(factor: float) -> None:
    maps, segments = toy(5)
    scaled = {
        m: {i: a.astype(float) * factor for i, a in by_id.items()} for m, by_id in maps.items()
    }
    assert (
        sat.build(maps, segments)["rank"].tolist() == sat.build(scaled, segments)["rank"].tolist()
    )


def test_columns_dtypes_and_settings() -> None:
    table = sat.build(*toy(2), labels={"image_00": 1}, model="net", pad_px=1)
    assert {c: str(d) for c, d in table.dtypes.items()} == sat.COLUMNS
    assert table["model"].unique().tolist() == ["net"]
    assert table["label"].isna().sum() == (table["image_id"] == "image_01").sum()
    assert table["target"].isna().all()
    assert table.attrs["sat_nb"]["pad_px"] == 1
    assert table.attrs["sat_nb"]["pool"] == "sum"


def test_ties_share_the_mean_of_their_ranks() -> None:
    masks = np.eye(4, dtype=bool)[:, None, :]
    heat = np.array([[3.0, -3.0, 5.0, 0.0]])
    segments = {"i": SegmentationMap(tuple("abcd"), masks)}
    assert sat.build({"m": {"i": heat}}, segments, pad_px=0)["rank"].tolist() == [
        2.5,
        2.5,
        1.0,
        4.0,
    ]
    signed = sat.build({"m": {"i": heat}}, segments, pad_px=0, rank_by="mean_attribution")
    assert signed["rank"].tolist() == [2.0, 4.0, 1.0, 3.0]


def test_an_image_without_segments_has_one_row() -> None:
    maps, segments = toy(2)
    segments["image_01"] = SegmentationMap((), np.zeros((0, 0, 0), bool))
    rows = sat.build(maps, segments).query("image_id == 'image_01'")
    assert len(rows) == 2
    assert rows["segment"].isna().all()
    assert rows["rank"].isna().all()
    assert (rows["n_segments"] == 0).all()


def test_positions() -> None:
    masks = np.zeros((9, 9, 9), bool)
    for i in range(9):
        row, column = divmod(i, 3)
        masks[i, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3] = True
    segments = {"i": SegmentationMap(tuple("abcdefghi"), masks)}
    table = sat.build({"m": {"i": np.ones((9, 9))}}, segments, pad_px=0)
    assert table["position"].tolist() == [
        f"{row}-{column}"
        for row in ("top", "centre", "bottom")
        for column in ("left", "centre", "right")
    ]


POOLED = {"sum": -3.0, "mean": -1.0, "max_abs": -6.0, "l2": 7.0}
"""Of the channels (2, -6, 3), with 1 in place of 3 where the result has a sign."""

MERGED = {"union": ["eye", "nose"], "numbered": ["eye", "eye 2", "nose"]}


@pytest.mark.parametrize("name", sat.POOLS)
def test_a_pool_is_complete(name: str) -> None:
    """In the table, its settings, the docstring, the error, and called as a function."""
    assert name in POOLED, f"POOLED: add what {name!r} makes of the channels"
    pool, heat = sat.POOLS[name], np.array([[[2.0, -6.0, 3.0 if name == "l2" else 1.0]]])
    assert_says_what_it_is(name, pool, "pool")
    segments = {"i": SegmentationMap(("a",), np.ones((1, 1, 1), bool))}
    for either in (name, pool):
        table = sat.build({"m": {"i": heat}}, segments, pool=either)
        assert table["mean_attribution"].tolist() == [POOLED[name]]
        assert table.attrs["sat_nb"]["pool"] == name
    assert pool(heat).sum() == POOLED[name]


@pytest.mark.parametrize("name", sat.MERGES)
def test_a_merge_is_complete(name: str) -> None:
    assert name in MERGED, f"MERGED: add what {name!r} makes of eye, eye, nose"
    merge = sat.MERGES[name]
    assert_says_what_it_is(name, merge, "merge")
    masks = SegmentationMap(("eye", "eye", "nose"), np.eye(3, dtype=bool)[:, None, :])
    for either in (name, merge):
        table = sat.build({"m": {"i": np.ones((1, 3))}}, {"i": masks}, merge=either)
        assert table["segment"].tolist() == MERGED[name]
        assert table.attrs["sat_nb"]["merge"] == name
    assert list(merge(masks).names) == MERGED[name]


def assert_says_what_it_is(name: str, entry: Entry, argument: str) -> None:
    assert entry.name == entry.key == name
    assert entry.title
    assert re.fullmatch(r"[A-Z].*[^.]\.", entry.about), "about: one sentence"
    assert f'- "{name}": {entry.about}' in " ".join((sat.build.__doc__ or "").split())
    with pytest.raises(sat.InvalidInput, match=f"{argument}: unknown name 'no'.*Valid: .*'{name}'"):
        sat.build(*toy(1), **{argument: "no"})


def test_numbers_that_are_taken_are_left_out() -> None:
    names = ("eye", "eye", "eye 2", "eye", "nose")
    masks = SegmentationMap(names, np.eye(5, dtype=bool)[:, None, :])
    assert sat.MERGES["numbered"](masks).names == ("eye", "eye 3", "eye 2", "eye 4", "nose")


GREEN = sat.Pool(name="green", version="1", function=lambda attribution: attribution[..., 1])


def test_a_pool_of_the_users_own() -> None:
    maps, segments = toy(3)
    table = sat.build(maps, segments, pool=GREEN)
    alone = {m: {i: a[..., 1] for i, a in by_id.items()} for m, by_id in maps.items()}
    pd.testing.assert_frame_equal(table, sat.build(alone, segments))
    assert table.attrs["sat_nb"]["pool"] == "green@1"
    integers = replace(GREEN, function=lambda attribution: attribution[..., 1] > 0)
    with pytest.raises(sat.InvalidInput, match="pool: the function of 'green' must return numbers"):
        sat.build(maps, segments, pool=integers)
    signs = replace(GREEN, function=lambda attribution: np.sign(attribution[..., 1]).astype(int))
    assert sat.build(maps, segments, pool=signs)["mean_attribution"].between(-1, 1).all()


@pytest.mark.parametrize("shape", [(), (20,), (20, 15), (16, 20), (1, 20, 16), (20, 16, 3, 1)])
def test_a_pool_that_returns_another_shape(shape: tuple[int, ...]) -> None:
    wrong = replace(GREEN, function=lambda attribution: np.ones(shape))
    with pytest.raises(sat.InvalidInput, match=r"\(H, W, C\) for a map \(20, 16, 3\)"):
        sat.build(*toy(1), pool=wrong)


def test_a_merge_of_the_users_own() -> None:
    """Every second mask of a name is left out."""
    masks = SegmentationMap(("eye", "eye", "nose"), np.eye(3, dtype=bool)[:, None, :])

    def first_only(given: SegmentationMap) -> SegmentationMap:
        return SegmentationMap(("eye", "nose"), given.masks[[0, 2]])

    own = sat.Merge(name="first", version="3", function=first_only)
    table = sat.build({"m": {"i": np.array([[1.0, 2, 3]])}}, {"i": masks}, merge=own, pad_px=0)
    assert table["mean_attribution"].tolist() == [1, 3]
    assert table.attrs["sat_nb"]["merge"] == "first@3"
    for function in (lambda given: given, lambda given: None):
        with pytest.raises(sat.InvalidInput, match="merge: .*'first' must return a Segmentation"):
            replace(own, function=function)(masks)


@pytest.mark.parametrize(("argument", "own"), [("pool", GREEN), ("merge", sat.MERGES["union"])])
def test_entries_whose_rows_are_kept_need_a_version_and_a_name(argument: str, own: Any) -> None:
    unnamed = replace(own, name="mine", version="")
    with pytest.raises(sat.InvalidInput, match=f"{argument}: 'mine' is an entry of your own.*vers"):
        sat.build(*toy(1), **{argument: unnamed})
    taken = replace(own, name={"pool": "sum", "merge": "numbered"}[argument], version="")
    with pytest.raises(sat.InvalidInput, match=f"{argument}: the name .* is taken by the package"):
        sat.build(*toy(1), **{argument: taken})
    with pytest.raises(
        sat.InvalidInput, match="a function alone has no name; wrap it as sat_nb.(Pool|Merge)"
    ):
        sat.build(*toy(1), **{argument: own.function})
    with pytest.raises(sat.InvalidInput, match="Valid: .*, a sat_nb.(Pool|Merge) of your own"):
        sat.build(*toy(1), **{argument: 3})


def test_rows_of_another_version_do_not_join_a_folder(tmp_path: Path) -> None:
    maps, segments = toy(4)
    by = ("model", "method")
    sat.write_table(sat.build(maps, segments, pool=GREEN), tmp_path / "t", partition_by=by)
    changed = replace(GREEN, version="2", function=lambda attribution: attribution[..., 1] ** 2)
    rows = sat.build(maps, segments, pool=changed)
    with pytest.raises(sat.InvalidInput, match="pool is 'green@2', was 'green@1'"):
        sat.write_table(rows, tmp_path / "t", partition_by=by)
    read = sat.read_table(sat.write_table(rows, tmp_path / "u"))
    assert read.attrs["sat_nb"]["pool"] == "green@2"


class Store(Mapping):
    """What build takes of an AttributionStore."""

    model, fit, settings = "net", "stretch", {"target": "predicted"}

    def __init__(self, maps: dict, facts: dict) -> None:
        self.maps, self.facts = maps, facts

    def __getitem__(self, method: str) -> dict:
        return self.maps[method]

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)


def test_a_store_brings_model_target_and_prediction() -> None:
    maps, segments = toy(1)
    facts = {"image_00": SimpleNamespace(target=3, predicted=5, height=20, width=16)}
    table = sat.build(Store(maps, facts), segments)
    assert table["model"].unique().tolist() == ["net"]
    assert table["target"].unique().tolist() == [3]
    assert table["predicted"].unique().tolist() == [5]
    assert table.attrs["sat_nb"]["maps"] == {"target": "predicted"}


def test_masks_of_another_size_than_the_photo_are_refused() -> None:
    maps, segments = toy(1)
    facts = {"image_00": SimpleNamespace(target=0, predicted=0, height=16, width=20)}
    with pytest.raises(
        sat.InvalidInput, match=r"image 'image_00' are 20 x 16 px .*its photo is 16 x 20"
    ):
        sat.build(Store(maps, facts), segments)


def test_ids_that_do_not_match() -> None:
    maps, segments = toy(3)
    segments["stray"] = segments.pop("image_02")
    with pytest.raises(
        sat.IdMismatch,
        match="1 maps without masks: 'image_02'; 1 masks without maps: 'stray'.*missing='skip'",
    ):
        sat.build(maps, segments)
    with pytest.warns(UserWarning, match="left out: 1 maps without masks: 'image_02'"):
        table = sat.build(maps, segments, missing="skip")
    assert table["image_id"].unique().tolist() == ["image_00", "image_01"]
    assert table.attrs["sat_nb"]["left_out"] == {
        "maps without masks": ["image_02"],
        "masks without maps": ["stray"],
    }


def test_a_method_that_lacks_an_image() -> None:
    maps, segments = toy(3)
    del maps["noisy"]["image_01"]
    with pytest.raises(sat.IdMismatch, match="1 images that some method lacks: 'image_01'"):
        sat.build(maps, segments)


def test_nothing_in_common_is_an_error_even_when_skipping() -> None:
    maps, segments = toy(1)
    with pytest.raises(sat.IdMismatch, match="do not name the same images"):
        sat.build(maps, {"other": segments["image_00"]}, missing="skip")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [(0, 0, 0), (7, 3, 2), (19, 15, 1)])
def test_values_that_are_not_finite(bad: float, where: tuple[int, int, int]) -> None:
    """Also where no mask is: image_00 has no ears."""
    maps, segments = toy(1)
    for row in (where[0], 13):
        broken = maps["noisy"]["image_00"].copy()
        broken[row, where[1], where[2]] = bad
        with pytest.raises(sat.InvalidInput, match=r"maps\['noisy'\]\['image_00'\]: holds NaN"):
            sat.build({"noisy": {"image_00": broken}}, segments, pad_px=0)


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (np.zeros((2, 2)), "expected an AttributionStore or .* got ndarray"),
        ({"image_00": np.zeros((2, 2))}, "expected an AttributionStore"),
        ({}, "at least one method"),
        (
            {"m": {"image_00": np.zeros(3)}},
            r"real numbers \(H, W\) or \(H, W, C\), got float64 \(3,\)",
        ),
        ({"m": {"image_00": np.zeros((2, 2), complex)}}, "got complex128"),
        ({"m": {"image_00": np.zeros((0, 2))}}, r"real numbers .* got float64 \(0, 2\)"),
        ({"m": {"image_00": np.array([["a"]])}}, "got <U1"),
        ({"m": {"image_00": np.zeros((3, 20, 16))}}, r"\(C, H, W\), .*moveaxis.*layout='CHW'"),
        ({"m": {"image_00": np.zeros((1, 20, 16))}}, r"shape \(1, 20, 16\) seems to be"),
    ],
)
def test_maps_that_are_none(maps: Any, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.build(maps, toy(1)[1])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"rank_by": "rank"}, "rank_by: unknown name"),
        ({"missing": "drop"}, "missing: unknown name"),
        ({"pad_px": -1}, "masks of image 'image_00': px: expected a whole number"),
        ({"fit": "cropped"}, "fit: unknown name .cropped."),
        ({"fit": ["crop"]}, "fit: unknown name .*Valid: 'stretch'"),
    ],
)
def test_unknown_options(option: dict[str, Any], said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.build(*toy(1), **option)


def test_integer_maps_and_grey_maps_join() -> None:
    segments = {"i": SegmentationMap(("a",), np.ones((1, 2, 2), bool))}
    for dtype in (np.uint8, np.int32, np.float16, np.float64):
        table = sat.build({"m": {"i": np.array([[1, 2], [3, 4]], dtype)}}, segments)
        assert table["mean_attribution"].tolist() == [2.5]


def test_maps_that_are_views_join_as_copies_do() -> None:
    maps, segments = toy(2)
    turned = {"m": {i: np.asfortranarray(a) for i, a in maps["sharp"].items()}}
    pd.testing.assert_frame_equal(
        sat.build(turned, segments), sat.build({"m": maps["sharp"]}, segments)
    )


def test_a_table_goes_through_parquet(tmp_path: Path) -> None:
    table = sat.build(*toy(3), labels={"image_00": 1})
    read = sat.read_table(sat.write_table(table, tmp_path / "deep" / "sat.parquet"))
    pd.testing.assert_frame_equal(read, table)
    assert read.attrs == table.attrs


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(
        sat.InvalidInput, match=r"no\.parquet: not readable as a Segment Attribution Table"
    ):
        sat.read_table(tmp_path / "no.parquet")
    pd.DataFrame({"segment": ["a"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(sat.InvalidInput, match=r"other\.parquet: .*columns \['image_id', "):
        sat.read_table(tmp_path / "other.parquet")
    with pytest.raises(sat.InvalidInput, match="are missing"):
        sat.write_table(pd.DataFrame(), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    with pytest.raises(sat.FileMissing, match="does not exist"):
        sat.read_table(tmp_path / "nowhere.parquet")


FEW = st.integers(1, 9)


@given(arrays(bool, st.tuples(FEW, FEW)), FEW, FEW)
@settings(max_examples=30)
def test_the_two_oracles_of_resizing_agree(mask: np.ndarray, height: int, width: int) -> None:
    mask[0, 0] = True
    slow = mask_oracle.resize_by_area(mask, (height, width))
    np.testing.assert_array_equal(mask_oracle.resize_by_whole_areas(mask, (height, width)), slow)


class Sampled(dict):
    """Maps as a store gives them, with replicates beside them."""

    def chunk(self, method, image_id):
        replicates = np.stack([self[method][image_id].sum(axis=2) + k for k in (-3, 1, 2)])
        facts = {"n_samples": 48}
        return Chunk(self[method][image_id], arrays={"replicates": replicates}, facts=facts)


RED = sat.Pool(name="red", version="1", function=lambda attribution: attribution[..., 0])
TWICE = sat.Pool(
    name="twice",
    version="1",
    function=lambda attribution: 2 * attribution,
    share_of_sum=lambda n: 2,
)


@pytest.mark.parametrize(
    ("pool", "factor"),
    [
        *(("sum", 1), ("mean", 1 / 3), ("l2", np.nan), ("max_abs", np.nan)),
        *((RED, np.nan), (TWICE, 2)),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_standard_errors_come_from_the_replicates(pool: str | sat.Pool, factor: float) -> None:
    """Means of three replicates that are apart by -3, 1 and 2 a pixel."""
    maps, segments = toy(4)
    maps = Sampled({"sharp": maps["sharp"]})
    table = sat.build(maps, segments, pool=pool)
    expected = np.std([-3, 1, 2], ddof=1) / np.sqrt(3) * factor
    np.testing.assert_allclose(table["se_mean_attribution"], expected, rtol=1e-6)
    assert (table["n_samples"] == 48).all()


def test_no_standard_error_where_nothing_is_sampled():
    table = sat.build(*toy(4))
    assert table["se_mean_attribution"].isna().all()
    assert table["n_samples"].isna().all()


def fitted_table(fit, **options):
    """One photo of 20 x 60 px with three stripes on a 10 x 10 map that is 1, 2, ... by column."""
    masks = np.zeros((3, 20, 60), bool)
    masks[0, :, :15] = masks[1, :, 26:36] = masks[2, :, 38:48] = True
    segments = {"photo": sat.SegmentationMap(("left", "middle", "right"), masks)}
    maps = {"columns": {"photo": np.tile(np.arange(1.0, 11.0), (10, 1))}}
    table = sat.build(maps, segments, fit=fit, **options)
    return table.set_index("segment")[["n_segments", "mean_attribution", "mask_px", "rank"]]


def test_the_join_follows_the_crop():
    """The crop shows the columns 20 to 39 of the photo: left of it is nothing to be counted."""
    table = fitted_table("crop", pad_px=0)
    assert list(table.index) == ["middle", "right"]
    assert table["n_segments"].tolist() == [2, 2]
    assert table["mask_px"].tolist() == [50, 10]
    assert table["mean_attribution"].tolist() == [6.0, 10.0]  # columns 4 to 8, column 10
    assert table["rank"].tolist() == [2, 1]


def test_the_join_follows_the_letterbox():
    """The photo takes rows 3 to 5 of 10 (20 / 60 of 10 is 3), all columns; bars are nobody's."""
    table = fitted_table("letterbox", pad_px=2)
    assert table.loc["middle", "mask_px"] == 3 * 6  # columns 4 and 5, and two at either side
    assert table.loc["left", "mask_px"] == 3 * 5
    assert table.loc["middle", "mean_attribution"] == 5.5


def test_an_image_whose_segments_are_all_cut_off_counts_as_one_without():
    maps, segments = toy(4)
    edge = np.zeros((1, 20, 60), bool)
    edge[0, :, :5] = True
    segments["image_00"] = sat.SegmentationMap(("eyes",), edge)
    table = sat.build(maps, segments, fit="crop")
    row = table[table["image_id"] == "image_00"].iloc[0]
    assert row["n_segments"] == 0
    assert pd.isna(row["segment"])
    summary = sat.aggregate(table, how="absolute", value="rank")
    assert set(summary["n_images"]) == {3}


def test_images_that_are_joined_side_by_side_are_those_of_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maps, segments = toy(40)
    monkeypatch.setattr("sat_nb.table.build.n_cores", lambda: 1)
    alone = sat.build(maps, segments)
    monkeypatch.setattr("sat_nb.table.build.n_cores", lambda: 7)
    pd.testing.assert_frame_equal(sat.build(maps, segments), alone, check_exact=True)
    for image_id in list(maps["sharp"])[20:]:  # the first of them is named, whoever comes first
        maps["sharp"][image_id] = np.full_like(maps["sharp"][image_id], np.nan)
    first = list(maps["sharp"])[20]
    with pytest.raises(sat.InvalidInput, match=rf"\[{first!r}\]: holds NaN"):
        sat.build(maps, segments)
