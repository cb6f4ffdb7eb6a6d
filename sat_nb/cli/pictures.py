"""``sat-nb figures``, ``report`` and ``explore``: a table as pictures, and as a page."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.comparisons import ALPHA, METHODS, MISSING, TEST, methods_of
from sat_nb.cli.inputs import Listed, checked_names, opened
from sat_nb.cli.labels import UNIT_HELP, read_unit
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.cli.output import SPREADSHEET_SAFE
from sat_nb.cli.summaries import CLASSES, LEVEL, SEED
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
    from sat_nb.reproduction.results import draw_results, results_of_method

    if options["classes"] not in (None, "pool"):
        raise InvalidInput(
            "--classes: figures draws one group of images; give --classes pool, or write the one "
            "that you mean with `sat-nb select` first."
        )
    rows = sat.read_table(table)
    marked = checked_names("--highlight", highlight, list(rows["segment"].dropna().unique()))
    written = {name: options.pop(name) for name in ("formats", "spreadsheet_safe")}
    wanted = methods_of(methods, opened(rows))
    results = [results_of_method(rows, method, **options) for method in wanted]
    for result in results:
        for file in draw_results(result, out, highlight=marked, **written):
            say(file)


IMAGES = click.option("--images", help="Folder of photos.")
MAPS = click.option(
    "--maps",
    multiple=True,
    help="Folder of maps, as `build --maps` keeps them; one for each model.",
)
SEGMENTS = click.option("--segments", help="Folder of mask exports.")


@click.command(cls=Command)
@click.argument("table")
@IMAGES
@MAPS
@SEGMENTS
@click.option("--out", default="report.html", show_default=True, help="File to write.")
@click.option("--question", help="The title; by default what the model looks at.")
@named(
    "--sections",
    "sat_nb.reports.sections:SECTIONS",
    "What the page holds, with commas; by default all.",
    own=False,
    several=True,
)
@CLASSES
@click.option("--unit", help=UNIT_HELP)
@TEST
@ALPHA
@LEVEL
@SEED
@click.option("--photos", "n_photos", default=4, show_default=True, help="Photos in a row.")
@readable_errors
def report(
    table: str, images: str | None, maps: tuple[str, ...], segments: str | None, **options: Any
) -> None:
    """Write a page about a table, in words and pictures, that needs no server and no network."""
    from sat_nb.widgets.opened import opened

    given = opened(table, images, maps, segments)
    unit = read_unit(options.pop("unit"), given["table"])
    say(sat.report(given.pop("table"), **given, **unit, **options))


@click.command(cls=Command)
@click.argument("table")
@IMAGES
@MAPS
@SEGMENTS
@click.option("--port", type=int, help="By default the first free one from 8866.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the web browser.")
@named("--theme", "sat_nb.widgets.serve:THEMES", "Colours of the page.", default="light", own=False)
@readable_errors
def explore(table: str, **options: Any) -> None:
    """Explore a table on a page that only this computer can open."""
    from sat_nb.widgets.serve import serve

    serve(table, announce=say, **options)
