"""The command line ``sat-nb``: one command a function, a file for each subject."""

from __future__ import annotations

import click

import sat_nb
from sat_nb.cli.build import build
from sat_nb.cli.comparisons import compare, difference
from sat_nb.cli.engines import engines
from sat_nb.cli.intervene import intervene
from sat_nb.cli.masks import masks
from sat_nb.cli.pictures import explore, figures, report
from sat_nb.cli.reproduction import quickstart, study
from sat_nb.cli.summaries import aggregate, intervals, select


@click.group()
@click.version_option(sat_nb.__version__, prog_name="sat-nb")
def main() -> None:
    """Segment Attribution Tables: what does this image classifier look at?"""


for command in (
    *(masks, build, intervene, select, aggregate, intervals, compare, difference),
    *(figures, report, explore, engines, quickstart, study),
):
    main.add_command(command)
