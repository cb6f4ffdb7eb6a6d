"""report: one page about a table, to hand over."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput
from sat_nb.files import as_path, check_target, existing, written_whole
from sat_nb.plots.difference import plot_difference
from sat_nb.printable import PLAIN_TEXT, escaped, literal
from sat_nb.registry import chosen, lists
from sat_nb.reports.findings import Findings, Options
from sat_nb.reports.made import how_made
from sat_nb.reports.markup import Html, bullets, drawn, paragraph, side_by_side
from sat_nb.reports.section import Section
from sat_nb.reports.sections import SECTIONS
from sat_nb.reports.sentences import listed
from sat_nb.stats.bootstrap import Unit
from sat_nb.stats.difference import Difference, difference
from sat_nb.stats.pair_test import PairTest
from sat_nb.stats.rows import check_pooled
from sat_nb.table.parquet.files import read_table
from sat_nb.widgets.data import Data
from sat_nb.widgets.markup import count

CAVEAT = (
    "Attribution says where a saliency method finds the evidence of the model, not what would "
    "happen if that segment were gone; no statement here is about cause."
)


@lists(sections=SECTIONS)
def report(
    table: pd.DataFrame | str | os.PathLike[str],
    *,
    images: Mapping | None = None,
    maps: Mapping | None = None,
    segments: Mapping | None = None,
    out: str | os.PathLike[str] = "report.html",
    question: str | None = None,
    sections: str | Section | Sequence[str | Section] | None = None,
    classes: str | None = None,
    unit: Unit | None = None,
    test: str | PairTest | Callable[..., Any] = "wilcoxon-holm",
    alpha: float = 0.05,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    n_photos: int = 4,
) -> Path:
    """Write a report: one page with the answer in words, pictures, photos, settings and citations.

    The page needs no server and no network, and prints to PDF from any browser. The same arguments
    give the same page, byte by byte, with the same versions of the packages that draw it.

    Parameters
    ----------
    table : DataFrame, str or path
        From ``build``, or a file or folder that ``write_table`` wrote. Each model has a chapter.
    images : Mapping, default None
        The photos, {image_id: array (H, W, 3)}; without them the page shows none.
    maps : Mapping, default None
        The attribution maps, {method: {image_id: map}}; those of several models as {model: maps}.
    segments : Mapping, default None
        The masks, {image_id: SegmentationMap}, which are outlined on the photos.
    out : str or path, default "report.html"
        The file to write.
    question : str, default None
        The title; by default what the model looks at.
    sections : str, Section or sequence of these, default None
        What each chapter holds, in this order; None for all:

        [[sections]]
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.
    unit : str or Mapping, default None
        What is independent, for tests and intervals: a column, such as "patient", or
        {image_id: unit}; None for images.
    test : str, PairTest or callable, default "wilcoxon-holm"
        The test of ``compare``.
    alpha : float, default 0.05
        The level of the test.
    level : float, default 0.95
        The level of the intervals.
    n_resamples : int, default 2000
        How often the images, or units, are drawn for the intervals.
    seed : int, default 0
        The seed of the draws.
    n_photos : int, default 4
        How many photos stand beside each other.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InvalidInput
        For a table without segments, for several classes without ``classes``, and for unknown
        names.
    IdMismatch
        If photos, maps or masks of the table's images are missing.
    CannotWrite
        If the file cannot be written.

    References
    ----------
    Hinns & Martens 2025.

    Examples
    --------
    >>> import tempfile
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = report(build(maps, segments), maps=maps, out=Path(folder, "report.html"))
    ...     page = file.read_text()
    >>> "&#x27;eyes&#x27; has the best mean rank under sharp: 1.00 over 20 photos" in page
    True
    """
    check_target(as_path(out, "out"), "out")
    if isinstance(sections, str | Section):
        sections = [sections]
    check_pooled(classes)
    wanted = [
        chosen("sections", one, SECTIONS, own=Section)
        for one in (SECTIONS if sections is None else sections)
    ]
    options = Options(
        classes=classes,
        unit=unit,
        test=test,
        alpha=alpha,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
        n_photos=checked_whole("n_photos", n_photos, 1),
    )
    rows = table if isinstance(table, pd.DataFrame) else read_table(existing(table, "table"))
    data = Data(rows, images, maps, segments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the page says it
        page = _page(data, options, wanted, _question(question, data), _call(out, options))
    with written_whole(out, "out") as part:
        part.write_text(page, encoding="utf-8")
    return Path(out)


def _question(given: str | None, data: Data) -> str:
    if given is not None and not isinstance(given, str):
        raise InvalidInput(f"question: expected text, got {type(given).__name__}.")
    models = data.offer.models
    if len(models) > 1:
        return given or f"What do the {len(models)} models look at?"
    return given or f"What does {f'{models[0]!r}' if models else 'the model'} look at?"


def _page(
    data: Data, options: Options, sections: Sequence[Section], question: str, call: str
) -> str:
    models = data.offer.models or (None,)
    body = [part for model in models for part in _chapter(data, model, options, sections)]
    differ = _between_models(data, options)
    if differ:
        body += [Html("<h2>How the models differ</h2>"), *differ]
    made = "".join(how_made(data, options, call))
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escaped(question)}</title>\n<style>\n{css}</style>\n</head>\n"
        f'<body class="{PLAIN_TEXT}">\n<main>\n<h1>{escaped(question)}</h1>\n'
        f'<p class="subtitle">{escaped(_subtitle(data))}</p>\n<p>{escaped(CAVEAT)}</p>\n'
        f"{''.join(body)}\n<h2>How this page was made</h2>\n{made}\n</main>\n</body>\n</html>\n"
    )


def _subtitle(data: Data) -> str:
    offer, n_images = data.offer, data.table["image_id"].nunique()
    models = [count(len(offer.models), "model")] if len(offer.models) > 1 else []
    parts = [
        *models,
        count(n_images, "photo"),
        count(len(offer.methods), "saliency method"),
        count(len(offer.segments), "segment"),
    ]
    return f"A Segment Attribution Table of {', '.join(parts)}."


def _chapter(
    data: Data, model: str | None, options: Options, sections: Sequence[Section]
) -> Iterator[Html]:
    findings = Findings(data, model, options)
    several = len(data.offer.models) > 1
    if several:
        yield Html(f"<h2>{escaped(model)}</h2>")
    level = 3 if several else 2
    for section in sections:
        parts = section.function(findings)
        if parts:
            yield Html(f"<h{level}>{escaped(section.title)}</h{level}>")
            yield from parts


def _between_models(data: Data, options: Options) -> Sequence[Html]:
    """The first model against each other one, in words and pictures; nothing for one model."""
    found, refused = [], []
    for method, a, b in _pairs(data):
        try:
            found.append(_difference_of(data, options, method, a, b))
        except InvalidInput as error:
            refused.append(f"{a} and {b} under {method}: {error}")
    if not found and not refused:
        return []
    pictures = [drawn(partial(plot_difference, one), _said_of(one)) for one in found]
    return [
        paragraph("Local ranks of the same segments of the same photos, in pairs."),
        bullets([*map(_said_of, found), *refused]),
        side_by_side(pictures),
    ]


def _pairs(data: Data) -> Iterator[tuple[str, str, str]]:
    """Every method for two models; the first method for more."""
    first, *others = data.offer.models or ("",)
    methods = data.offer.methods if len(others) == 1 else data.offer.methods[:1]
    return ((method, first, other) for other in others for method in methods)


def _difference_of(data: Data, options: Options, method: str, a: str, b: str) -> Difference:
    rows = data.table[data.table["method"] == method]
    return difference(
        rows[rows["model"] == a],
        rows[rows["model"] == b],
        method=method,
        alpha=options.alpha,
        missing="skip",
        n_resamples=options.n_resamples,
        seed=options.seed,
        **options.units,
        **options.pooling,
    )


def _said_of(found: Difference) -> str:
    """Which segments gain ranks and which lose them from model a to model b."""
    moved = found.table[found.table["adjusted_p_value"] <= found.alpha]
    models = f"{found.model_a} to {found.model_b}"
    if moved.empty:
        return f"Under {found.method} no segment differs in rank from {models}."
    kinds = {"earlier": moved["rank_shift"] < 0, "later": moved["rank_shift"] > 0}
    parts = [
        f"{what} in rank: {listed(list(moved.index[rows]))}"
        for what, rows in kinds.items()
        if rows.any()
    ]
    return f"Under {found.method}, from {models}: {'; '.join(parts)}."


def _call(out: str | os.PathLike[str], options: Options) -> str:
    """The line that makes the page again."""
    default = vars(Options())
    shown = {**vars(options), "test": options.test_name}
    given = {name: literal(value) for name, value in shown.items() if value != default[name]}
    if isinstance(options.unit, Mapping):
        given["unit"] = "unit"
    arguments = ", ".join(f"{n}={v}" for n, v in {"out": literal(Path(out).name), **given}.items())
    return (
        f"sat.report(\n    table, images=images, maps=maps, segments=segments,\n    {arguments},\n)"
    )
