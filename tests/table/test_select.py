from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb.table.filters import FILTERS, IMAGE_FILTERS
from sat_nb.toy import toy

KEY = ["image_id", "model", "method"]


@pytest.fixture
def rich(table: pd.DataFrame) -> pd.DataFrame:
    return enriched(table)


def enriched(table: pd.DataFrame) -> pd.DataFrame:
    """Two models of the toy table, with classes, predictions, scores and a column of one's own."""
    number = table["image_id"].str[-2:].astype("Int64")
    one = table.assign(
        label=number % 2,
        predicted=(number % 3).clip(upper=1),
        score=np.linspace(0.2, 0.9, len(table)),
        camera=np.where(number < 12, "old", "new"),
    )
    both = pd.concat([one, one.assign(model="other")], ignore_index=True)
    both.attrs = table.attrs
    return both


RICH = enriched(sat.build(*toy()))


def images(table: pd.DataFrame) -> set[tuple]:
    return set(table[KEY].itertuples(index=False, name=None))


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold a segment."""
    return table[table["segment"].notna()]


# --- each filter is its plain condition ---------------------------------------------------------

CONDITIONS = {
    "methods": ("noisy", lambda t: t["method"] == "noisy"),
    "models": (["other"], lambda t: t["model"] == "other"),
    "labels": (1, lambda t: t["label"] == 1),
    "predicted": ([0], lambda t: t["predicted"] == 0),
    "correct": (False, lambda t: t["label"] != t["predicted"]),
    "segments": (("eyes", "ears"), lambda t: t["segment"].isin(["eyes", "ears"])),
    "without": ("rest", lambda t: t["segment"] != "rest"),
    "positions": ("top-centre", lambda t: t["position"] == "top-centre"),
    "min_fraction": (0.4, lambda t: t["mask_fraction"] >= 0.4),
    "max_fraction": (0.3, lambda t: t["mask_fraction"] <= 0.3),
    "min_px": (100, lambda t: t["mask_px"] >= 100),
    "max_px": (100, lambda t: t["mask_px"] <= 100),
    "min_score": (0.5, lambda t: t["score"] >= 0.5),
    "min_images": (16, lambda t: t["segment"] != "ears"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_is_complete(name: str) -> None:
    """A keyword of select that its docstring explains, and a condition in this file."""
    entry, keyword = FILTERS[name], inspect.signature(sat.select).parameters[name]
    assert name in CONDITIONS, f"CONDITIONS: add {name}"
    assert keyword.kind is keyword.KEYWORD_ONLY
    assert keyword.default is None
    assert entry.name == entry.key == name
    assert entry.title
    assert re.fullmatch(r"[A-Z].*[^.]\.", entry.about), "about: one sentence"
    assert re.search(rf"{name} : [^\n]+ optional {re.escape(entry.about)}", docstring(sat.select))
    assert entry.column in (*sat.COLUMNS, "")


def docstring(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


LIMITS = [name for name, entry in FILTERS.items() if entry.takes in ("number", "share")]


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_inclusive(name: str) -> None:
    """Of the values that segments have, one is the limit; the next float beyond it is not."""
    rich = RICH.assign(segment=RICH["segment"] + RICH["label"].astype(str))  # ears: 5 and 10 images
    column = FILTERS[name].column
    counts = rich.groupby(["model", "method", "segment"])["image_id"].transform("size")
    values = rich[column].astype(float) if column else counts.astype(float)
    smallest, known = name.startswith("min_"), np.unique(values)
    limit = float(known[(len(known) - 1) // 2 if smallest else len(known) // 2])
    passing = values >= limit if smallest else values <= limit
    assert (values == limit).any()
    pd.testing.assert_frame_equal(rows(sat.select(rich, **{name: limit})), rich[passing])
    beyond = float(np.nextafter(limit, np.inf if smallest else -np.inf))
    left = rows(sat.select(rich, **{name: beyond}))
    pd.testing.assert_frame_equal(left, rich[passing & (values != limit)])


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("limit", ["5", None, [3]])
def test_limits_are_numbers(name: str, limit: Any) -> None:
    if limit is None:
        pd.testing.assert_frame_equal(sat.select(RICH, **{name: None}), RICH)
        return
    with pytest.raises(
        sat.InvalidInput, match=re.escape(f"{name}: expected a number, got {limit!r}")
    ):
        sat.select(RICH, **{name: limit})


@pytest.mark.parametrize("name", [n for n in LIMITS if FILTERS[n].takes == "share"])
def test_shares_are_from_0_to_1(name: str) -> None:
    for limit in (-0.001, 1.001):
        with pytest.raises(sat.InvalidInput, match=f"{name}: expected a share of the map from 0"):
            sat.select(RICH, **{name: limit})
    whole = {"min_fraction": 0, "max_fraction": 1}[name]
    pd.testing.assert_frame_equal(sat.select(RICH, **{name: whole}), RICH)
    with pytest.raises(sat.InvalidInput, match=f"no segment is left of 380 .{name} leaves 0"):
        sat.select(RICH, **{name: 1 - whole})


@pytest.mark.parametrize(("low", "high"), [("min_px", "max_px"), ("min_fraction", "max_fraction")])
def test_limits_may_meet_and_must_not_cross(low: str, high: str) -> None:
    value = RICH[FILTERS[low].column].iloc[0].item()
    met = sat.select(RICH, **{low: value, high: value})
    assert rows(met)[FILTERS[low].column].eq(value).all()
    with pytest.raises(sat.InvalidInput, match=f"{low}: .* is more than {high}, "):
        sat.select(RICH, **{low: value, high: value * 0.99})


@pytest.mark.parametrize("name", CONDITIONS)
def test_each_filter_is_its_condition(rich: pd.DataFrame, name: str) -> None:
    wanted, condition = CONDITIONS[name]
    found = sat.select(rich, **{name: wanted})
    passing = condition(rich).fillna(False)
    assert 0 < passing.sum() < len(rich)
    pd.testing.assert_frame_equal(rows(found), rich[passing], check_dtype=False)
    whole = rich[passing] if name in IMAGE_FILTERS else rich
    assert images(found) == images(whole), "a filter of segments keeps every image"
    assert list(found.columns) == list(rich.columns)


@settings(max_examples=20)
@given(
    st.sets(st.sampled_from(sorted(CONDITIONS.keys() - {"max_fraction"})), min_size=2, max_size=4),
    st.randoms(),
)
def test_filters_go_together_and_in_any_order(names: set[str], random: object) -> None:
    rich = RICH
    names_in_turn = sorted(names - {"min_images"})
    random.shuffle(names_in_turn)  # type: ignore[attr-defined]
    wanted = {name: CONDITIONS[name][0] for name in names}
    passing = np.logical_and.reduce(
        [CONDITIONS[name][1](rich).fillna(False) for name in names_in_turn]
    )
    expected = rich[passing]
    if "min_images" in names:
        counts = expected.groupby(["model", "method", "segment"])["image_id"].transform("nunique")
        expected = expected[counts >= 16]
    if expected.empty:
        with pytest.raises(sat.InvalidInput, match="no segment is left"):
            sat.select(rich, **wanted)
        return
    found = sat.select(rich, **wanted)
    pd.testing.assert_frame_equal(rows(found), expected, check_dtype=False)


# --- images that lose all their segments --------------------------------------------------------


def test_an_image_without_segments_left_counts_in_absolute(rich: pd.DataFrame) -> None:
    """image_00 has no ears: its five absent ranks are n + 1 = 5, whatever else was filtered."""
    one = rich.query("model == 'model'").assign(label=pd.NA).astype({"label": "Int64"})
    whole = sat.aggregate(one, how="absolute", value="rank")
    ears = sat.aggregate(sat.select(one, segments="ears"), how="absolute", value="rank")
    expected = whole.query("segment == 'ears'").reset_index(drop=True)
    pd.testing.assert_frame_equal(ears, expected)
    vacant = sat.select(one, segments="ears").query("segment.isna()")
    assert len(vacant) == 10
    assert (vacant["n_segments"] == 4).all()


def test_the_row_that_stays_says_nothing_of_segments(rich: pd.DataFrame) -> None:
    own = rich.assign(colour=np.where(rich["segment"] == "eyes", "blue", "brown"), day=3)
    vacant = sat.select(own, segments="ears").query("segment.isna()")
    filled = vacant.columns[vacant.notna().all()]
    assert set(filled) == {
        *(*KEY, "label", "predicted", "n_segments", "tie_tolerance", "camera", "day")
    }
    built = sat.build(
        {"m": {"x": np.ones((2, 2))}}, {"x": sat.SegmentationMap((), np.ones((0, 2, 2), bool))}
    )
    assert built.columns[built.notna().all()].tolist() == [
        "image_id",
        "model",
        "method",
        "n_segments",
        "tie_tolerance",
    ]
    kept = sat.select(own, segments="ears").dtypes
    pd.testing.assert_series_equal(kept, own.dtypes)


def test_images_that_keep_a_segment_have_no_such_row(rich: pd.DataFrame) -> None:
    assert sat.select(rich, without="ears")["segment"].notna().all()


def test_rows_of_an_image_need_not_follow_each_other(rich: pd.DataFrame) -> None:
    mixed = rich.sample(frac=1, random_state=3)
    for without in ("ears", ["eyes", "nose", "mouth", "rest"]):
        expected = sat.select(rich, without=without).sort_values([*KEY, "segment"])
        found = sat.select(mixed, without=without).sort_values([*KEY, "segment"])
        columns = [*KEY, "segment", "rank", "n_segments", "label"]
        pd.testing.assert_frame_equal(
            found[columns].reset_index(drop=True), expected[columns].reset_index(drop=True)
        )
        assert found["image_id"].nunique() == 20


def test_images_without_segments_stay(rich: pd.DataFrame) -> None:
    once = sat.select(rich, segments="ears")
    pd.testing.assert_frame_equal(sat.select(once, segments="ears"), once)
    assert images(sat.select(once, labels=0)) == images(rich[rich["label"] == 0])


def test_filtering_never_reranks_and_rerank_does(rich: pd.DataFrame) -> None:
    few = sat.select(rich, segments=["mouth", "ears"])
    assert set(few.query("method == 'sharp'")["rank"]) == {3, 4}
    again = sat.rerank(few)
    assert set(again["rank"]) == {1, 2}
    assert (
        sat.rerank(sat.select(rich, segments="ears"))
        .query("segment.isna()")["n_segments"]
        .eq(0)
        .all()
    )


# --- what travels -------------------------------------------------------------------------------


def test_the_table_is_left_as_it_was_and_the_index_may_repeat(rich: pd.DataFrame) -> None:
    before, attrs = rich.copy(), dict(rich.attrs["sat_nb"])
    few = sat.select(rich, segments="ears", labels=1)
    few["rank"] = 0.0
    pd.testing.assert_frame_equal(rich, before)
    assert rich.attrs["sat_nb"] == attrs
    repeated = rich.set_axis([0] * len(rich))
    expected = sat.select(rich, segments="ears", labels=1)
    found = sat.select(repeated, segments="ears", labels=1)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected.reset_index(drop=True))


def test_the_filters_are_recorded(rich: pd.DataFrame, tmp_path: Path) -> None:
    first = sat.select(rich, labels=np.int64(1), correct=np.True_)
    second = sat.select(first, segments=pd.Series(["ears", "nose"]), min_px=4)
    saved = sat.read_table(sat.write_table(second, tmp_path / "t.parquet"))
    for found in (second, saved):
        said = found.attrs["sat_nb"]
        assert said["pad_px"] == 2
        assert said["selections"] == [
            {"filters": {"labels": [1], "correct": True}, "n_rows": [len(rich), len(first)]},
            {
                "filters": {"segments": ["ears", "nose"], "min_px": 4},
                "n_rows": [len(first), len(second)],
            },
        ]
    assert len(saved) == len(second)


def test_no_filter_is_a_copy(rich: pd.DataFrame) -> None:
    copy = sat.select(rich)
    pd.testing.assert_frame_equal(copy, rich)
    assert copy is not rich
    assert copy.attrs == rich.attrs


# --- grouping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["label", "predicted", "camera", "position", "n_segments"])
def test_any_column_groups(column: str) -> None:
    """Each group is the aggregate of its own rows."""
    one = sat.select(RICH, models="model", methods="noisy")
    by = ("method", column) if column == "label" else ("method", "label", column)
    for how in ("relative", "absolute"):
        summary = sat.aggregate(one, how=how, value="rank", by=by)
        for key, group in one.groupby(list(by)):
            alone = sat.aggregate(group, how=how, value="rank", by=by)
            here = summary[(summary[list(by)] == key).all(axis=1)].reset_index(drop=True)
            pd.testing.assert_frame_equal(here, alone)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"segments": "eye"}, "segments: unknown name 'eye'. Did you mean 'eyes'. Valid: 'eyes'"),
        ({"without": ["ears", "tail"]}, "without: unknown name 'tail'. Valid: 'eyes', 'nose'"),
        ({"positions": "left"}, "positions: unknown name 'left'.* Valid: 'top-left', 'top-centre'"),
        ({"methods": "lrp"}, "methods: unknown name 'lrp'. Valid: 'sharp', 'noisy'"),
        ({"models": "vgg"}, "models: unknown name 'vgg'. Valid: 'model', 'other'"),
        ({"labels": 7}, "labels: the table has no label 7; it holds 0, 1"),
        ({"predicted": ["cat"]}, "predicted: the table has no predicted 'cat'; it holds 0, 1"),
        ({"correct": "yes"}, "correct: expected True or False, got 'yes'"),
        ({"min_fraction": 5}, "min_fraction: expected a share of the map from 0 to 1, got 5"),
        ({"min_px": "5"}, "min_px: expected a number, got '5'"),
        ({"min_px": 9, "max_px": 8}, "min_px: 9 is more than max_px, 8"),
        (
            {"labels": 1, "min_score": 0.95},
            "no segment is left of 380 .labels leaves 200, min_score leaves 0.; loosen",
        ),
    ],
)
def test_what_cannot_be(rich: pd.DataFrame, options: dict, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        sat.select(rich, **options)


def test_classes_predictions_and_scores_that_are_not_there(
    table: pd.DataFrame, rich: pd.DataFrame
) -> None:
    said = "correct: 20 images have no 'label': 'image_00'.*; pass labels=.* to sat_nb.build"
    with pytest.raises(sat.InvalidInput, match=said):
        sat.select(table, correct=True)
    with pytest.raises(sat.InvalidInput, match="20 images have no 'predicted'.*; sat_nb.explain"):
        sat.select(rich.assign(predicted=table["predicted"]), correct=True)
    with pytest.raises(sat.InvalidInput, match="labels: the table has no label 1; it holds none"):
        sat.select(table, labels=1)
    with pytest.raises(sat.InvalidInput, match="min_score: no segment has a score"):
        sat.select(table, min_score=0.5)
    with pytest.raises(sat.InvalidInput, match="expected a DataFrame from sat_nb.build, got None"):
        sat.select(None)  # type: ignore[arg-type]
    other = rich.assign(predicted=rich["predicted"].where(rich["model"] == "model"))
    assert sat.select(other, models="model", correct=True)["model"].eq("model").all()


def test_rows_without_an_id_are_an_image_of_their_own() -> None:
    table = sat.build(*toy())
    table.loc[table["image_id"] == table["image_id"][0], "image_id"] = pd.NA
    assert len(sat.select(table, max_px=10**9)) == len(table)
