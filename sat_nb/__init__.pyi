__version__: str

from .agnostic.saliency import (
    input_agnostic_saliency,
)
from .agnostic.signatures import (
    class_signatures,
)
from .csv_files import (
    spreadsheet_safe,
)
from .errors import (
    CannotFetch,
    CannotWrite,
    EngineMissing,
    FileMissing,
    IdMismatch,
    InvalidInput,
    SatError,
    WorkerFailed,
)
from .geometry import (
    FITS,
)
from .images import (
    ImageSet,
    read_images,
)
from .interventions.deletion import (
    DELETIONS,
    Deletion,
)
from .interventions.effects import (
    Effects,
)
from .interventions.intervene import (
    intervene,
)
from .interventions.measures import (
    MEASURES,
    Measure,
)
from .interventions.players import (
    OVERLAPS,
    Overlap,
)
from .interventions.replacements import (
    REPLACEMENTS,
    Replacement,
)
from .interventions.scores import (
    SCORES,
    Score,
)
from .limits import LIMITS
from .plots.agreement import (
    plot_agreement,
)
from .plots.bars import (
    plot_segments,
)
from .plots.cof_table import (
    plot_cof_table,
)
from .plots.critical_difference import (
    plot_critical_difference,
)
from .plots.difference import (
    plot_difference,
)
from .plots.export import (
    save_figure,
)
from .plots.heatmap import (
    plot_consensus,
    plot_heatmap,
)
from .plots.image import (
    plot_image,
    plot_image_table,
    plot_overview,
)
from .plots.input_agnostic import (
    plot_input_agnostic,
)
from .plots.latex import (
    to_latex,
)
from .plots.map_grid import (
    plot_map_grid,
)
from .plots.masks import (
    plot_mask_check,
    plot_mask_edges,
)
from .plots.overlay import (
    plot_overlay,
)
from .plots.prevalence import (
    plot_prevalence,
)
from .plots.rank_distribution import (
    plot_rank_distribution,
)
from .plots.size import (
    plot_size,
)
from .plots.stability import (
    plot_mask_sensitivity,
    plot_ranking_stability,
)
from .registry import (
    Parameter,
)
from .reports.report import (
    report,
)
from .reports.section import (
    Section,
)
from .reports.sections import (
    SECTIONS,
)
from .reproduction.samples import (
    SampleData,
    sample_data,
)
from .saliency.engines.listing import (
    list_engines,
)
from .saliency.explain import (
    explain,
)
from .saliency.external.adopt import (
    maps_from_arrays,
    read_maps,
)
from .saliency.external.formats import (
    MAP_FORMATS,
)
from .saliency.external.maps import (
    SIGNS,
    ExternalMaps,
)
from .saliency.external.superpixels import (
    paint_superpixels,
)
from .saliency.method import (
    Method,
)
from .saliency.methods import (
    METHODS,
    PAPER_METHODS,
    PARITY_METHODS,
    list_methods,
)
from .saliency.preprocess import (
    PREPROCESS,
    channels_first,
)
from .saliency.store.store import (
    AttributionStore,
)
from .segments.dinox_api.fetch import (
    Fetched,
    fetch_masks,
    prompts,
)
from .segments.formats import (
    SEGMENT_FORMATS,
)
from .segments.formats.coco_writer import (
    write_coco,
)
from .segments.formats.dinox import (
    write_dinox,
)
from .segments.formats.parquet_writer import (
    write_segments,
)
from .segments.names import (
    renames_as_toml,
    suggest_renames,
)
from .segments.quality.checks import (
    MaskCheck,
    check_masks,
)
from .segments.read import (
    read_segments,
)
from .segments.renames import (
    rename_segments,
)
from .segments.segmentation import (
    SegmentationMap,
)
from .sources import (
    Format,
    Source,
)
from .stats.agreement import (
    Agreement,
    agreement,
)
from .stats.cof_table import (
    CofTable,
    cof_table,
)
from .stats.combinations import COMBINATIONS, Combination
from .stats.compare import compare
from .stats.compare_missing import compare_missing
from .stats.comparison import (
    Comparison,
    PresenceWarning,
    TooFewWarning,
    UnitSizeWarning,
)
from .stats.consensus import Consensus, consensus
from .stats.difference import (
    Difference,
    difference,
)
from .stats.evidence import (
    evidence,
)
from .stats.interval_kinds import (
    INTERVALS,
    Interval,
)
from .stats.intervals import (
    intervals,
)
from .stats.local_ranks import (
    held_fractions,
)
from .stats.mask_changes import (
    MASK_CHANGES,
    MaskChange,
)
from .stats.mask_sensitivity import (
    mask_sensitivity,
)
from .stats.null_segments import (
    excess_over_null,
    null_segments,
)
from .stats.pair_test import (
    PairTest,
    PairTestResult,
)
from .stats.rank_tests import (
    TESTS,
)
from .stats.size_effect import (
    adjust_for_size,
    size_effect,
)
from .stats.stability import (
    images_needed,
    ranking_stability,
)
from .stats.unusual import (
    disagreeing_methods,
    unusual_images,
    varying_segments,
)
from .table.aggregate import (
    aggregate,
)
from .table.aggregations import AGGREGATIONS, Aggregation
from .table.build import (
    build,
)
from .table.fitting import (
    PAD_UNITS,
)
from .table.merges import MERGES, Merge
from .table.parquet.files import (
    read_table,
    write_table,
)
from .table.pools import POOLS, Pool
from .table.schema import (
    COLUMNS,
    rerank,
)
from .table.select import (
    select,
)
from .table.settled import (
    settled_ranks,
)
from .table.tabulate.run import (
    Tabulated,
)
from .table.tabulate.tabulate import (
    tabulate,
)
from .table.values import VALUES
from .widgets.edit_masks import (
    edit_masks,
)
from .widgets.explore import (
    explore,
)
from .widgets.state import (
    ExplorerState,
)
from .widgets.views import (
    VIEWS,
)
from .widgets.views.view import (
    View,
)

