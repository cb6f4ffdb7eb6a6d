"""``sat-nb intervene``: a table of what segments do to a prediction."""

from __future__ import annotations

from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import ERRORS, FORMAT, IMAGE_ID, as_target, as_window, by_method, read_masks
from sat_nb.cli.labels import read_labels
from sat_nb.cli.options import Command, named, readable_errors, say
from sat_nb.files import existing

PASSED = (
    *("preprocess", "measures", "replace", "also", "score", "overlap", "rank_by", "fit"),
    *("pad_px", "pad_unit", "merge", "batch_size", "seed", "model_name", "missing", "max_memory"),
    *("workers", "trust_model", "engine"),
)


@click.command(cls=Command)
@click.option("--model", required=True, help="Model file (.h5, .keras, .pt2).")
@click.option("--images", required=True, help="Folder of photos, or one photo.")
@click.option("--segments", required=True, help="Folder of mask exports, or one file.")
@FORMAT
@IMAGE_ID
@ERRORS
@click.option("--rename", help="TOML file of segment names to replace.")
@click.option(
    "--window",
    help="How photos of more than 8 bits become 0 to 255: LOW,HIGH in stored numbers, 'dtype' for "
    "the whole range of their type, or 'file' for what DICOM and NIfTI name.",
)
@click.option("--out", required=True, help="The table to write: a file (.parquet).")
@click.option("--keep", help="Folder that keeps the rows; a run that was stopped resumes there.")
@named(
    "--preprocess",
    "sat_nb:PREPROCESS",
    "What the model was trained on: a name, or module:function.",
    required=True,
)
@named(
    "--measures",
    "sat_nb:MEASURES",
    "What is measured, with commas.",
    default="without,shapley",
    several=True,
)
@named("--replace", "sat_nb:REPLACEMENTS", "What stands in place of a segment.", default="blur")
@named(
    "--also",
    "sat_nb:REPLACEMENTS",
    "A second replacement beside it: models see through some.",
    default="mean",
)
@named("--score", "sat_nb:SCORES", "What a segment may lower.", default="margin")
@named("--overlap", "sat_nb:OVERLAPS", "What coalitions keep where masks overlap.", default="any")
@named(
    "--rank-by",
    "sat_nb.table.schema:RANK_EFFECTS_BY",
    "The column by which segments are ranked: by pixel, or by the whole effect.",
    default="abs_mean_attribution",
    own=False,
)
@click.option(
    "--target",
    default="predicted",
    show_default=True,
    help="Class number whose score is taken, or two, A,B: why A and not B.",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    help="MEASURE.NAME=VALUE, such as shapley.max_exact=8.",
)
@named(
    "--fit",
    "sat_nb:FITS",
    "How photos and masks are brought to the model's input.",
    default="stretch",
)
@click.option("--pad-px", default=2, show_default=True, help="Pixels by which masks are padded.")
@named(
    "--pad-unit",
    "sat_nb:PAD_UNITS",
    "What a pixel of --pad-px is.",
    default="map",
    own=False,
)
@named("--merge", "sat_nb:MERGES", "What to do with several masks of one name.", default="union")
@click.option("--seed", default=0, show_default=True, help="Of all random numbers.")
@click.option("--labels", help="CSV with the columns image_id and label (the true class number).")
@click.option("--model-name", help="The model's name in the table; by default its file's.")
@named(
    "--missing",
    "sat_nb.table.build:MISSING",
    "What to do with photos without masks and masks without photos; 'skip' leaves them out.",
    default="error",
    own=False,
)
@click.option(
    "--batch-size", default=32, show_default=True, help="Photos, replaced in part, at once."
)
@click.option(
    "--input-size", type=int, nargs=2, help="Height and width, if the model leaves them open."
)
@click.option("--max-memory", help="Memory that a worker may use, such as 4GB.")
@click.option("--workers", default=1, show_default=True, help="Processes that share the photos.")
@click.option(
    "--trust-model",
    is_flag=True,
    help="Let the model file run code of its own; only for files whose author you know.",
)
@named(
    "--engine",
    "sat_nb.saliency.engines.entries:ENGINES",
    "What runs the model; by default the first that fits it (see `sat-nb engines`).",
    own=False,
)
@readable_errors
def intervene(model: str, images: str, segments: str, out: str, **options: Any) -> None:
    """Replace segments, and measure what that does to the prediction: a table in Parquet."""
    reading = {name: options[name] for name in ("image_id", "rename", "errors")}
    labels = options["labels"]
    table = sat.intervene(
        existing(model, "--model"),
        sat.read_images(images, window=as_window(options["window"])),
        read_masks(segments, format=options["mask_format"], **reading),
        target=as_target(options["target"]),
        parameters=by_method(options["parameters"]) or None,
        input_size=options["input_size"] or None,
        labels=read_labels(labels) if labels else None,
        out=options["keep"],
        **{name: options[name] for name in PASSED},
    )
    sat.write_table(table, out)
    counts = table["image_id"].nunique(), table["method"].nunique()
    say(f"{out}: {len(table)} rows, {counts[0]} images, {counts[1]} measures")
