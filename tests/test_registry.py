"""Registries, the choice of an entry, and what docstrings list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from typing import Any

import pytest

from sat_nb.errors import InvalidInput
from sat_nb.registry import Entry, Parameter, chosen, completed, described, lists, registry


@dataclass(frozen=True, kw_only=True)
class Mean(Entry):
    function: Callable[..., float] = max


K = Parameter(3, lambda k: k > 0, "a number > 0")
MEANS = registry(
    Mean(name="top_k", about="The best.", source="Gauss 1809", parameters={"k": K}),
    Mean(name="mean", title="the mean", about="All of them."),
)
OWN = Mean(name="own", version="2")


def test_an_entry_has_a_title_and_a_key() -> None:
    assert (MEANS["top_k"].title, MEANS["mean"].title) == ("top k", "the mean")
    assert (MEANS["mean"].key, OWN.key) == ("mean", "own@2")
    with pytest.raises(FrozenInstanceError):
        OWN.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ""}, "name: expected text without '@', got ''"),
        ({"name": "a@1"}, "name: expected text without '@', got 'a@1'"),
        ({"name": 3}, "name: expected text without '@', got 3"),
        ({"name": "a", "version": "1@2"}, "version: expected text without '@', got '1@2'"),
        ({"name": "a", "version": 2}, "version: expected text without '@', got 2"),
    ],
)
def test_names_and_versions_make_keys_that_can_be_told_apart(fields: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        Entry(**fields)


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(AssertionError, match="two entries have one name"):
        registry(OWN, OWN)


def choice(given: Any, **options: Any) -> Mean:
    return chosen("how", given, MEANS, own=Mean, **options)


def test_a_name_or_an_entry_is_chosen() -> None:
    assert choice("mean") is MEANS["mean"]
    assert choice(MEANS["mean"], kept=True) is MEANS["mean"]
    assert choice(OWN, kept=True) is OWN
    assert choice(replace(OWN, version="")).key == "own"
    assert choice(replace(OWN, name="mean")).key == "mean@2"


def test_a_function_is_chosen_where_it_can_be_made_an_entry() -> None:
    def wrap(function: Callable[..., float]) -> Mean:
        return Mean(name="wrapped", function=function)

    assert choice(min, from_function=wrap).function is min
    with pytest.raises(InvalidInput, match=r"how: a function alone has no name; .*sat_nb.Mean\("):
        choice(min)
    with pytest.raises(InvalidInput, match="'mean', a sat_nb.Mean of your own, a function"):
        choice("men", from_function=wrap)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("men", "how: unknown name 'men'. Did you mean 'mean'.*'top_k', 'mean', a sat_nb.Mean of"),
        (None, "how: unknown name None"),
        (["mean"], r"how: unknown name \['mean'\]"),
        (Entry(name="mine"), "how: unknown name Entry"),
        (replace(OWN, name="mean", version=""), "how: the name 'mean' is taken by the package"),
        (replace(OWN, version=""), "how: 'own' is an entry of your own.*version='1'"),
    ],
)
def test_what_cannot_be_chosen(given: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        choice(given, kept=True)


def test_parameters_are_checked_and_completed() -> None:
    entry = MEANS["top_k"]
    assert completed(entry, None, "parameters") == completed(entry, {}, "parameters") == {"k": 3}
    assert completed(entry, {"k": 1}, "parameters") == {"k": 1}
    for given, text in (
        ({"k": 0}, "parameters: k: expected a number > 0, got 0"),
        ({"n": 1}, "parameters: unknown name 'n'. Valid: 'k'"),
        ([("k", 1)], "parameters: expected {parameter: value}, got list"),
    ):
        with pytest.raises(InvalidInput, match=text):
            completed(entry, given, "parameters")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="parameters: 'mean' takes none, got 'k'"):
        completed(MEANS["mean"], {"k": 1}, "parameters")


def test_docstrings_list_entries() -> None:
    @lists(how=MEANS)
    def function() -> None:
        """Sum up.

        how : str
            [[how]]

            [[how.mean]]
            Not a mark: [[how]], and not one either: [how].
        """

    lines = [line.strip() for line in (function.__doc__ or "").rstrip().splitlines()]
    assert lines == [
        *("Sum up.", "", "how : str"),
        '- "top_k": The best (Gauss 1809). Parameters: k, a number > 0 (default 3).',
        '- "mean": All of them.',
        *("", "All of them.", "Not a mark: [[how]], and not one either: [how]."),
    ]


def test_long_items_are_wrapped_below_their_text() -> None:
    long = registry(Entry(name="long", about=f"{'Many words ' * 20}."))

    @lists(how=long)
    def function() -> None:
        """Sum up.

        [[how]]
        """

    lines = (function.__doc__ or "").rstrip().splitlines()[2:]
    assert len(lines) == 3
    assert all(len(line) <= 100 for line in lines)
    assert all(line.startswith(lines[0][: lines[0].index("-")] + "  ") for line in lines[1:])


def test_marks_without_a_registry_are_an_error_when_the_module_is_imported() -> None:
    for mark in ("[[who]]", "[[how.nobody]]"):

        def function() -> None:
            pass

        function.__doc__ = f"Sum up.\n\n{mark}\n"
        with pytest.raises(KeyError):
            lists(how=MEANS)(function)


def test_functions_without_a_docstring_stay_without() -> None:
    def function() -> None:
        pass

    assert not lists(how=MEANS)(function).__doc__


def test_all_entries_in_one_line() -> None:
    assert described(MEANS) == "top_k: The best. mean: All of them."
