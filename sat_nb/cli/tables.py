"""``sat-nb build``, ``aggregate``, ``figures``, ``explore``: make a table, and look at it."""

from __future__ import annotations

import csv
import importlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

import sat_nb as sat
from sat_nb.cli.errors import readable_errors
from sat_nb.errors import InvalidInput
from sat_nb.files import existing, written_whole


@click.command()
@click.option("--model", required=True, help="Keras model file (.h5, .keras).")
@click.option("--images", required=True, help="Folder of photos, or one photo.")
@click.option("--segments", required=True, help="Folder of mask exports, or one file.")
@click.option("--rename", help="TOML file of segments' names to replace.")
@click.option("--out", required=True, help="The table to write (.parquet).")
@click.option(
    "--preprocess",
    required=True,
    help="What the model's input needs: a name in sat_nb.PREPROCESS (none, unit, signed, caffe, "
    "torch) or module:function.",
)
@click.option(
    "--fit",
    default="stretch",
    show_default=True,
    help="How photos, and masks alike, come to the model's size: stretch, crop, letterbox, ...",
)
@click.option("--methods", help="Saliency methods, with commas; by default the paper's six.")
@click.option("--target", default="predicted", show_default=True, help="Class number to explain.")
@click.option("--labels", help="CSV with the columns image_id and label (the true class number).")
@click.option(
    "--samples",
    help="Gradients that smoothgrad and integrated_gradients average, or 'auto': until the ranks "
    "of each photo's segments are settled.",
)
@click.option("--max-memory", help="What a worker may use, such as 4GB.")
@click.option("--workers", default=1, show_default=True, help="Processes that share the photos.")
@click.option("--maps", help="Folder that keeps the maps; a run that was stopped goes on there.")
@click.option("--pad-px", default=2, show_default=True, help="Pixels by which masks grow.")
@click.option("--pool", default="sum", show_default=True, help="How channels are pooled.")
@click.option("--merge", default="union", show_default=True, help="Several masks of one name.")
@click.option(
    "--missing",
    default="error",
    show_default=True,
    help="'skip' leaves out photos without masks and masks without photos, and says so.",
)
@readable_errors
def build(
    model: str,
    images: str,
    segments: str,
    rename: str | None,
    out: str,
    preprocess: str,
    fit: str,
    methods: str | None,
    target: str,
    labels: str | None,
    samples: str | None,
    max_memory: str | None,
    workers: int,
    maps: str | None,
    **options: Any,
) -> None:
    """Explain photos and join the maps with masks: a table in Parquet."""
    true_classes = _read_labels(labels) if labels else None
    photos, masks = sat.read_images(images), sat.read_segments(segments, rename=rename)
    if options["missing"] == "skip":
        photos = photos.select([i for i in photos if i in masks]) or photos
    store = sat.explain(
        existing(model, "model"),
        photos,
        methods=methods.split(",") if methods else sat.PAPER_METHODS,
        preprocess=_preprocess(preprocess),
        fit=fit,
        target=int(target) if target.lstrip("-").isdigit() else target,
        samples=int(samples) if samples and samples.isdigit() else samples,
        segments=masks if samples == "auto" else None,
        pad_px=options["pad_px"],
        max_memory=max_memory,
        workers=workers,
        out=maps,
    )
    table = sat.build(store, masks, labels=true_classes, **options)
    sat.write_table(table, out)
    n_images, n_methods = table["image_id"].nunique(), table["method"].nunique()
    click.echo(f"{out}: {len(table)} rows, {n_images} images, {n_methods} methods")


@click.command()
@click.argument("table")
@click.option("--how", default="relative", show_default=True, help="A name in sat_nb.AGGREGATIONS.")
@click.option(
    "--value", help="A column in sat_nb.VALUES; by default rank where the aggregation takes it."
)
@click.option(
    "--parameter", "given", multiple=True, help="Of the aggregation, NAME=VALUE, such as k=1."
)
@click.option("--by", default="method", show_default=True, help="Columns kept apart, with commas.")
@click.option("--out", help="A CSV file to write; by default the result is printed.")
@readable_errors
def aggregate(
    table: str, how: str, value: str | None, given: tuple[str, ...], by: str, out: str | None
) -> None:
    """Aggregate a table, a file or a folder of shards: one row a segment."""
    entry = sat.AGGREGATIONS.get(how)
    if value is None and entry and "rank" in entry.takes:
        value = "rank"
    summary = sat.aggregate(
        sat.read_table(table) if entry and entry.needs == "rows" else table,
        how=how,
        value=value,
        by=tuple(filter(None, by.split(","))),
        parameters=dict(map(_named, given)),
    )
    if out is None:
        click.echo(summary.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
        return
    with written_whole(out) as part:
        summary.to_csv(part, index=False)
    click.echo(f"{out}: {len(summary)} rows")


@click.command()
@click.argument("table")
@click.option("--out", default="figures", show_default=True, help="Folder to write to.")
@click.option("--methods", help="Saliency methods, with commas; by default all in the table.")
@click.option("--test", default="wilcoxon-holm", show_default=True, help="wilcoxon-holm or aeon.")
@click.option("--alpha", default=0.05, show_default=True, help="Level of the tests.")
@click.option("--highlight", default="", help="Segments to colour, with commas.")
@readable_errors
def figures(
    table: str, out: str, methods: str | None, test: str, alpha: float, highlight: str
) -> None:
    """Draw a table: a critical difference diagram and bars for each method, numbers as CSV."""
    from sat_nb.reproduction.studies import draw_method

    rows = sat.read_table(table)
    for method in methods.split(",") if methods else rows["method"].unique():
        for file in draw_method(
            rows, method, out, test=test, alpha=alpha, highlight=highlight.split(",")
        ):
            click.echo(file)


@click.command()
@click.argument("table")
@click.option("--images", help="Folder of photos.")
@click.option(
    "--maps", multiple=True, help="Folder of maps, as `build --maps` keeps them; one a model."
)
@click.option("--segments", help="Folder of mask exports.")
@click.option("--port", type=int, help="By default the first free one from 8866.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the web browser.")
@click.option("--theme", default="light", show_default=True, help="light or dark.")
@readable_errors
def explore(table: str, **options: Any) -> None:
    """Explore a table on a page that only this computer can open."""
    from sat_nb.widgets.serve import serve

    serve(table, say=click.echo, **options)


def _preprocess(name: str) -> Any:
    """A registered name, or the function that ``module:function`` names."""
    module, colon, function = name.partition(":")
    if not colon:
        return name
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(
            f"--preprocess: {name!r} cannot be imported ({error}); give module:function, the "
            "module on the Python path."
        ) from error


def _named(text: str) -> tuple[str, Any]:
    """A parameter from the command line: a whole number, a number, or text.

    >>> _named("k=1"), _named("share=0.2"), _named("classes=label")
    (('k', 1), ('share', 0.2), ('classes', 'label'))
    """
    name, _, value = text.partition("=")
    for kind in (int, float):
        with suppress(ValueError):
            return name, kind(value)
    return name, value


def _read_labels(path: str) -> dict[str, int]:
    file: Path = existing(path, "--labels")
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            return {row["image_id"]: int(row["label"]) for row in csv.DictReader(lines)}
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{file}: expected CSV with the columns image_id and label, labels as class numbers "
            f"({type(error).__name__}: {error})."
        ) from error
