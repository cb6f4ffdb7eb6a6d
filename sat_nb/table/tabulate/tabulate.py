"""tabulate: explain, join and write shard by shard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sat_nb.arguments import checked_whole
from sat_nb.arrays import Pixels
from sat_nb.errors import unknown_name
from sat_nb.geometry import FITS
from sat_nb.images import ImageSet
from sat_nb.registry import lists
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.explain import checked_images
from sat_nb.saliency.method import Method
from sat_nb.saliency.preprocess import PREPROCESS, Preprocess
from sat_nb.saliency.process.budget import read_bytes
from sat_nb.saliency.request import read_request, request_without_methods
from sat_nb.saliency.targets import Target, read_against
from sat_nb.segments.problems import first_lines, problems_of
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import join_options
from sat_nb.table.fitting import PAD_UNITS
from sat_nb.table.matching import MAX_NOTED
from sat_nb.table.merges import MERGES, Merge
from sat_nb.table.pools import POOLS, Pool
from sat_nb.table.tabulate.folder import folder_of
from sat_nb.table.tabulate.measured import is_none, measures_and_rest, others_of
from sat_nb.table.tabulate.plan import checked_segments, planned
from sat_nb.table.tabulate.recipe import Recipe, check_options
from sat_nb.table.tabulate.run import Photos, Run, Tabulated

if TYPE_CHECKING:
    from distributed import Client


@lists(
    preprocess=PREPROCESS,
    fit=FITS,
    engine=ENGINES,
    pad_unit=PAD_UNITS,
    pool=POOLS,
    merge=MERGES,
)
def tabulate(
    model: Any,
    images: ImageSet | Mapping[str, Pixels],
    segments: Mapping[str, SegmentationMap],
    *,
    methods: str | Method | Iterable[str | Method] = (),
    measures: Any = (),
    preprocess: str | Preprocess,
    out: str | os.PathLike[str],
    shard_images: int = 256,
    keep_maps: str | os.PathLike[str] | None = None,
    client: Client | None = None,
    errors: str = "raise",
    target: Target = "predicted",
    fit: str = "stretch",
    batch_size: int = 8,
    progress: bool = True,
    seed: int = 0,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    input_size: tuple[int, int] | None = None,
    dtype: str = "float32",
    max_memory: int | str | None = None,
    workers: int = 1,
    output: str = "logit",
    samples: int | str | None = None,
    trust_model: bool = False,
    engine: str | None = None,
    pad_px: int = 2,
    pad_unit: str = "map",
    pool: str | Pool = "sum",
    merge: str | Merge = "union",
    rank_by: str = "abs_mean_attribution",
    labels: Mapping[str, int] | None = None,
    model_name: str | None = None,
    missing: str = "error",
    replace: Any = "blur",
    also: Any = "mean",
    score: str = "margin",
    overlap: str = "any",
    replaced_at_once: int = 32,
) -> Tabulated:
    """Explain photos and join the maps with masks, shard by shard, into a folder of Parquet files.

    The table is that of ``build(explain(...), ...)``, row for row, and may have any number of
    photos: a map lives only until its rows are computed. A call that was stopped or killed goes on
    where it was when it is repeated. Several processes may fill one folder.

    Parameters
    ----------
    model : str, os.PathLike or live model
        As ``explain`` takes it.
    images : ImageSet or Mapping[str, array]
        The photos; with ``client``, those of :func:`read_images`.
    segments : Mapping[str, SegmentationMap]
        The masks; with ``client``, those of :func:`read_segments`.
    methods : str, Method or iterable of these
        As ``explain`` takes them. A method of your own needs a version. None, for a table of
        ``measures`` alone.
    measures : str, Measure or iterable of these, default ()
        Effects of interventions, as :func:`intervene` takes them, whose rows are in the same
        shards; ``replace``, ``also``, ``score`` and ``overlap`` are those of ``intervene``, too. A
        measure or replacement of your own needs a version.
    preprocess : str or callable
        What turns photos into the model's input, as for ``explain``: a function, or one of:

        [[preprocess]]
    out : str or os.PathLike
        The folder of the table. ``aggregate`` and ``read_table`` take it. A shard is named after
        all that decides its rows: settings, photos, masks, names and versions of functions. It
        holds one table: with other settings, or photos that have changed, the call is refused, and
        nothing there is touched. Photos may be added at the end.
    shard_images : int, default 256
        How many photos a shard has, in whole batches. Memory grows with it.
    keep_maps : str or os.PathLike, optional
        A folder that keeps the maps, as ``explain(out=...)`` does; by default they are not kept.
    client : distributed.Client, optional
        A Dask cluster that makes the shards, each as one task; by default this process does.
        Photos, masks and the model are read where the workers run, from the same paths as here, and
        functions of your own must be in a module that workers can import. A Dask worker holds one
        process with the model, which uses as many cores as the worker has threads, and the GPU
        that it was given (with dask-cuda, each its own).
    errors : str, default "raise"
        What to do with a photo that fails: "raise" its error; or "skip", to go on without it, and
        report it with the reason in ``failed`` of the result. A call with "raise" tries those
        again that were skipped.
    target : str, int, tuple, sequence or mapping, default "predicted"
        The class to explain, as for ``explain``.
    fit : str, default "stretch"
        How photos and masks are brought to the model's input size. One of:

        [[fit]]
    batch_size : int, default 8
        How many photos go through the model at once.
    progress : bool, default True
        Whether to show the photos that are done, their rate and the time left.
    seed : int, default 0
        The start of all random numbers; those of a photo depend on it and on the photo's id alone.
    parameters : Mapping[str, Mapping[str, Any]], optional
        {method or measure: {parameter: value}} in place of its defaults.
    input_size : tuple[int, int], optional
        (height, width) in pixels, for a model that leaves them open.
    dtype : str, default "float32"
        How maps are kept, and joined: "float32" or "float16".
    max_memory : int or str, optional
        What a process that holds the model may use, as for ``explain``.
    workers : int, default 1
        Processes that share the photos and the cores of this machine; not with ``client``.
    output : str, default "logit"
        "logit" or "probability", as for ``explain``.
    samples : int or str, optional
        Gradients that a method that samples averages, or "auto": until the ranks of the photo's
        segments are settled, with the masks as they are joined.
    trust_model : bool, default False
        Whether a model file may run code of its own, as for ``explain``.
    engine : str, optional
        What computes the maps; by default the first that fits the model and is installed:

        [[engine]]
    pad_px : int, default 2
        Pixels by which masks grow to all sides, as for ``build``.
    pad_unit : str, default "map"
        What a pixel of ``pad_px`` is:

        [[pad_unit]]
    pool : str or Pool, default "sum"
        How channels become one number a pixel: a :class:`Pool` of your own, or one of:

        [[pool]]
    merge : str or Merge, default "union"
        What becomes of several masks of one name: a :class:`Merge` of your own, or one of:

        [[merge]]
    rank_by : str, default "abs_mean_attribution"
        The column that segments are ranked by within their photo: "abs_mean_attribution" or
        "mean_attribution"; with ``measures``, also "total_attribution", the whole effect.
    labels : mapping, optional
        ``{image_id: true class}``; they may name further photos.
    model_name : str, optional
        The model's name in the table; by default that of its file.
    missing : {"error", "skip"}, default "error"
        What to do with photos without masks and masks without photos. "skip" leaves them out, with
        a warning.
    replace, also, score, overlap : optional
        What stands in place of a segment, what it may lower, and what coalitions keep, as for
        ``intervene``; they count with ``measures`` only.
    replaced_at_once : int, default 32
        How many photos, replaced in part, go through the model at once: the ``batch_size`` of
        ``intervene``.

    Returns
    -------
    Tabulated
        The folder, for all functions that take a table's path; ``failed`` holds the photos that
        failed.

    Raises
    ------
    InvalidInput
        As ``explain`` and ``build``; for a folder that holds another table, or shards of photos
        that have changed; for a client that is closed, and functions and arrays that cannot go to
        its workers; and where no photo has any row.
    IdMismatch
        If photos and masks do not have the same ids, under ``missing="error"``.
    CannotWrite
        For a full disk or a read-only folder. Finished shards stay.
    EngineMissing
        If no engine that fits the model is installed here, or on the workers.
    WorkerFailed
        If processes die again and again, or the cluster is lost. Finished shards stay.

    Warns
    -----
    UserWarning
        For photos that failed under ``errors="skip"``; and what ``explain`` and ``build`` warn of,
        once for each kind, with the number of shards.

    See Also
    --------
    build : The same of finished maps, in memory.
    intervene : The same of measures, in memory.

    Notes
    -----
    The last digits of a map depend on the photos that go through the model beside it, on the
    number of threads and on the processor. Where these are equal, so is the table, bit by bit,
    however often it was stopped and whoever made its shards; elsewhere ranks may differ where
    means tie but for rounding.

    Examples
    --------
    >>> table = tabulate(  # doctest: +SKIP
    ...     "model.h5",
    ...     read_images("photos/"),
    ...     read_segments("exports/"),
    ...     methods=PAPER_METHODS,
    ...     preprocess="caffe",
    ...     out="sat/",
    ... )
    >>> aggregate(table, how="relative", value="rank")  # doctest: +SKIP

    Ids are matched before anything is computed:

    >>> tabulate(
    ...     "model.h5",
    ...     {"a": np.zeros((4, 4, 3), np.uint8)},
    ...     {"b": SegmentationMap(("sky",), np.ones((1, 4, 4), bool))},
    ...     methods="gradient",
    ...     preprocess="unit",
    ...     out="sat/",
    ... )
    Traceback (most recent call last):
    sat_nb.errors.IdMismatch: images and segments do not name the same images: 1 photos without \
