"""Undo, links, what moved, and the search of many names."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sat_nb as sat
from sat_nb import ExplorerState, InvalidInput
from sat_nb.toy import toy
from sat_nb.widgets.explorer import MOST_UNDONE, Explorer
from sat_nb.widgets.fields import MANY_NAMES
from sat_nb.widgets.link import READERS, from_link, to_link
from sat_nb.widgets.snapshot import moves
from tests.widgets.conftest import HOSTILE, LONG, MATH, click, use, walk, with_class

# Links.

names = st.one_of(st.text(min_size=1), st.sampled_from([HOSTILE, LONG, MATH, "a,b", "a&b=c?d#e"]))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": st.text(),
    "str | None": st.none() | names,
    "int": st.integers(0, 10**9),
    "int | None": st.none() | st.integers(0, 9),
    "int | str | None": st.none() | st.integers(0, 9) | st.just("all"),
    "float": st.floats(0, 1),
    "bool": st.booleans(),
    "bool | None": st.none() | st.booleans(),
    "tuple[str, ...]": st.lists(names, max_size=3).map(tuple),
}


def test_every_type_of_field_can_be_read() -> None:
    assert {str(field.type) for field in fields(ExplorerState)} <= set(READERS) == set(VALUES)


@given(st.fixed_dictionaries({f.name: VALUES[str(f.type)] for f in fields(ExplorerState)}))
def test_a_link_is_its_state(values: dict[str, Any]) -> None:
    state = ExplorerState(**values)
    link = to_link(state)
    assert from_link(link) == state
    assert link.isascii()
    assert not set(link) & set(" \"'<>\n")


def test_a_link_shows_what_was_shown(explorer: Explorer, data: dict[str, Any]) -> None:
    explorer.state = ExplorerState(view="diagram", methods=("noisy",), alpha=0.01, hidden=("rest",))
    link = explorer.link()
    for other in (sat.explore(**data, state=link), sat.explore(**data)):
        other.state = link
        assert other.state == explorer.state
        assert other.code() == explorer.code()
    assert len(link) < 120


@pytest.mark.parametrize(
    ("link", "match"),
    [
        ("bars?colour=red", "state: unknown name 'colour'"),
        ("bars?alpha=large", "state: alpha=large in a link is not of type float"),
        ("bars?intervals=maybe", "intervals=maybe"),
        ("pie", "state.view: 'pie' cannot be shown"),
        ("bars?methods=nonesuch", "state.methods: "),
    ],
)
def test_what_is_no_link_is_named(explorer: Explorer, link: str, match: str) -> None:
    before = explorer.state
    with pytest.raises(InvalidInput, match=match):
        explorer.state = link
    assert explorer.state == before


def test_a_link_is_pasted_into_the_bar(explorer: Explorer) -> None:
    (toggle,), (box,) = with_class(explorer, "sat-show-link"), with_class(explorer, "sat-link")
    assert box.layout.display == "none"
    toggle.value = True
    assert box.layout.display is None
    text = next(w for w in walk(box) if isinstance(w, ipywidgets.Text))
    assert text.value == explorer.link()
    text.value = "table?methods=noisy"
    assert (explorer.state.view, explorer.state.methods) == ("table", ("noisy",))
    assert text.value == explorer.link()
    text.value = "table?methods=<b>"
    said = next(w for w in walk(box) if isinstance(w, ipywidgets.HTML))
    assert 'role="alert"' in said.value
    assert "<b>" not in said.value
    assert explorer.state.view == "table"


# Undo.


def test_undo_takes_changes_back_one_by_one(explorer: Explorer) -> None:
    (undo,) = with_class(explorer, "sat-undo")
    assert undo.disabled
    states = [explorer.state]
    use(explorer, "alpha", 0.1)
    use(explorer, "view", "diagram")
    explorer._change(methods=("noisy",))
    states += [replace(states[0], alpha=0.1), replace(states[0], alpha=0.1, view="diagram")]
    for expected in reversed(states):
        click(explorer, "sat-undo")
        assert explorer.state == expected
    assert undo.disabled
    explorer.undo()
    assert explorer.state == states[0]


def test_a_program_s_change_is_undone_too_and_many_are_forgotten(explorer: Explorer) -> None:
    explorer.state = ExplorerState(view="table")
    explorer.undo()
    assert explorer.state.view == "bars"
    for page in range(2 * MOST_UNDONE):
        explorer._change(page=page)
    for _ in range(MOST_UNDONE):
        assert not with_class(explorer, "sat-undo")[0].disabled
        explorer.undo()
    assert with_class(explorer, "sat-undo")[0].disabled


# What moved.


@given(
    st.lists(st.sampled_from("abcdef"), unique=True),
    st.lists(st.sampled_from("abcdef"), unique=True),
)
def test_moves_are_those_of_the_names_in_both(before: list[str], after: list[str]) -> None:
    found = {name: (old, new) for name, old, new in moves(before, after)}
    both = set(before) & set(after)
    for name in both:
        old = 1 + sum(other in both for other in before[: before.index(name)])
        new = 1 + sum(other in both for other in after[: after.index(name)])
        assert found.pop(name, (old, old)) == (old, new)
    assert not found


def test_the_explorer_says_which_segments_moved(data: dict[str, Any]) -> None:
    explorer = sat.explore(data["table"])
    assert explorer._moves.value == ""
    before = explorer.table()["segment"].tolist()
    explorer._change(methods=("noisy",))
    after = explorer.table()["segment"].tolist()
    for name, old, new in moves(before, after):
        assert f"<bdi>{name}</bdi> {old} → {new}" in explorer._moves.value
    assert "sharp → noisy: " in explorer._moves.value
    explorer._change(opacity=0.5)
    assert explorer._moves.value == "", "nothing was computed anew"
    explorer._change(intervals=False)
    assert "the same order as before" in explorer._moves.value
    explorer._change(view="unusual")
    assert explorer._moves.value == ""


def test_each_panel_has_its_own_moves(explorer: Explorer) -> None:
    explorer.state = ExplorerState(view="diagram", methods=("sharp", "noisy"), versus="two")
    explorer._change(missing="complete")
    assert explorer._moves.value.count("<div>") == len(explorer._snapshot.panels) == 4


# Search.


@pytest.fixture(scope="module")
def many() -> dict[str, Any]:
    """A table of 40 segments, of which ten are called an eye."""
    heights = np.linspace(2, 1, 40, dtype=np.float32)
    names = tuple(f"{'eye' if i % 4 == 0 else 'part'} {i:02d}" for i in range(40))
    masks = np.repeat(np.eye(40, dtype=bool)[:, :, None], 3, axis=2)
    maps = {f"{i:02d}": np.repeat(heights[:, None] + i / 99, 3, axis=1) for i in range(6)}
    segments = dict.fromkeys(maps, sat.SegmentationMap(names, masks))
    return {"table": sat.build({"m": maps}, segments, pad_px=0)}


def search(explorer: Explorer, control: str, text: str) -> str:
    """Type into the search of a control; what it says."""
    field = explorer.fields[control]
    combobox = next(w for w in walk(field.widget) if isinstance(w, ipywidgets.Combobox))
    combobox.value = text
    said = [w.value for w in walk(field.widget) if isinstance(w, ipywidgets.HTML)]
    return "".join(said)


def test_a_part_of_a_name_finds_it(many: dict[str, Any]) -> None:
    explorer = sat.explore(**many)
    assert search(explorer, "segment", "PART 07") == ""
    assert explorer.state.segment == "part 07"
    said = search(explorer, "segment", "eye")
    assert said == (
        '<span role="status">which one? eye 00, eye 04, eye 08, eye 12, eye 16, eye 20 and 4 more'
        "</span>"
    )
    assert explorer.state.segment == "part 07"
    assert "no name has that part" in search(explorer, "segment", "<b>")
    search(explorer, "segment", "")
    assert explorer.state.segment is None


def test_few_names_are_a_list_and_many_photos_are_searched() -> None:
    explorer = sat.explore(sat.build(*toy(MANY_NAMES + 1)))
    kinds = {
        control: {type(w) for w in walk(explorer.fields[control].widget)}
        for control in ("segment", "image_id")
    }
    assert ipywidgets.Dropdown in kinds["segment"]
    assert ipywidgets.Combobox not in kinds["segment"]
    assert ipywidgets.Combobox in kinds["image_id"]
    explorer.state = ExplorerState(view="image")
    search(explorer, "image_id", "_07")
    assert explorer.state.image_id == "image_07"


def test_names_that_look_alike_are_not_mistaken() -> None:
    same = [f"{'n' * 100}{i}" for i in range(MANY_NAMES + 1)]
    maps, segments = toy(len(same))
    renamed = dict(zip(same, segments.values(), strict=True))
    table = sat.build({"m": dict(zip(same, maps["sharp"].values(), strict=True))}, renamed)
    explorer = sat.explore(table)
    explorer.state = ExplorerState(view="image")
    search(explorer, "image_id", same[7])
    assert explorer.state.image_id == same[7]


def test_names_to_hide_are_narrowed_and_keep_their_ticks(many: dict[str, Any]) -> None:
    explorer = sat.explore(**many)
    field: Any = explorer.fields["hidden"]
    text = next(w for w in walk(field.widget) if isinstance(w, ipywidgets.Text))
    text.value = "eye"
    assert len(field._box.children) == 10
    field._chips["eye 08"].value = False
    assert explorer.state.hidden == ("eye 08",)
    text.value = ""
    assert len(field._box.children) == 40
    few: Any = sat.explore(sat.build(*toy(4))).fields["hidden"]
    assert few._part.layout.display == "none"
