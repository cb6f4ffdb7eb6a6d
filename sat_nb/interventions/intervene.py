"""intervene: what segments do to a prediction, as rows of a table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput
from sat_nb.geometry import FITS
from sat_nb.images import ImageSet
from sat_nb.interventions.in_memory import effects_in_memory
from sat_nb.interventions.measures import MEASURES, Measure
from sat_nb.interventions.measuring import check_others, cost_of, read_measuring
from sat_nb.interventions.players import OVERLAPS
from sat_nb.interventions.replacements import REPLACEMENTS
from sat_nb.interventions.scores import SCORES
from sat_nb.registry import lists
from sat_nb.saliency.engines.entries import ENGINES
from sat_nb.saliency.explain import checked_images
from sat_nb.saliency.preprocess import PREPROCESS, Preprocess
from sat_nb.saliency.request import request_without_methods
from sat_nb.saliency.targets import Target, read_targets
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.build import check_names, join_options
from sat_nb.table.fitting import PAD_UNITS
from sat_nb.table.merges import MERGES, Merge
from sat_nb.table.parquet.files import read_table
from sat_nb.table.schema import RANK_EFFECTS_BY
from sat_nb.table.tabulate.plan import planned
from sat_nb.table.tabulate.tabulate import tabulate


@lists(
    measures=MEASURES,
    replace=REPLACEMENTS,
    score=SCORES,
    overlap=OVERLAPS,
    preprocess=PREPROCESS,
    fit=FITS,
    engine=ENGINES,
    pad_unit=PAD_UNITS,
    merge=MERGES,
)
def intervene(
    model: Any,
    images: ImageSet | Mapping[str, Pixels],
    segments: Mapping[str, SegmentationMap],
    *,
    preprocess: str | Preprocess,
    measures: str | Measure | Iterable[str | Measure] = ("without", "shapley"),
    replace: Any = "blur",
    also: Any = "mean",
    score: str = "margin",
    overlap: str = "any",
    rank_by: str = "abs_mean_attribution",
    target: Target = "predicted",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    fit: str = "stretch",
    pad_px: int = 2,
    pad_unit: str = "map",
    merge: str | Merge = "union",
    batch_size: int = 32,
    progress: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    shard_images: int = 32,
    labels: Mapping[str, int] | None = None,
    model_name: str | None = None,
    missing: str = "error",
    input_size: tuple[int, int] | None = None,
    max_memory: int | str | None = None,
    workers: int = 1,
    trust_model: bool = False,
    engine: str | None = None,
) -> pd.DataFrame:
    """Measure what segments do to a prediction: one row for each photo, measure and segment.

    A map says where attribution lies; this asks the model itself, with segments replaced. The rows
    are those of a table from ``build``, so that ``aggregate``, ``compare``, plots and the explorer
    take them, alone or beside those of methods (``pandas.concat([table, effects])``).

    Parameters
    ----------
    model : str, os.PathLike or live model
        As ``explain`` takes it.
    images : ImageSet or Mapping[str, array]
        The photos, as ``explain`` takes them. Photos of more than 8 bits, or of floats, need a
        window (see :func:`read_images`): a colour in place of a segment needs black and white.
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}. Masks are merged, brought to the model's input and padded as
        ``build`` does; these pixels are replaced.
    preprocess : str or callable
        What turns photos into the model's input, as for ``explain``: a function, or one of:

        [[preprocess]]
    measures : str, Measure or iterable of these, default ("without", "shapley")
        What is measured: a :class:`Measure` of your own, or names of:

        [[measures]]
    replace : str, Replacement, callable or list of these, default "blur"
        What stands in place of a segment: a :class:`Replacement` of your own; a function ``(pixels,
        mask) -> colours`` of a photo (H, W, 3) from 0 to 255 and bool (H, W), whose result
        broadcasts to the photo; or one of:

        [[replace]]
    also : str, Replacement, callable or None, default "mean"
        A second replacement beside a single one: models see through some of them, so that one
        alone tells little. None leaves it out; a list in ``replace`` is taken as it is. Where both
        are the same, the second is "blur", or "mean" beside "blur".
    score : str, default "margin"
        What a segment may lower. A logit by itself is defined up to a constant only, so it is one
        of:

        [[score]]

        Where a sigmoid head has several outputs, which do not exclude each other, "log_odds" is
        the target's logit.
    overlap : str, default "any"
        What a coalition of segments keeps where their masks overlap. ``without``, ``alone`` and
        ``counterfactual`` take whole masks. One of:

        [[overlap]]
    rank_by : str, default "abs_mean_attribution"
        The column that segments are ranked by within their photo: by pixel as in a table of
        attribution, "abs_mean_attribution" or "mean_attribution"; or "total_attribution", the
        effect of the whole segment.
    target : str, int, tuple, sequence or mapping, default "predicted"
        The class whose score is taken, as for ``explain``; a pair (a, b) is "why a and not b".
    parameters : Mapping[str, Mapping[str, Any]], optional
        {measure: {parameter: value}} in place of a measure's defaults, such as
        ``{"shapley": {"max_exact": 8}}``.
    fit : str, default "stretch"
        How photos and masks are brought to the model's input size. The bars of a letterbox stay
        as they are. One of:

        [[fit]]
    pad_px : int, default 2
        Pixels by which masks grow to all sides, as for ``build``.
    pad_unit : str, default "map"
        What a pixel of ``pad_px`` is; the map is the model's input here:

        [[pad_unit]]
    merge : str or Merge, default "union"
        What becomes of several masks of one name: a :class:`Merge` of your own, or one of:

        [[merge]]
    batch_size : int, default 32
        How many photos, replaced in part, go through the model at once, where ``max_memory``
        allows. Segments, coalitions and photos share them.
    progress : bool, default True
        Whether to show a progress bar of photos.
    seed : int, default 0
        The start of all random numbers; those of a photo depend on it and on the photo's id alone,
        but for the other photo of "other_photo".
    out : str or os.PathLike, optional
        A folder that keeps the rows, as :func:`tabulate` does, which this calls: a call that was
        stopped goes on there when it is repeated. None keeps them in memory. With ``out``, entries
        of your own need a version.
    shard_images : int, default 32
        With ``out``, how many photos are kept together; what was done of them when a call was
        stopped is done again.
    labels : mapping, optional
        ``{image_id: true class}``; they may name further photos.
    model_name : str, optional
        The model's name in the table; by default that of its file.
    missing : {"error", "skip"}, default "error"
        What to do with photos without masks and masks without photos. "skip" leaves them out, with
        a warning.
    input_size, max_memory, workers, trust_model : optional
        As for ``explain``.
    engine : str, optional
        What runs the model; by default the first that fits it and is installed:

        [[engine]]

    Returns
    -------
    DataFrame
        A table with the columns of ``COLUMNS``. ``method`` is the measure and the replacement, such
        as "without.blur"; ``total_attribution`` the effect, positive where the score falls without
        the segment; ``mean_attribution`` the effect per pixel. Shapley values have a row for
        "(rest)", so that an image's total_attribution adds up to the score of the photo minus that
        of nothing. Sampled values have their standard error in ``se_mean_attribution``, per
        pixel, and the permutations in ``n_samples``. Further columns: ``n_forward``, the photos
        that the measure asked the model about, whole and replaced ones (those that two measures
        share are asked once, and count for both); ``flipped_to``, the class that "without" or
        "counterfactual" changed the prediction to, missing where it did not; ``counterfactuals``,
        JSON text of all minimal sets with the segment, ``[[[names], class], ...]``.

    Raises
    ------
    InvalidInput
        For arguments, models and photos that cannot be used; for a folder ``out`` that holds
        another table, or another state of the photos; where there is no other photo for
        "other_photo"; for a segment called "(rest)"; and for outputs that are not finite.
    IdMismatch
        If photos and masks do not have the same ids, under ``missing="error"``, and for images
        without a target.
    FileMissing, EngineMissing, WorkerFailed, CannotWrite
        As ``explain``.

    Warns
    -----
    UserWarning
        Before photos take thousands of forward passes each; where there are more players than
        exact values take, and they are sampled; where segments cover the whole photo; where
        "other_photo" has two photos only; and as ``explain`` and ``build`` warn.

    See Also
    --------
    cof_table : How often segments change the predicted class.
    agreement : Attribution against effect.

    References
    ----------
    Shapley 1953; Sun et al. 2023, Explain Any Concept, which asks a surrogate, where the model
    itself is asked here; Chockler & Halpern 2004 (responsibility); Vermeire & Martens 2020.

    Examples
    --------
    >>> effects = intervene(  # doctest: +SKIP
    ...     "model.h5", read_images("photos/"), read_segments("exports/"), preprocess="caffe"
    ... )
    >>> aggregate(effects, value="total_attribution")  # doctest: +SKIP

    Arguments are checked before the model is loaded:

    >>> photo, masks = np.zeros((4, 4, 3), np.uint8), np.ones((1, 4, 4), bool)
    >>> intervene(
    ...     "model.h5",
    ...     {"a": photo},
    ...     {"a": SegmentationMap(("sky",), masks)},
    ...     preprocess="unit",
    ...     replace="other_photo",
    ... )
    Traceback (most recent call last):
    sat_nb.errors.InvalidInput: replace: 'other_photo' takes the pixels of another photo, and \
