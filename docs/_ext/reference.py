"""The reference: a page for each subject of the facade, written anew by each build.

What is public, and where it stands, is read from ``sat_nb/__init__.pyi``; the words are
those of the docstrings. Nothing is listed by hand, so that a new public name has its page.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import sat_nb
from written import write_page

STUB = Path(sat_nb.__file__).with_suffix(".pyi")
ROOMS = {
    "images": "Photos",
    "segments": "Masks",
    "saliency": "Maps of a model",
    "agnostic": "Without any photo",
    "table": "Tables",
    "interventions": "What happens without a segment",
    "stats": "Statistics",
    "plots": "Plots",
    "widgets": "The explorer",
    "reports": "Reports",
    "reproduction": "Sample data",
    "ground": "Errors, files and limits",
}
"""Room -> title, in the order in which data goes through them."""
GROUND = "What all rooms share: errors, files from elsewhere, limits on what a file may cost."
IN_EXAMPLES = (
    "Every public name, in the order in which data goes through them. Examples take names as they "
    "are after ``from sat_nb import *`` and ``import numpy as np``; each is run by a test, unless "
    "it needs a file or a model of yours."
)


@dataclasses.dataclass(frozen=True)
class Subject:
    """The public names of one module."""

    module: str
    names: tuple[str, ...]

    @property
    def room(self) -> str:
        """The part of the package that it belongs to."""
        first = self.module.split(".")[0]
        return first if first in ROOMS else "ground"

    @property
    def title(self) -> str:
        """Its names, or one word for many."""
        leaf = self.module.split(".")[-1].replace("_", " ").capitalize()
        return leaf if len(self.names) > 3 else ", ".join(self.names)

    @property
    def page(self) -> str:
        """Its page, below the folder of the reference."""
        return f"{self.room}/{self.module.removeprefix(f'{self.room}.')}"


def subjects() -> list[Subject]:
    """All public names, by the modules that the facade takes them from."""
    imports = [n for n in ast.parse(STUB.read_text("utf-8")).body if isinstance(n, ast.ImportFrom)]
    return [Subject(str(n.module), tuple(alias.name for alias in n.names)) for n in imports]


def members(cls: type) -> list[str]:
    """The public methods and properties that this package gives to a class."""
    fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    return [
        member.name
        for member in inspect.classify_class_attrs(cls)
        if member.kind in ("method", "class method", "static method", "property")
        and member.defining_class.__module__.startswith("sat_nb")
        and not member.name.startswith("_")
        and member.name not in fields
    ]


def value_docs(name: str, module: str) -> list[str]:
    """The docstring below the assignment of a public value."""
    found = ModuleAnalyzer.for_module(f"sat_nb.{module}").find_attr_docs().get(("", name))
    return found or (inspect.getdoc(type(getattr(sat_nb, name))) or "").splitlines()


def summary(name: str, module: str) -> str:
    """The first sentence about a public name."""
    thing = getattr(sat_nb, name)
    described = inspect.isclass(thing) or inspect.isroutine(thing)
    lines = (inspect.getdoc(thing) or "").splitlines() if described else value_docs(name, module)
    return " ".join(itertools.takewhile(str.strip, lines))


def described(name: str, module: str) -> Iterator[str]:
    """The lines of reStructuredText that document one public name."""
    thing = getattr(sat_nb, name)
    if inspect.isclass(thing):
        yield from (f".. autoclass:: sat_nb.{name}", "   :members: " + ", ".join(members(thing)))
    elif inspect.isroutine(thing):
        yield f".. autofunction:: sat_nb.{name}"
    else:
        yield from _value(name, module, thing)
    yield ""


def _value(name: str, module: str, value: Any) -> Iterator[str]:
    yield from (f".. py:data:: sat_nb.{name}", "")
    yield from (f"   {line}".rstrip() for line in value_docs(name, module))
    yield from ("", "   .. rubric:: Examples", "", f"   >>> {_example(name, value)}", "")
    if isinstance(value, Mapping):
        yield from (f"   {line}" for line in _entries(value))


def _example(name: str, value: Any) -> str:
    called = isinstance(value, Mapping)
    return f"list(sat.{name})\n   {list(value)!r}" if called else f"sat.{name}\n   {value!r}"


def _entries(entries: Mapping[str, Any]) -> Iterator[str]:
    """A table of what a registry holds."""
    yield from (".. list-table::", "   :widths: 30 70", "")
    for key, entry in entries.items():
        about = getattr(entry, "about", None) or getattr(entry, "title", None) or entry
        yield from (f"   * - ``{key}``", f"     - {without_substitutions(str(about))}")


def _page(subject: Subject) -> str:
    title = subject.title
    bodies = (described(name, subject.module) for name in subject.names)
    return "\n".join([title, "=" * len(title), "", *itertools.chain.from_iterable(bodies)])


def _room(room: str, inside: list[Subject]) -> str:
    about = GROUND if room == "ground" else importlib.import_module(f"sat_nb.{room}").__doc__
    about = "" if room == "images" else str(about)
    rows = (_row(name, subject.module) for subject in inside for name in subject.names)
    return "\n".join(
        [
            *(ROOMS[room], "=" * len(ROOMS[room]), "", about, ""),
            *(".. list-table::", "   :widths: 35 65", "", *itertools.chain.from_iterable(rows), ""),
            *(".. toctree::", "   :hidden:", ""),
            *(f"   /docs/reference/{subject.page}" for subject in inside),
            "",
        ]
    )


def _row(name: str, module: str) -> tuple[str, str]:
    about = without_substitutions(summary(name, module))
    return f"   * - :py:obj:`~sat_nb.{name}`", f"     - {about}"


def _index(by_room: Mapping[str, list[Subject]]) -> str:
    """All names on one page."""
    title = "Reference"
    lines = [title, "=" * len(title), "", IN_EXAMPLES, "", ".. toctree::", "   :hidden:", ""]
    lines += [*(f"   {room}" for room in by_room), "   All names <../../genindex>", ""]
    for room, inside in by_room.items():
        names = (f":py:obj:`~sat_nb.{name}`" for subject in inside for name in subject.names)
        lines += [f".. rubric:: :doc:`{room}`", "", ", ".join(names), ""]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """Page -> text."""
    known = subjects()
    found = {subject.page: _page(subject) for subject in known}
    by_room = {room: [each for each in known if each.room == room] for room in ROOMS}
    found |= {room: _room(room, inside) for room, inside in by_room.items()}
    return found | {"index": _index(by_room)}


def write(folder: Path) -> None:
    """Write the pages that have changed, and remove those that are no longer there."""
    wanted = {folder / f"{page}.rst": text for page, text in pages().items()}
    for file in set(folder.rglob("*.rst")) - set(wanted):
        file.unlink()
    for file, text in wanted.items():
        write_page(file, text)


def keep_bars(app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list) -> None:
    """Keep the bars of ``|x|``, an absolute value, which would name a substitution."""
    before = list(itertools.takewhile(lambda line: line.strip() != "Examples", lines))
    lines[: len(before)] = [without_substitutions(line) for line in before]


def without_substitutions(line: str) -> str:
    """A line of reStructuredText in which bars outside of literals are escaped."""
    parts = re.split(r"(``.*?``)", line)
    return "".join(part if part.startswith("``") else part.replace("|", "\\|") for part in parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the reference before Sphinx looks for pages."""
    app.connect("config-inited", lambda *_: write(Path(app.confdir) / "reference"))
    app.connect("autodoc-process-docstring", keep_bars, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
