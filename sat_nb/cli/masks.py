"""``sat-nb masks``: get masks, and check them."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import ERRORS, FORMAT, IMAGE_ID, listed, read_masks
from sat_nb.cli.options import Command, readable_errors, say
from sat_nb.errors import InvalidInput


@click.group("masks")
def masks() -> None:
    """Get masks, and check them before they mislead."""


@masks.command(cls=Command)
@click.argument("exports")
@FORMAT
@IMAGE_ID
@ERRORS
@click.option("--images", help="Folder of photos: also checks ids, sizes and edges.")
@click.option("--rename", help="TOML file of names to replace, as `masks names` writes it.")
@readable_errors
def check(
    exports: str, mask_format: Any, images: str | None, rename: str | None, **options: Any
) -> None:
    """Print the names and findings; exit status 1 if masks cannot be used."""
    segments = read_masks(exports, format=mask_format, rename=rename, **options)
    result = sat.check_masks(segments, sat.read_images(images) if images else None)
    say(str(result))
    if result.errors:
        raise click.exceptions.Exit(1)


@masks.command(cls=Command)
@click.argument("exports")
@FORMAT
@ERRORS
@readable_errors
def names(exports: str, mask_format: Any, errors: str) -> None:
    """Print names that may mean one thing, as TOML to edit, for --rename."""
    segments = read_masks(exports, format=mask_format, errors=errors)
    say(sat.renames_as_toml(sat.suggest_renames(segments)), nl=False)


@masks.command(cls=Command)
@click.argument("exports")
@click.option("--out", required=True, help="The file to write; its name ends with .parquet.")
@FORMAT
@IMAGE_ID
@ERRORS
@click.option("--images", help="Folder of photos, for masks that need their sizes (YOLO).")
@readable_errors
def pack(exports: str, out: str, mask_format: Any, images: str | None, **options: Any) -> None:
    """Write all masks to one Parquet file, which is read quickly for any number of images.

    Names are kept as they are written.
    """
    options |= {"format": mask_format, "photos": images, "normalize_names": False}
    segments = read_masks(exports, **options)
    size = sat.write_segments(out, segments).stat().st_size
    say(f"{out}: {len(segments)} images, {size / 1e6:.3g} MB")


@masks.command(cls=Command)
@click.argument("photos")
@click.option("--out", required=True, help="Folder of the exports; existing ones are kept.")
@click.option("--class", "class_name", help="A class of the paper, such as zebra: twelve prompts.")
@click.option("--prompts", help="What to detect, with commas: 'eye, mane, hoof'.")
@click.option("--bbox-threshold", default=0.25, show_default=True, help="Least score, 0 to 1.")
@click.option(
    "--iou-threshold", default=0.8, show_default=True, help="Overlap of duplicates, 0 to 1."
)
@click.option("--in-flight", default=4, show_default=True, help="Photos sent at the same time.")
@click.option("--base-url", help="Another address of the API: https, or this machine.")
@readable_errors
def fetch(
    photos: str,
    out: str,
    class_name: str | None,
    prompts: str | None,
    base_url: str | None,
    **options: Any,
) -> None:
    """Get masks for a folder of photos from the DINO-X API: one export for each photo.

    The API token is read from the environment variable DINOX_API_TOKEN. A run that was stopped
    resumes where it was; exit status 1 if photos are left without masks.
    """
    if (class_name is None) == (prompts is None):
        raise InvalidInput("give either --class or --prompts.")
    names = sat.prompts(class_name) if class_name else listed(prompts or "")
    if base_url:
        options["base_url"] = base_url
    result = sat.fetch_masks(photos, names, out, **options)
    say(f"{out}: {result!r}")
    for text in result.problems.values():
        say(f"problem: {text}", err=True)
    if result.problems:
        raise click.exceptions.Exit(1)
