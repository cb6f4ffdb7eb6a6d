"""Effects that are kept on disk: the same rows, shard by shard, with maps or without them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.interventions.measuring import read_measuring
from tests.interventions.test_intervene import PHOTOS, SEGMENTS

MEASURES = ("without", "shapley", "counterfactual")


def effects(model: Path, out: Path | None, **options: Any) -> pd.DataFrame:
    given: dict[str, Any] = {"measures": MEASURES, "replace": ["grey"], "shard_images": 2}
    given |= {"preprocess": "unit", "pad_px": 0, "progress": False, "out": out}
    return sat.intervene(model, PHOTOS, SEGMENTS, **(given | options))


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, atol=1e-5, check_exact=False)


@pytest.mark.parametrize("replace", ["blur", "shuffle", "other_photo"])
def test_rows_on_disk_are_those_in_memory(curved: Path, tmp_path: Path, replace: str) -> None:
    options = {"replace": [replace], "labels": {"photo 1": 2}, "rank_by": "total_attribution"}
    found = effects(curved, tmp_path / "out", **options)
    assert_same(found, effects(curved, None, **options))
    assert found.attrs["sat_nb"]["rank_by"] == "total_attribution"


def test_a_call_goes_on_where_it_was(
    curved: Path, tmp_path: Path, n_asked: Callable[[], list[int]]
) -> None:
    out = tmp_path / "out"
    first = effects(curved, out)
    whole = sum(n_asked())
    pd.testing.assert_frame_equal(effects(curved, out), first)
    assert sum(n_asked()) == whole, "nothing is asked again"
    report = min((out / "reports").glob("*.json"))
    report.unlink()  # as if the first shard had not been finished
    pd.testing.assert_frame_equal(effects(curved, out), first)
    assert sum(n_asked()) - whole == pytest.approx(whole / 3, rel=0.2)
    for other in ({"score": "log_odds"}, {"overlap": "top"}, {"replace": ["mean"]}):
        with pytest.raises(sat.InvalidInput, match="holds a table of another run: interventions"):
            effects(curved, out, **other)


def test_what_is_kept_needs_a_version(curved: Path, tmp_path: Path) -> None:
    def red(pixels: np.ndarray, mask: np.ndarray) -> tuple[int, int, int]:
        return 255, 0, 0

    with pytest.raises(sat.InvalidInput, match="replace: 'red' is an entry of your own.*version"):
        effects(curved, tmp_path / "out", replace=[red])
    own = sat.Replacement(
        name="red", version="1", function=lambda pixels, mask, replaced: (255, 0, 0)
    )
    found = effects(curved, tmp_path / "out", replace=[own], measures="without")
    assert_same(
        found.assign(method="without.red"),
        effects(curved, None, replace=[red], measures="without"),
    )


def test_maps_and_effects_share_a_table(
    curved: Path, tmp_path: Path, n_asked: Callable[[], list[int]]
) -> None:
    table = sat.tabulate(
        curved,
        PHOTOS,
        SEGMENTS,
        methods="gradient",
        measures=("without", "shapley"),
        parameters={"shapley": {"max_exact": 6}},
        replace=["grey"],
        preprocess="unit",
        out=tmp_path / "sat",
        shard_images=3,
        batch_size=3,
        pad_px=0,
        progress=False,
    )
    n_photos = sum(n_asked())
    rows = sat.read_table(table)
    assert rows["method"].unique().tolist() == ["gradient", "without.grey", "shapley.grey"]
    measured = rows[rows["n_forward"].notna()].reset_index(drop=True)
    assert_same(measured, effects(curved, None, measures=("without", "shapley")))
    attribution = rows[rows["n_forward"].isna()].reset_index(drop=True)
    maps = sat.explain(curved, PHOTOS, methods="gradient", preprocess="unit", progress=False)
    expected = sat.build(maps, SEGMENTS, pad_px=0)
    pd.testing.assert_frame_equal(attribution[list(expected)], expected)
    before = sum(n_asked())
    effects(curved, None, measures=("without", "shapley"))
    assert sum(n_asked()) - before == n_photos, "the untouched photos are not run twice"
    with pytest.warns(UserWarning, match="are few"):
        found = sat.agreement(table, table, classes="pool", n_resamples=1000)
    assert found.pairs["effect"].tolist() == ["without.grey", "shapley.grey"]


def test_arguments_of_tables_with_measures(curved: Path, tmp_path: Path) -> None:
    def refused(match: str, **options: Any) -> None:
        given = {"preprocess": "unit", "out": tmp_path / "sat", "progress": False}
        with pytest.raises(sat.InvalidInput, match=match):
            sat.tabulate(curved, PHOTOS, SEGMENTS, **(given | options))

    refused("methods: expected at least one name")
    refused("measures: unknown name 'shap'", measures="shap")
    refused("parameters: unknown name 'alone'", measures="without", parameters={"alone": {}})
    refused(
        "rank_by: unknown name 'total_attribution'",
        methods="gradient",
        rank_by="total_attribution",
    )
    refused("replaced_at_once: expected a whole number", measures="without", replaced_at_once=0)


def test_a_photo_that_fails_is_left_out(curved: Path, tmp_path: Path) -> None:
    deep = dict(PHOTOS) | {"photo 2": PHOTOS["photo 2"].astype(np.uint16)}
    options = {"measures": "without", "preprocess": "unit", "progress": False, "pad_px": 0}
    with pytest.warns(UserWarning, match="1 of 6 photos failed.*'photo 2'.*uint16"):
        table = sat.tabulate(
            curved, deep, SEGMENTS, out=tmp_path / "sat", errors="skip", replace=["grey"], **options
        )
    assert list(table.failed) == ["photo 2"]
    expected = effects(curved, None, measures="without")
    expected = expected[expected["image_id"] != "photo 2"].reset_index(drop=True)
    assert_same(sat.read_table(table), expected)


def own(players: Any, *, seed: int, times: int) -> Any:
    """A measure that other processes can import."""
    answers = yield players.without_each()
    return sat.Effects(times * answers.scores)


def test_what_is_measured_can_be_sent_to_other_processes() -> None:
    parameter = sat.Parameter(2, lambda value: value > 0, "a number > 0")
    mine = sat.Measure(name="own", version="1", function=own, parameters={"times": parameter})
    measuring = read_measuring(
        measures=["shapley", mine],
        parameters={"own@1": {"times": 3}},
        replace="blur",
        also="mean",
        score="margin",
        overlap="top",
        batch_size=7,
        against=None,
        kept=True,
    )
    came = pickle.loads(pickle.dumps(measuring))
    assert came.settings() == measuring.settings()
    assert came.replacements == measuring.replacements
    assert came.measures[0] == measuring.measures[0]
    assert came.measures[1][0].function is own
