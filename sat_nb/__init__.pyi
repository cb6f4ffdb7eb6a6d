__version__: str

from .errors import (
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
from .segments import (
    SEGMENT_FORMATS,
    SegmentationMap,
    read_segments,
    write_dinox,
)
from .stats import (
    TESTS,
    Comparison,
    compare,
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
    write_table,
)

__all__ = [
    "AGGREGATIONS",
    "COLUMNS",
    "FITS",
    "MERGES",
    "METHODS",
    "PAPER_METHODS",
    "PARITY_METHODS",
    "POOLS",
    "PREPROCESS",
    "SEGMENT_FORMATS",
    "TESTS",
    "VALUES",
    "AttributionStore",
    "Comparison",
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
    "explain",
    "plot_critical_difference",
    "plot_overlay",
    "plot_segments",
    "read_images",
    "read_segments",
    "read_table",
    "rerank",
    "write_dinox",
    "write_table",
]
