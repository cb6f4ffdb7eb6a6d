"""Many rows, of which statistics read codes, give what few rows do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb import ExplorerState
from sat_nb.errors import InvalidInput
from sat_nb.toy import toy
from sat_nb.widgets import data as data_module
from sat_nb.widgets.choices import checked
from sat_nb.widgets.coded import Coded, without_unused
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel
from sat_nb.widgets.snapshot import Snapshot
from tests.widgets.test_data_on_disk import STATES, labelled

NO_PHOTOS = {name: state for name, state in STATES.items() if state.view not in ("images", "image")}
MORE = {
    "of totals": ExplorerState(label="all", value="total_attribution"),
    "the best of images": ExplorerState(label="all", how="top_k", intervals=False),
    "ranks of one class": ExplorerState(view="distribution", label=1, methods=("noisy",)),
}


@pytest.fixture(scope="module")
def both() -> tuple[Data, Data]:
    """The data of few rows, and of the same as if they were many, out of order."""
    table = labelled().sample(frac=1, random_state=0)
    table.loc[table["image_id"] == "image_03", "model"] = None
    with pytest.MonkeyPatch.context() as patch:
        few = Data(table)
        patch.setattr(data_module, "MANY", 1)
        return few, Data(table)


@pytest.mark.parametrize("name", [*NO_PHOTOS, *MORE])
@pytest.mark.filterwarnings("ignore:.*units .* are few")
@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning", "ignore::sat_nb.TooFewWarning")
def test_views_show_what_they_do_of_few_rows(both: tuple[Data, Data], name: str) -> None:
    state = {**NO_PHOTOS, **MORE}[name]
    expected, found = (Snapshot(data, checked(state, data.offer)).table() for data in both)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_rows_come_in_the_order_of_the_table(both: tuple[Data, Data]) -> None:
    few, many = both
    state = checked(ExplorerState(label="all", methods=("sharp", "noisy")), few.offer)
    panel = Panel(("noisy", "sharp"), ("other",))
    chosen = many.chosen(state, panel).rows(["rank"])
    rows = few.table[few.table["model"] == "other"]
    assert chosen.index.equals(rows.index)
    assert chosen["segment"].astype(object).equals(rows["segment"].astype(object))
    assert isinstance(chosen["segment"].dtype, pd.CategoricalDtype)


def test_all_columns_are_there_for_who_asks_for_them(both: tuple[Data, Data]) -> None:
    state = checked(ExplorerState(), both[0].offer)
    panel = Panel(("sharp",), ("other",))
    of_few, of_many = (data.chosen(state, panel) for data in both)
    pd.testing.assert_frame_equal(of_many.rows(None), of_few)


def test_a_class_without_photos_is_an_error_of_both(both: tuple[Data, Data]) -> None:
    state = checked(ExplorerState(), both[0].offer)
    for data in both:
        with pytest.raises(InvalidInput, match="label: no photo of class"):
            data.chosen(state, Panel(("none",), ("other",)))


def test_texts_that_occur_keep_their_codes_sorted() -> None:
    names = [None, *(f"part {i:03d}" for i in range(200))]
    rows = pd.DataFrame({"segment": pd.Categorical(names)}).iloc[[0, 150, 3, 150]]
    found = without_unused(rows)["segment"]
    assert found.cat.categories.tolist() == ["part 002", "part 149"]
    assert found.cat.codes.tolist() == [-1, 1, 0, 1]


def test_the_rows_of_a_key_are_a_view_of_the_rows_of_all() -> None:
    table = sat.build(*toy(4))
    halves = {("sharp",): np.arange(0, len(table), 2), ("noisy",): np.arange(1, len(table), 2)}
    coded = Coded(table, halves)
    assert np.shares_memory(
        coded.rows([("sharp",)])["rank"].to_numpy(), coded._table["rank"].to_numpy()
    )
    assert coded.rows([*halves]).index.tolist() == table.index.tolist()
