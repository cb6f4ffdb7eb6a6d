from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

import sat_nb as sat
from sat_nb import Aggregation, SegmentationMap
from sat_nb.registry import Entry, Parameter
from sat_nb.table import aggregations
from sat_nb.table.aggregate import result_of
from sat_nb.table.values import Result
from sat_nb.toy import toy
from tests.oracles import aggregations as oracle


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """One method, two or three classes; every image has some of five segments, or none."""
    maps, segments, labels = {}, {}, {}
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for i in range(draw(st.integers(2, 9))):
        present = rng.permutation(5)[: rng.integers(0 if i else 1, 6)]
        masks = np.eye(5, dtype=bool)[present][:, None, :]
        segments[f"i{i}"] = SegmentationMap(tuple("abcde"[k] for k in present), masks)
        maps[f"i{i}"] = rng.integers(-3, 4, (1, 5)).astype(float)
        labels[f"i{i}"] = i if i < 2 else int(rng.integers(3))
    table = sat.build({"m": maps}, segments, pad_px=0, labels=labels)
    nobody = pd.array([pd.NA] * len(table), "Int64")
    return table.assign(predicted=table["label"], label=nobody)


CASES: list[tuple[str, str, dict[str, Any]]] = [
    *(("relative", value, {}) for value in sat.VALUES),
    *(("absolute", value, {}) for value in sat.VALUES),
    ("median", "mean_attribution", {}),
    ("median", "rank", {}),
    ("trimmed_mean", "mean_attribution", {"share": 0.25}),
    ("trimmed_mean", "rank", {"share": 0.4}),
    ("top_k", "rank", {"k": 1}),
    ("top_k", "rank", {"k": 3}),
    ("lime", "mean_attribution", {}),
    ("homogeneity", "mean_attribution", {}),
    ("homogeneity", "abs_mean_attribution", {"of": 1}),
]


@settings(max_examples=15)
@given(table=tables())
def test_aggregations_are_their_definitions(table: pd.DataFrame) -> None:
    rows = table.to_dict("records")
    for how, value, parameters in CASES:
        summary = sat.aggregate(table, how=how, value=value, parameters=parameters)
        expected = getattr(oracle, how)(rows, value, **parameters)
        result = summary.columns[2]
        assert set(summary["segment"]) == set(expected)
        for segment, number in zip(summary["segment"], summary[result], strict=True):
            assert number == pytest.approx(expected[segment], rel=1e-9, abs=1e-9), (how, segment)


@pytest.mark.parametrize("how", sat.AGGREGATIONS)
def test_an_entry_is_complete(how: str, tmp_path: Path) -> None:
    """A new aggregation that lacks a definition, a case, a title or a column fails here."""
    entry = sat.AGGREGATIONS[how]
    assert callable(getattr(oracle, how, None)), f"tests/oracles/aggregations.py: add {how}"
    assert how in {name for name, _, _ in CASES}, f"CASES: add {how}"
    assert entry.name == how
    assert_says_what_it_is(entry)
    assert set(entry.takes) <= set(sat.VALUES)
    assert f'- "{how}": {entry.about.removesuffix(".")}' in docstring(sat.aggregate)
    with pytest.raises(sat.InvalidInput, match=f"how: unknown name 'nothing'.*Valid: .*'{how}'"):
        sat.aggregate(toy_table(), how="nothing")
    for value in entry.takes:
        assert_shows(toy_table(), how, value, tmp_path)


def test_every_function_is_an_entry() -> None:
    """A function of rows or sums that no entry has was forgotten."""
    first = [("rows", "value"), ("sums",)]
    public = {
        name
        for name, found in vars(aggregations).items()
        if inspect.isfunction(found) and found.__module__ == aggregations.__name__
        if any(tuple(inspect.signature(found).parameters)[: len(f)] == f for f in first)
        and not name.startswith("_")
    }
    assert public == {entry.function.__name__ for entry in sat.AGGREGATIONS.values()}


