"""The state: what can be chosen, what cannot, and the nearest state that can."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import ExplorerState
from sat_nb.widgets.choices import checked, choices_of, nearest
from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.state import ORDERS, OUTLINES, ROWS, Offer, offer_of, with_changes
from sat_nb.widgets.views import VIEWS
from tests.widgets.conftest import toy_data

OFFER = offer_of(toy_data()["table"], has_images=True, has_maps=True, has_masks=True)


def good(**changes: Any) -> ExplorerState:
    return checked(ExplorerState(**changes), OFFER)


def test_the_offer_is_what_the_table_has() -> None:
    assert OFFER.methods == ("sharp", "noisy")
    assert OFFER.models == ("one", "two")
    assert OFFER.labels == OFFER.predicted == (0, 1)
    assert set(OFFER.segments) == {"eyes", "nose", "mouth", "ears", "rest"}
    assert len(OFFER.image_ids) == 20
    assert OFFER.has_scores
    assert OFFER.has_predictions
    assert OFFER.classes == ("pool", "label", "predicted", "correct")
    assert OFFER.units == ("patient",)


def test_classes_and_units_are_offered_where_the_table_has_them() -> None:
    table = toy_data()["table"].drop(columns="patient")
    lacking = pd.array([None] * len(table), dtype="Int64")
    plain = offer_of(table.assign(label=lacking, predicted=lacking))
    assert (plain.classes, plain.units) == (("pool",), ())
    right = offer_of(table.assign(predicted=table["label"]))
    assert "correct" not in right.classes, "there are no wrong ones"
    own = {
        "note": table["segment"],  # more than one in an image
        "alone": table["image_id"],
        "same": "a",
        "gaps": table["image_id"].str[-1].where(table["image_id"] != "image_03"),
        "lists": [[1]] * len(table),
        "day": table["image_id"].str[-1].astype(int) // 2,
    }
    assert offer_of(table.assign(**own)).units == ("day",)


def test_all_classes_are_pooled_and_units_leave_the_tests_that_take_them() -> None:
    assert choices_of(good(), OFFER)["label"] == (0, 1, "all")
    assert good(label="all").label == "all"
    assert choices_of(good(unit="patient"), OFFER)["test"] == ("wilcoxon-holm",)
    with pytest.raises(sat.InvalidInput, match="state.test: 'aeon' cannot be shown"):
        good(view="diagram", unit="patient", test="aeon")
    with pytest.raises(sat.InvalidInput, match="state.unit: 'ward'.*'patient'"):
        good(unit="ward")


def test_a_table_without_segments_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="nothing to explore"):
        offer_of(table.assign(segment=None))


def test_open_fields_are_filled_in() -> None:
    state = good()
    assert (state.methods, state.model, state.versus, state.label) == (("sharp",), "one", None, 0)
    assert good(view="agreement").methods == OFFER.methods
    assert good(view="difference").versus == "two"
    assert good(view="image").image_id == "image_00"


def test_it_is_frozen_and_hashable() -> None:
    with pytest.raises(FrozenInstanceError):
        good().view = "table"  # type: ignore[misc]
    assert hash(good()) == hash(good())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"view": "pie"}, "state.view: 'pie'.*'bars', 'diagram'"),
        ({"methods": ("magic",)}, "state.methods: .'magic'"),
        ({"how": "top_k", "value": "mean_attribution"}, "state.value.*'rank'"),
        ({"how": "median", "intervals": True, "model": "three"}, "state.model.*'one', 'two'"),
        ({"missing": "complete", "test": "nemenyi"}, "state.test.*'wilcoxon-holm'"),
        ({"versus": "one"}, "state.versus"),
        ({"hidden": tuple(OFFER.segments)}, "state.hidden"),
        ({"positions": ("middle",)}, "state.positions"),
        ({"alpha": 0.0}, "state.alpha: 0.0.*between 0 and 1"),
        ({"opacity": 2}, "state.opacity: 2.*from 0 to 1"),
        ({"min_images": 0}, "state.min_images.*whole number >= 1"),
        ({"page": 1.5}, "state.page.*whole number"),
        ({"min_fraction": 0.6, "max_fraction": 0.5}, "state.max_fraction.*min_fraction"),
        ({"view": "agreement", "methods": ("sharp",)}, "state.methods.*at least 2"),
        ({"search": None}, "state.search.*text"),
        ({"image_id": "nobody"}, "state.image_id"),
        ({"label": 7}, "state.label.*0, 1"),
    ],
)
def test_what_cannot_be_shown_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(sat.InvalidInput, match=says):
        good(**changes)


def test_something_else_than_a_state_is_refused() -> None:
    with pytest.raises(sat.InvalidInput, match="expected an ExplorerState, got dict"):
        checked({"view": "bars"}, OFFER)  # type: ignore[arg-type]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([*VIEWS, *OFFER.methods, *OFFER.models, *OFFER.segments, "top_k", "complete"]),
)
TUPLES = st.lists(st.sampled_from([*OFFER.methods, *OFFER.segments, "?"]), max_size=5).map(tuple)


@st.composite
def states(draw: st.DrawFn) -> ExplorerState:
    """Any state; most of them cannot be shown."""
    chosen = draw(st.sets(st.sampled_from([f.name for f in fields(ExplorerState)]), max_size=6))
    several = ("methods", "hidden", "positions")
    return ExplorerState(**{n: draw(TUPLES if n in several else ANYTHING) for n in chosen})


@given(states())
@settings(max_examples=60)
def test_the_nearest_state_can_always_be_shown(state: ExplorerState) -> None:
    found = nearest(state, OFFER)
    assert nearest(found, OFFER) == found
    assert checked(found, OFFER) == found
    choices = choices_of(found, OFFER)
    for name in ("view", "model", "versus", "label", "how", "value", "test", "rows", "order"):
        assert getattr(found, name) in choices[name]
    assert len(found.methods) >= VIEWS[found.view].min_methods
    assert set(found.hidden) < set(OFFER.segments)


def test_the_view_stays_and_the_others_follow() -> None:
    alone = good(methods=("noisy",))
    agreed = nearest(replace(alone, view="agreement"), OFFER)
    assert (agreed.view, agreed.methods) == ("agreement", ("sharp", "noisy"))
    assert nearest(replace(alone, how="top_k", value="mean_attribution"), OFFER).value == "rank"
    assert not nearest(replace(alone, how="median"), OFFER).intervals


def test_a_step_leads_to_the_first_page_unless_it_turns_one() -> None:
    state = good(view="images", page=1)
    assert with_changes(state, {"segment": "ears"}).page == 0
    assert with_changes(state, {"page": 2}).page == 2
    assert with_changes(state, {"opacity": 0.5}).page == 1


def test_one_model_and_one_method_leave_no_comparison(table: pd.DataFrame) -> None:
    offer = offer_of(table[table["method"] == "sharp"])
    choices = choices_of(checked(ExplorerState(), offer), offer)
    assert not {"agreement", "difference"} & set(choices["view"])
    assert choices["versus"] == (None,)
    assert choices["correct"] == choices["label"] == choices["predicted"] == (None,)


def test_every_field_has_a_control_but_those_that_buttons_set() -> None:
    names = {f.name for f in fields(ExplorerState)}
    assert names - set(CONTROLS) == {"page", "sort", "descending"}
    assert set(CONTROLS) <= names


def test_the_offer_is_hashable() -> None:
    assert hash(OFFER) == hash(replace(OFFER))
    assert isinstance(OFFER, Offer)


@pytest.mark.parametrize(("field", "entries"), [("order", ORDERS), ("rows", ROWS)])
def test_the_docstring_lists_the_choices(field: str, entries: dict[str, Any]) -> None:
    text = " ".join((ExplorerState.__doc__ or "").split())
    assert f"{field} : str" in text
    for entry in [*entries.values(), *OUTLINES.values()]:
        assert f'- "{entry.name}": {entry.about}' in text
