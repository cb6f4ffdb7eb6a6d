__version__: str

from .errors import (
    CannotWrite,
    FileMissing,
    IdMismatch,
    InvalidInput,
    SatError,
    WorkerFailed,
)
from .images import (
    FITS,
    ImageSet,
    read_images,
)
from .plots import (
    plot_critical_difference,
    plot_mask_check,
    plot_mask_edges,
    plot_mask_sensitivity,
    plot_overlay,
    plot_segments,
)
from .saliency import (
    METHODS,
    PAPER_METHODS,
    PARITY_METHODS,
    PREPROCESS,
    AttributionStore,
    explain,
)
from .saliency.adoption import (
    SIGNS,
)
from .saliency.external import (
    maps_from_arrays,
    paint_superpixels,
    read_maps,
)
from .saliency.external_maps import (
    ExternalMaps,
)
from .saliency.map_formats import (
    MAP_FORMATS,
)
from .saliency.methods import (
    list_methods,
)
from .segments import (
    SEGMENT_FORMATS,
    SegmentationMap,
    read_segments,
    write_dinox,
)
from .segments.checks import (
    MaskCheck,
    check_masks,
)
from .segments.names import (
    rename_segments,
    renames_as_toml,
    suggest_renames,
)
from .stats import (
    INTERVALS,
    TESTS,
    Comparison,
    Difference,
    compare,
    difference,
    intervals,
)
from .stats.consensus import (
    COMBINATIONS,
    Consensus,
    consensus,
)
from .stats.controls import (
    excess_over_null,
    null_segments,
)
from .stats.mask_changes import (
    MASK_CHANGES,
)
from .stats.sensitivity import (
    mask_sensitivity,
)
from .table import (
    AGGREGATIONS,
    COLUMNS,
    MERGES,
    POOLS,
    VALUES,
    aggregate,
    build,
    read_table,
    rerank,
    select,
    settled_ranks,
    write_table,
)

__all__ = [
    "AGGREGATIONS",
    "COLUMNS",
    "COMBINATIONS",
    "FITS",
    "INTERVALS",
    "MAP_FORMATS",
    "MASK_CHANGES",
    "MERGES",
    "METHODS",
    "PAPER_METHODS",
    "PARITY_METHODS",
    "POOLS",
    "PREPROCESS",
    "SEGMENT_FORMATS",
    "SIGNS",
    "TESTS",
    "VALUES",
    "AttributionStore",
    "CannotWrite",
    "Comparison",
    "Consensus",
    "Difference",
    "ExternalMaps",
    "FileMissing",
    "IdMismatch",
    "ImageSet",
    "InvalidInput",
    "MaskCheck",
    "SatError",
    "SegmentationMap",
    "WorkerFailed",
    "aggregate",
    "build",
    "check_masks",
    "compare",
    "consensus",
    "difference",
    "excess_over_null",
    "explain",
    "intervals",
    "list_methods",
    "maps_from_arrays",
    "mask_sensitivity",
    "null_segments",
    "paint_superpixels",
    "plot_critical_difference",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_mask_sensitivity",
    "plot_overlay",
    "plot_segments",
    "read_images",
    "read_maps",
    "read_segments",
    "read_table",
    "rename_segments",
    "renames_as_toml",
    "rerank",
    "select",
    "settled_ranks",
    "suggest_renames",
    "write_dinox",
    "write_table",
]
