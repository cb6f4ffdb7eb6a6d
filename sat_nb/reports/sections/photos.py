"""The photos behind the numbers: of the first segment, and those furthest from the aggregate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from sat_nb.reports.findings import Findings
from sat_nb.reports.markup import Html, paragraph, photo, side_by_side
from sat_nb.reports.section import Section
from sat_nb.reports.sentences import first_of
from sat_nb.widgets import thumbnails

SIDE = 300  # pixels of a photo's longer side
LEGEND = "Dark red speaks for the class that is explained, light blue against it."


def _function(findings: Findings) -> Sequence[Html]:
    data = findings.data
    if data.images is None:
        return []
    method = findings.methods[0]
    parts = [paragraph(_shown(findings, method))]
    for segment in _segments(findings, method):
        rows = _of_segment(findings, method, segment)
        n = findings.options.n_photos
        parts += [
            paragraph(f"'{segment}': the photos in which it ranks first and has most attribution."),
            _tiles(findings, method, rows.head(n), segment),
        ]
        last = rows.tail(n)[::-1]
        if len(rows) > n and last["rank"].iloc[0] > 1:
            parts += [
                paragraph(f"'{segment}': the photos in which it ranks worst."),
                _tiles(findings, method, last, segment),
            ]
    unusual = findings.unusual
    unusual = unusual[unusual["method"] == method].head(findings.options.n_photos)
    parts += [
        paragraph("The photos whose ranks differ most from the mean ranks."),
        _tiles(findings, method, unusual, None),
    ]
    return parts


def _shown(findings: Findings, method: str) -> str:
    data = findings.data
    if data.maps is None:
        return f"Photos by their ranks under {method}; without maps, which were not given."
    outlines = "" if data.segments is None else " The segment that is named is outlined."
    return f"Photos under the maps of {method}. {LEGEND}{outlines}"


def _segments(findings: Findings, method: str) -> list[str]:
    """The first segment over all photos, and the first where it is present."""
    found = findings.comparisons[method]
    return list(dict.fromkeys([first_of(found)[0], str(found.relative_ranks.idxmin())]))


def _of_segment(findings: Findings, method: str, segment: str) -> pd.DataFrame:
    """The rows of a segment under a method, from those that it leads most to the others."""
    rows = findings.rows
    rows = rows[(rows["method"] == method) & rows["rank"].notna()]
    total = rows.groupby("image_id")["abs_mean_attribution"].transform("sum")
    rows = rows.assign(share=rows["abs_mean_attribution"] / total.where(total > 0))
    rows = rows[rows["segment"] == segment]
    return rows.sort_values(["rank", "share", "image_id"], ascending=[True, False, True])


def _tiles(findings: Findings, method: str, rows: pd.DataFrame, segment: str | None) -> Html:
    records: Iterable[Any] = rows.itertuples()
    return side_by_side(
        [
            photo(_jpeg(findings, method, row.image_id, segment or row.segment), _caption(row))
            for row in records
        ]
    )


def _caption(row: Any) -> str:
    mean = f", {row.mean_rank:.2f} on average" if hasattr(row, "mean_rank") else ""
    return f"{row.image_id}: {row.segment} ranks {row.rank:g} of {row.n_segments}{mean}"


def _jpeg(findings: Findings, method: str, image_id: str, segment: str) -> bytes:
    """A small photo under its map, with the segment outlined; of these, what was given."""
    data, model = findings.data, findings.model
    pixels = data.photo(image_id)
    small = thumbnails.small(pixels, SIDE)
    size, grid = (pixels.shape[0], pixels.shape[1]), (small.shape[0], small.shape[1])
    heat, outlines, colours = None, {}, {}
    if data.maps is not None:
        attribution = data.map_of(model, method, image_id)
        heat = thumbnails.heat_on(attribution, size, grid, data.fit(model))
    if data.segments is not None:
        masks = data.masks(image_id)
        outlines = thumbnails.outlines_on(masks, grid, [segment])
        colours = thumbnails.colour_by_name(masks)
    return thumbnails.jpeg(thumbnails.composed(small, heat, outlines=outlines, colours=colours))


SECTION = Section(
    name="photos",
    title="The photos behind it",
    about="Photos in which the first segment leads, in which it does not, and the most unusual.",
    function=_function,
)
