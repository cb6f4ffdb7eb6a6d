"""How commands show a table: on the terminal, as CSV, or as LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.cli.options import F, say
from sat_nb.csv_files import csv_of
from sat_nb.files import written_whole
from sat_nb.printable import printable

if TYPE_CHECKING:
    import pandas as pd

SPREADSHEET_SAFE = click.option(
    "--spreadsheet-safe",
    is_flag=True,
    help="Put an apostrophe in front of names that a spreadsheet would run as a formula.",
)


def output_options(command: F) -> F:
    """The decorator for the options of ``show``."""
    decorators: list[Callable[[F], F]] = [
        click.option("--out", help="A file to write, as CSV; by default the result is printed."),
        click.option("--latex", is_flag=True, help="LaTeX (booktabs) instead of text or CSV."),
        SPREADSHEET_SAFE,
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def show(table: pd.DataFrame, *, out: str | None, latex: bool, spreadsheet_safe: bool) -> None:
    """Print a table, or write it to a file."""
    if out is None:
        say(sat.to_latex(table) if latex else as_text(table))
        return
    content = _content(table, latex, spreadsheet_safe)
    with written_whole(out, "--out") as part:
        part.write_bytes(content)
    say(f"{out}: {len(table)} rows")


def _content(table: pd.DataFrame, latex: bool, spreadsheet_safe: bool) -> bytes:
    if latex:
        return f"{sat.to_latex(table)}\n".encode()
    return csv_of(sat.spreadsheet_safe(table) if spreadsheet_safe else table)


def as_text(table: pd.DataFrame) -> str:
    """A table for the terminal."""
    shown: Any = table.copy()
    for name in table.select_dtypes(exclude=["number", "bool"]):
        shown[name] = table[name].map(printable)
    return str(shown.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
