"""The view of effects, in a table that holds some: its numbers and its code."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.widgets.choices import checked
from sat_nb.widgets.data import Data
from sat_nb.widgets.snapshot import Snapshot
from tests.widgets.conftest import with_effects
from tests.widgets.same_result import assert_code_makes_the_same


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return with_effects(n_flipped=20, flipped_to=7)


def shown(table: pd.DataFrame, **state: Any) -> Snapshot:
    data = Data(table)
    return Snapshot(data, checked(sat.ExplorerState(view="effects", **state), data.offer))


def test_attribution_stands_against_every_measure(table: pd.DataFrame) -> None:
    snapshot = shown(table, segment="eyes")
    found = snapshot.table()
    assert set(zip(found["method"], found["effect"], strict=True)) == {
        ("lrp.z", "without.blur"),
        ("lrp.z", "shapley.blur"),
    }
    eyes = found[(found["segment"] == "eyes") & (found["effect"] == "without.blur")].iloc[0]
    assert eyes[["n_flipped", "of_present", "flipped_to"]].tolist() == [20, 1.0, 7]
    assert found.loc[found["effect"] == "shapley.blur", "n_flipped"].isna().all()
    expected = sat.agreement(table, table, n_resamples=2000, missing="skip")
    taus = expected.pairs.set_index("effect")["tau"]
    assert (found["tau"] == found["effect"].map(taus)).all()


def test_its_code_makes_the_same(table: pd.DataFrame) -> None:
    assert_code_makes_the_same(shown(table, segment="eyes"))
    methods_alone = shown(table, methods=("lrp.z", "shapley.blur"))
    assert_code_makes_the_same(methods_alone)
    assert "cof_table" not in methods_alone.code()
    assert "n_flipped" not in methods_alone.table()
