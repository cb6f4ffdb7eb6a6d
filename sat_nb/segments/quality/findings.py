"""What measured masks reveal: one small function a suspicion, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sat_nb.arrays import Size
from sat_nb.errors import shorten
from sat_nb.geometry import relation
from sat_nb.registry import Entry, registry
from sat_nb.segments.problems import Problems, first_lines
from sat_nb.segments.quality.measures import REACH, SIDE, Profile, best_move

if TYPE_CHECKING:
    import pandas as pd


RARE_IMAGES = 6  # with fewer, no signed-rank test can reach p < .05
TINY_FRACTION = 2e-4  # ten pixels of 224 x 224: the padding is then most of the mask
HUGE_FRACTION = 0.98
DUPLICATE_IOU = 0.9
DUPLICATE_SHARE = 0.2  # of the images that have both names
FRAGMENTS = 8.0  # of an instance, on average
LOW_SCORE = 0.35  # median; DINO-X keeps detections from .25
EDGE_IMAGES = 8  # fewer images cannot show a shift of all masks
SHIFT_Z = (
    4.0  # standard errors of the best of 169 moves; masks of other photos exceed 3.4 by chance
)
UNRELATED_Z = 3.0  # standard errors above masks of other photos
CLEAR_EDGES = 1.2  # only where outlines follow edges this well do single images stand out
LOST_SHARE = 0.25  # of the median image's excess over 1
FOUND_SHARE = 0.5  # of the same excess, which shifted masks reach at their best move


@dataclass(frozen=True)
class Finding:
    """What was found: an "error" (no table, or wrong numbers) or a "warning" (have a look)."""

    level: str
    kind: str
    message: str
    segment: str | None = None
    image_ids: tuple[str, ...] = ()


Depth = tuple[str, float, float]
"""The type of a photo's numbers, the lowest and the highest."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """What ``check_masks`` measured on all images.

    ``rows`` : one row an image and name (``measure_names``).
    ``pairs`` : one row an image and pair of names (``measure_pairs``).
    ``sizes`` : {image_id: size of the masks}.
    ``photo_sizes`` : {image_id: size of the photo}; None without photos.
    ``profiles`` : {image_id: edge profile}.
    ``unread`` : {image_id: why its masks or its photo cannot be read}.
    ``depths`` : {image_id: type and range of a photo's numbers}, where they are not 0..255.
    ``left_out`` : {image_id: the file of that id that ``read_images`` left out, and why}.
    ``problems`` : what ``read_segments`` left out.
    """

    rows: pd.DataFrame
    pairs: pd.DataFrame
    sizes: dict[str, Size]
    photo_sizes: dict[str, Size] | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    without_photo: tuple[str, ...] = ()
    without_masks: tuple[str, ...] = ()
    depths: dict[str, Depth] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)

    @property
    def empty(self) -> tuple[str, ...]:
        """Ids of images whose export holds no mask."""
        return tuple(i for i in self.sizes if i not in set(self.rows["image_id"]))


def unreadable(measured: Measurements) -> Iterator[Finding]:
    """Exports and photos that cannot be read."""
    for image_id, why in measured.unread.items():
        yield Finding("error", "unreadable", why, image_ids=(image_id,))


def left_out(measured: Measurements) -> Iterator[Finding]:
    """Items of mask files that were left out."""
    problems = measured.problems
    if problems:
        message = (
            f"left out were {problems!r}: {' '.join(first_lines(problems, 3))} `problems` of the "
            "segments lists them."
        )
        yield Finding("warning", "left_out", message)


def unmatched(measured: Measurements) -> Iterator[Finding]:
    """Masks without a photo and photos without masks; an error where none match."""
    level = "warning" if measured.photo_sizes else "error"
    for ids, what in (
        (measured.without_photo, "exports have no photo of their id"),
        (measured.without_masks, "photos have no export of their id"),
    ):
        if ids:
            files = [measured.left_out[i] for i in ids if i in measured.left_out]
            unread = f" read_images left out {', '.join(files[:3])}." if files else ""
            message = f"{len(ids)} {what}: {shorten(ids)}; ids are paths without extension."
            yield Finding(level, "unmatched", message + unread, image_ids=ids)


def sizes(measured: Measurements) -> Iterator[Finding]:
    """Masks of another shape than their photo, which ``build`` refuses, or of another scale."""
    scaled = []
    for image_id, photo in (measured.photo_sizes or {}).items():
        size = measured.sizes.get(image_id, photo)
        related = "same" if image_id in measured.empty else relation(size, photo)
        if related == "scaled":
            scaled.append(image_id)
        if related in _WRONG_SIZES:
            message = f"{_sizes_of(image_id, measured)}: {_WRONG_SIZES[related]}."
            yield Finding("error", "size", message, image_ids=(image_id,))
    if scaled:
        message = (
            f"masks of another scale, same shape, in {len(scaled)} of {len(measured.sizes)} "
            f"images, such as: {_sizes_of(scaled[0], measured)}. They are joined as they are: "
            "masks are brought to the grid of the maps anyway."
        )
        yield Finding("warning", "scale", message, image_ids=tuple(scaled))


_WRONG_SIZES = {
    "turned": (
        "the photo's EXIF orientation turns it, and the masks were drawn on the photo as it is "
        "stored (turn them with SegmentationMap.turn(orientation)), or their file swaps height and "
        "width (correct it there)"
    ),
    "other": (
        "export the masks from the same file that is explained; masks of the whole photo that were "
        "squeezed into another shape go back with SegmentationMap.resize(images.size(image_id))"
    ),
}


def _sizes_of(image_id: str, measured: Measurements) -> str:
    size, photo = measured.sizes[image_id], (measured.photo_sizes or {})[image_id]
    return (
        f"masks of {image_id!r} are {size[0]} x {size[1]} px (height x width), its photo is "
        f"{photo[0]} x {photo[1]}"
    )


def depth(measured: Measurements) -> Iterator[Finding]:
    """Photos of more than 8 bits, or of floats, without a window."""
    for kind in sorted({kind for kind, _, _ in measured.depths.values()}):
        found = {i: ends for i, (one, *ends) in measured.depths.items() if one == kind}
        low, high = min(low for low, _ in found.values()), max(high for _, high in found.values())
        message = (
            f"{len(found)} of {len(measured.photo_sizes or {})} photos are not of 8 bits, but hold "
            f"{kind} from {low:g} to {high:g}: {shorten(found)}; explain needs "
            "read_images(path, window=(low, high)), or a preprocess function of your own."
        )
        yield Finding("warning", "depth", message, image_ids=tuple(found))


def empty(measured: Measurements) -> Iterator[Finding]:
    """Exports without any mask."""
    ids = measured.empty
    if ids:
        every = len(ids) == len(measured.sizes)
        message = f"{len(ids)} of {len(measured.sizes)} exports hold no mask: {shorten(ids)}."
        yield Finding("error" if every else "warning", "empty", message, image_ids=ids)


def rare(measured: Measurements) -> Iterator[Finding]:
    """Names in too few images for any test."""
    for name, rows in measured.rows.groupby("segment"):
        if len(rows) < min(RARE_IMAGES, len(measured.sizes)):
            ids = tuple(rows["image_id"])
            message = (
                f"{name!r} is in {len(ids)} of {len(measured.sizes)} images ({shorten(ids)}): too "
                f"few for tests, which need {RARE_IMAGES}."
            )
            yield Finding("warning", "rare", message, str(name), ids)


def extents(measured: Measurements) -> Iterator[Finding]:
    """Masks that cover almost nothing, or the whole image."""
    rows = measured.rows
    for kind, chosen, what in (
        ("tiny", rows[rows["fraction"] < TINY_FRACTION], f"less than {TINY_FRACTION:.2%}"),
        ("huge", rows[rows["fraction"] > HUGE_FRACTION], f"more than {HUGE_FRACTION:.0%}"),
    ):
        for name, some in chosen.groupby("segment"):
            ids = tuple(some["image_id"])
            n = int((rows["segment"] == name).sum())
            message = f"{name!r} covers {what} of the image in {len(ids)} of {n}: {shorten(ids)}."
            yield Finding("warning", kind, message, str(name), ids)


def duplicates(measured: Measurements) -> Iterator[Finding]:
    """Pairs of names whose masks are nearly the same in many of the images that have both."""
    images = {name: set(ids) for name, ids in measured.rows.groupby("segment")["image_id"]}
    same = measured.pairs[measured.pairs["iou"] > DUPLICATE_IOU]
    for names, rows in same.groupby(["segment", "other"]):
        a, b = map(str, cast(tuple[str, str], names))
        n_both = len(images[a] & images[b])
        if a < b and len(rows) >= DUPLICATE_SHARE * n_both:
            ids = tuple(rows["image_id"])
            message = (
                f"{a!r} and {b!r} are nearly the same mask (IoU > {DUPLICATE_IOU:g}) in "
                f"{len(ids)} of {n_both} images with both: {shorten(ids)}; are they one thing?"
            )
            yield Finding("warning", "duplicate", message, a, ids)


def fragments(measured: Measurements) -> Iterator[Finding]:
    """Masks of many fragments: noise, or several things in one mask."""
    for name, rows in measured.rows.groupby("segment"):
        mean = rows["fragments"].mean()
        if mean > FRAGMENTS:
            worst = rows.nlargest(3, "fragments")["image_id"]
            message = (
                f"masks of {name!r} have {mean:.0f} fragments on average, most of them in "
                f"{shorten(worst)}."
            )
            yield Finding("warning", "fragments", message, str(name), tuple(worst))


def scores(measured: Measurements) -> Iterator[Finding]:
    """Names with low scores of the detector itself."""
    for name, rows in measured.rows.dropna(subset="score").groupby("segment"):
        median = rows["score"].median()
        if median < LOW_SCORE:
            worst = rows.nsmallest(3, "score")["image_id"]
            message = (
                f"{name!r} was detected with a median score of {median:.2f}, lowest in "
                f"{shorten(worst)}; look at its masks, or raise the threshold."
            )
            yield Finding("warning", "score", message, str(name), tuple(worst))


def edges(measured: Measurements) -> Iterator[Finding]:
    """All masks shifted against their photos, or unrelated to them; see ``edge_profile``."""
    if len(measured.profiles) < EDGE_IMAGES:
        return
    profiles = np.stack(list(measured.profiles.values()))
    ids = tuple(measured.profiles)
    here = profiles[:, REACH, REACH]
    down, right = best_move(profiles.mean(axis=0))
    best = profiles[:, REACH + down, REACH + right]
    if (down, right) != (0, 0) and _z(best - here) > SHIFT_Z:
        message = (
            f"masks meet the photos' edges best when moved by {down} px down and {right} px right "
            f"(photos resized to {SIDE} px; {len(ids)} images: {shorten(ids)}); were they drawn on "
            "shifted or cropped photos?"
        )
        yield Finding("warning", "shifted", message, image_ids=ids)
    elif _z(best - 1) < UNRELATED_Z:
        message = (
            f"the outlines of masks do not follow edges of their photos ({len(ids)} images: "
            f"{shorten(ids)}); do they belong to other photos, or are they mirrored, or boxes?"
        )
        yield Finding("warning", "unrelated", message, image_ids=ids)
    else:
        yield from _single_images(measured.profiles, float(np.median(here)))


def _single_images(profiles: dict[str, Profile], usual: float) -> Iterator[Finding]:
    """Single images whose masks miss the edges, where those of the others follow them well."""
    if usual < CLEAR_EDGES:
        return
    lost = []
    for image_id, profile in profiles.items():
        if profile[REACH, REACH] >= 1 + LOST_SHARE * (usual - 1):
            continue
        if profile.max() < 1 + FOUND_SHARE * (usual - 1):
            lost.append(image_id)
            continue
        down, right = best_move(profile)
        message = (
            f"masks of {image_id!r} meet its edges best when moved by {down} px down and "
            f"{right} px right (photo resized to {SIDE} px)."
        )
        yield Finding("warning", "shifted", message, image_ids=(image_id,))
    if lost:
        message = (
            f"masks of {len(lost)} of {len(profiles)} images hardly follow their photos' edges, "
            f"unlike the others: {shorten(lost)}; look at them."
        )
        yield Finding("warning", "unrelated", message, image_ids=tuple(lost))


def _z(differences: NDArray[np.float64]) -> float:
    """The mean in standard errors."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(differences.mean() / error) if error > 0 else float(np.sign(differences.mean()))


@dataclass(frozen=True, kw_only=True)
class MaskTest(Entry):
    """One thing that can be wrong with masks: ``function(measurements)`` yields the findings.

    ``kinds`` are the findings' kinds, as the table of findings names them.
    """

    function: Callable[[Measurements], Iterable[Finding]]
    kinds: tuple[str, ...]


def _mask_test(name: str, about: str, function: Callable, *kinds: str) -> MaskTest:
    return MaskTest(name=name, about=about, function=function, kinds=kinds or (name,))


FINDINGS: dict[str, MaskTest] = registry(
    _mask_test("unreadable", "Exports and photos that cannot be read.", unreadable),
    _mask_test("left_out", "Items that were left out when the files were read.", left_out),
    _mask_test("unmatched", "Masks without a photo and photos without masks.", unmatched),
    _mask_test("sizes", "Masks of another size than their photo.", sizes, "size", "scale"),
    _mask_test("depth", "Photos of more than 8 bits, or of floats, without a window.", depth),
    _mask_test("empty", "Exports without any mask.", empty),
    _mask_test("edges", "Masks beside the edges of their photos.", edges, "shifted", "unrelated"),
    _mask_test("duplicates", "Two names with nearly the same masks.", duplicates, "duplicate"),
    _mask_test("extents", "Masks of almost nothing, or of everything.", extents, "tiny", "huge"),
    _mask_test("fragments", "Masks of many fragments.", fragments),
    _mask_test("scores", "Names with low scores of the detector.", scores, "score"),
    _mask_test("rare", "Names in too few images for any test.", rare),
)
"""What ``check_masks`` looks for."""
