"""Classes: pooled, or kept apart by label, by prediction, or by correct and wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.table.classes import CLASSES
from sat_nb.toy import toy

KEYS = {
    "label": lambda rows: rows["label"],
    "predicted": lambda rows: rows["predicted"],
    "correct": lambda rows: (rows["label"] == rows["predicted"]).astype(bool),
}


@pytest.fixture(scope="module")
def labelled() -> pd.DataFrame:
    maps, segments = toy(30)
    table = sat.build(maps, segments, labels={i: n % 2 for n, i in enumerate(segments)})
    table["predicted"] = pd.array(table["image_id"].str[-2:].astype(int) // 5 % 2, dtype="Int64")
    return table.assign(target=table["predicted"])


def unlabelled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=pd.array([pd.NA] * len(table), dtype="Int64"))


@pytest.mark.parametrize("partition_by", [(), ("method",), ("label", "predicted")])
@pytest.mark.parametrize("how", ["relative", "absolute"])
def test_each_class_is_what_a_filter_gives(
    labelled: pd.DataFrame, how: str, partition_by: tuple[str, ...], tmp_path: Path
) -> None:
    path = sat.write_table(labelled, tmp_path / "t", partition_by=partition_by)
    for name, key in KEYS.items():
        found = sat.aggregate(labelled, how=how, value="rank", classes=name)
        for value, rows in labelled.groupby(key(labelled)):
            alone = sat.aggregate(rows, how=how, value="rank", classes="pool")
            own = found[found[name] == value].drop(columns=name)
            pd.testing.assert_frame_equal(own.reset_index(drop=True), alone)
        pd.testing.assert_frame_equal(
            sat.aggregate(path, how=how, value="rank", classes=name), found
        )
    pooled = sat.aggregate(unlabelled(labelled).assign(target=1), how=how, value="rank")
    for one in (labelled, path):
        found = sat.aggregate(one, how=how, value="rank", classes="pool")
        pd.testing.assert_frame_equal(found, pooled)


def test_rows_are_grouped_too(labelled: pd.DataFrame) -> None:
    found = sat.aggregate(labelled, how="median", value="rank", classes="correct")
    assert list(found.columns[:3]) == ["method", "correct", "segment"]
    assert set(found["correct"]) == {True, False}


def test_intervals_take_the_same(labelled: pd.DataFrame) -> None:
    for name in CLASSES:
        found = sat.intervals(labelled, value="rank", classes=name, n_resamples=200)
        means = sat.aggregate(labelled, value="rank", classes=name)
        pd.testing.assert_frame_equal(found[list(means)], means)
        assert (found["low"] <= found["rank"]).all()


def test_compare_and_difference_give_one_result_a_class(labelled: pd.DataFrame) -> None:
    other = labelled.assign(model="b", predicted=1 - labelled["predicted"])
    for name, key in KEYS.items():
        found = sat.compare(labelled, method="noisy", classes=name, missing="complete")
        assert list(found) == sorted(key(labelled).unique())
        for value, result in found.items():
            rows = labelled[key(labelled) == value]
            alone = sat.compare(rows, method="noisy", classes="pool", missing="complete")
            pd.testing.assert_frame_equal(result.pairs(), alone.pairs())
    options = {"method": "noisy", "n_resamples": 200}
    by_label = sat.difference(labelled, other, classes="label", **options)
    assert {label: d.n_total for label, d in by_label.items()} == {0: 15, 1: 15}
    both = sat.difference(labelled, other, classes="correct", **options)
    assert set(both) == {(True, False), (False, True)}
    assert sat.difference(labelled, other, classes="pool", **options).n_total == 30


def test_a_class_of_one_image_is_left_out_by_name(labelled: pd.DataFrame) -> None:
    one = labelled["image_id"] == "image_00"
    rare = labelled.assign(label=labelled["label"].mask(one, 7))
    with pytest.warns(UserWarning, match=r"left out 1 of 3 \(label 7\)"):
        assert list(sat.compare(rare, method="sharp", classes="label")) == [0, 1]
    with pytest.warns(UserWarning, match=r"left out 1 of 3 \(label 7\)"):
        found = sat.difference(
            rare, rare.assign(model="b"), method="sharp", classes="label", n_resamples=200
        )
    assert list(found) == [0, 1]


def calls(table: pd.DataFrame, path: Path) -> list:
    def call(**options: object) -> list:
        return [
            lambda: sat.aggregate(table, **options),
            lambda: sat.aggregate(path, **options),
            lambda: sat.intervals(table, n_resamples=200, **options),
            lambda: sat.compare(table, method="sharp", **options),
            lambda: sat.difference(table, table, method="sharp", n_resamples=200, **options),
        ]

    return call


def test_mixing_is_an_error_whose_remedies_work(labelled: pd.DataFrame, tmp_path: Path) -> None:
    declared = unlabelled(labelled)
    declared["predicted"] = 1 - declared["predicted"]
    for table, said, names in (
        (labelled, "holds 2 classes .0, 1.; pool them with classes='pool'", list(CLASSES)),
        (declared, "holds 2 targets, and no labels .0, 1.", ["pool"]),
    ):
        path = sat.write_table(table, tmp_path / f"{len(names)}.parquet")
        for call in calls(table, path)():
            with pytest.raises(sat.InvalidInput, match=said):
                call()
        for name in names:
            for call in calls(table, path)(classes=name):
                call()


def test_several_predicted_classes_without_labels_are_pooled_with_a_warning(
    labelled: pd.DataFrame, tmp_path: Path
) -> None:
    table = unlabelled(labelled)
    path = sat.write_table(table, tmp_path / "t.parquet")
    for call in calls(table, path)():
        with pytest.warns(UserWarning, match="predicts 2 classes .* and no labels are known"):
            call()
    for name in ("pool", "predicted"):
        for call in calls(table, path)(classes=name):
            call()


def test_one_class_and_several_targets_are_not_mixed(labelled: pd.DataFrame) -> None:
    zero = labelled[labelled["label"] == 0]
    assert zero["target"].nunique() == 2
    assert len(sat.aggregate(zero)) == 10


def test_classes_that_are_not_known_are_refused(labelled: pd.DataFrame, tmp_path: Path) -> None:
    table = unlabelled(labelled)
    path = sat.write_table(table, tmp_path / "t.parquet")
    for name in ("label", "correct"):
        for call in calls(table, path)(classes=name):
            with pytest.raises(sat.InvalidInput, match="30 images have no 'label': .*pass labels="):
                call()
    for call in calls(table, path)(classes="lable"):
        with pytest.raises(sat.InvalidInput, match="classes: unknown name 'lable'"):
            call()


def test_functions_of_one_result_pool(labelled: pd.DataFrame) -> None:
    noisy = labelled[labelled["method"] == "noisy"]
    one = unlabelled(labelled).assign(target=1)
    for function, options in (
        (sat.unusual_images, {}),
        (sat.varying_segments, {}),
        (sat.disagreeing_methods, {}),
        (sat.evidence, {"method": "noisy"}),
        (sat.ranking_stability, {"n_repeats": 5}),
        (sat.size_effect, {}),
        (sat.compare_missing, {"method": "noisy"}),
    ):
        with pytest.raises(sat.InvalidInput, match="classes='pool'"):
            function(labelled, **options)
        found = function(labelled, classes="pool", **options)
        pd.testing.assert_frame_equal(found, function(one, **options))
        with pytest.raises(sat.InvalidInput, match="classes: expected 'pool'"):
            function(noisy, classes="label", **options)
    assert sat.consensus(labelled, classes="pool").w == sat.consensus(one).w
    assert np.isfinite(sat.consensus(one).w)
