"""Masks looked over before they mislead: check_masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Pixels
from sat_nb.errors import InvalidInput, SatError
from sat_nb.segments.quality.findings import FINDINGS, HUGE_FRACTION, TINY_FRACTION, Facts
from sat_nb.segments.quality.measures import edge_profile, measure_names, measure_pairs
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    import pandas as pd


NAME_COLUMNS = ["image_id", "segment", "n_instances", "fraction", "fragments", "score"]
PAIR_COLUMNS = ["image_id", "segment", "other", "shared", "iou"]


@dataclass(frozen=True, eq=False)
class MaskCheck:
    """What ``check_masks`` found.

    ``names``: a DataFrame by segment, most frequent first: ``n_images``, ``detection_rate`` (share
    of all images), ``n_instances``, ``coverage`` (mean share of the image, where it is there),
    ``n_tiny`` and ``n_huge`` (images), ``fragments`` (mean pieces an instance), ``mean_score``,
    ``overlaps_with`` (the name that has most of its pixels too) and ``overlap`` (how many of them,
    mean over the images that have the segment).
    ``findings``: ``level`` ("error", "warning"), ``kind``, ``segment``, ``image_ids``, ``message``.
    ``edges``: how much edge the outlines meet, moved by (row, column), mean over images
    (``edge_profile``); None without photos. ``n_images``: exports that could be read.
    """

    names: pd.DataFrame
    findings: pd.DataFrame
    edges: NDArray[np.float64] | None
    n_images: int

    @property
    def errors(self) -> tuple[str, ...]:
        """What will be refused, or give wrong numbers."""
        return self._said("error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should look at."""
        return self._said("warning")

    def _said(self, level: str) -> tuple[str, ...]:
        return tuple(self.findings.loc[self.findings["level"] == level, "message"])

    def __repr__(self) -> str:
        return (
            f"MaskCheck({self.n_images} images, {len(self.names)} names, {len(self.errors)} "
            f"errors, {len(self.warnings)} warnings)"
        )

    def __str__(self) -> str:
        said = [f"error: {text}" for text in self.errors]
        said += [f"warning: {text}" for text in self.warnings]
        plain = self.names.rename(index=_printable)
        plain["overlaps_with"] = plain["overlaps_with"].map(_printable, na_action="ignore")
        table = plain.to_string(float_format=lambda x: f"{x:.3g}")
        return "\n".join([table, "", repr(self), *said])


def _printable(name: str) -> str:
    """A name for the terminal: what would steer it is written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


@dataclass
class _Notes:
    """What has been seen so far, image by image."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    photo_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    profiles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def check_masks(
    segments: Mapping[str, SegmentationMap],
    images: Mapping[str, Pixels] | None = None,
    *,
    progress: bool = True,
) -> MaskCheck:
    """Look masks over: what is there how often, and what should make one suspicious.

    Parameters
    ----------
    segments: {image_id: SegmentationMap}, as from ``read_segments``. Read one image at a time.
    images: {image_id: uint8 (H, W, 3)}, as from ``read_images``: also checks ids and sizes, and
        whether the masks' outlines lie on the photos' edges: moved by a few pixels in any
        direction they should meet less of them.
    progress: show a bar.

    Returns a :class:`MaskCheck`; printed, it gives the table of names and the findings. Errors
    are what cannot be used (unreadable exports, sizes that differ from the photo's, no mask at
    all, no id that matches); warnings what a person should look at (suspected duplicates, rare
    names, tiny, huge and torn masks, low scores, masks beside the photos' edges). The thresholds
    are the constants of ``sat_nb.segments.quality.findings``.

    Raises InvalidInput for what is no mapping, or an empty one.

    >>> from sat_nb.toy import toy
    >>> found = check_masks(toy()[1], progress=False)
    >>> found
    MaskCheck(20 images, 5 names, 0 errors, 0 warnings)
    >>> found.names.loc["ears", ["n_images", "detection_rate", "coverage"]].tolist()
    [15, 0.75, 0.2]
    """
    from tqdm.auto import tqdm

    if not isinstance(segments, Mapping) or not segments:
        came = "an empty one" if isinstance(segments, Mapping) else type(segments).__name__
        raise InvalidInput(f"segments: expected {{image_id: SegmentationMap}}, got {came}.")
    if images is not None and not isinstance(images, Mapping):
        raise InvalidInput(
            f"images: expected an ImageSet or {{image_id: pixels}}, got {type(images).__name__}."
        )
    notes = _Notes()
    for image_id in tqdm(segments, desc="masks", unit="image", disable=not progress):
        try:
            _look_at(image_id, segments[image_id], images, notes)
        except SatError as error:
            notes.unread[image_id] = str(error)
    facts = _facts(notes, segments, images)
    return MaskCheck(
        _by_name(facts),
        _found(facts),
        np.mean(list(facts.profiles.values()), axis=0) if facts.profiles else None,
        len(facts.sizes),
    )


def _look_at(
    image_id: str,
    segmentation: SegmentationMap,
    images: Mapping[str, Pixels] | None,
    notes: _Notes,
) -> None:
    notes.sizes[image_id] = segmentation.size
    notes.rows += [{"image_id": image_id, **row} for row in measure_names(segmentation)]
    notes.pairs += [{"image_id": image_id, **row} for row in measure_pairs(segmentation)]
    if images is None or image_id not in images:
        return
    pixels = images[image_id]
    notes.photo_sizes[image_id] = pixels.shape[0], pixels.shape[1]
    if len(segmentation) and segmentation.size == pixels.shape[:2]:
        profile = edge_profile(pixels, segmentation.masks)
        if np.isfinite(profile).all():
            notes.profiles[image_id] = profile


def _facts(
    notes: _Notes,
    segments: Mapping[str, SegmentationMap],
    images: Mapping[str, Pixels] | None,
) -> Facts:
    import pandas as pd

    return Facts(
        rows=pd.DataFrame(notes.rows, columns=NAME_COLUMNS),
        pairs=pd.DataFrame(notes.pairs, columns=PAIR_COLUMNS),
        sizes=notes.sizes,
        photo_sizes=None if images is None else notes.photo_sizes,
        profiles=notes.profiles,
        unread=notes.unread,
        without_photo=() if images is None else tuple(i for i in segments if i not in images),
        without_masks=() if images is None else tuple(i for i in images if i not in segments),
    )


def _by_name(facts: Facts) -> pd.DataFrame:
    rows = facts.rows.assign(
        tiny=facts.rows["fraction"] < TINY_FRACTION, huge=facts.rows["fraction"] > HUGE_FRACTION
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
    names.insert(1, "detection_rate", names["n_images"] / max(len(facts.sizes), 1))
    shared = facts.pairs.groupby(["segment", "other"])[["shared"]].sum().reset_index()
    most = shared.sort_values("shared").drop_duplicates("segment", keep="last")
    most = most.set_index("segment").reindex(names.index)
    names["overlaps_with"] = most["other"]
    names["overlap"] = most["shared"].astype(float).fillna(0.0) / names["n_images"]
    return names.sort_values("n_images", ascending=False, kind="stable")


def _found(facts: Facts) -> pd.DataFrame:
    import pandas as pd

    found = [finding for look in FINDINGS.values() for finding in look(facts)]
    found.sort(key=lambda finding: finding.level)  # errors first; the sort is stable
    columns = ["level", "kind", "segment", "image_ids", "message"]
    return pd.DataFrame(
        [[getattr(finding, column) for column in columns] for finding in found], columns=columns
    )