__all__ = [
    "AGGREGATIONS",
    "COLUMNS",
    "COMBINATIONS",
    "DELETIONS",
    "FITS",
    "INTERVALS",
    "LIMITS",
    "MAP_FORMATS",
    "MASK_CHANGES",
    "MEASURES",
    "MERGES",
    "METHODS",
    "OVERLAPS",
    "PAD_UNITS",
    "PAPER_METHODS",
    "PARITY_METHODS",
    "POOLS",
    "PREPROCESS",
    "REPLACEMENTS",
    "SCORES",
    "SECTIONS",
    "SEGMENT_FORMATS",
    "SIGNS",
    "TESTS",
    "VALUES",
    "VIEWS",
    "Aggregation",
    "Agreement",
    "AttributionStore",
    "CannotFetch",
    "CannotWrite",
    "CofTable",
    "Combination",
    "Comparison",
    "Consensus",
    "Deletion",
    "Difference",
    "Effects",
    "EngineMissing",
    "ExplorerState",
    "ExternalMaps",
    "Fetched",
    "FileMissing",
    "Format",
    "IdMismatch",
    "ImageSet",
    "Interval",
    "InvalidInput",
    "MaskChange",
    "MaskCheck",
    "Measure",
    "Merge",
    "Method",
    "Overlap",
    "PairTest",
    "PairTestResult",
    "Parameter",
    "Pool",
    "PresenceWarning",
    "Replacement",
    "SampleData",
    "SatError",
    "Score",
    "Section",
    "SegmentationMap",
    "Source",
    "Tabulated",
    "TooFewWarning",
    "UnitSizeWarning",
    "View",
    "WorkerFailed",
    "adjust_for_size",
    "aggregate",
    "agreement",
    "build",
    "channels_first",
    "check_masks",
    "class_signatures",
    "cof_table",
    "compare",
    "compare_missing",
    "consensus",
    "difference",
    "disagreeing_methods",
    "edit_masks",
    "evidence",
    "excess_over_null",
    "explain",
    "explore",
    "fetch_masks",
    "held_fractions",
    "images_needed",
    "input_agnostic_saliency",
    "intervals",
    "intervene",
    "list_engines",
    "list_methods",
    "maps_from_arrays",
    "mask_sensitivity",
    "null_segments",
    "paint_superpixels",
    "plot_agreement",
    "plot_cof_table",
    "plot_consensus",
    "plot_critical_difference",
    "plot_difference",
    "plot_heatmap",
    "plot_image",
    "plot_image_table",
    "plot_input_agnostic",
    "plot_map_grid",
    "plot_mask_check",
    "plot_mask_edges",
    "plot_mask_sensitivity",
    "plot_overlay",
    "plot_overview",
    "plot_prevalence",
    "plot_rank_distribution",
    "plot_ranking_stability",
    "plot_segments",
    "plot_size",
    "prompts",
    "ranking_stability",
    "read_images",
    "read_maps",
    "read_segments",
    "read_table",
    "rename_segments",
    "renames_as_toml",
    "report",
    "rerank",
    "sample_data",
    "save_figure",
    "select",
    "settled_ranks",
    "size_effect",
    "spreadsheet_safe",
    "suggest_renames",
    "tabulate",
    "to_latex",
    "unusual_images",
    "varying_segments",
    "write_coco",
    "write_dinox",
    "write_segments",
    "write_table",
]
