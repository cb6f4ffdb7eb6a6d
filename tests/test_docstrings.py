"""Public docstrings are complete, by numpydoc's own validator."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import sat_nb as sat

CODES = (
    *("GL03", "GL05", "GL06", "GL07", "GL08"),  # blank lines, tabs, sections; a docstring at all
    *("PR01", "PR02", "PR03", "PR04", "PR06", "PR07", "PR08", "PR09", "PR10"),  # parameters
    *("RT01", "RT03", "RT05", "YD01"),  # what is returned or yielded
)
"""The checks that count; ruff checks the shape of all docstrings."""

MEMBERS = ("method", "class method", "static method", "property")


def public_members(name: str, cls: type) -> Iterator[str]:
    """The public methods and properties of a class that this package defines."""
    # A field whose default is a function looks like a method; the class docstring describes it.
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    for member in inspect.classify_class_attrs(cls):
        ours = member.defining_class.__module__.startswith("sat_nb")
        private = member.name.startswith("_") or member.name in fields
        if ours and member.kind in MEMBERS and not private:
            yield f"{name}.{member.name}"


def public_names() -> Iterator[str]:
    """Every function and class of the facade, and the members of its classes."""
    for name in sat.__all__:
        thing = getattr(sat, name)
        if inspect.isclass(thing):
            yield name
            yield from public_members(name, thing)
        elif inspect.isroutine(thing):
            yield name


def attributes(thing: Any) -> set[str]:
    """The names in the section "Attributes"."""
    section = NumpyDocString(inspect.getdoc(thing) or "")["Attributes"]
    return {name.strip() for entry in section for name in entry.name.split(",")}


def failing_checks(name: str) -> Iterator[str]:
    """The checks that count and fail, with numpydoc's messages.

    A result, which users read and do not construct, may list its fields as attributes.
    """
    thing = attrgetter(name)(sat)
    listed = attributes(thing) if dataclasses.is_dataclass(thing) else set()
    for code, message in validate(f"sat_nb.{name}")["errors"]:
        if code == "PR01" and listed:
            missing = {field.name for field in dataclasses.fields(thing) if field.init} - listed
            if missing:
                yield f"{code}: Attributes {missing} not documented"
        elif code in CODES:
            yield f"{code}: {message}"


@pytest.mark.parametrize("name", list(public_names()))
def test_public_docstrings_are_complete(name: str) -> None:
    failing = list(failing_checks(name))
    assert not failing, f"sat_nb.{name}:\n" + "\n".join(failing)


def test_members_of_public_classes_are_checked_too() -> None:
    names = set(public_names())
    assert {"build", "SegmentationMap", "SegmentationMap.pad", "Comparison"} <= names
    assert not any("._" in name for name in names)


def test_every_public_name_has_an_example() -> None:
    things = {name: getattr(sat, name) for name in sat.__all__}
    without = [
        name
        for name, thing in things.items()
        if inspect.isclass(thing) or inspect.isroutine(thing)
        if not NumpyDocString(inspect.getdoc(thing) or "")["Examples"]
    ]
    assert without == []


def documented_defaults() -> Iterator[tuple[str, str, object]]:
    """(function, parameter, default) of every parameter "name : type, default value"."""
    for name in public_names():
        thing = attrgetter(name)(sat)
        if inspect.isroutine(thing):
            for parameter in NumpyDocString(inspect.getdoc(thing) or "")["Parameters"]:
                *_, default = parameter.type.split(", default ")
                with contextlib.suppress(ValueError, SyntaxError):  # no default, or one in words
                    for each in parameter.name.split(", "):
                        yield name, each, ast.literal_eval(default)


def test_documented_defaults_are_those_of_the_signature() -> None:
    documented = list(documented_defaults())
    assert len(documented) > 100
    for name, parameter, default in documented:
        actual = inspect.signature(attrgetter(name)(sat)).parameters[parameter].default
        assert default == actual, f"sat_nb.{name}, {parameter}"
