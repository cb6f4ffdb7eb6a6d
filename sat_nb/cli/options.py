"""What the commands share: options that name an entry of a registry, and errors in one line."""

from __future__ import annotations

import functools
import importlib
import re
import shlex
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import click

from sat_nb.errors import SatError, unknown_name
from sat_nb.printable import printable_lines

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_CHOICES = 60
"""Characters of choices that help shows beside the option; longer ones stand in a section below."""


class Named(click.ParamType):
    """A name in a registry, or ``module:name`` for an entry or function of the user's own.

    Parameters
    ----------
    where : str
        The module and the name of the registry, such as "sat_nb:AGGREGATIONS". The module is
        imported only for a value and for the help of the command itself, so that
        ``sat-nb --help`` stays quick.
    others : Collection of str, default ()
        Words that are valid beside the names.
    own : bool, default True
        Whether ``module:name`` is valid.
    """

    name = "name"

    def __init__(self, where: str, *, others: Collection[str] = (), own: bool = True) -> None:
        self.where, self.others, self.own = where, tuple(others), own

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The choices, where a line holds them."""
        if isinstance(param, click.Argument):
            return self.name.upper()
        choices = [*self.entries(), *self.others, *(["module:name"] if self.own else [])]
        line = "|".join(choices)
        return f"[{line}]" if len(line) <= LONGEST_CHOICES else self.name.upper()

    def entries(self) -> dict[str, str]:
        """{name: one sentence about it}, without a sentence where the registry has none."""
        module, _, name = self.where.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, Mapping):
            return dict.fromkeys(found, "")
        return {key: _text_of(entry) for key, entry in found.items()}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name itself, or what ``module:name`` refers to."""
        argument = _name_of(param) or self.name
        return self.chosen(value, argument) if isinstance(value, str) else value

    def chosen(self, text: str, argument: str) -> Any:
        """The name, if it is valid; ClickException, which lists the valid ones, if not."""
        valid = [*self.entries(), *self.others]
        if text in valid:
            return text
        if self.own and ":" in text:
            return _imported(text, argument)
        yours = ["module:name of your own"] if self.own else []
        raise click.ClickException(str(unknown_name(argument, text, valid, others=yours)))


class Imported(click.ParamType):
    """A function of the user's own, as ``module:name``."""

    name = "module:name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """What ``module:name`` refers to."""
        argument = _name_of(param) or self.name
        return _imported(value, argument) if isinstance(value, str) else value


class NamedSeveral(Named):
    """Several names, with commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The list of names."""
        argument = _name_of(param) or self.name
        if not isinstance(value, str):
            return value
        return [self.chosen(text.strip(), argument) for text in value.split(",")]


def named(
    flag: str,
    where: str,
    help: str,
    *,
    default: str | None = None,
    own: bool = True,
    several: bool = False,
    **options: Any,
) -> Callable[[F], F]:
    """The decorator for an option whose value is one name of a registry, or several."""
    kind = (NamedSeveral if several else Named)(where, own=own)
    shown: dict[str, Any] = {"default": default, "show_default": default is not None}
    names = (flag, *([options.pop("argument")] if "argument" in options else []))
    return click.option(*names, type=kind, help=help, **shown, **options)


class Command(click.Command):
    """A command whose help lists the entries that its options can name."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each registry."""
        for param in self.params:
            if isinstance(param.type, Named):
                is_option = isinstance(param, click.Option)
                title = param.opts[0] if is_option else param.human_readable_name
                with formatter.section(title):
                    formatter.write_dl(list(param.type.entries().items()))
        super().format_epilog(ctx, formatter)


def _name_of(param: click.Parameter | None) -> str | None:
    return param.opts[0] if isinstance(param, click.Option) else getattr(param, "name", None)


def _text_of(entry: Any) -> str:
    """The sentence about an entry, and the parameters that it takes."""
    if isinstance(entry, str):
        return entry
    parts = [getattr(entry, "about", "")]
    for name, parameter in getattr(entry, "parameters", {}).items():
        default = f", default {parameter.default}" if parameter.default is not None else ""
        parts.append(f"Parameter {name}: {parameter.expected}{default}.")
    return " ".join(parts)


def say(text: object, **options: Any) -> None:
    """Print text with names in it, none of whose characters steers the terminal."""
    click.echo(printable_lines(text), **options)


def readable_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Report what sat_nb refuses in one line, with exit status 1 and without a traceback.

    Warnings are one line on stderr, each once, without a place in the code. Both name options as
    they are written on the command line.
    """

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _Warned()
                command(*args, **kwargs)
        except SatError as error:
            raise click.ClickException(as_options(str(error))) from error

    return wrapped


class _Warned:
    """Prints warnings to stderr, each text once."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Warning | str, *place: Any, **more: Any) -> None:
        text = as_options(str(message))
        if text not in self.said:
            self.said.add(text)
            say(f"Warning: {text}", err=True)


SPELLED = {
    "pass image_id=,": "pass --image-id module:function,",
    "pass labels={image_id: true class} to sat_nb.build": "give `sat-nb build` --labels FILE",
    "sat_nb.rerank": "`sat-nb select --rerank`",
    "See created_by_presence, reversed_by_presence, hidden_by_presence, compare_missing, or "
    "compare with missing='complete'": "See `sat-nb compare --missing complete`",
    "read_table(path)": "a single file",
}
"""What Python and the command line call by different names."""

_ROWS = re.compile(r"table\[table\.(model|method|label|predicted) == '?([^\]']+)'?\]")

_VALUE = r"""(?:'([^']*)'|"([^"]*)"|\(([^()]*)\)|\{[^{}]*\}|([\w.]+))"""


def as_options(text: str) -> str:
    """A message of the package in the words of the command that runs: ``--name value``.

    An argument of Python that is no option of the command stays as it is.
    """
    for python, option in SPELLED.items():
        text = text.replace(python, option)
    text = _ROWS.sub(_selecting, text)
    context = click.get_current_context(silent=True)
    for param in context.command.get_params(context) if context else ():
        if isinstance(param, click.Option):
            for name in {param.opts[0].lstrip("-").replace("-", "_"), str(param.name)}:
                text = _with_option(text, name, param.opts[0])
    return text


def _selecting(found: re.Match[str]) -> str:
    """How ``select`` keeps the rows that an index of a DataFrame keeps."""
    column, name = found.groups()
    flag = "predicted" if column == "predicted" else f"{column}s"
    held = f'"{name}"' if "," in name else name
    return f"`sat-nb select --{flag} {shlex.quote(held)}`"


def _with_option(text: str, name: str, flag: str) -> str:
    """A message in which the keyword of one option is the option.

    >>> _with_option("fit: 'x' is none; pass fit='crop', or by=('a', 'b').", "fit", "--fit")
    "--fit: 'x' is none; pass --fit crop, or by=('a', 'b')."
    """
    text = re.sub(rf"^{name}(?=[:\[])|`{name}`", flag, text)
    return re.sub(rf"(?<![\w.-]){name}={_VALUE}", lambda found: f"{flag} {_spelled(found)}", text)


def _spelled(found: re.Match[str]) -> str:
    """A value as it is written on the command line."""
    quoted, double, several, plain = found.groups()
    text = next((t for t in (quoted, double, plain) if t is not None), None)
    if several is not None:
        text = ",".join(part.strip(" '\"") for part in several.split(",") if part.strip())
    return "FILE" if text is None else shlex.quote(text)


def _imported(text: str, argument: str) -> Any:
    module, _, name = text.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise click.ClickException(
            f"{argument}: {text!r} cannot be imported ({error}); give module:name, with the module "
            "on the Python path."
        ) from error
