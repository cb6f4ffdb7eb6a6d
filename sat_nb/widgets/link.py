"""The state of an explorer as a short text, which restores it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any
from urllib.parse import quote, unquote

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.widgets.state import ALL, ExplorerState

YES_NO = {"yes": True, "no": False}
FIELDS: dict[str, Field[Any]] = {field.name: field for field in fields(ExplorerState)}


def to_link(state: ExplorerState) -> str:
    """A state as text: its view, and the fields that differ from their defaults.

    >>> to_link(ExplorerState(methods=("lrp.z", "a, b"), alpha=0.01, intervals=False))
    'bars?methods=lrp.z,a%2C%20b&intervals=no&alpha=0.01'
    """
    changed = {
        name: _written(value)
        for name, value in vars(state).items()
        if name != "view" and value != FIELDS[name].default
    }
    return f"{_written(state.view)}?{'&'.join(f'{name}={text}' for name, text in changed.items())}"


def from_link(text: str) -> ExplorerState:
    """The state that ``to_link`` has written; InvalidInput for another text.

    >>> from_link("diagram?alpha=0.01&methods=lrp.z").methods
    ('lrp.z',)
    """
    view, _, rest = text.strip().partition("?")
    given: dict[str, Any] = {"view": unquote(view)}
    for part in filter(None, rest.split("&")):
        name, _, value = part.partition("=")
        if name not in FIELDS:
            raise unknown_name("state", name, FIELDS)
        given[name] = _read(name, value)
    return ExplorerState(**given)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_written, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quote(value, safe="") if isinstance(value, str) else repr(value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(unquote(name) for name in text.split(","))


def _class(text: str) -> int | str:
    return ALL if text == ALL else int(text)


READERS: dict[str, Callable[[str], Any]] = {
    "str": unquote,
    "str | None": unquote,
    "int": int,
    "int | None": int,
    "int | str | None": _class,
    "float": float,
    "bool": YES_NO.__getitem__,
    "bool | None": YES_NO.__getitem__,
    "tuple[str, ...]": _names,
}
"""How a field is read, by its type."""


def _read(name: str, text: str) -> Any:
    kind = str(FIELDS[name].type)
    try:
        return READERS[kind](text)
    except (ValueError, KeyError) as error:
        raise InvalidInput(
            f"state: {name}={text} in a link is not of type {kind}; expected what explorer.link() "
            "gives."
        ) from error