@pytest.mark.parametrize(
    ("how", "value"), [(how, v) for how, entry in sat.AGGREGATIONS.items() for v in entry.takes]
)
def test_column_and_order_fit_what_comes_out(how: str, value: str) -> None:
    """Four segments with the same values in every image, the first of them the best.

    Without a column of its own, what comes out must be on the value's scale.
    """
    masks = SegmentationMap(tuple("abcd"), np.eye(4, dtype=bool)[:, None, :])
    maps = {str(i): np.array([[9.0, 7.0, 5.0, 3.0]]) for i in range(4)}
    table = sat.build({"m": maps}, dict.fromkeys(maps, masks), pad_px=0)
    predicted = table["image_id"].astype(int) % 2
    summary = sat.aggregate(table.assign(predicted=predicted), how=how, value=value)
    if not sat.AGGREGATIONS[how].column:
        same = table.groupby("segment")[value].first()
        found = summary.set_index("segment")[value]
        np.testing.assert_allclose(found[list("abcd")], same, err_msg=f"{how}: add a column")
    assert summary["segment"][0] == "a", f"{how}: small_is_best"


@pytest.mark.parametrize("value", sat.VALUES)
def test_a_value_is_complete(value: str) -> None:
    entry = sat.VALUES[value]
    assert_says_what_it_is(entry)
    assert value in sat.COLUMNS
    assert f'- "{value}": {entry.about}' in docstring(sat.aggregate)
    assert entry.axis_title
    assert entry.small_is_best == (value == "rank")


def docstring(function: Any) -> str:
    return " ".join(function.__doc__.split())


def assert_says_what_it_is(entry: Entry) -> None:
    assert entry.title
    assert re.fullmatch(r"[A-Z][^\n]+[a-z0-9)]\.", entry.about), "about: one sentence"
    assert not entry.version, "entries of the package have the package's version"


def assert_shows(table: pd.DataFrame, how: str, value: str, folder: Path) -> None:
    """In memory, on disk where it can be, after sorting and renaming, and after a CSV file."""
    entry, summary = sat.AGGREGATIONS[how], sat.aggregate(table, how=how, value=value)
    result = entry.result(value)
    assert list(summary.columns) == ["method", "segment", result.column, "n_images"]
    assert result.title
    assert result.column == (entry.column or value)
    json.dumps(summary.attrs)
    changed = summary.sort_values("segment").replace({"segment": {"eyes": "both eyes"}})
    path = sat.write_table(table, folder / f"{how} {value}.parquet")
    pd.testing.assert_frame_equal(sat.aggregate(path, how=how, value=value), summary)
    summary.to_csv(folder / "summary.csv", index=False)
    read = pd.read_csv(folder / "summary.csv")
    pd.testing.assert_frame_equal(read, summary)
    for frame in (summary, changed, read):
        assert result_of(frame) == result


def toy_table() -> pd.DataFrame:
    table = sat.build(*toy(6))
    return table.assign(predicted=(table["image_id"] > "image_02").astype("Int64"))


def one_segment(values: list[float]) -> pd.DataFrame:
    """A segment that has these means, one an image."""
    masks = {str(i): SegmentationMap(("a",), np.ones((1, 1, 1), bool)) for i in range(len(values))}
    maps = {str(i): np.array([[v]]) for i, v in enumerate(values)}
    return sat.build({"m": maps}, masks, pad_px=0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.29, 0.49])
def test_trimmed_mean_is_scipys(share: float) -> None:
    values = np.random.default_rng(0).standard_cauchy(37).tolist()
    summary = sat.aggregate(one_segment(values), how="trimmed_mean", parameters={"share": share})
    assert summary["mean_attribution"].item() == pytest.approx(trim_mean(values, share))


def test_a_share_is_meant_in_decimals() -> None:
    """0.29 of 100 images are 29, though the product of the floats is a bit less."""
    values = [1e6] * 29 + [0.0] * 42 + [-1e6] * 29
    assert 0.29 * 100 < 29
    summary = sat.aggregate(one_segment(values), how="trimmed_mean", parameters={"share": 0.29})
    assert summary["mean_attribution"].item() == 0


def test_outliers_move_means_and_not_medians() -> None:
    values = [1.0] * 9 + [1e6]
    for how in ("median", "trimmed_mean"):
        assert sat.aggregate(one_segment(values), how=how)["mean_attribution"].item() == 1.0


def test_top_k_counts_absence_and_reads_stored_ranks(table: pd.DataFrame) -> None:
    sharp = table[table["method"] == "sharp"]
    top = sat.aggregate(sharp, how="top_k", parameters={"k": 5}).set_index("segment")
    assert top.loc["ears", "top_k_fraction"] == 15 / 20
    assert top.loc["eyes", "top_k_fraction"] == 1
    without_eyes = sharp[sharp["segment"] != "eyes"]
    first = sat.aggregate(without_eyes, how="top_k", parameters={"k": 1})
    assert (first["top_k_fraction"] == 0).all(), "filtering never re-ranks"


