"""The state: what can be chosen, what cannot, and what becomes of that."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import ExplorerState
from sat_nb.widgets.choices import allowed, checked, settled
from sat_nb.widgets.controls import CONTROLS
from sat_nb.widgets.state import Facts, facts_of, stepped
from sat_nb.widgets.views import VIEWS
from tests.widgets.conftest import toy_data

FACTS = facts_of(toy_data()["table"], photos=True, maps=True, masks=True)


def good(**changes: Any) -> ExplorerState:
    return checked(ExplorerState(**changes), FACTS)


def test_facts_are_what_the_table_holds() -> None:
    assert FACTS.methods == ("sharp", "noisy")
    assert FACTS.models == ("one", "two")
    assert FACTS.labels == FACTS.predicted == (0, 1)
    assert set(FACTS.segments) == {"eyes", "nose", "mouth", "ears", "rest"}
    assert len(FACTS.image_ids) == 20
    assert FACTS.scored
    assert FACTS.judged


def test_a_table_without_segments_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(sat.InvalidInput, match="nothing to explore"):
        facts_of(table.assign(segment=None))


def test_open_fields_are_filled_in() -> None:
    state = good()
    assert (state.methods, state.model, state.versus, state.label) == (("sharp",), "one", None, 0)
    assert good(view="agreement").methods == FACTS.methods
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
        ({"hidden": tuple(FACTS.segments)}, "state.hidden"),
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
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(sat.InvalidInput, match=says):
        good(**changes)


def test_something_else_than_a_state_is_refused() -> None:
    with pytest.raises(sat.InvalidInput, match="expected an ExplorerState, got dict"):
        checked({"view": "bars"}, FACTS)  # type: ignore[arg-type]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([*VIEWS, *FACTS.methods, *FACTS.models, *FACTS.segments, "top_k", "complete"]),
)
TUPLES = st.lists(st.sampled_from([*FACTS.methods, *FACTS.segments, "?"]), max_size=5).map(tuple)


@st.composite
def states(draw: st.DrawFn) -> ExplorerState:
    """Any state, most of them without sense."""
    chosen = draw(st.sets(st.sampled_from([f.name for f in fields(ExplorerState)]), max_size=6))
    several = ("methods", "hidden", "positions")
    return ExplorerState(**{n: draw(TUPLES if n in several else ANYTHING) for n in chosen})


@given(states())
@settings(max_examples=60)
def test_whatever_is_asked_for_settles_into_a_state_that_makes_sense(state: ExplorerState) -> None:
    found = settled(state, FACTS)
    assert settled(found, FACTS) == found
    assert checked(found, FACTS) == found
    choices = allowed(found, FACTS)
    for name in ("view", "model", "versus", "label", "how", "value", "test", "rows", "order"):
        assert getattr(found, name) in choices[name]
    assert len(found.methods) >= VIEWS[found.view].methods
    assert set(found.hidden) < set(FACTS.segments)


def test_the_view_stays_and_the_others_follow() -> None:
    alone = good(methods=("noisy",))
    agreed = settled(replace(alone, view="agreement"), FACTS)
    assert (agreed.view, agreed.methods) == ("agreement", ("sharp", "noisy"))
    assert settled(replace(alone, how="top_k", value="mean_attribution"), FACTS).value == "rank"
    assert not settled(replace(alone, how="median"), FACTS).intervals


def test_a_step_leads_to_the_first_page_unless_it_turns_one() -> None:
    state = good(view="images", page=1)
    assert stepped(state, {"segment": "ears"}).page == 0
    assert stepped(state, {"page": 2}).page == 2
    assert stepped(state, {"opacity": 0.5}).page == 1


def test_one_model_and_one_method_leave_no_comparison(table: pd.DataFrame) -> None:
    facts = facts_of(table[table["method"] == "sharp"])
    choices = allowed(checked(ExplorerState(), facts), facts)
    assert not {"agreement", "difference"} & set(choices["view"])
    assert choices["versus"] == (None,)
    assert choices["correct"] == choices["label"] == choices["predicted"] == (None,)


def test_every_field_has_a_control_but_those_that_buttons_set() -> None:
    names = {f.name for f in fields(ExplorerState)}
    assert names - set(CONTROLS) == {"page", "sort", "descending"}
    assert set(CONTROLS) <= names


def test_facts_are_hashable() -> None:
    assert hash(FACTS) == hash(replace(FACTS))
    assert isinstance(FACTS, Facts)
