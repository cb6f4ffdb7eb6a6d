"""Every control, and every entry of the registries that they choose from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ipywidgets
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb import AGGREGATIONS, TESTS, ExplorerState
from sat_nb.registry import Entry
from sat_nb.stats.plan import MISSING
from sat_nb.table.aggregations import Aggregation
from sat_nb.table.classes import CLASSES
from sat_nb.table.values import VALUES
from sat_nb.widgets.choices import aggregations, checked
from sat_nb.widgets.controls import CONTROLS, GROUPS
from sat_nb.widgets.data import Data
from sat_nb.widgets.explorer import Explorer
from sat_nb.widgets.snapshot import Snapshot
from sat_nb.widgets.state import ORDERS, OUTLINES, ROWS, Order
from sat_nb.widgets.views import VIEWS
from tests.entries import OF_ANY_TABLE
from tests.widgets.conftest import click, shown_html, use, walk, with_class
from tests.widgets.same_result import assert_code_makes_the_same

CHANGES: dict[str, Any] = {
    "methods": ("sharp", "noisy"),
    "model": "two",
    "versus": "two",
    "label": 1,
    "predicted": 0,
    "correct": False,
    "how": "absolute",
    "value": "mean_attribution",
    "classes": "correct",
    "intervals": False,
    "unit": "patient",
    "test": "nemenyi",
    "alpha": 0.01,
    "missing": "complete",
    "hidden": ("eyes",),
    "positions": ("top-centre", "centre-centre"),
    "min_fraction": 0.1,
    "max_fraction": 0.35,
    "min_score": 0.5,
    "min_images": 10,
    "segment": "ears",
    "image_id": "image_02",
    "order": "against",
    "opacity": 0.4,
    "outlines": "all",
    "rows": "images",
    "search": "ey",
}

pytestmark = pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")


@pytest.fixture(scope="module")
def shared(toy_results: Data) -> Explorer:
    """One explorer for tests that set its whole state, or only read its controls."""
    return Explorer(toy_results)


def view_with(name: str) -> str:
    """The first view that has the control."""
    return next((v for v, view in VIEWS.items() if name in (*view.uses, *view.display)), "bars")


# Controls.


@pytest.mark.parametrize("name", [n for n in CONTROLS if n != "view"])
def test_each_control_sets_its_field_and_follows_the_state(shared: Explorer, name: str) -> None:
    explorer, view = shared, view_with(name)
    explorer.state = ExplorerState(view=view, segment="eyes" if name == "order" else None)
    use(explorer, name, CHANGES[name])
    assert getattr(explorer.state, name) == CHANGES[name]
    explorer.state = ExplorerState(view="bars")
    assert getattr(explorer.state, name) != CHANGES[name]
    explorer.state = replace(explorer.state, view=view, **{name: CHANGES[name]})
    assert getattr(explorer.state, name) == CHANGES[name]
    before = explorer.state
    use(explorer, name, CHANGES[name])
    assert explorer.state == before, "it has that value already"


@pytest.mark.parametrize("name", CONTROLS)
def test_each_control_is_complete(shared: Explorer, name: str) -> None:
    control, field = CONTROLS[name], shared.fields[name]
    assert control.name == name
    assert control.group in GROUPS
    assert control.about[0].isupper()
    assert control.about.endswith(".")
    assert f"sat-control-{name}" in field.widget._dom_classes
    for w in walk(field.widget):
        if isinstance(w, ipywidgets.Button | ipywidgets.ToggleButton | ipywidgets.Dropdown):
            assert w.tooltip, name
            assert w.description.strip(), name
    if any(isinstance(w, ipywidgets.Dropdown | ipywidgets.Text) for w in walk(field.widget)):
        assert field.widget.tooltip, "lists and texts do not show their own"


def test_controls_that_do_not_matter_are_hidden(explorer: Explorer) -> None:
    def is_shown(name: str) -> bool:
        return explorer.fields[name].widget.layout.display != "none"

    assert is_shown("how")
    assert not is_shown("test")
    explorer.state = ExplorerState(view="diagram")
    assert is_shown("test")
    assert not is_shown("how")
    explorer.state = ExplorerState(view="images")
    assert is_shown("opacity")
    assert is_shown("outlines")


def test_a_view_that_needs_two_methods_gives_back_the_one(explorer: Explorer) -> None:
    explorer.fields["view"].buttons["agreement"].click()
    assert explorer.state.methods == ("sharp", "noisy")
    explorer.fields["view"].buttons["bars"].click()
    assert explorer.state.methods == ("sharp",)


def test_the_last_method_stays(explorer: Explorer) -> None:
    use(explorer, "methods", ())
    assert explorer.state.methods == ("sharp",)
    assert explorer.fields["methods"]._chips["sharp"].value


def test_filters_fold_and_are_cleared(explorer: Explorer) -> None:
    fold, clear = with_class(explorer, "sat-filters")[0], with_class(explorer, "sat-clear")[0]
    assert fold.description == "Filters ▸"
    fold.value = True
    use(explorer, "min_score", 0.5)
    use(explorer, "hidden", ("eyes",))
    assert fold.description == "Filters (2) ▾"
    click(explorer, "sat-clear")
    assert (explorer.state.min_score, explorer.state.hidden) == (0.0, ())
    assert (fold.description, clear.layout.display) == ("Filters ▾", "none")


# Entries of registries.

REGISTRIES: dict[str, dict[str, Any]] = {
    "view": VIEWS,
    "how": {name: entry for name, entry in AGGREGATIONS.items() if not entry.mixes},
    "value": VALUES,
    "classes": CLASSES,
    "test": TESTS,
    "missing": MISSING,
    "order": ORDERS,
    "outlines": OUTLINES,
    "rows": ROWS,
}


OF_EFFECTS = set(VIEWS) - set(OF_ANY_TABLE)  # test_cof.py drives them
ENTRIES = [
    (control, name)
    for control, entries in REGISTRIES.items()
    for name in entries
    if control != "view" or name not in OF_EFFECTS
]


def test_every_registry_is_driven() -> None:
    assert {n for n, control in CONTROLS.items() if control.entries()} == set(REGISTRIES)
    assert {n: CONTROLS[n].entries() for n in REGISTRIES} == REGISTRIES


@pytest.mark.parametrize(("control", "name"), ENTRIES)
def test_every_entry_is_offered_described_and_shown(
    shared: Explorer, control: str, name: str
) -> None:
    check_entry(shared, control, CONTROLS[control].entries()[name])


def check_entry(explorer: Explorer, control: str, entry: Entry) -> None:
    """It is among the choices, in the tooltip, and choosing it shows what its code makes."""
    fields: dict[str, Any] = {"segment": "ears"} if control in ("order", "outlines") else {}
    if control != "view":
        fields["intervals"] = False  # which take most of the time
    if control == "value":
        fields["how"] = next(h for h, a in aggregations().items() if entry.name in a.takes)
    explorer.state = ExplorerState(view=view_with(control), **fields)
    field = explorer.fields[control]
    assert entry.title in CONTROLS[control].tip
    assert entry.about in CONTROLS[control].tip
    assert entry.about.endswith(".")
    if control == "view":
        assert field.buttons[entry.name].description == entry.title
    else:
        assert any(entry.title in text for text in option_texts(field))
        assert entry.about in field.widget.tooltip
    use(explorer, control, entry.name)
    assert getattr(explorer.state, control) == entry.name
    assert shown_html(explorer).count('role="alert"') == 0
    assert_code_makes_the_same(Snapshot(explorer.data, explorer.state))


def option_texts(field: Any) -> list[str]:
    return [text for text, _ in field._list.options]


@pytest.mark.parametrize("how", [name for name, a in AGGREGATIONS.items() if not a.mixes])
def test_every_value_of_every_aggregation_is_shown(toy_results: Data, how: str) -> None:
    for value in AGGREGATIONS[how].takes:
        state = ExplorerState(how=how, value=value, intervals=False)
        snapshot = Snapshot(toy_results, checked(state, toy_results.offer))
        assert AGGREGATIONS[how].result(value).column in snapshot.table()
        assert_code_makes_the_same(snapshot)


# Entries of the user's own.


def test_an_aggregation_of_ones_own_with_its_own_column(
    toy_results: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread = Aggregation(
        name="spread",
        about="Standard deviation over the photos that have the segment.",
        function=lambda rows, value: rows.groupby("segment")[value].std(),
        column="spread_of_values",
        column_title="standard deviation of ranks",
        small_is_best=True,
    )
    monkeypatch.setitem(AGGREGATIONS, "spread", spread)
    explorer = Explorer(toy_results)
    check_entry(explorer, "how", spread)
    explorer.state = ExplorerState(how="spread", intervals=False)
    assert "standard deviation of ranks" in shown_html(explorer)
    assert "spread_of_values" in explorer.table()
    explorer.state = ExplorerState(
        view="table", how="spread", intervals=False, sort="spread_of_values", versus="two"
    )
    assert_code_makes_the_same(Snapshot(toy_results, explorer.state))
    assert "spread of values ▲" in [b.description for b in with_class(explorer, "sat-sort")]


def test_an_aggregation_of_sums_of_ones_own_has_intervals(
    toy_results: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = Aggregation(
        name="half",
        about="Half of the mean over the photos that have the segment.",
        function=lambda sums: 0.5 * sums["total"] / sums["n_images"],
        needs="sums",
        column="half_mean",
    )
    monkeypatch.setitem(AGGREGATIONS, "half", total)
    explorer = Explorer(toy_results)
    check_entry(explorer, "how", total)
    explorer.state = ExplorerState(how="half", intervals=True)
    assert {"low", "high", "half_mean"} <= set(explorer.table())
    assert "half mean" in shown_html(explorer)


def test_a_test_of_ones_own(toy_results: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    def t_test(ranks: Any, alpha: float, names: list[str]) -> Any:
        from scipy.stats import ttest_rel

        return ttest_rel(ranks[:, :, None], ranks[:, None, :]).pvalue

    own = sat.PairTest(name="t-test", title="Paired t", about="Paired t-tests.", padded=t_test)
    monkeypatch.setitem(TESTS, "t-test", own)
    explorer = Explorer(toy_results)
    explorer.state = ExplorerState(view="diagram", methods=("noisy",), label=1)
    assert "Paired t" in option_texts(explorer.fields["test"])
    use(explorer, "test", "t-test")
    assert explorer.state.test == "t-test"
    assert shown_html(explorer).count('role="alert"') == 0
    assert_code_makes_the_same(Snapshot(toy_results, explorer.state))
    use(explorer, "missing", "complete")  # which it cannot take
    assert explorer.state.test == "wilcoxon-holm"


def test_an_order_of_ones_own(toy_results: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Order(name="least", title="least sure", about="By score.", column="score", ascending=True)
    monkeypatch.setitem(ORDERS, "least", own)
    explorer = Explorer(toy_results)
    check_entry(explorer, "order", own)
    explorer.state = ExplorerState(view="images", segment="ears", order="least")
    scores: pd.Series = explorer.table()["score"]
    assert scores.is_monotonic_increasing
