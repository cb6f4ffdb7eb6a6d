"""check_masks: what masks hold, and what is suspicious about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sat_nb.arrays import Pixels, Size
from sat_nb.errors import InvalidInput, SatError
from sat_nb.geometry import relation
from sat_nb.images import ImageSet
from sat_nb.photos.folder import left_out_ids
from sat_nb.printable import printable, printable_lines
from sat_nb.registry import lists
from sat_nb.segments.problems import first_lines, problems_of
from sat_nb.segments.quality.findings import (
    FINDINGS,
    HUGE_FRACTION,
    TINY_FRACTION,
    Depth,
    Measurements,
)
from sat_nb.segments.quality.measures import Profile, edge_profile, measure_names, measure_pairs
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation

if TYPE_CHECKING:
    import pandas as pd


NAME_COLUMNS = ["image_id", "segment", "n_instances", "fraction", "fragments", "score"]
PAIR_COLUMNS = ["image_id", "segment", "other", "shared", "iou"]


@dataclass(frozen=True, eq=False)
class MaskCheck:
    """The result of ``check_masks``; printed, it gives the table of names and the findings.

    Parameters
    ----------
    names : DataFrame
        By segment, the most frequent first: ``n_images``, ``detection_rate`` (share of all
        images), ``n_instances``, ``coverage`` (mean share of the image, where it is there),
        ``n_tiny`` and ``n_huge`` (images), ``fragments`` (mean number an instance),
        ``mean_score``, ``overlaps_with`` (the name that shares most of its pixels) and ``overlap``
        (the shared part, mean over the images that have the segment).
    findings : DataFrame
        ``level`` ("error", "warning"), ``kind``, ``segment``, ``image_ids``, ``message``.
    edges : ndarray or None
        How much edge the outlines meet when they are moved by (row, column), mean over images
        (``edge_profile``); None without photos.
    n_images : int
        Exports that could be read.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> check_masks(toy()[1], progress=False).errors
    ()
    """

    names: pd.DataFrame
    findings: pd.DataFrame
    edges: Profile | None
    n_images: int

    @property
    def errors(self) -> tuple[str, ...]:
        """Messages about what will be refused, or give wrong numbers."""
        return self._messages("error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Messages about what a person should look at."""
        return self._messages("warning")

    def _messages(self, level: str) -> tuple[str, ...]:
        return tuple(self.findings.loc[self.findings["level"] == level, "message"])

    def __repr__(self) -> str:
        return (
            f"MaskCheck({self.n_images} images, {len(self.names)} names, {len(self.errors)} "
            f"errors, {len(self.warnings)} warnings)"
        )

    def __str__(self) -> str:
        messages = [f"error: {text}" for text in self.errors]
        messages += [f"warning: {text}" for text in self.warnings]
        plain = self.names.rename(index=printable)
        plain["overlaps_with"] = plain["overlaps_with"].map(printable, na_action="ignore")
        table = plain.to_string(float_format=lambda x: f"{x:.3g}")
        return "\n".join([table, "", repr(self), *map(printable_lines, messages)])


@dataclass
class _Collected:
    """What has been measured so far, image by image."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    sizes: dict[str, Size] = field(default_factory=dict)
    photo_sizes: dict[str, Size] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    depths: dict[str, Depth] = field(default_factory=dict)


@lists(findings=FINDINGS)
def check_masks(
    segments: Mapping[str, SegmentationMap],
    images: Mapping[str, Pixels] | None = None,
    *,
    progress: bool = True,
) -> MaskCheck:
    """Check masks: how often each name occurs, and what is suspicious.

    Parameters
    ----------
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as from ``read_segments``; one is in memory at a time.
    images : Mapping[str, ndarray], default None
        {image_id: array (H, W, 3)}, as from ``read_images``. With them, ids and sizes are checked,
        and whether the outlines of masks lie on edges of the photos: when they are moved by a few
        pixels in any direction, they should meet less edge.
    progress : bool, default True
        Show a bar.

    Returns
    -------
    MaskCheck
        Errors are what cannot be used, warnings what a person should look at. The thresholds are
        the constants of ``sat_nb.segments.quality.findings``. Looked for are:

        [[findings]]

    Raises
    ------
    InvalidInput
        If ``segments`` is not a mapping, or is empty.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> found = check_masks(toy()[1], progress=False)
    >>> found
    MaskCheck(20 images, 5 names, 0 errors, 0 warnings)
    >>> found.names.loc["ears", ["detection_rate", "coverage"]].tolist()
    [0.75, 0.2]
    """
    from tqdm.auto import tqdm

    if not isinstance(segments, Mapping) or not segments:
        came = "an empty one" if isinstance(segments, Mapping) else type(segments).__name__
        why = "".join(f" {line}" for line in first_lines(problems_of(segments), 1))
        raise InvalidInput(f"segments: expected {{image_id: SegmentationMap}}, got {came}.{why}")
    if images is not None and not isinstance(images, Mapping):
        raise InvalidInput(
            f"images: expected an ImageSet or {{image_id: pixels}}, got {type(images).__name__}."
        )
    collected = _Collected()
    for image_id in tqdm(segments, desc="masks", unit="image", disable=not progress):
        try:
            masks = checked_segmentation(segments[image_id], image_id)
            _measure(image_id, masks, images, collected)
        except SatError as error:
            collected.unread[image_id] = str(error)
    measured = _measurements(collected, segments, images)
    return MaskCheck(
        _by_name(measured),
        _findings(measured),
        np.mean(list(measured.profiles.values()), axis=0) if measured.profiles else None,
        len(measured.sizes),
    )


def _measure(
    image_id: str,
    segmentation: SegmentationMap,
    images: Mapping[str, Pixels] | None,
    collected: _Collected,
) -> None:
    collected.sizes[image_id] = segmentation.size
    collected.rows += [{"image_id": image_id, **row} for row in measure_names(segmentation)]
    collected.pairs += [{"image_id": image_id, **row} for row in measure_pairs(segmentation)]
    if images is None or image_id not in images:
        return
    photos = images if isinstance(images, ImageSet) else ImageSet({image_id: images[image_id]})
    pixels = photos[image_id]
    size = pixels.shape[0], pixels.shape[1]
    collected.photo_sizes[image_id] = size
    if pixels.dtype != np.uint8 and not photos.has_window(image_id):
        ends = float(pixels.min()), float(pixels.max())
        collected.depths[image_id] = str(pixels.dtype), *ends
    if len(segmentation) and relation(segmentation.size, size) in ("same", "scaled"):
        profile = edge_profile(pixels, segmentation.masks)
        if np.isfinite(profile).all():
            collected.profiles[image_id] = profile


def _measurements(
    collected: _Collected,
    segments: Mapping[str, SegmentationMap],
    images: Mapping[str, Pixels] | None,
) -> Measurements:
    import pandas as pd

    return Measurements(
        rows=pd.DataFrame(collected.rows, columns=NAME_COLUMNS),
        pairs=pd.DataFrame(collected.pairs, columns=PAIR_COLUMNS),
        sizes=collected.sizes,
        photo_sizes=None if images is None else collected.photo_sizes,
        profiles=collected.profiles,
        unread=collected.unread,
        without_photo=() if images is None else tuple(i for i in segments if i not in images),
        without_masks=() if images is None else tuple(i for i in images if i not in segments),
        depths=collected.depths,
        left_out=left_out_ids(getattr(images, "left_out", {})),
        problems=problems_of(segments),
    )


def _by_name(measured: Measurements) -> pd.DataFrame:
    rows = measured.rows.assign(
        tiny=measured.rows["fraction"] < TINY_FRACTION,
        huge=measured.rows["fraction"] > HUGE_FRACTION,
    )
    names = rows.groupby("segment", sort=False).agg(
        n_images=("image_id", "size"),
        n_instances=("n_instances", "sum"),
        coverage=("fraction", "mean"),
        n_tiny=("tiny", "sum"),
        n_huge=("huge", "sum"),
        fragments=("fragments", "mean"),
        mean_score=("score", "mean"),
    )
    names.insert(1, "detection_rate", names["n_images"] / max(len(measured.sizes), 1))
    shared = measured.pairs.groupby(["segment", "other"])[["shared"]].sum().reset_index()
    most = shared.sort_values("shared").drop_duplicates("segment", keep="last")
    most = most.set_index("segment").reindex(names.index)
    names["overlaps_with"] = most["other"]
    names["overlap"] = most["shared"].astype(float).fillna(0.0) / names["n_images"]
    return names.sort_values("n_images", ascending=False, kind="stable")


def _findings(measured: Measurements) -> pd.DataFrame:
    import pandas as pd

    found = [finding for test in FINDINGS.values() for finding in test.function(measured)]
    found.sort(key=lambda finding: finding.level)  # errors first; the sort is stable
    columns = ["level", "kind", "segment", "image_ids", "message"]
    return pd.DataFrame(
        [[getattr(finding, column) for column in columns] for finding in found], columns=columns
    )
