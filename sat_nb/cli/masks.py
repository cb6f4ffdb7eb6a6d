"""``sat-nb masks``: get masks, and check them."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.errors import readable_errors
from sat_nb.errors import InvalidInput


@click.group("masks")
def masks() -> None:
    """Get masks, and look them over before they mislead."""


@masks.command()
@click.argument("exports")
@click.option("--images", help="Folder of photos: also checks ids, sizes and edges.")
@click.option("--rename", help="TOML file of names to replace, as `masks names` writes it.")
@readable_errors
def check(exports: str, images: str | None, rename: str | None) -> None:
    """Table of the names and what is suspicious; exit status 1 where masks cannot be used."""
    result = sat.check_masks(
        sat.read_segments(exports, rename=rename), sat.read_images(images) if images else None
    )
    click.echo(str(result))
    if result.errors:
        raise click.exceptions.Exit(1)


@masks.command()
@click.argument("exports")
@readable_errors
def names(exports: str) -> None:
    """Names that may mean one thing, as TOML to be edited, for --rename."""
    click.echo(sat.renames_as_toml(sat.suggest_renames(sat.read_segments(exports))), nl=False)


@masks.command()
@click.argument("photos")
@click.option("--out", required=True, help="Folder of the exports; what is there is kept.")
@click.option("--class", "class_name", help="One of the paper's classes: its twelve prompts.")
@click.option("--prompts", help="What to look for, with commas: 'eye, mane, hoof'.")
@click.option("--bbox-threshold", default=0.25, show_default=True, help="Least score, 0 to 1.")
@click.option("--iou-threshold", default=0.8, show_default=True, help="Overlap of doubles, 0 to 1.")
@click.option("--in-flight", default=4, show_default=True, help="Photos worked on at once.")
@click.option("--base-url", help="Address of the API, if another: https, or this machine.")
@readable_errors
def fetch(
    photos: str,
    out: str,
    class_name: str | None,
    prompts: str | None,
    base_url: str | None,
    **options: Any,
) -> None:
    """Masks for a folder of photos, from the DINO-X API: one export a photo.

    The API's token is read from the environment variable DINOX_API_TOKEN. A run that was stopped
    goes on where it was; exit status 1 where photos are left without masks.
    """
    if (class_name is None) == (prompts is None):
        raise InvalidInput("give either --class or --prompts.")
    names = sat.prompts(class_name) if class_name else (prompts or "").split(",")
    if base_url:
        options["base_url"] = base_url
    result = sat.fetch_masks(photos, names, out, **options)
    click.echo(f"{out}: {result!r}")
    for text in result.problems.values():
        click.echo(f"problem: {text}", err=True)
    if result.problems:
        raise click.exceptions.Exit(1)
