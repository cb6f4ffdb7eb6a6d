"""``sat-nb build``: a table of a model's maps, or of those of another tool."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.cli.inputs import (
    ERRORS,
    FORMAT,
    IMAGE_ID,
    Padded,
    as_target,
    as_window,
    by_method,
    dask_client,
    given,
    read_masks,
)
from sat_nb.cli.labels import read_labels
from sat_nb.cli.options import Command, Imported, named, readable_errors, say
from sat_nb.errors import InvalidInput
from sat_nb.files import existing

if TYPE_CHECKING:
    import pandas as pd

OF_MODELS = (
    *("preprocess", "methods", "output", "parameters", "samples", "seed", "input_size"),
    *("batch_size", "max_memory", "workers", "maps", "trust_model", "dtype"),
    "engine",
)
OF_HEATMAPS = ("method", "sign", "layout", "zero", "heatmap_format", "heatmap_id", "predicted")
OF_THE_JOIN = ("pad_px", "pad_unit", "pool", "merge", "rank_by", "missing")


@click.command(cls=Command)
@click.option("--model", help="Keras model file (.h5, .keras); or give --heatmaps.")
@click.option("--images", help="Folder of photos, or one photo; needed with --model.")
@click.option("--heatmaps", help="Folder, .npz file or zarr group of another tool's maps.")
@click.option("--method", help="With --heatmaps: the method's name in the table.")
@named("--sign", "sat_nb:SIGNS", "With --heatmaps: what positive values mean.", own=False)
@click.option(
    "--layout",
    default="HW",
    show_default=True,
    help="With --heatmaps: the axes of one image's array, such as HWC: rows, columns, channels.",
)
@click.option("--zero", type=float, help="With --heatmaps: the number that means no attribution.")
@named(
    "--heatmap-format",
    "sat_nb:MAP_FORMATS",
    "With --heatmaps: their format; detected by default.",
)
@click.option(
    "--heatmap-id",
    type=Imported(),
    help="With --heatmaps: module:function from a file's id to the image's.",
)
@click.option(
    "--predicted",
    help="With --heatmaps: CSV with the columns image_id and predicted (the model's class number).",
)
@click.option(
    "--window",
    help="How photos of more than 8 bits become 0 to 255: LOW,HIGH in stored numbers, 'dtype' for "
    "the whole range of their type, or 'file' for what DICOM and NIfTI name.",
)
@click.option("--segments", required=True, help="Folder of mask exports, or one file.")
@FORMAT
@IMAGE_ID
@ERRORS
@click.option("--rename", help="TOML file of segment names to replace.")
@click.option(
    "--out",
    required=True,
    help="The table to write: a file (.parquet); or, with a / at its end, a folder, which is "
    "filled shard by shard, and resumed when the command is repeated.",
)
@click.option(
    "--shard-images",
    type=int,
    default=256,
    show_default=True,
    help="With a folder as --out: photos a shard.",
)
@click.option(
    "--cluster",
    help="With a folder as --out: Dask workers that make the shards: local:N, for N on this "
    "machine, or a scheduler's address, such as tcp://10.0.0.1:8786.",
)
@named(
    "--preprocess",
    "sat_nb:PREPROCESS",
    "What the model was trained on: a name, or module:function; needed with --model.",
)
@named(
    "--fit",
    "sat_nb:FITS",
    "How photos and their masks are brought to the size of the maps: by default, 'stretch' for a "
    "model; for heatmaps of another shape than their photo it must be given.",
)
@named(
    "--methods",
    "sat_nb:METHODS",
    "Saliency methods, with commas; by default the paper's six.",
    several=True,
)
@click.option(
    "--target",
    default="predicted",
    show_default=True,
    help="Class number to explain, or two, A,B: why A and not B. Of heatmaps, the explained class.",
)
@named(
    "--output",
    "sat_nb.saliency.method:OUTPUTS",
    "What to explain of that class.",
    default="logit",
    own=False,
)
@click.option("--labels", help="CSV with the columns image_id and label (the true class number).")
@click.option(
    "--model-name", help="The model's name in the table; by default its file's, or model."
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    help="METHOD.NAME=VALUE, such as smoothgrad.noise=0.2.",
)
@click.option(
    "--samples",
    help="Gradients that a method that samples averages, or 'auto': until the ranks of each "
    "photo's segments are settled.",
)
@click.option("--seed", default=0, show_default=True, help="Of the noise of methods that sample.")
@click.option(
    "--input-size", type=int, nargs=2, help="Height and width, if the model leaves them open."
)
@click.option("--batch-size", default=8, show_default=True, help="Photos explained at once.")
@click.option("--max-memory", help="Memory that a worker may use, such as 4GB.")
@click.option("--workers", default=1, show_default=True, help="Processes that share the photos.")
@click.option("--maps", help="Folder that keeps the maps; a run that was stopped resumes there.")
@click.option(
    "--trust-model",
    is_flag=True,
    help="Let the model file run code of its own; only for files whose author you know.",
)
@named(
    "--engine",
    "sat_nb.saliency.engines.entries:ENGINES",
    "What explains the model; by default the first that fits it (see `sat-nb engines`).",
    own=False,
)
@named(
    "--dtype",
    "sat_nb.saliency.store.codec:DTYPES",
    "How maps are kept.",
    default="float32",
    own=False,
)
@click.option("--pad-px", default=2, show_default=True, help="Pixels by which masks are padded.")
@named(
    "--pad-unit",
    "sat_nb:PAD_UNITS",
    "What a pixel of --pad-px is.",
    default="map",
    own=False,
)
@named("--pool", "sat_nb:POOLS", "How channels become one number per pixel.", default="sum")
@named("--merge", "sat_nb:MERGES", "What to do with several masks of one name.", default="union")
@named(
    "--rank-by",
    "sat_nb.table.schema:RANK_BY",
    "The column by which segments are ranked.",
    default="abs_mean_attribution",
    own=False,
)
@named(
    "--missing",
    "sat_nb.table.build:MISSING",
    "What to do with photos without masks and masks without photos; 'skip' leaves them out.",
    default="error",
    own=False,
)
@readable_errors
def build(segments: str, out: str, **options: Any) -> None:
    """Explain photos and join the maps with masks: a table in Parquet.

    With --heatmaps, the maps are those of another tool, and no model is needed.
    """
    _check_source(options)
    shards = _is_folder(out)
    _check_shards(shards, options)
    labels = read_labels(options["labels"]) if options["labels"] else None
    joining = {name: options[name] for name in OF_THE_JOIN}
    reading = {name: options[name] for name in ("image_id", "rename", "errors")}
    photos = _read_photos(options)
    masks = read_masks(segments, format=options["mask_format"], **reading)
    if options["heatmaps"]:
        maps: Any = _adopted(photos, options)
    elif shards:
        _tabulate(photos, masks, options, joining, labels, out)
        return
    else:
        if options["missing"] == "skip" and photos is not None:
            photos = photos.select([i for i in photos if i in masks]) or photos
        maps = _explained(photos, masks, options, joining)
    table = sat.build(maps, masks, labels=labels, model=options["model_name"], **joining)
    sat.write_table(table, out)
    say(f"{out}: {_size(table)}")


def _size(table: pd.DataFrame) -> str:
    n_images, n_methods = table["image_id"].nunique(), table["method"].nunique()
    return f"{len(table)} rows, {n_images} images, {n_methods} methods"


def _check_source(options: Mapping[str, Any]) -> None:
    """InvalidInput unless the options are those of a model, or those of heatmaps."""
    model, heatmaps = options["model"], options["heatmaps"]
    if bool(model) == bool(heatmaps):
        raise InvalidInput(
            "give --model with --images and --preprocess, to explain a model, or --heatmaps with "
            "--method and --sign, for maps of another tool: one of the two."
        )
    source, others = ("--model", OF_HEATMAPS) if model else ("--heatmaps", OF_MODELS)
    needed = ("images", "preprocess") if model else ("method", "sign")
    missing = [f"--{name}" for name in needed if options[name] is None]
    if missing:
        raise InvalidInput(f"{source} needs {' and '.join(missing)}.")
    if wrong := given(*others):
        raise InvalidInput(f"{wrong[0]} cannot be combined with {source}; leave it out.")


def _read_photos(options: Mapping[str, Any]) -> sat.ImageSet | None:
    path, window = options["images"], as_window(options["window"])
    return None if path is None else sat.read_images(path, window=window)


def _explained(
    photos: Any, masks: Mapping[str, sat.SegmentationMap], options: Any, joining: Any
) -> Any:
    """The maps of a model."""
    return sat.explain(
        existing(options["model"], "--model"),
        photos,
        out=options["maps"],
        **_of_the_model(options),
        **_settling(masks, options["samples"], joining),
    )


def _of_the_model(options: Any) -> dict[str, Any]:
    """What ``explain`` and ``tabulate`` are told alike."""
    samples = options["samples"]
    passed = (
        *("preprocess", "output", "seed", "batch_size", "max_memory", "workers", "trust_model"),
        *("dtype", "engine"),
    )
    fit = {} if options["fit"] is None else {"fit": options["fit"]}
    return {
        "methods": options["methods"] or sat.PAPER_METHODS,
        "target": as_target(options["target"]),
        "parameters": by_method(options["parameters"]) or None,
        "samples": int(samples) if samples and samples.isdigit() else samples,
        "input_size": options["input_size"] or None,
        **{name: options[name] for name in passed},
        **fit,
    }


def _is_folder(out: str) -> bool:
    """Whether ``--out`` is a folder of shards: one that is there, or a name with a / at its end."""
    return out.endswith(("/", os.sep)) or os.path.isdir(out)


def _check_shards(shards: bool, options: Mapping[str, Any]) -> None:
    """InvalidInput for options of a folder where there is none, and for finished maps."""
    if not shards and (wrong := given("cluster", "shard_images")):
        raise InvalidInput(
            f"{wrong[0]} needs a folder as --out; put a / at its end, such as --out sat/."
        )
    if shards and options["heatmaps"]:
        raise InvalidInput(
            "--out: maps of another tool go into one file; give the name of a .parquet file."
        )


def _tabulate(
    photos: Any,
    masks: Mapping[str, sat.SegmentationMap],
    options: Any,
    joining: Mapping[str, Any],
    labels: Any,
    out: str,
) -> None:
    """Fill a folder of shards, here or on a cluster."""
    with dask_client(options["cluster"]) as client:
        table = sat.tabulate(
            existing(options["model"], "--model"),
            photos,
            masks,
            out=out,
            shard_images=options["shard_images"],
            keep_maps=options["maps"],
            client=client,
            errors=options["errors"],
            labels=labels,
            model_name=options["model_name"],
            **_of_the_model(options),
            **joining,
        )
    for image_id, why in table.failed.items():
        say(f"problem: {image_id}: {why}", err=True)
    say(f"{out}: {table.n_rows} rows, {table.n_images - len(table.failed)} images")


def _adopted(photos: sat.ImageSet | None, options: Mapping[str, Any]) -> Any:
    """The maps of another tool."""
    predicted, sizes = options["predicted"], None
    if photos is not None:
        sizes = {image_id: photos.size(image_id) for image_id in photos}
    return sat.read_maps(
        options["heatmaps"],
        format=options["heatmap_format"],
        image_id=options["heatmap_id"],
        target=as_target(options["target"]) if given("target") else None,
        predicted=read_labels(predicted, "--predicted", "predicted") if predicted else None,
        photo_sizes=sizes,
        **{name: options[name] for name in ("method", "sign", "layout", "zero", "fit")},
    )


def _settling(
    masks: Mapping[str, sat.SegmentationMap], samples: str | None, joining: Mapping[str, Any]
) -> dict[str, Any]:
    """The masks whose ranks settle with samples='auto', padded as the join pads them."""
    if samples != "auto":
        return {}
    if joining["pad_unit"] == "photo":  # `explain` pads on the grid of the maps
        return {"segments": Padded(masks, joining["pad_px"]), "pad_px": 0}
    return {"segments": masks, "pad_px": joining["pad_px"]}
