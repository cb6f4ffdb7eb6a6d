"""Segment Attribution Tables: what does this image classifier look at?

A saliency map says it for one photo. A table joins the maps of hundreds with named masks, one row
for each photo, method and segment; aggregates, tests and pictures of it say which parts count.

    import sat_nb as sat

    images, segments = sat.read_images("photos/"), sat.read_segments("exports/")
    maps = sat.explain("model.h5", images, methods=sat.PAPER_METHODS, preprocess="caffe")
    table = sat.build(maps, segments)
    print(sat.aggregate(table, value="rank"), sat.compare(table, method="lrp.z"))
    sat.explore(table, images, maps, segments)

All public names, by question; ``help(sat.build)`` has the details of one.

Photos and masks
    sample_data            photos, masks and models to try all of this on: a SampleData
    read_images            the photos of a folder, as an ImageSet
    read_segments          masks in any known format (SEGMENT_FORMATS), a SegmentationMap an image
    fetch_masks, prompts   masks of what you name, from the DINO-X API; gives a Fetched
    edit_masks             masks of numbered regions of a photo, in a notebook
    write_dinox, write_coco, write_segments
                           masks of one photo, of many as COCO, of any number as Parquet

Are the masks right?
    check_masks            how often each name was found, what is suspicious: a MaskCheck
    suggest_renames, renames_as_toml, rename_segments
                           names that mean one thing, as TOML to edit, and one name for them
    mask_sensitivity       how far the ranking depends on the masks (MASK_CHANGES)
    plot_mask_check, plot_mask_edges, plot_mask_sensitivity

Maps
    explain                saliency maps of a Keras or PyTorch model, as an AttributionStore
    list_methods           all methods (METHODS); PAPER_METHODS, PARITY_METHODS: the paper's six
    PREPROCESS, channels_first, FITS
                           what a model was trained on, and how photos are brought to its size
    list_engines           what explains models, and where it is installed
    read_maps, maps_from_arrays, paint_superpixels
                           maps of SHAP, LIME, Captum, ..., as ExternalMaps (MAP_FORMATS, SIGNS)
    input_agnostic_saliency, class_signatures
                           what a model looks for, without any photo; does it hide a backdoor?

The table (COLUMNS, VALUES)
    build                  joins maps with masks (POOLS, MERGES, PAD_UNITS)
    tabulate               the same for any number of photos, in shards: Tabulated
    select, rerank         some of its rows; ranks among what is left
    write_table, read_table, spreadsheet_safe
                           to Parquet and back; CSV that a spreadsheet does not run

Which segments lead?
    aggregate, intervals   one row a segment (AGGREGATIONS); with intervals (INTERVALS)
    compare                which of them differ (TESTS): a Comparison
    compare_missing        the same with and without photos that lack a segment
    evidence               how often each speaks for the target, and against it
    consensus              how far methods agree (COMBINATIONS): a Consensus
    difference             how ranks moved between two models: a Difference

May it be trusted?
    null_segments, excess_over_null
                           more than the same mask gets at other places?
    size_effect, adjust_for_size
                           is it only size?
    settled_ranks, held_fractions
                           is it sampling noise? how much of a map do the first segments hold?
    ranking_stability, images_needed
                           would other photos give the same ranking?
    unusual_images, varying_segments, disagreeing_methods
                           what the average hides

Does it matter?
    intervene              replaces segments and asks the model again, as rows of the same table
                           (MEASURES, REPLACEMENTS, SCORES, OVERLAPS, DELETIONS)
    agreement              attribution against effect: an Agreement
    cof_table              how often the predicted class changes: a CofTable

Pictures, each of a finished result
    plot_segments, plot_critical_difference, plot_heatmap, plot_rank_distribution
                           an aggregate, a comparison, several methods or models, all ranks
    plot_difference, plot_consensus, plot_agreement, plot_cof_table, plot_size
    plot_ranking_stability, plot_prevalence, plot_input_agnostic
    plot_image, plot_image_table, plot_overlay, plot_map_grid, plot_overview
                           one photo with its map, masks and table; several; the whole way
    save_figure, to_latex  SVG, PDF, PNG and the numbers as CSV; a table for a paper

Explore and hand over
    explore                all of this by clicks, in a notebook (ExplorerState, VIEWS)
    report                 one page in words and pictures (SECTIONS)

Entries of your own, wherever a function takes a name
    Method, Pool, Merge, Aggregation, PairTest and PairTestResult, Interval, Combination,
    MaskChange, Measure and Effects, Replacement, Score, Overlap, Deletion, Format and Source,
    View, Section, Parameter

What can go wrong
    SatError               all errors: InvalidInput, FileMissing, IdMismatch, CannotWrite,
                           CannotFetch, EngineMissing, WorkerFailed
    PresenceWarning, TooFewWarning, UnitSizeWarning
                           what a result rests on
    LIMITS                 what a file of a stranger may cost

``sat-nb --help`` is the command line. ``sat_nb.toy`` makes up maps and masks for examples.
"""

# The public names stand in __init__.pyi and are loaded when they are first used, so that
# `import sat_nb` is quick.
# The public names stand in __init__.pyi and are loaded when they are first used, so that
# `import sat_nb` is quick.
import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
