__version__: str

from .errors import (
    CannotFetch,
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
    held_fractions,
    plot_critical_difference,
    plot_difference,
    plot_heatmap,
    plot_image,
    plot_image_table,
    plot_map_grid,
    plot_mask_check,
    plot_mask_edges,
    plot_mask_sensitivity,
    plot_overlay,
    plot_overview,
    plot_prevalence,
    plot_rank_distribution,
    plot_segments,
    save_figure,
    to_latex,
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
from .segments.checks import (
    MaskCheck,
    check_masks,
)
from .segments.fetch import (
    Fetched,
    fetch_masks,
)
from .segments.names import (
    rename_segments,
    renames_as_toml,
    suggest_renames,
)
from .segments.prompts import (
    prompts,
)
from .stats import (
    COMBINATIONS,
    INTERVALS,
    TESTS,
    Comparison,
    Consensus,
    Difference,
    PresenceWarning,
    adjust_for_size,
    compare,
    compare_missing,
    consensus,
    difference,
    evidence,
    excess_over_null,
    intervals,
    null_segments,
    size_effect,
)
from .stats.mask_changes import (
    MASK_CHANGES,
)
from .stats.sensitivity import (
    mask_sensitivity,
)
from .stats.unusual import (
    disagreeing_methods,
    unusual_images,
    varying_segments,
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
from .widgets.explore import (
    explore,
)
from .widgets.state import (
    ExplorerState,
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
    "CannotFetch",
    "CannotWrite",
    "Comparison",
    "Consensus",
    "Difference",
    "ExplorerState",
    "ExternalMaps",
    "Fetched",
    "FileMissing",
    "IdMismatch",
    "ImageSet",
    "InvalidInput",
    "MaskCheck",
    "PresenceWarning",
    "SatError",
    "SegmentationMap",
    "WorkerFailed",
    "adjust_for_size",
    "aggregate",
    "build",
    "check_masks",
    "compare",
    "compare_missing",
    "consensus",
    "difference",
    "disagreeing_methods",
    "evidence",
    "excess_over_null",
    "explain",
    "explore",
    "fetch_masks",
    "held_fractions",
    "intervals",
    "list_methods",
    "maps_from_arrays",
    "mask_sensitivity",
    "null_segments",
    "paint_superpixels",
    "plot_critical_difference",
    "plot_difference",
    "plot_heatmap",
    "plot_image",
    "plot_image_table",
    "plot_map_grid",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_mask_sensitivity",
    "plot_overlay",
    "plot_overview",
    "plot_prevalence",
    "plot_rank_distribution",
    "plot_segments",
    "prompts",
    "read_images",
    "read_maps",
    "read_segments",
    "read_table",
    "rename_segments",
    "renames_as_toml",
    "rerank",
    "save_figure",
    "select",
    "settled_ranks",
    "size_effect",
    "suggest_renames",
    "to_latex",
    "unusual_images",
    "varying_segments",
    "write_coco",
    "write_dinox",
    "write_table",
]
