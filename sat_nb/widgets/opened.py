"""What the command line is given as paths, opened: a table with its photos, maps and masks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import sat_nb as sat
from sat_nb.files import existing

AnyPath = str | os.PathLike[str]


def opened(
    table: AnyPath,
    images: AnyPath | None = None,
    maps: Sequence[AnyPath] = (),
    segments: AnyPath | None = None,
) -> dict[str, Any]:
    """The arguments of ``explore`` and ``report``; FileMissing for a path that does not exist."""
    return {
        "table": sat.read_table(existing(table, "table")),
        "images": None if images is None else sat.read_images(existing(images, "--images")),
        "maps": _stores(maps) if maps else None,
        "segments": None
        if segments is None
        else sat.read_segments(existing(segments, "--segments")),
    }


def _stores(folders: Sequence[AnyPath]) -> Mapping[str, Any]:
    """The maps in these folders: one store, or {model: store} with the last run of each model."""
    stores = {}
    for folder in folders:
        for run in sat.AttributionStore.runs(existing(folder, "--maps")) or [None]:
            store = sat.AttributionStore.open(folder, run=run)
            stores[store.model] = store
    return store if len(stores) == 1 else stores
