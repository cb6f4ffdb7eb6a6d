"""The main job, small: everything but the numbers is as in the large one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.studies import quickstart

SMALL: dict[str, Any] = {
    "n_train": 12,
    "n_test": 6,
    "size": 48,
    "epochs": 2,
    "methods": ("lrp.z", "gradient"),
    "n_explained": 5,
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quickstart")


@pytest.fixture(scope="module")
def result(work: Path) -> quickstart.Quickstart:
    return quickstart.run(work, **SMALL)


def test_both_models_explain_the_same_marked_zebras(result: quickstart.Quickstart) -> None:
    table = result.table
    assert set(table["model"]) == {"half_marked", "unmarked"}
    assert set(table["method"]) == {"lrp.z", "gradient"}
    assert table.groupby("model")["image_id"].nunique().tolist() == [5, 5]
    assert all(image_id.startswith("test_marked/zebra") for image_id in table["image_id"])
    marked = table[table["segment"] == "watermark"]
    assert marked.groupby(["model", "method"]).size().tolist() == [5, 5, 5, 5]
    assert table["target"].unique().tolist() == [quickstart.ZEBRA]
    assert result.accuracy.to_numpy().min() >= 0
    assert list(result.accuracy) == ["clean", "marked"]
    assert {m: store.model for m, store in result.maps_by_model.items()} == {
        "half_marked": "half_marked",
        "unmarked": "unmarked",
    }


def test_half_of_the_training_zebras_carry_it(result: quickstart.Quickstart) -> None:
    marked = [i for i in result.data.train if i in result.data.watermarks]
    assert len(marked) == 6
    assert all("zebra" in image_id for image_id in marked)


def test_a_second_call_uses_all_of_the_first(
    work: Path, result: quickstart.Quickstart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart.cnn, "train_cnn", None)
    files = {file: file.stat().st_mtime_ns for file in work.rglob("*.map")}
    again = quickstart.run(work, **SMALL)
    pd.testing.assert_frame_equal(again.table, result.table)
    assert {file: file.stat().st_mtime_ns for file in work.rglob("*.map")} == files


def test_the_finding_says_the_tables_numbers(result: quickstart.Quickstart) -> None:
    said = quickstart.finding(result)
    ranks = sat.aggregate(result.table, value="rank", by=("method", "model"))
    chosen = ranks.query("method == 'lrp.z' and segment == 'watermark'").set_index("model")["rank"]
    assert f"{chosen['half_marked']:.1f} (place" in said
    assert f"{chosen['unmarked']:.1f} (place" in said
    assert f"{result.accuracy.loc['unmarked', 'clean']:.1%}" in said


def test_the_finding_claims_no_more_than_the_test(result: quickstart.Quickstart) -> None:
    same = result.table[result.table["model"] == "unmarked"]
    equal = pd.concat([same.assign(model="half_marked"), same])
    twins = quickstart.Quickstart(result.data, result.maps, equal, result.accuracy, result.share)
    assert "p = 1, so the tables do not tell the two models apart" in quickstart.finding(twins)


def test_figures_are_drawn_with_their_numbers(
    result: quickstart.Quickstart, tmp_path: Path
) -> None:
    files = quickstart.draw(result, tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    assert len(files) == 15, "the overview, and two pictures a method, each as SVG, PNG and CSV"
    numbers = pd.read_csv(tmp_path / "overview.csv")
    pd.testing.assert_frame_equal(
        numbers, quickstart.watermark_ranks(result), check_exact=False, rtol=1e-5
    )
