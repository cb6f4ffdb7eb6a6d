"""``sat-nb figures`` and ``explore``: a table as pictures, and as a page."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.comparisons import ALPHA, METHODS, MISSING, TEST, methods_of
from sat_nb.cli.inputs import Listed, checked_names
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.cli.output import SPREADSHEET_SAFE
from sat_nb.cli.summaries import CLASSES
from sat_nb.errors import InvalidInput


@click.command(cls=Command)
@click.argument("table")
@click.option("--out", default="figures", show_default=True, help="Folder to write to.")
@METHODS
@CLASSES
@TEST
@ALPHA
@MISSING
@named(
    "--value",
    "sat_nb:VALUES",
    "The column that the bars show.",
    default="abs_mean_attribution",
    own=False,
)
@named("--interval", "sat_nb:INTERVALS", "The whiskers of the bars.", default="bca")
@named(
    "--formats",
    "sat_nb.plots.export:FIGURE_FORMATS",
    "Formats to write, with commas.",
    default="svg,pdf,png",
    own=False,
    several=True,
)
@click.option("--highlight", type=Listed(), default="", help="Segments to colour, with commas.")
@SPREADSHEET_SAFE
@readable_errors
def figures(
    table: str, methods: list[str] | None, highlight: list[str], out: str, **options: Any
) -> None:
    """Draw a table: a critical difference diagram and bars for each method, numbers as CSV.

    Every method is computed before the first file is written.
    """
    from sat_nb.reproduction.studies import draw_results, results_of_method

    if options["classes"] not in (None, "pool"):
        raise InvalidInput(
            "--classes: figures draws one group of images; give --classes pool, or write the one "
            "that you mean with `sat-nb select` first."
        )
    rows = sat.read_table(table)
    marked = checked_names("--highlight", highlight, list(rows["segment"].dropna().unique()))
    written = {name: options.pop(name) for name in ("formats", "spreadsheet_safe")}
    results = [results_of_method(rows, method, **options) for method in methods_of(methods, rows)]
    for result in results:
        for file in draw_results(result, out, highlight=marked, **written):
            say(file)


@click.command(cls=Command)
@click.argument("table")
@click.option("--images", help="Folder of photos.")
@click.option(
    "--maps",
    multiple=True,
    help="Folder of maps, as `build --maps` keeps them; one for each model.",
)
@click.option("--segments", help="Folder of mask exports.")
@click.option("--port", type=int, help="By default the first free one from 8866.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the web browser.")
@named("--theme", "sat_nb.widgets.serve:THEMES", "Colours of the page.", default="light", own=False)
@readable_errors
def explore(table: str, **options: Any) -> None:
    """Explore a table on a page that only this computer can open."""
    from sat_nb.widgets.serve import serve

    serve(table, announce=say, **options)
