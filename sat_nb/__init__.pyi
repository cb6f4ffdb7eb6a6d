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
    write_coco,
    write_dinox,
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
    "SatError",
    "SegmentationMap",
    "WorkerFailed",
    "aggregate",
    "build",
    "compare",
    "consensus",
    "difference",
    "excess_over_null",
    "explain",
    "intervals",
    "list_methods",
    "maps_from_arrays",
    "null_segments",
    "paint_superpixels",
    "plot_critical_difference",
    "plot_overlay",
    "plot_segments",
    "read_images",
    "read_maps",
    "read_segments",
    "read_table",
    "rerank",
    "select",
    "settled_ranks",
    "write_coco",
    "write_dinox",
    "write_table",
]
