"""The table of effects of one call, whose rows are kept in memory."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sat_nb.images import ImageSet
from sat_nb.interventions.measuring import Measuring, others_of
from sat_nb.saliency.progress import progress_bar
from sat_nb.saliency.request import Request, opened_model
from sat_nb.saliency.store.chunks import MemoryChunks
from sat_nb.saliency.store.runs import Run, plain
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.saliency.targets import check_targets
from sat_nb.segments.problems import first_lines, problems_of
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.frame import table_of
from sat_nb.table.join import JoinOptions
from sat_nb.table.matching import MAX_NOTED, labels_of
from sat_nb.table.tabulate.plan import Plan


def effects_in_memory(
    model: Any,
    images: ImageSet,
    segments: Mapping[str, SegmentationMap],
    *,
    measuring: Measuring,
    request: Request,
    joining: JoinOptions,
    photos: Plan,
    targets: Mapping[str, int] | None,
    labels: Mapping[str, int] | None,
    progress: bool,
    rank_by: str,
    model_name: str | None,
    opening: Mapping[str, Any],
) -> pd.DataFrame:
    """The table of ``photos``; ``opening`` is how ``opened_model`` opens the model.

    It warns in the name of the caller's caller.
    """
    matches = [photos.match(image_id, ()) for image_id in photos.image_ids]
    names = {i: match.image_id for i, match in zip(photos.image_ids, matches, strict=True)}
    classes = dict(zip(names.values(), labels_of(labels, matches), strict=True))
    with opened_model(model, **opening) as opened:
        check_targets(targets, opened.facts.n_outputs, against=request.against)
        for text in [*opened.warnings(request), *measuring.warnings(opened.facts)]:
            warnings.warn(text, stacklevel=3)
        notes = measuring.notes()
        with progress_bar(len(names), progress, unit="photo", title="intervene") as bar:
            rows = measuring.rows(
                opened,
                request,
                joining,
                images,
                others_of(photos.image_ids, request.seed),
                photos.image_ids,
                lambda image_id: segments[photos.masks.get(image_id, image_id)],
                targets,
                {},
                names,
                notes,
                bar,
            )
        for text in notes.texts():
            warnings.warn(text, stacklevel=3)
        settings = request.settings(opened)
        name = model_name or opened.file.name
    table = table_of(
        [row for image_id in photos.image_ids for row in rows[image_id]],
        AttributionStore(Run(MemoryChunks(), plain(settings)), methods=(), image_ids=()),
        classes,
        joining,
        model=name,
        rank_by=rank_by,
        left_out=_left_out(photos, segments),
    )
    table.attrs["sat_nb"]["interventions"] = plain(measuring.settings())
    return table


def _left_out(photos: Plan, segments: Mapping[str, SegmentationMap]) -> dict[str, list[str]]:
    found = {reason: list(ids) for reason, ids in photos.left_out.items()}
    if lines := first_lines(problems_of(segments), MAX_NOTED):
        found["what read_segments left out"] = lines
    return found
