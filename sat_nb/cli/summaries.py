"""``sat-nb aggregate``, ``intervals`` and ``select``: numbers of a table, and parts of it."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import Listed, Whole, as_parameter, opened
from sat_nb.cli.labels import UNIT, read_unit
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.cli.output import output_options, show
from sat_nb.errors import InvalidInput

HOW = named(
    "--how",
    "sat_nb:AGGREGATIONS",
    "How the values of a segment in many images become one number.",
    default="relative",
)
BY = click.option(
    "--by", type=Listed(), default="method", show_default=True, help="Columns kept apart."
)
CLASSES = named(
    "--classes",
    "sat_nb.table.classes:CLASSES",
    "What becomes of several classes, which otherwise must not be mixed.",
    own=False,
)
LEVEL = click.option("--level", default=0.95, show_default=True, help="Level of the intervals.")
RESAMPLES = click.option(
    "--resamples",
    "n_resamples",
    default=10_000,
    show_default=True,
    help="How often the images are drawn for the intervals.",
)
SEED = click.option("--seed", default=0, show_default=True, help="Of the draws.")


@click.command(cls=Command)
@click.argument("table")
@HOW
@named(
    "--value",
    "sat_nb:VALUES",
    "The column to aggregate; by default the first that the aggregation takes.",
    own=False,
)
@click.option(
    "--parameter", "parameters", multiple=True, help="Of the aggregation, NAME=VALUE, such as k=1."
)
@BY
@CLASSES
@named(
    "--interval",
    "sat_nb:INTERVALS",
    "Add the bounds of a bootstrap interval, as `sat-nb intervals` does; by default none.",
)
@click.option("--level", default=0.95, show_default=True, help="Level of the interval.")
@output_options
@readable_errors
def aggregate(
    table: str,
    how: Any,
    value: str | None,
    parameters: tuple[str, ...],
    by: list[str],
    classes: str | None,
    interval: Any,
    level: float,
    **shown: Any,
) -> None:
    """Aggregate a table, a file or a folder of shards: one row for each segment."""
    options: dict[str, Any] = {"how": how, "by": by, **known(classes=classes)}
    if interval is not None and parameters:
        raise InvalidInput("--parameter cannot be combined with --interval.")
    if interval is not None:
        options |= {"interval": interval, "level": level, **known(value=value)}
        summary = sat.intervals(table, **options)
    else:
        given = dict(map(as_parameter, parameters))
        summary = sat.aggregate(table, value=value, parameters=given, **options)
    show(summary, **shown)


@click.command(cls=Command)
@click.argument("table")
@HOW
@named(
    "--value",
    "sat_nb:VALUES",
    "The column to aggregate.",
    default="mean_attribution",
    own=False,
)
@BY
@CLASSES
@UNIT
@LEVEL
@RESAMPLES
@named("--interval", "sat_nb:INTERVALS", "The kind of interval.", default="bca")
@SEED
@output_options
@readable_errors
def intervals(
    table: str,
    unit: str | None,
    classes: str | None,
    out: str | None,
    latex: bool,
    spreadsheet_safe: bool,
    **options: Any,
) -> None:
    """Aggregate a table with bootstrap intervals: how a mean would vary over images like these."""
    rows = opened(table)
    units = read_unit(unit, rows.empty)
    summary = sat.intervals(rows, **units, **known(classes=classes), **options)
    show(summary, out=out, latex=latex, spreadsheet_safe=spreadsheet_safe)


KINDS = {"names": Listed(), "classes": Whole(), "number": float, "share": float}
"""What the options of ``select`` take, by what the filter takes."""


class Filtering(Command):
    """A command with an option for each filter of ``sat_nb.select``."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options; only here is the registry imported, so that ``sat-nb`` starts quickly."""
        from sat_nb.table.filters import FILTERS

        return [*map(_option, FILTERS.values()), *super().get_params(ctx)]


def _option(entry: Any) -> click.Option:
    flag = f"--{entry.name.replace('_', '-')}"
    if entry.takes == "flag":
        about = f"Images to keep: those that are {entry.name}, or the others; by default all."
        return click.Option([f"{flag}/--not-{flag[2:]}"], default=None, help=about)
    return click.Option([flag], type=KINDS[entry.takes], help=entry.about)


@click.command(cls=Filtering)
@click.argument("table")
@click.option("--rerank", "again", is_flag=True, help="Rank what is left of each image again.")
@click.option("--out", required=True, help="The table to write (.parquet).")
@readable_errors
def select(table: str, out: str, again: bool, **filters: Any) -> None:
    """Write the rows of a table that pass all filters, which by default keep their ranks."""
    rows = sat.read_table(table)
    chosen = sat.select(rows, **filters)
    sat.write_table(sat.rerank(chosen) if again else chosen, out)
    n_images, of_all = chosen["image_id"].nunique(), rows["image_id"].nunique()
    n_segments, of_segments = chosen["segment"].count(), rows["segment"].count()
    say(f"{out}: {n_segments} of {of_segments} segments, {n_images} of {of_all} images")


def known(**options: Any) -> dict[str, Any]:
    """The options that were given: what is not has the default of the Python function."""
    return {name: value for name, value in options.items() if value is not None}
