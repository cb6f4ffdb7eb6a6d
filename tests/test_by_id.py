"""Lazy mappings make a value when it is asked for, and only then."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from sat_nb.by_id import ById, ByMethod
from sat_nb.errors import IdMismatch, InvalidInput


class Numbers(ById[int]):
    """Counts which values were made."""

    holds = "number"

    def __init__(self, *keys: str) -> None:
        self.keys_, self.made = keys, []

    def _keys(self) -> Collection[str]:
        return self.keys_

    def _value(self, key: str) -> int:
        self.made.append(key)
        return int(key)


class Methods(ByMethod[int]):
    def _keys(self) -> Collection[str]:
        return ("gradient", "lrp.z")

    def _value(self, key: str) -> int:
        return len(key)


def test_keys_are_known_without_values() -> None:
    numbers = Numbers("3", "1", "2", "4")
    assert list(numbers) == ["3", "1", "2", "4"]
    assert len(numbers) == 4
    assert "1" in numbers
    assert "5" not in numbers
    assert 1 not in numbers
    assert repr(numbers) == "Numbers(4 images: '3', '1', '2' and 1 more)"
    assert numbers.get("5", -1) == -1
    assert numbers.get("5") is None
    assert bool(numbers)
    assert not Numbers()
    assert numbers.made == []


def test_values_are_made_when_they_are_asked_for() -> None:
    numbers = Numbers("3", "1")
    assert numbers["3"] == 3
    assert numbers.get("3") == 3
    assert numbers.made == ["3", "3"]
    assert dict(numbers) == {"3": 3, "1": 1}
    assert list(numbers.values()) == [3, 1]


def test_what_is_not_there() -> None:
    with pytest.raises(IdMismatch, match="image '5' has no number; there are 2: '3', '1'"):
        Numbers("3", "1")["5"]
    with pytest.raises(InvalidInput, match="method: unknown name 'lrp.y'.*mean 'lrp.z'"):
        Methods()["lrp.y"]
    assert Methods()["lrp.z"] == 5