masks: 'a'; 1 masks without photos: 'b'. Ids are file paths without extension; pass \
missing='skip' to leave out what does not match.
    """
    images, segments = checked_images(images), checked_segments(segments)
    folder = folder_of("out", out)
    maps_folder = None if keep_maps is None else folder_of("keep_maps", keep_maps)
    measured, of_methods = measures_and_rest(
        measures,
        parameters,
        replace=replace,
        also=also,
        score=score,
        overlap=overlap,
        batch_size=checked_whole("replaced_at_once", replaced_at_once, 1),
        against=read_against(target),
        kept=True,
    )
    check_options(errors, missing, pad_unit, rank_by, measured)
    if measured is not None and is_none(methods):
        for name in of_methods or {}:
            raise unknown_name("parameters", name, measured.settings()["measures"])
        request = request_without_methods(preprocess=preprocess, target=target, fit=fit, seed=seed)
    else:
        request = read_request(
            methods=methods,
            parameters=of_methods,
            samples=samples,
            preprocess=preprocess,
            target=target,
            fit=fit,
            seed=seed,
            dtype=dtype,
            output=output,
            kept=True,
        )
    recipe = Recipe(
        request=request,
        joining=join_options(pool, merge, fit, pad_px, pad_unit),
        rank_by=rank_by,
        model_name=model_name,
        settles=samples == "auto",
        batch_size=checked_whole("batch_size", batch_size, 1),
        errors=errors,
        keep_maps=None if maps_folder is None else os.path.abspath(maps_folder),
        engine=engine,
        input_size=input_size,
        trust_model=trust_model,
        workers=checked_whole("workers", workers, 1),
        max_memory=read_bytes(max_memory),
        of_segments=tuple(first_lines(problems_of(segments), MAX_NOTED)),
        measured=measured,
    )
    plan = planned(
        images,
        segments,
        missing=missing,
        shard_images=checked_whole("shard_images", shard_images, 1),
        batch=recipe.batch_size,
    )
    others = others_of(measured, plan.image_ids, seed)
    run = Run(recipe, Photos(plan, images, segments, target, labels, others), folder)
    if client is None:
        run.here(model, progress)
    else:
        from sat_nb.table.tabulate.cluster import run_on

        run_on(client, run, model, progress)
    return run.result()
