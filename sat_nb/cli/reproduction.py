"""``sat-nb quickstart`` and ``study``: the main job and the paper's studies."""

from __future__ import annotations

import time

import click

from sat_nb.cli.options import Command, Named, readable_errors, say


@click.command()
@click.option("--out", default="figures", show_default=True, help="Folder to write to.")
@click.option("--work", default=".cache/studies", show_default=True, help="Folder for the rest.")
@readable_errors
def quickstart(out: str, work: str) -> None:
    """Run the main job on the embedded data set: photos, model, maps, table, figures."""
    from sat_nb.reproduction import quickstart as study

    result = study.run(work)
    for file in study.draw(result, out):
        say(f"wrote {file}")
    say(study.finding(result))


@click.command(cls=Command)
@click.argument(
    "name",
    type=Named("sat_nb.reproduction.studies:STUDIES", others=("all", "claims"), own=False),
)
@click.option(
    "--size",
    type=Named("sat_nb.reproduction.studies:SIZES", own=False),
    help="By default $SAT_NB_SIZE, or small.",
)
@click.option(
    "--out", help="Folder of the figures; by default figures, or figures/real with --data."
)
@click.option("--work", help="Folder for the rest; by default $SAT_NB_WORK, or .cache/studies.")
@click.option("--data", help="Folder of real photos: runs the parts that use them.")
@click.option("--report", help="With 'claims': the Markdown file whose table to replace.")
@readable_errors
def study(
    name: str,
    size: str | None,
    out: str | None,
    work: str | None,
    data: str | None,
    report: str | None,
) -> None:
    """Run a study of the paper: its figures, numbers and claims.

    NAME is a study, "all" for all of them, or "claims" for the table of findings.
    """
    from sat_nb.reproduction.claims import all_claims, as_text, update_report
    from sat_nb.reproduction.studies import (
        STUDIES,
        chosen_size,
        chosen_studies,
        run_study,
        work_folder,
    )

    if name == "claims":
        if report:
            update_report(report, out or "figures")
        say(as_text(all_claims(out or "figures")))
        return
    for chosen in chosen_studies(name, on_real=data is not None):
        say(f"{chosen}: {STUDIES[chosen].title}")
        started = time.perf_counter()
        files, _ = run_study(
            chosen,
            size=size or chosen_size(),
            work=work or work_folder(),
            out=out or ("figures" if data is None else "figures/real"),
            data=data,
        )
        for file in files:
            say(f"wrote {file}")
        say(f"{chosen}: {(time.perf_counter() - started) / 60:.1f} minutes")
