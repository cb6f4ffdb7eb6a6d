"""Maps of no class: their rows have no target, wherever a table is made, kept and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.stats.local_ranks import rows_of_one_image
from tests.saliency import linear_engine
from tests.saliency.conftest import workers_running
from tests.table import tabulating

TARGETS = [0, 1, 2, 1, 0, 2, 2, 0, 1, 0]


def brightness(image: Any, explained: Any, *, seed: int) -> Any:
    """The same whatever the class."""
    return image.sum(axis=2)


BRIGHTNESS = sat.Method(
    name="brightness",
    version="1",
    sign="how bright it is, whatever the class",
    function=brightness,
    targeted=False,
)
GIVEN = {"methods": ["gradient", BRIGHTNESS], "parameters": None, "target": TARGETS}


@pytest.fixture(scope="module", autouse=True)
def _linear_engine() -> Any:
    with workers_running(linear_engine.ENTRY):
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tabulating.Place:
    return tabulating.made(tmp_path_factory.mktemp("untargeted"))


@pytest.fixture(scope="module")
def table(place: tabulating.Place) -> pd.DataFrame:
    return place.in_memory(**GIVEN)


def test_rows_have_no_target(table: pd.DataFrame) -> None:
    rows = table.drop_duplicates(["method", "image_id"]).set_index("method")
    assert rows.loc["gradient", "target"].tolist() == TARGETS
    assert rows.loc["brightness@1", "target"].isna().all()
    assert rows.loc["brightness@1", "predicted"].notna().all()
    assert str(table["target"].dtype) == "Int64"


def test_facts_of_a_store_name_the_class_only_where_a_method_has_one(
    place: tabulating.Place, tmp_path: Path
) -> None:
    given = {**tabulating.OPTIONS, **GIVEN}
    sat.explain(place.model, place.images, out=tmp_path / "maps", **given)
    opened = sat.AttributionStore.open(tmp_path / "maps")
    alone = opened.select(methods=["brightness@1"])
    assert [opened.facts[i].target for i in opened.facts] == TARGETS
    assert {alone.facts[i].target for i in alone.facts} == {None}
    assert sat.build(alone, place.segments, **tabulating.JOIN)["target"].isna().all()


def test_another_target_is_no_other_map(place: tabulating.Place, tmp_path: Path) -> None:
    given = {**tabulating.OPTIONS, **GIVEN, "out": tmp_path / "maps"}
    first, second = (
        sat.explain(place.model, place.images, **{**given, "target": t}) for t in (0, 2)
    )
    n_images = len(TARGETS)
    assert first.info().attrs["elsewhere"]["n_maps"] == n_images  # the other target's gradients
    assert second.info()["n_maps"].tolist() == [n_images, n_images]


def test_pairs_are_refused_before_any_work(place: tabulating.Place, tmp_path: Path) -> None:
    match = r"target: the maps of 'brightness@1' are the same for all classes.*leave the method out"
    pair = {**tabulating.OPTIONS, **GIVEN, "target": (0, 1)}
    with pytest.raises(sat.InvalidInput, match=match):
        sat.explain("there is no model.h5", place.images, **pair)
    with pytest.raises(sat.InvalidInput, match=match):
        sat.tabulate(place.model, place.images, place.segments, out=tmp_path / "sat", **pair)
    assert not (tmp_path / "sat").exists()


def test_shards_files_and_csv_keep_it(
    place: tabulating.Place, table: pd.DataFrame, tmp_path: Path
) -> None:
    keys = ["method", "image_id", "segment"]
    expected = table.sort_values(keys, ignore_index=True)
    place.tabulate(**GIVEN)
    shards = sat.read_table(place.folder / "sat")
    sat.write_table(table, tmp_path / "t.parquet")
    table.to_csv(tmp_path / "t.csv", index=False)
    csv = pd.read_csv(tmp_path / "t.csv", dtype={"target": "Int64"})
    for found in (shards, sat.read_table(tmp_path / "t.parquet"), csv):
        found = found.sort_values(keys, ignore_index=True)
        pd.testing.assert_series_equal(found["target"], expected["target"])


@pytest.mark.parametrize("by", [("method",), ("method", "target"), ("target",)])
def test_aggregates_in_memory_and_on_disk_are_the_same(
    by: tuple[str, ...], table: pd.DataFrame, tmp_path: Path
) -> None:
    rows = table if "method" in by else sat.select(table, methods="brightness@1")
    sat.write_table(rows, tmp_path / "t.parquet")
    given = {"how": "absolute", "value": "rank", "by": by, "classes": "pool"}
    here, there = (sat.aggregate(one, **given) for one in (rows, tmp_path / "t.parquet"))
    pd.testing.assert_frame_equal(here, there)
    sorted_here = here.sort_values([*by, "segment"])
    ranks = rows.dropna(subset="segment").groupby([*by, "segment"], dropna=False)["rank"]
    assert sorted_here["n_images"].tolist() == ranks.size().tolist()  # no photo lacks a segment
    np.testing.assert_allclose(sorted_here["rank"], ranks.mean())


def test_maps_of_no_class_mix_no_classes(table: pd.DataFrame) -> None:
    given = {"how": "absolute", "value": "rank"}
    blind = sat.select(table, methods="brightness@1")
    assert len(sat.aggregate(blind, **given)) == 3
    with pytest.raises(sat.InvalidInput, match=r"3 targets.*table\[table.target == 0\]"):
        sat.aggregate(table, **given)


def test_filters_ranks_and_statistics_take_it(table: pd.DataFrame) -> None:
    large = sat.select(table, segments=["eye", "ear"])
    again = sat.rerank(large)
    per_image = again.dropna(subset="segment").groupby(["method", "image_id"])["rank"].sum()
    assert set(per_image) == {3.0}  # ranks 1 and 2
    result = sat.consensus(table, classes="pool")
    assert result.methods == ("gradient", "brightness@1")
    compared = sat.compare(table, method="brightness@1", classes="pool")
    assert compared.n_images.tolist() == [len(TARGETS)] * 3


def test_rows_of_one_image_say_which_targets_there_are(table: pd.DataFrame) -> None:
    one = table[table["image_id"] == table["image_id"].iloc[0]]
    mixed = one.assign(method="gradient").iloc[::-1]
    with pytest.raises(sat.InvalidInput, match=r"2 values of 'target'.*table.target == 0\]"):
        rows_of_one_image(mixed)


def test_the_explorer_shows_it(table: pd.DataFrame) -> None:
    explorer = sat.explore(table)
    explorer.state = sat.ExplorerState(methods=("brightness@1",))
    assert "brightness@1" in explorer.code()


def test_the_registry_has_one_such_method() -> None:
    from sat_nb.saliency.methods import METHODS

    assert [name for name, method in METHODS.items() if not method.targeted] == [
        "attention_rollout"
    ]
    assert "targeted" not in METHODS["gradient"].settings({})  # older maps stay what they were
    assert ENGINES["keras"] is linear_engine.ENTRY