def test_ties_across_the_border_are_not_among_the_best() -> None:
    flat = {"m": {"i": np.ones((1, 4))}}
    four = SegmentationMap(tuple("abcd"), np.eye(4, dtype=bool)[:, None, :])
    table = sat.build(flat, {"i": four}, pad_px=0)
    for k, share in ((2, 0), (3, 1), (4, 1)):  # all four share the rank 2.5
        best = sat.aggregate(table, how="top_k", parameters={"k": k})
        assert (best["top_k_fraction"] == share).all()


def with_classes(importance: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """One image each of class 0 and of class 1, whose segments have these means."""
    names = tuple(importance)
    masks = SegmentationMap(names, np.eye(len(names), dtype=bool)[:, None, :])
    maps = {str(c): np.array([[importance[name][c] for name in names]]) for c in (0, 1)}
    labels = {"0": 0, "1": 1}
    return sat.build({"m": maps}, {"0": masks, "1": masks}, pad_px=0, labels=labels)


def test_homogeneity_favours_what_one_class_has_alone() -> None:
    """By hand: the watermark belongs to class 1, the sky to both, the mane is in between."""
    table = with_classes({"sky": (4.0, 4.0), "watermark": (0.0, -4.0), "mane": (9.0, 1.0)})
    summary = sat.aggregate(table, how="homogeneity", parameters={"classes": "label"})
    by_segment = summary.set_index("segment")["importance"]
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))  # of sqrt(9) and sqrt(1)
    assert by_segment["sky"] == pytest.approx(0, abs=1e-12)
    assert by_segment["watermark"] == pytest.approx(2.0)
    assert by_segment["mane"] == pytest.approx((1 - entropy / np.log(2)) * 4)
    of = {"classes": "label", "of": 0}
    zebra = sat.aggregate(table, how="homogeneity", parameters=of).set_index("segment")
    assert zebra.loc["mane", "importance"] == pytest.approx((1 - entropy / np.log(2)) * 3)
    assert zebra.loc["watermark", "importance"] == 0
    plain = sat.aggregate(table.assign(label=pd.NA).astype({"label": "Int64"}), how="lime")
    assert plain["segment"].tolist() == ["mane", "sky", "watermark"]


def test_homogeneity_of_segments_that_are_spread_alike_counts_fully() -> None:
    table = with_classes({"a": (1.0, 1.0), "b": (4.0, 4.0), "none": (0.0, 0.0)})
    summary = sat.aggregate(table, how="homogeneity", parameters={"classes": "label"})
    assert summary["importance"].tolist() == [4.0, 2.0, 0.0]


def test_homogeneity_needs_classes(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="column 'predicted' holds 0 .*labels="):
        sat.aggregate(table, how="homogeneity")
    labelled = with_classes({"a": (1.0, 2.0)})
    with pytest.raises(sat.InvalidInput, match="'label' holds 1 .*out of `by`"):
        sat.aggregate(
            labelled, how="homogeneity", by=("method", "label"), parameters={"classes": "label"}
        )
    with pytest.raises(sat.InvalidInput, match="of: no image of class 7; there are 0, 1"):
        sat.aggregate(labelled, how="homogeneity", parameters={"classes": "label", "of": 7})


@pytest.mark.parametrize("how", ["median", "trimmed_mean", "top_k", "lime"])
def test_groups_are_kept_apart(table: pd.DataFrame, how: str) -> None:
    two = pd.concat([table, table.assign(model="other", rank=1.0, mean_attribution=0.0)])
    both = sat.aggregate(two, how=how, by=("method", "model"))
    for method in ("sharp", "noisy"):
        alone = sat.aggregate(table[table["method"] == method], how=how)
        part = both.query("method == @method and model == 'model'").drop(columns="model")
        pd.testing.assert_frame_equal(part.reset_index(drop=True), alone)
    with pytest.raises(sat.InvalidInput, match="holds 2 models"):
        sat.aggregate(two, how=how)


def test_groups_without_a_name_are_groups(table: pd.DataFrame) -> None:
    """An image whose class is not known stays, as it does under the paper's aggregations."""
    labels = pd.array(np.where(table["image_id"] < "image_10", 1, 0), "Int64")
    labels[labels == 0] = pd.NA
    half = table.assign(label=labels)
    keys = ["method", "label", "segment", "n_images"]
    rows = sat.aggregate(half, how="median", by=("method", "label"))
    sums = sat.aggregate(half, how="relative", by=("method", "label"))
    assert len(rows) == 20
    pd.testing.assert_frame_equal(
        rows[keys].sort_values(keys).reset_index(drop=True),
        sums[keys].sort_values(keys).reset_index(drop=True),
    )


