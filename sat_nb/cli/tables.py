"""``sat-nb build``, ``aggregate``, ``figures``, ``explore``: make a table, and use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

import sat_nb as sat
from sat_nb.by_id import ById
from sat_nb.cli.labels import read_labels
from sat_nb.cli.options import (
    SPREADSHEET_SAFE,
    Command,
    Imported,
    named,
    readable_errors,
    say,
)
from sat_nb.csv_files import csv_of
from sat_nb.errors import InvalidInput
from sat_nb.files import existing, written_whole
from sat_nb.printable import printable
from sat_nb.segments.problems import problems_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT = named(
    "--format",
    "sat_nb:SEGMENT_FORMATS",
    "Format of the masks; detected by default.",
    argument="mask_format",
)

ERRORS = named(
    "--errors",
    "sat_nb.segments.read:ERRORS",
    "What to do with masks and files that cannot be read; 'skip' leaves them out, and names them.",
    default="raise",
    own=False,
)
IMAGE_ID = click.option(
    "--image-id",
    type=Imported(),
    help="module:function from what a mask file calls an image to the image's id.",
)


def read_masks(path: str, **options: Any) -> Mapping[str, sat.SegmentationMap]:
    """The masks of a folder or file; what is left out of them goes to stderr."""
    masks = sat.read_segments(path, **options)
    problems = problems_of(masks)
    for messages in problems.values():
        for line in messages.split("\n"):
            say(f"problem: {line}", err=True)
    if problems:
        say(f"left out: {problems!r}", err=True)
    return masks


@click.command(cls=Command)
@click.option("--model", required=True, help="Keras model file (.h5, .keras).")
@click.option("--images", required=True, help="Folder of photos, or one photo.")
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
@click.option("--out", required=True, help="The table to write (.parquet).")
@named(
    "--preprocess",
    "sat_nb:PREPROCESS",
    "What the model was trained on: a name, or module:function.",
    required=True,
)
@named(
    "--fit",
    "sat_nb:FITS",
    "How photos and their masks are brought to the size of the model's input.",
    default="stretch",
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
    help="Class number to explain, or two, A,B: why A and not B.",
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
    "--parameter", "given", multiple=True, help="METHOD.NAME=VALUE, such as smoothgrad.noise=0.2."
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
def build(
    model: str,
    images: str,
    window: str | None,
    segments: str,
    mask_format: Any,
    image_id: Any,
    errors: str,
    rename: str | None,
    out: str,
    methods: list[Any] | None,
    target: str,
    labels: str | None,
    given: tuple[str, ...],
    samples: str | None,
    maps: str | None,
    input_size: tuple[int, int] | None,
    **options: Any,
) -> None:
    """Explain photos and join the maps with masks: a table in Parquet."""
    true_classes = read_labels(labels) if labels else None
    photos = sat.read_images(images, window=_read_window(window))
    masks = read_masks(
        segments, format=mask_format, image_id=image_id, rename=rename, errors=errors
    )
    if options["missing"] == "skip":
        photos = photos.select([i for i in photos if i in masks]) or photos
    of_join = ("pad_px", "pad_unit", "pool", "merge", "rank_by", "missing")
    joining = {name: options.pop(name) for name in of_join}
    store = sat.explain(
        existing(model, "model"),
        photos,
        methods=methods or sat.PAPER_METHODS,
        target=_target(target),
        parameters=_by_method(given) or None,
        samples=int(samples) if samples and samples.isdigit() else samples,
        **_settling(masks, samples, joining),
        input_size=input_size or None,
        out=maps,
        **options,
    )
    table = sat.build(store, masks, labels=true_classes, **joining)
    sat.write_table(table, out)
    n_images, n_methods = table["image_id"].nunique(), table["method"].nunique()
    say(f"{out}: {len(table)} rows, {n_images} images, {n_methods} methods")


@click.command(cls=Command)
@click.argument("table")
@named(
    "--how",
    "sat_nb:AGGREGATIONS",
    "How the values of a segment in many images become one number.",
    default="relative",
)
@named(
    "--value",
    "sat_nb:VALUES",
    "The column to aggregate; by default rank where the aggregation takes it.",
    own=False,
)
@click.option(
    "--parameter", "given", multiple=True, help="Of the aggregation, NAME=VALUE, such as k=1."
)
@click.option("--by", default="method", show_default=True, help="Columns kept apart, with commas.")
@named(
    "--interval",
    "sat_nb:INTERVALS",
    "Add the bounds of a bootstrap interval; by default there are none.",
)
@click.option("--level", default=0.95, show_default=True, help="Level of the interval.")
@click.option("--out", help="A CSV file to write; by default the result is printed.")
@SPREADSHEET_SAFE
@readable_errors
def aggregate(
    table: str,
    how: Any,
    value: str | None,
    given: tuple[str, ...],
    by: str,
    interval: Any,
    level: float,
    out: str | None,
    spreadsheet_safe: bool,
) -> None:
    """Aggregate a table, a file or a folder of shards: one row for each segment."""
    entry = sat.AGGREGATIONS.get(how) if isinstance(how, str) else how
    if value is None and "rank" in getattr(entry, "takes", ()):
        value = "rank"
    options: dict[str, Any] = {"how": how, "by": tuple(filter(None, by.split(",")))}
    on_disk = interval is None and getattr(entry, "needs", "rows") == "sums"
    rows: Any = table if on_disk else sat.read_table(table)
    if interval is None:
        parameters = dict(map(_named, given))
        summary = sat.aggregate(rows, value=value, parameters=parameters, **options)
    elif given:
        raise InvalidInput("--parameter cannot be combined with --interval.")
    else:
        value = value or "mean_attribution"
        summary = sat.intervals(rows, value=value, interval=interval, level=level, **options)
    if out is None:
        say(as_text(summary))
        return
    content = csv_of(sat.spreadsheet_safe(summary) if spreadsheet_safe else summary)
    with written_whole(out, "--out") as part:
        part.write_bytes(content)
    say(f"{out}: {len(summary)} rows")


@click.command(cls=Command)
@click.argument("table")
@click.option("--out", default="figures", show_default=True, help="Folder to write to.")
@click.option("--methods", help="Saliency methods, with commas; by default all in the table.")
@named(
    "--test", "sat_nb:TESTS", "Test of the differences between segments.", default="wilcoxon-holm"
)
@click.option("--alpha", default=0.05, show_default=True, help="Level of the tests.")
@named(
    "--missing",
    "sat_nb.stats.compare:MISSING",
    "How the tests count segments that an image lacks.",
    default="absolute",
    own=False,
)
@named(
    "--value",
    "sat_nb:VALUES",
    "The column that the bars show.",
    default="abs_mean_attribution",
    own=False,
)
@named("--interval", "sat_nb:INTERVALS", "The whiskers of the bars.", default="bca")
@named(
    "--formats",
    "sat_nb.plots.export:FIGURE_FORMATS",
    "Formats to write, with commas.",
    default="svg,png",
    own=False,
    several=True,
)
@click.option("--highlight", default="", help="Segments to colour, with commas.")
@SPREADSHEET_SAFE
@readable_errors
def figures(table: str, methods: str | None, highlight: str, **options: Any) -> None:
    """Draw a table: a critical difference diagram and bars for each method, numbers as CSV."""
    from sat_nb.reproduction.studies import draw_method

    rows = sat.read_table(table)
    for method in methods.split(",") if methods else rows["method"].unique():
        for file in draw_method(rows, method, highlight=highlight.split(","), **options):
            say(file)


@click.command(cls=Command)
@click.argument("table")
@click.option("--images", help="Folder of photos.")
@click.option(
    "--maps",
    multiple=True,
    help="Folder of maps, as `build --maps` keeps them; one for each model.",
)
@click.option("--segments", help="Folder of mask exports.")
@click.option("--port", type=int, help="By default the first free one from 8866.")
@click.option("--browser/--no-browser", default=True, help="Open the page in the web browser.")
@named("--theme", "sat_nb.widgets.serve:THEMES", "Colours of the page.", default="light", own=False)
@readable_errors
def explore(table: str, **options: Any) -> None:
    """Explore a table on a page that only this computer can open."""
    from sat_nb.widgets.serve import serve

    serve(table, announce=say, **options)


def as_text(summary: pd.DataFrame) -> str:
    """A table for the terminal."""
    texts = summary.select_dtypes(exclude="number")
    shown = summary.assign(**{str(name): texts[name].map(printable) for name in texts})
    return shown.to_string(index=False, float_format=lambda x: f"{x:.4g}")


class _Padded(ById[Any]):
    """Masks that have grown by that many of their own pixels."""

    holds = "masks"

    def __init__(self, masks: Mapping[str, sat.SegmentationMap], px: int) -> None:
        self.masks, self.px = masks, px

    def _keys(self) -> Collection[str]:
        return self.masks.keys()

    def _value(self, key: str) -> sat.SegmentationMap:
        return self.masks[key].pad(self.px)


def _settling(
    masks: Mapping[str, sat.SegmentationMap], samples: str | None, joining: Mapping[str, Any]
) -> dict[str, Any]:
    """The masks whose ranks settle with samples='auto', padded as the join pads them."""
    if samples != "auto":
        return {}
    if joining["pad_unit"] == "photo":  # `explain` pads on the grid of the maps
        return {"segments": _Padded(masks, joining["pad_px"]), "pad_px": 0}
    return {"segments": masks, "pad_px": joining["pad_px"]}


def _target(text: str) -> Any:
    """The target as ``explain`` takes it.

    >>> _target("predicted"), _target("3"), _target("3,5")
    ('predicted', 3, (3, 5))
    """
    try:
        indices = tuple(int(part) for part in text.split(","))
    except ValueError:
        return text
    return indices[0] if len(indices) == 1 else indices


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


def _by_method(given: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Parameters of methods, whose names may have dots.

    >>> _by_method(("smoothgrad.n_samples=16", "lrp.epsilon.epsilon=0.1"))
    {'smoothgrad': {'n_samples': 16}, 'lrp.epsilon': {'epsilon': 0.1}}
    """
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        path, value = _named(text)
        method, dot, name = path.rpartition(".")
        if not dot:
            raise InvalidInput(f"--parameter: expected METHOD.NAME=VALUE, got {text!r}.")
        found.setdefault(method, {})[name] = value
    return found


def _read_window(text: str | None) -> Any:
    """The numbers of LOW,HIGH; other text as it is."""
    try:
        return tuple(map(float, text.split(","))) if text and "," in text else text
    except ValueError:
        return text
