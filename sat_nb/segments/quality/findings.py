"""What measured masks give away: one small function a suspicion, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from sat_nb.errors import shorten
from sat_nb.segments.quality.measures import REACH, SIDE, best_move

if TYPE_CHECKING:
    import pandas as pd


RARE_IMAGES = 6  # in fewer no signed-rank test can say p < .05
TINY_FRACTION = 2e-4  # ten pixels of 224 x 224: the pad is then most of the mask
HUGE_FRACTION = 0.98
DUPLICATE_IOU = 0.9
DUPLICATE_SHARE = 0.2  # of the images that have both names
FRAGMENTS = 8.0  # pieces an instance, on average
LOW_SCORE = 0.35  # median; DINO-X keeps what scores .25
EDGE_IMAGES = 8  # fewer tell nothing about a shift of them all
SHIFT_Z = 4.0  # standard errors of the best of 169 moves; other photos' masks exceed 3.4 by chance
UNRELATED_Z = 3.0  # standard errors above masks of other photos
CLEAR_EDGES = 1.2  # outlines follow edges well: only then single images stand out
LOST_SHARE = 0.25  # of what the median image is above 1
FOUND_SHARE = 0.5  # of the same, which one image's masks reach where they are moved by a shift


@dataclass(frozen=True)
class Finding:
    """What was found: an "error" (wrong numbers, or no table) or a "warning" (look at it)."""

    level: str
    kind: str
    message: str
    segment: str | None = None
    image_ids: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Facts:
    """What was measured on all images; see ``check_masks``.

    ``rows``: one row an image and name (``measure_names``); ``pairs``: one an image and two names
    (``measure_pairs``); ``sizes`` {image_id: size of the masks}; ``photo_sizes`` {image_id: size},
    None without photos; ``profiles`` {image_id: Profile}; ``unread`` {image_id: why}.
    """

    rows: pd.DataFrame
    pairs: pd.DataFrame
    sizes: dict[str, tuple[int, int]]
    photo_sizes: dict[str, tuple[int, int]] | None = None
    profiles: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    without_photo: tuple[str, ...] = ()
    without_masks: tuple[str, ...] = ()

    @property
    def empty(self) -> tuple[str, ...]:
        """Images whose export holds no mask."""
        return tuple(i for i in self.sizes if i not in set(self.rows["image_id"]))


def unreadable(facts: Facts) -> Iterator[Finding]:
    """Exports and photos that cannot be read."""
    for image_id, why in facts.unread.items():
        yield Finding("error", "unreadable", why, image_ids=(image_id,))


def unmatched(facts: Facts) -> Iterator[Finding]:
    """Masks without a photo and photos without masks; an error where none match."""
    level = "warning" if facts.photo_sizes else "error"
    for ids, what in (
        (facts.without_photo, "exports have no photo of their id"),
        (facts.without_masks, "photos have no export of their id"),
    ):
        if ids:
            message = f"{len(ids)} {what}: {shorten(ids)}; ids are paths without extension."
            yield Finding(level, "unmatched", message, image_ids=ids)


def sizes(facts: Facts) -> Iterator[Finding]:
    """Masks of another size than their photo: ``build`` refuses them."""
    for image_id, size in facts.sizes.items():
        photo = (facts.photo_sizes or {}).get(image_id)
        if photo is None or size == photo or image_id in facts.empty:
            continue
        turned = size == photo[::-1]
        remedy = (
            "they are turned by the photo's EXIF orientation; turn them or the photo"
            if turned
            else "export them from the very file that is explained"
        )
        message = (
            f"masks of {image_id!r} are {size[0]} x {size[1]} px (height x width), its photo is "
            f"{photo[0]} x {photo[1]}: {remedy}."
        )
        yield Finding("error", "size", message, image_ids=(image_id,))


def empty(facts: Facts) -> Iterator[Finding]:
    """Exports in which nothing was found."""
    ids = facts.empty
    if ids:
        every = len(ids) == len(facts.sizes)
        message = f"{len(ids)} of {len(facts.sizes)} exports hold no mask: {shorten(ids)}."
        yield Finding("error" if every else "warning", "empty", message, image_ids=ids)


def rare(facts: Facts) -> Iterator[Finding]:
    """Names in so few images that no test can tell anything about them."""
    for name, rows in facts.rows.groupby("segment"):
        if len(rows) < min(RARE_IMAGES, len(facts.sizes)):
            ids = tuple(rows["image_id"])
            message = (
                f"{name!r} is in {len(ids)} of {len(facts.sizes)} images ({shorten(ids)}): too "
                f"few for tests, which need {RARE_IMAGES}."
            )
            yield Finding("warning", "rare", message, str(name), ids)


def extents(facts: Facts) -> Iterator[Finding]:
    """Masks of next to nothing, and of the whole image."""
    rows = facts.rows
    for kind, chosen, what in (
        ("tiny", rows[rows["fraction"] < TINY_FRACTION], f"less than {TINY_FRACTION:.2%}"),
        ("huge", rows[rows["fraction"] > HUGE_FRACTION], f"more than {HUGE_FRACTION:.0%}"),
    ):
        for name, some in chosen.groupby("segment"):
            ids = tuple(some["image_id"])
            n = int((rows["segment"] == name).sum())
            message = f"{name!r} covers {what} of the image in {len(ids)} of {n}: {shorten(ids)}."
            yield Finding("warning", kind, message, str(name), ids)


def duplicates(facts: Facts) -> Iterator[Finding]:
    """Two names whose masks are nearly the same, in many of the images that have both."""
    images = {name: set(ids) for name, ids in facts.rows.groupby("segment")["image_id"]}
    same = facts.pairs[facts.pairs["iou"] > DUPLICATE_IOU]
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


def fragments(facts: Facts) -> Iterator[Finding]:
    """Masks in many pieces: noise, or several things under one mask."""
    for name, rows in facts.rows.groupby("segment"):
        mean = rows["fragments"].mean()
        if mean > FRAGMENTS:
            worst = rows.nlargest(3, "fragments")["image_id"]
            message = f"masks of {name!r} have {mean:.0f} pieces on average, most {shorten(worst)}."
            yield Finding("warning", "fragments", message, str(name), tuple(worst))


def scores(facts: Facts) -> Iterator[Finding]:
    """Names of which the detector itself was seldom sure."""
    for name, rows in facts.rows.dropna(subset="score").groupby("segment"):
        median = rows["score"].median()
        if median < LOW_SCORE:
            worst = rows.nsmallest(3, "score")["image_id"]
            message = (
                f"{name!r} was detected with a median score of {median:.2f}, lowest in "
                f"{shorten(worst)}; look at its masks, or raise the threshold."
            )
            yield Finding("warning", "score", message, str(name), tuple(worst))


def edges(facts: Facts) -> Iterator[Finding]:
    """All masks shifted against their photos, or unrelated to them; see ``edge_profile``."""
    if len(facts.profiles) < EDGE_IMAGES:
        return
    profiles = np.stack(list(facts.profiles.values()))
    ids = tuple(facts.profiles)
    here = profiles[:, REACH, REACH]
    down, right = best_move(profiles.mean(axis=0))
    best = profiles[:, REACH + down, REACH + right]
    if (down, right) != (0, 0) and _z(best - here) > SHIFT_Z:
        message = (
            f"masks meet the photos' edges best when moved by {down} px down and {right} px right "
            f"(photos brought to {SIDE} px; {len(ids)} images: {shorten(ids)}); were they drawn on "
            "shifted or cropped photos?"
        )
        yield Finding("warning", "shifted", message, image_ids=ids)
    elif _z(best - 1) < UNRELATED_Z:
        message = (
            f"the outlines of masks follow no edges of their photos ({len(ids)} images: "
            f"{shorten(ids)}); are they of other photos, mirrored, or boxes?"
        )
        yield Finding("warning", "unrelated", message, image_ids=ids)
    else:
        yield from _single_images(facts.profiles, float(np.median(here)))


def _single_images(profiles: dict[str, NDArray[np.float64]], usual: float) -> Iterator[Finding]:
    """Images that stand out where masks follow edges well otherwise."""
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
            f"{right} px right (photo brought to {SIDE} px)."
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


FINDINGS: dict[str, Callable[[Facts], Iterable[Finding]]] = {
    "unreadable": unreadable,
    "unmatched": unmatched,
    "sizes": sizes,
    "empty": empty,
    "edges": edges,
    "duplicates": duplicates,
    "extents": extents,
    "fragments": fragments,
    "scores": scores,
    "rare": rare,
}
"""What is looked for: Facts -> Findings."""