@pytest.mark.parametrize("how", ["relative", "median", "top_k", "lime"])
def test_images_without_segments_and_tables_without_rows(how: str) -> None:
    nothing = SegmentationMap((), np.zeros((0, 2, 2), bool))
    vacant = sat.build({"m": {"i": np.ones((2, 2))}}, {"i": nothing})
    assert len(sat.aggregate(vacant, how=how)) == 0
    assert len(sat.aggregate(vacant.iloc[:0], how=how)) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"how": "top_k", "value": "mean_attribution"}, "how='top_k' takes 'rank', got 'mean"),
        ({"how": "lime", "value": "rank"}, "takes 'mean_attribution' or 'abs_mean_attribution'"),
        ({"how": "median", "parameters": {"k": 3}}, "parameters: 'median' takes none, got 'k'"),
        ({"how": "top_k", "parameters": {"n": 3}}, "parameters: unknown name 'n'. .*Valid: 'k'"),
        ({"how": "top_k", "parameters": {"k": 0}}, "k: expected a whole number >= 1, got 0"),
        ({"how": "top_k", "parameters": {"k": True}}, "k: expected a whole number >= 1, got True"),
        ({"how": "trimmed_mean", "parameters": {"share": 0.5}}, "share: expected a share from 0"),
        ({"how": "trimmed_mean", "parameters": {"share": -0.01}}, "share: expected a share from 0"),
        ({"how": "homogeneity", "parameters": {"of": 0.5}}, "of: expected a class number, or None"),
        ({"how": "homogeneity", "parameters": {"classes": "model"}}, "'predicted' or 'label', got"),
        ({"how": "top_k", "parameters": 3}, "parameters: expected {parameter: value}, got int 3"),
        ({"how": "top_k", "by": ("segment",)}, "by: 'segment' cannot be kept apart"),
    ],
)
def test_what_an_aggregation_does_not_take(
    table: pd.DataFrame, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.aggregate(table, **options)


@pytest.mark.parametrize("how", ["median", "trimmed_mean", "top_k"])
@given(order=st.permutations(range(40)))
@settings(max_examples=3)
def test_order_of_rows_never_matters(order: list[int], how: str) -> None:
    table = sat.build(*toy(4))
    shuffled = table.iloc[[i for i in order if i < len(table)]]
    pd.testing.assert_frame_equal(
        sat.aggregate(table, how=how), sat.aggregate(shuffled, how=how), rtol=1e-12
    )


# Aggregations of the user's own.


def spread(rows: pd.DataFrame, value: str) -> pd.Series:
    return rows.groupby("segment")[value].max() - rows.groupby("segment")[value].min()


def test_a_function_is_an_aggregation_with_a_column_of_its_name(table: pd.DataFrame) -> None:
    summary = sat.aggregate(table, how=spread, value="rank")
    assert list(summary.columns) == ["method", "segment", "spread", "n_images"]
    assert summary.attrs["sat_nb"]["how"] == "spread"
    by_segment = summary.set_index(["method", "segment"])["spread"]
    assert by_segment["sharp", "eyes"] == 0
    assert by_segment["noisy", "eyes"] == np.ptp(
        table.query("method == 'noisy' and segment == 'eyes'")["rank"]
    )
    assert result_of(summary) == Result("spread", "spread", small_is_best=False)
    anonymous = sat.aggregate(table, how=lambda rows, value: spread(rows, value))
    assert list(anonymous.columns) == ["method", "segment", "lambda", "n_images"]


def test_an_entry_of_sums_works_in_memory_on_disk_and_under_its_name(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Aggregation(
        name="share",
        version="2",
        about="Share of the images that have the segment.",
        needs="sums",
        function=lambda sums, times: times * sums["n_images"] / sums["n_all"],
        column="present_fraction",
        column_title="share of images",
        small_is_best=True,
        parameters={"times": Parameter(1, lambda times: times > 0, "a number > 0")},
    )
    summary = sat.aggregate(table, how=share)
    assert summary["segment"].tolist()[0] == "ears"
    assert summary["present_fraction"].tolist()[:2] == [0.75, 1.0]
    assert summary.attrs["sat_nb"]["how"] == "share@2"
    assert result_of(summary) == Result("present_fraction", "share of images", small_is_best=True)
    path = sat.write_table(table, tmp_path / "t")
    pd.testing.assert_frame_equal(sat.aggregate(path, how=share), summary)
    twice = sat.aggregate(table, how=share, parameters={"times": 2})
    assert twice["present_fraction"].tolist()[:2] == [1.5, 2.0]
    with_bounds = sat.intervals(table, how=share, n_resamples=200)
    assert result_of(with_bounds) == result_of(summary)
    monkeypatch.setitem(sat.AGGREGATIONS, "share", share)
    pd.testing.assert_frame_equal(sat.aggregate(table, how="share"), summary)
    read = pd.DataFrame(summary.to_dict())
    assert result_of(read) == result_of(summary), "the registry knows the column"


def test_the_result_of_frames_without_a_note(table: pd.DataFrame) -> None:
    summary = sat.aggregate(table, how=spread, value="rank")
    renamed = summary.rename(columns={"spread": "range of ranks"})
    assert result_of(renamed) == Result("range of ranks", "range of ranks", small_is_best=False)
    ranks = sat.aggregate(table, value="rank").rename(columns={"rank": "our rank"})
    assert result_of(ranks) == Result("our rank", "our rank", small_is_best=True)
    bare = pd.DataFrame(renamed.assign(low=0.0, high=1.0, n_units=3, interval="bca").to_dict())
    assert result_of(bare).column == "range of ranks"
    for wrong in (bare.assign(other=1.0), bare.drop(columns="range of ranks"), table, [1]):
        with pytest.raises(sat.InvalidInput, match="summary: expected the result of sat_nb.agg"):
            result_of(wrong)


@pytest.mark.parametrize(
    ("returned", "came"),
    [
        (lambda rows, value: 3.0, "it returned float"),
        (lambda rows, value: rows[value], r"a Series of float64 with the index \[4, 5, 6, 7, 13\]"),
        (
            lambda rows, value: rows.groupby("segment")["position"].first(),
            "a Series of (obj|str)",
        ),
        (lambda rows, value: pd.Series({"eyes": 1.0, "wings": 2.0}), r"\['eyes', 'wings'\]"),
        (lambda rows, value: pd.Series([1.0, 2.0], index=["eyes", "eyes"]), "'eyes', 'eyes'"),
    ],
)
def test_functions_that_do_not_return_numbers_by_segment(
    table: pd.DataFrame, returned: Any, came: str
) -> None:
    with pytest.raises(sat.InvalidInput, match=f"how: the function of 'lambda' must.*{came}"):
        sat.aggregate(table, how=returned)


def test_a_function_of_sums_must_give_every_segment_a_number(table: pd.DataFrame) -> None:
    some = Aggregation(name="some", needs="sums", function=lambda sums: sums["total"].iloc[:3])
    with pytest.raises(sat.InvalidInput, match="'some' must return .* one entry for each segment"):
        sat.aggregate(table, how=some)


def test_a_function_of_rows_may_leave_segments_out(table: pd.DataFrame) -> None:
    def usual(rows: pd.DataFrame, value: str) -> pd.Series:
        groups = rows.groupby("segment")[value]
        return groups.mean()[groups.size() > 15]

    assert "ears" not in sat.aggregate(table, how=usual)["segment"].tolist()


@pytest.mark.parametrize("column", ["segment", "n_images", "rank", "low"])
def test_columns_that_aggregates_use(column: str) -> None:
    with pytest.raises(sat.InvalidInput, match=f"column: '{column}' is a column of the table or"):
        Aggregation(name="mine", function=spread, column=column)


def test_entries_that_make_no_sense(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="needs: unknown name 'row'. Did you mean 'rows'"):
        Aggregation(name="mine", function=spread, needs="row")  # type: ignore[arg-type]
    with pytest.raises(sat.InvalidInput, match="how: the name 'median' is taken by the package"):
        sat.aggregate(table, how=Aggregation(name="median", function=spread, column="m"))
    own = Aggregation(name="own", function=spread, column="spread")
    with pytest.raises(sat.InvalidInput, match="by: 'spread' is the column of the result"):
        sat.aggregate(table.assign(spread=1), how=own, by=("method", "spread"))
    with pytest.raises(sat.InvalidInput, match="Valid: .*, a sat_nb.Aggregation .*, a function"):
        sat.aggregate(table, how=3)  # type: ignore[arg-type]
