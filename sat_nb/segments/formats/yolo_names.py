"""The names of YOLO's classes: in ``data.yaml``, or a line each in ``classes.txt``.

The file lies beside the labels or in a folder above them, up to two above the folder that is read.
YAML is read as text and nothing else: "no" and 1 are the names "no" and "1". Anchors, which let a
small file grow without end, and keys that occur twice are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sat_nb.errors import InvalidInput
from sat_nb.reading import open_plain
from sat_nb.segments.formats.limits import brief, checked_name, whole_number

MAX_NAMES_BYTES = 2**19
FOLDERS_ABOVE = 2
LISTS = ("classes.txt", "obj.names", "_darknet.labels")
"""Files with a name a line, by class number from 0."""

FIRST = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")


@dataclass(frozen=True)
class ClassNames:
    """The names of classes, and the file that they are from."""

    file: Path
    names: dict[int, str]

    def of(self, number: int, where: str) -> str:
        """The name of a class."""
        if number not in self.names:
            raise InvalidInput(
                f"{where}: the class {number} has no name in {str(self.file)!r}, which has "
                f"{len(self.names)}; add it there."
            )
        return self.names[number]


@dataclass
class NamesFiles:
    """The names for the label files of a folder, each names file read once."""

    root: Path
    _found: dict[Path, ClassNames | None] = field(default_factory=dict)

    def above(self, folder: Path) -> ClassNames:
        """The names in the nearest file in this folder or above it."""
        folder, root = folder.resolve(), self.root.resolve()
        top = [root, *root.parents][: FOLDERS_ABOVE + 1][-1]
        for place in (folder, *folder.parents):
            if place not in self._found:
                self._found[place] = _names_in(place)
            found = self._found[place]
            if found is not None:
                return found
            if place == top:
                break
        raise InvalidInput(
            "the names of the classes are not known; put the data.yaml of the data set, with "
            "`names: [...]`, into the folder of the labels or one above it, or a classes.txt "
            "with a name a line."
        )

    def check_any(self, folders: Iterable[Path]) -> None:
        """The first error, where none of these folders has names: no outline can do without."""
        errors: list[InvalidInput] = []
        for folder in folders:
            try:
                self.above(folder)
                return
            except InvalidInput as error:
                errors.append(error)
        if errors:
            raise errors[0]


def _names_in(folder: Path) -> ClassNames | None:
    yamls = sorted(f for f in folder.iterdir() if f.suffix.lower() in (".yaml", ".yml"))
    first = [file for file in yamls if file.name in FIRST]
    for file in first:
        names = _names_of(file)
        if names is not None:
            return ClassNames(file, names)
    found = [c for file in yamls if file not in first and (c := _perhaps(file)) is not None]
    if any(other.names != found[0].names for other in found[1:]):
        raise InvalidInput(
            f"{found[0].file.name!r} and {found[1].file.name!r} hold other names of classes; "
            "name the one that counts data.yaml."
        )
    return found[0] if found else _listed(folder)


def _perhaps(file: Path) -> ClassNames | None:
    try:
        names = _names_of(file)
    except InvalidInput:  # some other tool's YAML
        return None
    return None if names is None else ClassNames(file, names)


def _listed(folder: Path) -> ClassNames | None:
    for name in LISTS:
        if (folder / name).is_file():
            text = _text(folder / name)
            lines = [line.strip() for line in text.strip().splitlines()]
            where = f"{folder / name}: line"
            return ClassNames(
                folder / name,
                {i: checked_name(line, f"{where} {i + 1}") for i, line in enumerate(lines)},
            )
    return None


def _text(file: Path) -> str:
    try:
        with open_plain(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_NAMES_BYTES:
                raise InvalidInput(
                    f"has {size} bytes, the limit is {MAX_NAMES_BYTES}; keep nothing but the names "
                    "of classes in it"
                )
            return stream.read(size).decode("utf-8-sig")
    except (InvalidInput, OSError, UnicodeError) as error:
        raise InvalidInput(f"{file}: not readable as text in UTF-8 ({error}).") from error


def _names_of(file: Path) -> dict[int, str] | None:
    """The names in a YAML file; None where it has none."""
    document = _parsed(file)
    if not isinstance(document, dict) or "names" not in document:
        return None
    if "kpt_shape" in document:
        raise InvalidInput(
            f"{file}: kpt_shape says that the labels are points of YOLO-pose, which are no masks; "
            "export outlines (YOLO-seg)."
        )
    names = document["names"]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise InvalidInput(
            f"{file}: names: expected a list or {{number: name}}, got {brief(names)}."
        )
    return {_number(key, file): checked_name(name, f"{file}: names") for key, name in names.items()}


def _number(key: Any, file: Path) -> int:
    number = whole_number(key)
    if number is None:
        raise InvalidInput(f"{file}: names: expected whole numbers as keys, got {brief(key)}.")
    return number


MAX_DEPTH = 50


def _parsed(file: Path) -> Any:
    import yaml

    base: Any = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader

    class Loader(base):
        """All scalars as text, each key once."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            if len(set(keys)) < len(node.value):
                raise yaml.YAMLError("a key occurs twice, or is no text")
            return super().construct_mapping(node, deep=deep)

    text = _text(file)
    try:
        _check_events(yaml.parse(text, Loader=base))
        return yaml.load(text, Loader)  # a BaseLoader makes text, nothing else
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{file}: not readable as YAML ({error}).") from error


def _check_events(events: Iterable[Any]) -> None:
    """YAMLError for anchors that are used, and for nesting that libyaml's stack does not hold."""
    import yaml

    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("anchors are not taken")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise yaml.YAMLError("it is nested too deeply")
