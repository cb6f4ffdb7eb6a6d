"""``sat-nb quickstart`` and ``study``: the main job and the paper's studies."""

from __future__ import annotations

import time

import click

from sat_nb.cli.errors import readable_errors


class _StudyCommand(click.Command):
    """Lists the studies and their sizes in its help; they are imported only then."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from sat_nb.reproduction.studies import SIZES, STUDIES

        with formatter.section("Studies"):
            formatter.write_dl([(name, study.about) for name, study in STUDIES.items()])
        with formatter.section("Sizes"):
            formatter.write_dl(list(SIZES.items()))


@click.command()
@click.option("--out", default="figures", show_default=True, help="Folder to write to.")
@click.option("--work", default=".cache/studies", show_default=True, help="Folder for the rest.")
@readable_errors
def quickstart(out: str, work: str) -> None:
    """Run the main job on the embedded data set: photos, model, maps, table, figures."""
    from sat_nb.reproduction import quickstart as study

    result = study.run(work)
    for file in study.draw(result, out):
        click.echo(f"wrote {file}")
    click.echo(study.finding(result))


@click.command(cls=_StudyCommand)
@click.argument("name")
@click.option("--size", help="tiny, small or full; by default $SAT_NB_SIZE, or small.")
@click.option(
    "--out", help="Folder of the figures; by default figures, of real photos figures/real."
)
@click.option("--work", help="Folder for the rest; by default $SAT_NB_WORK, or .cache/studies.")
@click.option("--data", help="Folder of real photos: runs the parts that are on them.")
@click.option("--report", help="With 'claims': the Markdown file whose table is written anew.")
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

    NAME is a study, "all" for one after the other, or "claims" for the table of what was found.
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
        click.echo(as_text(all_claims(out or "figures")))
        return
    for chosen in chosen_studies(name, on_real=data is not None):
        click.echo(f"{chosen}: {STUDIES[chosen].title}")
        started = time.perf_counter()
        files, _ = run_study(
            chosen,
            size=size or chosen_size(),
            work=work or work_folder(),
            out=out or ("figures" if data is None else "figures/real"),
            data=data,
        )
        for file in files:
            click.echo(f"wrote {file}")
        click.echo(f"{chosen}: {(time.perf_counter() - started) / 60:.1f} minutes")
