"""Segment Attribution Tables in Jupyter: what does this image classifier look at?

    images, segments = sat_nb.read_images("photos/"), sat_nb.read_segments("exports/")
    maps = sat_nb.explain("model.h5", images, methods=sat_nb.PAPER_METHODS, preprocess="caffe")
    table = sat_nb.build(maps, segments)

The public names are loaded when they are first used, so that ``import sat_nb`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "sat_nb.errors": ("FileMissing", "IdMismatch", "InvalidInput", "SatError", "WorkerFailed"),
    "sat_nb.images": ("FITS", "ImageSet", "read_images"),
    "sat_nb.segments": ("SEGMENT_FORMATS", "SegmentationMap", "read_segments", "write_dinox"),
    "sat_nb.saliency": (
        "METHODS",
        "PAPER_METHODS",
        "PARITY_METHODS",
        "PREPROCESS",
        "AttributionStore",
        "explain",
    ),
    "sat_nb.table": (
        "AGGREGATIONS",
        "COLUMNS",
        "MERGES",
        "POOLS",
        "VALUES",
        "aggregate",
        "build",
        "read_table",
        "rerank",
        "write_table",
    ),
    "sat_nb.stats": ("TESTS", "Comparison", "compare"),
    "sat_nb.plots": ("plot_critical_difference", "plot_overlay", "plot_segments"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]

if TYPE_CHECKING:
    from sat_nb.errors import FileMissing, IdMismatch, InvalidInput, SatError, WorkerFailed
    from sat_nb.images import FITS, ImageSet, read_images
    from sat_nb.plots import plot_critical_difference, plot_overlay, plot_segments
    from sat_nb.saliency import (
        METHODS,
        PAPER_METHODS,
        PARITY_METHODS,
        PREPROCESS,
        AttributionStore,
        explain,
    )
    from sat_nb.segments import SEGMENT_FORMATS, SegmentationMap, read_segments, write_dinox
    from sat_nb.stats import TESTS, Comparison, compare
    from sat_nb.table import (
        AGGREGATIONS,
        COLUMNS,
        MERGES,
        POOLS,
        VALUES,
        aggregate,
        build,
        read_table,
        rerank,
        write_table,
    )


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sat_nb' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
