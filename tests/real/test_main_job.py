"""Photos, exports and a pretrained model to a table: the facts that must hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sat_nb as sat
from sat_nb.cli import main
from tests.oracles import tables as oracle

CHIHUAHUA = 151  # ImageNet's class number

# Relative mean ranks under Deep Taylor, from a script apart from this project.
DEEP_TAYLOR = {
    "eyes": 1.00,
    "nose": 2.04,
    "face": 3.25,
    "mouth": 3.96,
    "rest": 5.33,
    "ears": 5.36,
}


def relative_ranks(table: pd.DataFrame, method: str) -> pd.Series:
    rows = table[table["method"] == method]
    return sat.aggregate(rows, value="rank").set_index("segment")["rank"]


def test_chihuahuas_under_deep_taylor(chihuahuas: pd.DataFrame) -> None:
    ranks = relative_ranks(chihuahuas, "deep_taylor")
    assert list(ranks.index[:2]) == ["eyes", "nose"]
    assert set(ranks.index[-2:]) == {"rest", "ears"}
    for segment, expected in DEEP_TAYLOR.items():
        assert ranks[segment] == pytest.approx(expected, abs=0.1), segment


@pytest.mark.parametrize(
    ("method", "last"), [("lrp.z", {"ears", "rest"}), ("gradient", {"ears", "rest", "face"})]
)
def test_eyes_and_nose_lead_under_the_other_methods(
    chihuahuas: pd.DataFrame, method: str, last: set[str]
) -> None:
    ranks = relative_ranks(chihuahuas, method)
    assert set(ranks.index[:2]) == {"eyes", "nose"}
    assert set(ranks.index[-len(last) :]) == last


def test_the_model_sees_nine_chihuahuas(chihuahuas: pd.DataFrame) -> None:
    predicted = chihuahuas.drop_duplicates("image_id").set_index("image_id")["predicted"]
    assert len(predicted) == 24
    assert (predicted == CHIHUAHUA).sum() == 9


def test_deep_taylor_has_no_negative_relevance(chihuahuas: pd.DataFrame) -> None:
    rows = chihuahuas[chihuahuas["method"] == "deep_taylor"]
    assert (rows["total_attribution"] >= 0).all()


def test_the_table_is_the_slow_oracles(
    real_data: Path, chihuahua_maps: sat.AttributionStore, chihuahuas: pd.DataFrame
) -> None:
    segments = sat.read_segments(real_data / "chihuahua" / "exports")
    some = list(segments)[::4]
    maps = {method: {i: by_id[i] for i in some} for method, by_id in chihuahua_maps.items()}
    keys = ["image_id", "method", "segment"]
    expected = pd.DataFrame(oracle.rows(maps, segments)).set_index(keys).sort_index()
    table = chihuahuas[chihuahuas["image_id"].isin(some)].set_index(keys).sort_index()
    assert list(table.index) == list(expected.index)
    scale = expected.groupby("method")["abs_mean_attribution"].transform("mean")
    for value in ("mean_attribution", "abs_mean_attribution"):
        error = (table[value] - expected[value]).abs() / np.maximum(expected[value].abs(), scale)
        assert error.max() < 1e-6
    assert (table["rank"] == expected["rank"]).all()
    assert (table["mask_px"] == expected["mask_px"]).all()


def test_garments_through_the_command_line(
    real_data: Path, squeezenet: Path, tmp_path: Path
) -> None:
    """16 street photos, coco_rle: build, aggregate, figures."""
    photos, exports = tmp_path / "photos", tmp_path / "exports"
    for folder, source, suffix in ((photos, "images", ".jpg"), (exports, "exports", ".json")):
        folder.mkdir()
        for file in sorted((real_data / "ccp" / source).glob(f"*{suffix}"))[:16]:
            shutil.copy(file, folder)
    table = str(tmp_path / "sat.parquet")
    run(
        *["build", "--model", str(squeezenet), "--images", str(photos), "--segments", str(exports)],
        *["--methods", "deep_taylor", "--preprocess", "tests.real.conftest:squeezenet_input"],
        *["--out", table],
    )
    rows = sat.read_table(table)
    assert rows["image_id"].nunique() == 16
    assert {"background", "skin", "hair"} <= set(rows["segment"])
    assert rows.groupby("image_id")["mask_fraction"].sum().min() >= 0.999, "masks cover the photo"
    printed = run("aggregate", table, "--how", "absolute", "--value", "rank")
    assert "n_images" in printed
    assert "background" in printed
    written = run("figures", table, "--out", str(tmp_path / "figures")).split()
    assert len(written) == 8
    assert all(Path(file).stat().st_size > 0 for file in written)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout
