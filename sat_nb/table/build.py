"""build: the join of attribution maps with masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

import pandas as pd

from sat_nb.by_id import composed
from sat_nb.errors import unknown_name
from sat_nb.geometry import FITS, get_fit
from sat_nb.processors import n_cores, threads_on_cores
from sat_nb.registry import chosen, lists
from sat_nb.saliency.external.maps import ExternalMaps, swapped_sizes
from sat_nb.saliency.store.store import AttributionStore
from sat_nb.segments.problems import first_lines, problems_of
from sat_nb.segments.read import SegmentFiles
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation
from sat_nb.table.fitting import (
    PAD_UNITS,
    Fitting,
    check_masks_size,
    photo_size,
)
from sat_nb.table.frame import table_of
from sat_nb.table.join import ImageRows, JoinOptions, Maps, image_rows
from sat_nb.table.matching import MAX_NOTED, Match, facts_by_id, labels_of, matched
from sat_nb.table.merges import MERGES, Merge
from sat_nb.table.pools import POOLS, Pool
from sat_nb.table.schema import RANK_BY
from sat_nb.table.undecomposed import note_undecomposed, nothing_decomposed

LOOKED_AT = 50  # images, to tell whether the sizes of all photos are swapped
LEAST_SHARED = 8  # images that are worth several threads
LARGEST_LOT = 32  # images that a thread joins in one go

MISSING = ("error", "skip")


@lists(pad_unit=PAD_UNITS, pool=POOLS, merge=MERGES, fit=FITS)
def build(
    maps: Maps,
    segments: Mapping[str, SegmentationMap],
    *,
    pad_px: int = 2,
    pad_unit: str = "map",
    pool: str | Pool = "sum",
    merge: str | Merge = "union",
    rank_by: str = "abs_mean_attribution",
    labels: Mapping[str, int] | None = None,
    model: str | None = None,
    fit: str | None = None,
    missing: str = "error",
) -> pd.DataFrame:
    """Join attribution maps with masks: one row for each image, method and segment.

    For the map A of an image and the mask M of a segment, the mean attribution is
    ``sum(M * A) / sum(M)``. Masks of one name are merged, then brought to the map's grid by the
    geometry that brought the image there, and then padded. Segments are ranked within their
    image; means tie if they differ by at most ``tie_tolerance``, a millionth of max |A|.

    Parameters
    ----------
    maps : AttributionStore or mapping
        ``{method: {image_id: float (H, W) or (H, W, C)}}``, the heatmaps of any tool. Positive
        values speak for the target.
    segments : mapping
        ``{image_id: SegmentationMap}``, as from ``read_segments``.
    pad_px : int, default 2
        Pixels by which masks grow to all sides. On a coarse map, such as the 7 x 7 of a Grad-CAM,
        two of its pixels are most of the image: pass 0 there, or pixels of the photo.
    pad_unit : str, default "map"
        What a pixel of ``pad_px`` is, a name in ``PAD_UNITS``:

        [[pad_unit]]

    pool : str or Pool, default "sum"
        How channels become one number a pixel: a name in ``POOLS``, or a :class:`Pool` of your
        own.

        [[pool]]

    merge : str or Merge, default "union"
        What becomes of several masks of one name in one image: a name in ``MERGES``, or a
        :class:`Merge` of your own.

        [[merge]]

    rank_by : {"abs_mean_attribution", "mean_attribution"}, default "abs_mean_attribution"
        The column that segments are ranked by within their image; the largest has rank 1.
    labels : mapping, optional
        ``{image_id: true class}``; they may name further images. By default the labels that maps
        of another tool were adopted with.
    model : str, optional
        Name of the model; by default that of the store, or "model".
    fit : str, optional
        Geometry from photo to map, by default that of a store, or what ``read_maps`` was told. It
        must be declared for maps of another shape than their photo, since a map does not tell
        whether its photo was stretched or cropped. Where the shapes agree but for rounding, the
        default is "stretch"; a margin that was cropped from square photos
        ("crop_224_of_256") cannot be seen in sizes. The size of a photo is that of its masks where
        ``maps`` do not know it. A segment that a crop cuts off entirely is missing from its image.
        A name in ``FITS``:

        [[fit]]

    missing : {"error", "skip"}, default "error"
        What to do with images that lack maps or masks. "skip" leaves them out, with a warning
        and a note in ``table.attrs``.

    Returns
    -------
    DataFrame
        A table with the columns of ``COLUMNS``. ``attrs["sat_nb"]`` holds settings and versions,
        and under ``left_out`` what was left out, when masks were read and when they were joined.
        ``other_batches`` names maps that went through the model in batches of another size than
        planned, as memory was short or a worker died: their last digits may differ.
        Maps that a store keeps of a method that samples give the standard error of each
        segment's mean; see ``settled_ranks``.

    Raises
    ------
    IdMismatch
        If maps and masks do not name the same images, or labels none of them. Ids are text, and
        are compared in composed Unicode (NFC).
    InvalidInput
        For values that are not finite, ids that are no text, unknown names, maps of another shape
        than their photo without ``fit``, and masks of another shape than their photo. Masks of
        another scale are brought to the map like any others.

    Warns
    -----
    UserWarning
        If ``missing="skip"`` leaves images out; if padding makes the median mask more than three
        times as large, or adds a quarter of the map to it; if maps have height and width of
        their photo swapped; for maps that are zero everywhere, or have the same mean in each
        of three or more segments; and for images without rows of Deep Taylor, whose maps are zero
        where what was explained is not positive.

    References
    ----------
    Hinns & Martens 2025, the definition of the mean attribution and its rank.

    Examples
    --------
    >>> heat = {"occlusion": {"photo": np.array([[4.0, 0.0], [-1.0, -3.0]])}}
    >>> masks = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], bool)
    >>> table = build(heat, {"photo": SegmentationMap(("sky", "sea"), masks)}, pad_px=0)
    >>> table[["segment", "mean_attribution", "rank", "position"]]
      segment  mean_attribution  rank       position
    0     sky               4.0   1.0       top-left
    1     sea              -2.0   2.0  bottom-centre
    """
    check_names(rank_by=rank_by, missing=missing, pad_unit=pad_unit)
    declared = fit or getattr(maps, "fit", None)
    options = join_options(pool, merge, declared, pad_px, pad_unit)
    images, left_out = matched(maps, segments, missing)
    if lines := first_lines(problems_of(segments), MAX_NOTED):
        left_out["what read_segments left out"] = lines
    known = facts_by_id(maps)
    facts = [known.get(composed(image.image_id)) for image in images]
    ids = [image.image_id for image in images]
    classes = dict(zip(ids, labels_of(labels, images, facts), strict=True))
    blocks = join(maps, segments, images, facts, options)
    if ids and not blocks:
        raise nothing_decomposed(maps, len(ids))
    note_undecomposed(blocks, maps, ids, left_out)
    name = model or str(getattr(maps, "model", "model"))
    return table_of(blocks, maps, classes, options, model=name, rank_by=rank_by, left_out=left_out)


def join_options(
    pool: str | Pool, merge: str | Merge, fit: str | None, pad_px: int, pad_unit: str
) -> JoinOptions:
    """The options of the join, checked; ``fit`` is None where nobody has declared it."""
    return JoinOptions(
        pool=chosen("pool", pool, POOLS, own=Pool, kept=True),
        merge=chosen("merge", merge, MERGES, own=Merge, kept=True),
        fitting=Fitting(get_fit(fit or "stretch").name, pad_px, pad_unit),
        is_declared=fit is not None,
    )


def check_names(
    *, rank_by: str, missing: str, pad_unit: str, ranks: tuple[str, ...] = RANK_BY
) -> None:
    """InvalidInput for a name that no option of ``build`` has; ``ranks`` are those of rank_by."""
    if not isinstance(pad_unit, str) or pad_unit not in PAD_UNITS:
        raise unknown_name("pad_unit", pad_unit, PAD_UNITS)
    if rank_by not in ranks:
        raise unknown_name("rank_by", rank_by, ranks)
    if missing not in MISSING:
        raise unknown_name("missing", missing, MISSING)


def join(
    maps: Maps,
    segments: Mapping[str, SegmentationMap],
    images: list[Match],
    facts: list[Any],
    options: JoinOptions,
    *,
    n_threads: int | None = None,
) -> list[ImageRows]:
    """The rows of all images, side by side on all cores (``n_threads``), in the images' order.

    Masks that do not show their photo are refused.
    """
    swapped = partial(_swapped_sizes, maps, segments, images, facts)
    rows = partial(_rows_of_image, maps, segments, options, swapped)
    n_threads = (n_threads or n_cores()) if _may_share_threads(maps, segments, options) else 1
    if n_threads == 1 or len(images) < LEAST_SHARED:
        return list(chain.from_iterable(map(rows, images, facts)))

    def of_lot(lot: slice) -> list[ImageRows]:
        return [*chain.from_iterable(map(rows, images[lot], facts[lot]))]

    lots = [*_lots(len(images), n_threads)]
    with threads_on_cores(min(n_threads, len(lots))) as threads:
        return [*chain.from_iterable(threads.map(of_lot, lots))]


def _lots(n_images: int, n_threads: int) -> Iterator[slice]:
    """Images that a thread joins in one go, fewer and fewer, so that threads end together.

    One by one, threads wait for each other: six times as long for small maps.
    """
    start = 0
    while start < n_images:
        n = min(LARGEST_LOT, -(-(n_images - start) // (2 * n_threads)))
        yield slice(start, start + n)
        start += n


def _may_share_threads(maps: Maps, segments: Any, options: JoinOptions) -> bool:
    """Whether several threads may read these and call these: what is of the user's own may not."""
    ours = options.pool in POOLS.values() and options.merge in MERGES.values()
    maps_are = isinstance(maps, AttributionStore) or all(
        isinstance(by_id, dict) for by_id in (maps, *maps.values())
    )
    return ours and maps_are and isinstance(segments, dict | SegmentFiles)


def _rows_of_image(
    maps: Maps,
    segments: Mapping[str, SegmentationMap],
    options: JoinOptions,
    swapped: Callable[[], str],
    image: Match,
    of_photo: Any,
) -> list[ImageRows]:
    masks = checked_segmentation(segments[image.masks], image.image_id)
    if len(masks):
        check_masks_size(image.image_id, masks.size, photo_size(of_photo), swapped)
    return list(image_rows(image.image_id, maps, image.maps, masks, options, of_photo))


def _swapped_sizes(
    maps: Maps, segments: Mapping[str, SegmentationMap], images: list[Match], facts: list[Any]
) -> str:
    """What to say first where photo_sizes swaps height and width of the first images, or ""."""
    if not isinstance(maps, ExternalMaps):  # a store has seen the photos
        return ""
    some = zip(images[:LOOKED_AT], facts[:LOOKED_AT], strict=True)
    first = [(segments[image.masks], photo_size(known)) for image, known in some]
    return swapped_sizes((m.size, size) for m, size in first if len(m) and size)
