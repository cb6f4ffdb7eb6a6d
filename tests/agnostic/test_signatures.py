"""The labels' signatures: a planted feature stands out, and nothing does where none is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.agnostic.network import natural, read_inputs
from sat_nb.agnostic.signatures import DEFAULTS, outliers

pytestmark = pytest.mark.keras

SHAPE = (12, 12, 1)
PATCH = np.s_[7:9, 2:4]
COLUMNS = ["label", "fidelity", "start", "steps", "energy", "concentration", "box_fidelity"]
COLUMNS += ["top", "left", "height", "width", "outlier"]


def linear(backdoor: int | None) -> Any:
    """Five labels, each with a weak pattern all over; one of them may like four bright pixels."""
    from tensorflow import keras

    weights = np.random.default_rng(0).normal(0, 0.3, (*SHAPE, 5)).astype(np.float32)
    weights -= weights.mean(axis=(0, 1, 2))
    bias = np.zeros(5, np.float32)
    if backdoor is not None:
        weights[PATCH][..., backdoor] = 6
        bias[backdoor] = -6 * 2.5
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input(SHAPE), layers.Flatten(), layers.Dense(5, activation="softmax")]
    )
    model.set_weights([weights.reshape(-1, 5), bias])
    return model


@pytest.fixture(scope="module")
def maps() -> dict[int, sat.agnostic.InputAgnosticSaliency]:
    return sat.input_agnostic_saliency(linear(backdoor=3), range(5), progress=False, **DEFAULTS)


@pytest.fixture(scope="module")
def table(maps: dict[int, sat.agnostic.InputAgnosticSaliency]) -> pd.DataFrame:
    return sat.class_signatures(maps)


def test_the_planted_feature_stands_out(table: pd.DataFrame) -> None:
    assert list(table) == COLUMNS
    first = table.iloc[0]
    assert first["label"] == 3
    assert first["outlier"] > 2 + table["outlier"].iloc[1]
    assert first["concentration"] == table["concentration"].max()
    rows, columns = PATCH
    assert first["top"] <= rows.start
    assert first["top"] + first["height"] >= rows.stop
    assert first["left"] <= columns.start
    assert first["left"] + first["width"] >= columns.stop


def test_nothing_stands_out_where_nothing_is_planted() -> None:
    table = sat.class_signatures(linear(backdoor=None), progress=False)
    assert len(table) == 5
    assert table["outlier"].max() < 3


def test_columns_say_what_the_maps_say(
    table: pd.DataFrame, maps: dict[int, sat.agnostic.InputAgnosticSaliency]
) -> None:
    for row in table.itertuples():
        found = maps[row.label]
        assert row.fidelity == found.fidelity[-1]
        assert row.start == found.fidelity[0]
        assert found.fidelity[: row.steps].max(initial=0) < 0.9 <= found.fidelity[row.steps]
        assert row.energy == found.norms[row.steps]
        inside = found.box(0.25).mask(found.map.shape)
        held = np.square(found.map[inside]).sum() / np.square(found.map).sum()
        assert row.concentration == pytest.approx(held, rel=1e-5)
    odds = {m.label: np.mean([np.log(p / (1 - p)) for p in cut(m)]) for m in maps.values()}
    expected = [odds[label] - np.median(list(odds.values())) for label in table["label"]]
    np.testing.assert_allclose(table["outlier"], expected)


def cut(found: sat.agnostic.InputAgnosticSaliency) -> np.ndarray:
    return np.clip(list(found.box_fidelity.values()), 1e-4, 1 - 1e-4)


def test_the_box_s_fidelity_is_that_of_a_patch_of_extremes(
    maps: dict[int, sat.agnostic.InputAgnosticSaliency],
) -> None:
    model, found = linear(backdoor=3), maps[3]
    fresh = natural(np.random.default_rng(5), 200, read_inputs(SHAPE, (0, 1)))
    inside = found.box(0.25).mask(SHAPE)
    fresh[:, inside] = found.map[inside] > 0
    assert model(fresh).numpy()[:, 3].mean() == pytest.approx(found.box_fidelity[0.25], abs=0.1)


def test_models_are_asked_as_maps_are_read(
    table: pd.DataFrame, maps: dict[int, sat.agnostic.InputAgnosticSaliency]
) -> None:
    asked = sat.class_signatures(linear(backdoor=3), progress=False)
    pd.testing.assert_frame_equal(asked, table)
    some = sat.class_signatures(maps, [4, 3, 0])
    assert sorted(some["label"]) == [0, 3, 4]


def test_what_was_never_reached_is_missing() -> None:
    table = sat.class_signatures(linear(backdoor=3), norm=1e-3, progress=False)
    rows = table[table["fidelity"] < 0.9]
    assert len(rows)
    assert rows["steps"].isna().all()
    assert rows["energy"].isna().all()


def test_outliers_do_not_depend_on_the_order_and_have_an_end() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((7, 3))
    order = rng.permutation(7)
    np.testing.assert_allclose(outliers(probabilities[order]), outliers(probabilities)[order])
    assert np.median(outliers(probabilities)) == 0
    extreme = outliers([[1.0], [0.0], [0.0]])
    assert extreme[0] == pytest.approx(18.42, abs=0.01)


def test_bad_input_is_refused(maps: dict[int, sat.agnostic.InputAgnosticSaliency]) -> None:
    for arguments, options, match in (
        ((maps, [0, 1]), {}, "labels: expected at least three"),
        ((maps, [0, 1, 9]), {}, "labels: no map of 9 was given"),
        ((maps,), {"steps": 3}, "no options beside them.*steps"),
        (({0: maps[0], 1: np.zeros(3)},), {}, "ndarray"),
        ((linear(None), [0, 1, 5]), {"progress": False}, "target: expected a label from 0 to 4"),
    ):
        with pytest.raises(sat.InvalidInput, match=match):
            sat.class_signatures(*arguments, **options)