there is no other; give more photos, or replace='blur'.
    """
    images = checked_images(images)
    if not isinstance(segments, Mapping):
        raise InvalidInput(
            f"segments: expected {{image_id: SegmentationMap}}, got {type(segments).__name__}; use "
            "read_segments(path)."
        )
    check_names(rank_by=rank_by, missing=missing, pad_unit=pad_unit, ranks=RANK_EFFECTS_BY)
    request = request_without_methods(preprocess=preprocess, target=target, fit=fit, seed=seed)
    measuring = read_measuring(
        measures=measures,
        parameters=parameters,
        replace=replace,
        also=also,
        score=score,
        overlap=overlap,
        batch_size=batch_size,
        against=request.against,
        kept=out is not None,
    )
    both = (i for i in images if i in segments)
    if text := cost_of(measuring, (len(set(segments[i].names)) for i in both)):
        warnings.warn(text, stacklevel=2)
    if out is not None:
        folder = tabulate(
            model,
            images,
            segments,
            measures=measures,
            preprocess=preprocess,
            out=out,
            shard_images=shard_images,
            batch_size=shard_images,
            target=target,
            fit=fit,
            progress=progress,
            seed=seed,
            parameters=parameters,
            input_size=input_size,
            max_memory=max_memory,
            workers=workers,
            trust_model=trust_model,
            engine=engine,
            pad_px=pad_px,
            pad_unit=pad_unit,
            merge=merge,
            rank_by=rank_by,
            labels=labels,
            model_name=model_name,
            missing=missing,
            replace=replace,
            also=also,
            score=score,
            overlap=overlap,
            replaced_at_once=batch_size,
        )
        return read_table(folder)
    joining = join_options("sum", merge, fit, pad_px, pad_unit)
    targets = read_targets(target, list(images))
    photos = planned(images, segments, missing=missing, shard_images=len(images), batch=1)
    check_others(measuring, len(photos.image_ids))
    return effects_in_memory(
        model,
        images,
        segments,
        measuring=measuring,
        request=request,
        joining=joining,
        photos=photos,
        targets=targets,
        labels=labels,
        progress=progress,
        rank_by=rank_by,
        model_name=model_name,
        opening={
            "engine": engine,
            "input_size": input_size,
            "trusted": trust_model,
            "workers": workers,
            "max_memory": max_memory,
        },
    )
