"""The main job, small: everything but the numbers is as in the large one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.reproduction import cnn, quickstart
from sat_nb.reproduction.quickstart import Settings

SMALL = Settings(
    n_train=12, n_test=6, px=48, epochs=2, methods=("lrp.z", "gradient"), n_explained=5
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quickstart")


@pytest.fixture(scope="module")
def result(tensorflow: Any, work: Path) -> quickstart.Quickstart:
    return quickstart.run(work, settings=SMALL)


def test_both_models_explain_the_same_marked_zebras(result: quickstart.Quickstart) -> None:
    table = result.table
    assert set(table["model"]) == {"half_marked", "unmarked"}
    assert set(table["method"]) == {"lrp.z", "gradient"}
    assert table.groupby("model")["image_id"].nunique().tolist() == [5, 5]
    assert all(image_id.startswith("zebra") for image_id in table["image_id"])
    marked = table[table["segment"] == "watermark"]
    assert marked.groupby(["model", "method"]).size().tolist() == [5, 5, 5, 5]
    assert table["target"].unique().tolist() == [result.photos.target] == [1]
    assert result.accuracy.to_numpy().min() >= 0
    assert list(result.accuracy) == ["clean", "marked"]
    marked, unmarked = (result.maps_by_model[m]["lrp.z"] for m in ("half_marked", "unmarked"))
    assert list(marked) == list(unmarked) == list(result.photos.segments)
    assert not any((marked[i] == unmarked[i]).all() for i in marked)


def test_a_second_call_uses_all_of_the_first(
    work: Path, result: quickstart.Quickstart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn, "train_cnn", None)
    files = {file: file.stat().st_mtime_ns for file in work.rglob("*.map")}
    again = quickstart.run(work, settings=SMALL)
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
    twins = replace(result, table=pd.concat([same.assign(model="half_marked"), same]))
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


def test_sizes_are_named() -> None:
    with pytest.raises(sat.InvalidInput, match="size: unknown name 'huge'.*'tiny'"):
        quickstart.run("work", size="huge")
