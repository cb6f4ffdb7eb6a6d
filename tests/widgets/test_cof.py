"""The view of counterfactual frequencies, which tables with effects of interventions have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.widgets.choices import checked, nearest
from sat_nb.widgets.data import Data
from sat_nb.widgets.snapshot import Snapshot
from sat_nb.widgets.views import VIEWS
from tests.stats.test_cof_table import effects
from tests.widgets.conftest import shown_html, with_effects
from tests.widgets.same_result import assert_code_makes_the_same
from tests.widgets.test_controls import check_entry
from tests.widgets.test_views import check_complete, check_fields


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Attribution, and effects in which the class changes without the eyes in 7 of 20 photos."""
    return with_effects(n_flipped=7, flipped_to=9)


def shown(table: pd.DataFrame, **state: Any) -> Snapshot:
    data = Data(table)
    return Snapshot(data, checked(sat.ExplorerState(view="cof", **state), data.offer))


def test_it_counts_photos_whose_class_changes(table: pd.DataFrame) -> None:
    found = shown(table).table().set_index("segment")
    assert found.loc["eyes", ["n_flipped", "n_images", "of_present", "flipped_to"]].tolist() == [
        7,
        20,
        0.35,
        9,
    ]
    assert (found["n_flipped"].drop("eyes") == 0).all()
    assert found.index[0] == "eyes"


def test_its_code_makes_the_same(table: pd.DataFrame) -> None:
    assert_code_makes_the_same(shown(table, segment="eyes"))
    assert "sets='single'" in shown(table, methods=("lrp.z", "without.blur")).code()


def test_it_is_complete(table: pd.DataFrame) -> None:
    check_complete("cof")
    check_fields(Data(table), "cof")
    check_entry(sat.explore(table), "view", VIEWS["cof"])


def test_a_measure_that_counts_is_always_chosen(table: pd.DataFrame) -> None:
    data = Data(table)
    state = sat.ExplorerState(view="cof", methods=("lrp.z", "shapley.blur"))
    assert nearest(state, data.offer).methods == ("without.blur",)
    with pytest.raises(sat.InvalidInput, match="at least 1 of 'without.blur'"):
        checked(state, data.offer)
    both = replace(state, methods=("lrp.z", "without.blur"))
    assert checked(both, data.offer).methods == ("lrp.z", "without.blur")


def test_its_tab_leads_to_it_and_back_to_the_methods_before(table: pd.DataFrame) -> None:
    explorer = sat.explore(table)
    explorer.fields["view"].buttons["cof"].click()
    assert explorer.state.methods == ("without.blur",)
    assert "7" in shown_html(explorer)
    assert shown_html(explorer).count('role="alert"') == 0
    explorer.fields["view"].buttons["bars"].click()
    assert explorer.state.methods == ("lrp.z",)


@pytest.mark.parametrize("left", [("lrp.z",), ("lrp.z", "shapley.blur")])
def test_tables_without_such_effects_have_no_such_view(
    table: pd.DataFrame, left: tuple[str, ...]
) -> None:
    some = table[table["method"].isin(left)]
    assert "cof" not in sat.explore(some).fields["view"].buttons
    with pytest.raises(sat.InvalidInput, match="state.view: 'cof' cannot be shown"):
        checked(sat.ExplorerState(view="cof"), Data(some).offer)


def test_measures_are_a_tuple() -> None:
    with pytest.raises(sat.InvalidInput, match=r"measures: expected a tuple .*\('without',\)"):
        replace(VIEWS["cof"], measures="without")


def test_minimal_sets_where_only_they_were_searched() -> None:
    rows = effects("counterfactual")
    snapshot = shown(rows)
    assert "sets='minimal'" in snapshot.code()
    expected = sat.cof_table(rows, sets="minimal").table
    found = snapshot.table()
    assert found["segment"].tolist() == expected["segment"].tolist()
    assert found["n_flipped"].tolist() == [2, 1, 0]
