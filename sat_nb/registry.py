"""Registries: plain dicts of frozen entries that carry everything users read about a choice.

Docstrings, errors, ``--help``, tooltips, plot titles and CSV columns are derived from the entry.
Where a function takes the name of an entry, it also takes an entry of the user's own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sat_nb.errors import InvalidInput, unknown_name

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Parameter:
    """A parameter of an entry: its default and the check of its values.

    Parameters
    ----------
    default : object
        The value that is used if none is given.
    accepts : callable
        ``accepts(value)`` returns whether a value is valid.
    expected : str
        The valid values in words, for error messages.
    about : str, default ""
        One sentence: what the parameter does.

    Examples
    --------
    >>> Parameter(3, lambda k: k > 0, "a whole number >= 1").default
    3
    """

    default: Any
    accepts: Callable[[Any], bool]
    expected: str
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The base of all entries of registries.

    Parameters
    ----------
    name : str
        The name that functions take and that settings and tables hold.
    title : str
        A few words for a plot, a control or a list; by default the name with spaces.
    about : str
        One sentence, with a full stop, that says what it is.
    source : str
        The paper and equation it follows.
    version : str
        For entries of the user's own. Change it whenever the function changes, so that results of
        an older one are never taken for results of this one. Empty for the package's entries,
        which have the package's version.
    parameters : Mapping[str, Parameter]
        The parameters of its function, by name.
    """

    name: str
    title: str = ""
    about: str = ""
    source: str = ""
    version: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute in ("name", "version"):
            text = getattr(self, attribute)
            if not isinstance(text, str) or not (text or attribute == "version") or "@" in text:
                raise InvalidInput(f"{attribute}: expected text without '@', got {text!r}.")
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " "))

    @property
    def key(self) -> str:
        """Its name in stores, settings and tables, with its version if it has one.

        >>> Entry(name="mine", version="2").key
        'mine@2'
        """
        return f"{self.name}@{self.version}" if self.version else self.name


E = TypeVar("E", bound=Entry)


def registry(*entries: E) -> dict[str, E]:
    """Make a registry: the entries by name.

    >>> list(registry(Entry(name="a"), Entry(name="b")))
    ['a', 'b']
    """
    found = {entry.name: entry for entry in entries}
    assert len(found) == len(entries), "two entries have one name"
    return found


def chosen(
    argument: str,
    given: str | E | Callable[..., Any],
    entries: Mapping[str, E],
    *,
    own: type[E],
    from_function: Callable[[Callable[..., Any]], E] | None = None,
    kept: bool = False,
) -> E:
    """Choose the entry of a name, or an entry of the user's own.

    Parameters
    ----------
    argument : str
        The name of the caller's argument, for errors.
    given : str, Entry or callable
        A name in ``entries``; an entry of the class ``own``; or a function, if there is
        ``from_function``.
    entries : Mapping[str, Entry]
        The registry.
    own : type
        The class of its entries.
    from_function : callable, optional
        Makes an entry from a bare function.
    kept : bool
        Whether results are kept on disk, so that an entry of the user's own needs a version.

    Raises
    ------
    InvalidInput
        For an unknown name (the error lists all names), for an own entry with the name of a
        registered one, and for an own entry without the version it needs.
    """
    if isinstance(given, own):
        return _checked_own(argument, given, entries, kept)
    if from_function is not None and callable(given):
        return _checked_own(argument, from_function(given), entries, kept)
    if callable(given) and not isinstance(given, Entry):
        raise InvalidInput(
            f"{argument}: a function alone has no name; wrap it as sat_nb.{own.__name__}(name=..., "
            "version='1', function=...)."
        )
    if not isinstance(given, str) or given not in entries:
        others = [f"a sat_nb.{own.__name__} of your own"]
        others += ["a function"] if from_function is not None else []
        raise unknown_name(argument, given, entries, others=others)
    return entries[given]


def completed(entry: Entry, given: Mapping[str, Any] | None, argument: str) -> dict[str, Any]:
    """All parameters of an entry: the given ones, which are checked, and defaults for the others.

    >>> entry = Entry(name="top_k", parameters={"k": Parameter(3, lambda k: k > 0, "a number > 0")})
    >>> completed(entry, {}, "parameters"), completed(entry, {"k": 1}, "parameters")
    ({'k': 3}, {'k': 1})
    """
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"{argument}: expected {{parameter: value}}, got {type(given).__name__} {given!r}."
        )
    for name, value in given.items():
        if not entry.parameters:
            raise InvalidInput(f"{argument}: {entry.name!r} takes none, got {name!r}.")
        if name not in entry.parameters:
            raise unknown_name(argument, name, entry.parameters)
        if not entry.parameters[name].accepts(value):
            expected = entry.parameters[name].expected
            raise InvalidInput(f"{argument}: {name}: expected {expected}, got {value!r}.")
    return {name: given.get(name, p.default) for name, p in entry.parameters.items()}


def described(entries: Mapping[str, Entry]) -> str:
    """All entries in one line of text, for help texts and tooltips.

    >>> described(registry(Entry(name="a", about="One."), Entry(name="b", about="Another.")))
    'a: One. b: Another.'
    """
    return " ".join(f"{name}: {entry.about}" for name, entry in entries.items())


def lists(**registries: Mapping[str, Entry]) -> Callable[[F], F]:
    """A decorator that writes what entries say about themselves into a docstring.

    A line that is nothing but ``[[argument]]`` becomes one line for each entry of that registry,
    and ``[[argument.name]]`` becomes the sentence of one entry.

    >>> MEANS = registry(Entry(name="mean", about="The mean.", source="Gauss 1809"))
    >>> @lists(how=MEANS)
    ... def f(how):
    ...     '''Aggregate.
    ...
    ...     how : str
    ...         [[how]]
    ...         [[how.mean]]
    ...     '''
    >>> for line in f.__doc__.splitlines()[3:5]:
    ...     print(line.strip())
    - "mean": The mean (Gauss 1809).
    The mean.
    """

    def decorate(function: F) -> F:
        lines: list[str] = []
        for line in (function.__doc__ or "").splitlines():
            mark = line.strip()
            if mark.startswith("[[") and mark.endswith("]]"):
                indent = line[: len(line) - len(line.lstrip())]
                argument, _, name = mark[2:-2].partition(".")
                entries = registries[argument]
                if name:
                    lines += _wrapped(entries[name].about, indent, indent)
                for entry in () if name else entries.values():
                    lines += _wrapped(_item(entry), indent, f"{indent}  ")
            else:
                lines.append(line)
        function.__doc__ = "\n".join(lines)
        return function

    return decorate


def _item(entry: Entry) -> str:
    source = f" ({entry.source})" if entry.source else ""
    parameters = "; ".join(
        f"{name}, {parameter.expected} (default {parameter.default!r})"
        for name, parameter in entry.parameters.items()
    )
    takes = f" Parameters: {parameters}." if parameters else ""
    return f'- "{entry.name}": {entry.about.removesuffix(".")}{source}.{takes}'


def _wrapped(text: str, first: str, further: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=100,
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _checked_own(argument: str, entry: E, entries: Mapping[str, E], kept: bool) -> E:
    if entries.get(entry.name) is entry:
        return entry
    if entry.key in entries:
        raise InvalidInput(
            f"{argument}: the name {entry.name!r} is taken by the package; give your entry another "
            "name, or a version."
        )
    if kept and not entry.version:
        raise InvalidInput(
            f"{argument}: {entry.name!r} is an entry of your own, and its results are kept; give "
            "it a version, such as version='1', and a new one whenever its function changes."
        )
    return entry
