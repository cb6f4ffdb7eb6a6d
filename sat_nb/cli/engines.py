"""``sat-nb engines``: what explains models, and environments for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sat_nb.cli.options import Command, named, readable_errors, say

if TYPE_CHECKING:
    import pandas as pd


@click.group(invoke_without_command=True)
@click.pass_context
@readable_errors
def engines(context: click.Context) -> None:
    """List what explains models, where it is installed, and why it is missing; add one."""
    if context.invoked_subcommand is None:
        import sat_nb as sat

        for name, engine in sat.list_engines().iterrows():
            say(_shown(str(name), engine))


def _shown(name: str, engine: pd.Series[Any]) -> str:
    lines = [f"{name}: {engine['about']}", f"  explains  {engine['explains']}"]
    if engine["missing"]:
        return "\n".join([*lines, f"  missing   {engine['missing']}"])
    facts = {"versions": "versions  ", "python": "python    ", "devices": "devices   "}
    return "\n".join([*lines, *(f"  {title}{engine[key]}" for key, title in facts.items())])


NAME = click.argument("name", metavar="NAME")


@engines.command(cls=Command)
@NAME
@click.option(
    "--from", "source", help="A wheel, sdist or source folder of sat_nb; by default, this one."
)
@click.option("--python", help="The Python to make the environment with; found by default.")
@named(
    "--installer",
    "sat_nb.saliency.engines.environments:INSTALLERS",
    "What installs it; uv where it is there.",
    own=False,
)
@readable_errors
def add(name: str, source: str | None, python: str | None, installer: str | None) -> None:
    """Make an environment for the engine NAME in your data folder, in place of an old one.

    It holds this very version of sat_nb, so that a notebook of any Python can use the engine.
    SAT_NB_ENGINES names another folder.
    """
    from sat_nb.saliency.engines.environments import add_engine
    from sat_nb.saliency.engines.places import engines_folder

    say(f"installing {name} in {engines_folder()} (this takes minutes)")
    place = add_engine(name, source=source, python=python, installer=installer)
    say(f"{name} is ready: {place.python}")


@engines.command(cls=Command)
@NAME
@readable_errors
def remove(name: str) -> None:
    """Remove the environment of the engine NAME."""
    from sat_nb.saliency.engines.environments import remove_engine

    say(f"{name} is removed" if remove_engine(name) else f"{name} had no environment")
