"""Which photos a table gets, in which shards: ids are matched before anything is computed."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sat_nb.by_id import composed, keys_by_id
from sat_nb.errors import IdMismatch, InvalidInput, shorten
from sat_nb.images import ImageSet
from sat_nb.segments.renames import RenamedSegments
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.matching import MAX_NOTED, Match


@dataclass(frozen=True)
class Plan:
    """The photos to explain, by their keys, in order, and in lots that go to one shard each.

    ``masks`` holds the key of a photo's masks where it differs: one side may be decomposed Unicode.
    ``left_out`` is {reason: the first ids}.
    """

    image_ids: list[str]
    masks: Mapping[str, str]
    left_out: Mapping[str, list[str]]
    shard_images: int

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        return -(-len(self.image_ids) // self.shard_images)

    def lots(self) -> Iterator[tuple[int, list[str]]]:
        """(number, image ids) of each shard."""
        for number in range(self.n_shards):
            first = number * self.shard_images
            yield number, self.image_ids[first : first + self.shard_images]

    def match(self, image_id: str, methods: Collection[str]) -> Match:
        """What the photo is called in the table, and where its maps and masks are found."""
        name = composed(image_id) if image_id in self.masks else image_id
        return Match(name, dict.fromkeys(methods, image_id), image_id)


def checked_segments(segments: Any) -> Mapping[str, SegmentationMap]:
    """The masks by id; InvalidInput for anything else, such as a path."""
    if not isinstance(segments, Mapping):
        raise InvalidInput(
            f"segments: expected {{image_id: SegmentationMap}}, got {type(segments).__name__}; use "
            "read_segments(path)."
        )
    return segments


def planned(
    images: ImageSet, segments: Mapping[str, Any], *, missing: str, shard_images: int, batch: int
) -> Plan:
    """The photos that have masks, in shards of whole batches.

    IdMismatch where ``missing`` is "error" and one side lacks images, or where no id is on both.
    """
    of_images, of_masks = keys_by_id(images, "images"), keys_by_id(segments, "segments")
    left_out = {
        "photos without masks": [i for i in of_images if i not in of_masks],
        "masks without photos": [i for i in of_masks if i not in of_images],
    }
    left_out = {reason: ids for reason, ids in left_out.items() if ids}
    found = {key: of_masks[i] for i, key in of_images.items() if i in of_masks}
    _report(left_out, missing if found else "error")
    others = {key: masks for key, masks in found.items() if key != masks}
    whole = -(-shard_images // batch) * batch
    first = {reason: ids[:MAX_NOTED] for reason, ids in left_out.items()}
    return Plan(list(found), others, first, whole)


def _report(left_out: Mapping[str, list[str]], missing: str) -> None:
    reasons = "; ".join(f"{len(ids)} {why}: {shorten(ids)}" for why, ids in left_out.items())
    if left_out and missing == "error":
        raise IdMismatch(
            f"images and segments do not name the same images: {reasons}. Ids are file paths "
            "without extension; pass missing='skip' to leave out what does not match."
        )
    if left_out:
        warnings.warn(f"left out: {reasons}.", stacklevel=4)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The photos of one shard, with all that belongs to them.

    ``plan`` matches ids; ``targets`` and ``labels`` are those of its photos, where they are given.
    ``gone`` is {image_id: why} of photos whose files have vanished since they were listed;
    ``others`` is {image_id: the photo that it is filled from}.
    """

    number: int
    image_ids: list[str]
    images: ImageSet
    segments: Mapping[str, Any]
    plan: Plan
    targets: Mapping[str, int] | None
    labels: Mapping[str, int | None]
    gone: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


def alone(shard: Shard) -> Shard:
    """The shard with its own photos and masks only, to be sent to another process."""
    keys = [shard.plan.masks.get(i, i) for i in shard.image_ids]
    images = shard.images.select(list(dict.fromkeys([*shard.image_ids, *shard.others.values()])))
    images.left_out = {}
    others = {i: k for i, k in zip(shard.image_ids, keys, strict=True) if i != k}
    return Shard(
        number=shard.number,
        image_ids=shard.image_ids,
        images=images,
        segments=_selected(shard.segments, keys),
        plan=Plan([], others, shard.plan.left_out, shard.plan.shard_images),
        targets=shard.targets,
        labels=shard.labels,
        gone=shard.gone,
        others=shard.others,
    )


def _selected(segments: Any, keys: list[str]) -> Any:
    if isinstance(segments, RenamedSegments):
        return RenamedSegments(_selected(segments._segments, keys), segments._renames)
    return segments.select(keys)
