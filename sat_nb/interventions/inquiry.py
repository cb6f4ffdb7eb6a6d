"""Photos read, made ready, and asked about in requests that fit into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sat_nb.arrays import Pixels
from sat_nb.geometry import get_fit
from sat_nb.images import ImageSet
from sat_nb.interventions.asking import Found, Item, Outputs, Plan, Steps, run, steps_of
from sat_nb.interventions.photos import Fitted, ReadyPhoto
from sat_nb.interventions.players import Overlap, players_of
from sat_nb.saliency.mixing import composed
from sat_nb.saliency.mixtures import Mixtures
from sat_nb.saliency.model_file import ModelFile
from sat_nb.saliency.preprocess import check_range
from sat_nb.saliency.process.pool import Sender, ask
from sat_nb.segments.segmentation import SegmentationMap, checked_segmentation
from sat_nb.table.fitting import check_masks_size
from sat_nb.table.join import FittedSegments, JoinOptions, fitted_segments


@dataclass(frozen=True)
class Inquiry:
    """How the photos of one call are read, fitted and sent."""

    plan: Plan
    overlap: Overlap
    batch_size: int
    joining: JoinOptions
    fitted: Fitted
    images: ImageSet
    others: Mapping[str, str]
    file: ModelFile
    sender: Sender
    seed: int

    def found(
        self,
        image_ids: Iterable[str],
        segments: Callable[[str], SegmentationMap],
        targets: Mapping[str, int] | None,
        untouched: Mapping[str, Outputs] = {},
    ) -> Iterator[tuple[Found, FittedSegments]]:
        """What is found in each photo, in the order in which they are finished.

        ``untouched`` holds what the model is known to say to photos themselves.
        """
        fitted: dict[str, FittedSegments] = {}

        def steps() -> Iterator[Steps]:
            for image_id in image_ids:
                photo, fitted[image_id] = self._ready(image_id, segments(image_id))
                target = None if targets is None else targets[image_id]
                yield steps_of(photo, self.plan, target, untouched.get(image_id))

        for one in run(
            steps(),
            self._ask,
            batch_size=self.batch_size,
            n_at_once=self.sender.pool.n_workers,
            stop=self._stop,
        ):
            yield one, fitted.pop(one.photo.image_id)

    def _stop(self, error: BaseException) -> None:
        self.sender.stopping.set()
        if not isinstance(error, Exception):
            self.sender.pool.stop()  # an interrupt does not wait for what is being computed

    def _ready(self, image_id: str, masks: SegmentationMap) -> tuple[ReadyPhoto, FittedSegments]:
        photo = self.images[image_id]
        # A colour in place of a segment needs black and white, whatever the preprocessing takes.
        check_range("none", image_id, photo, self.images.has_window(image_id))
        size = photo.shape[0], photo.shape[1]
        masks = checked_segmentation(masks, image_id)
        if len(masks):
            check_masks_size(image_id, masks.size, size)
        merged = self.joining.merge(masks)
        on_input, segments, _ = fitted_segments(
            image_id, merged, self.fitted.size, size, self.joining.fitting
        )
        shown = get_fit(self.fitted.fit).photo(size, self.fitted.size)
        players = players_of(
            segments.names,
            on_input.masks & shown,
            shown,
            self.overlap,
            image_id=image_id,
        )
        ready = ReadyPhoto(
            image_id=image_id,
            photo_size=size,
            pixels=get_fit(self.fitted.fit).image(photo, self.fitted.size),
            fitted=self.fitted,
            players=players,
            seed=seed_of(self.seed, image_id),
            other=lambda: self.images[self.others[image_id]],
        )
        return ready, segments

    def _ask(self, items: Sequence[Item]) -> Outputs:
        parts: list[Outputs] = []

        def send(some: Sequence[Item]) -> None:
            parts.append(self._answers(some))

        kind = ("replaced photos", self.file.sha256)
        self.sender.in_batches(kind, items, send, name=lambda item: item.photo.image_id)
        outputs, logits = zip(*parts, strict=True)
        return np.concatenate(outputs), np.concatenate(logits)

    def _answers(self, items: Sequence[Item]) -> Outputs:
        mixtures, by_pixel = mixtures_of(items), self.fitted.by_pixel
        asked: dict[str, Any] = {"mixtures": mixtures, "preprocess": by_pixel}
        if by_pixel is None:
            asked = {"batch": self.fitted.batch(composed(mixtures))}
        found: Outputs = ask(
            "predict" if by_pixel is None else "mix",
            f"replacing segments of {items[0].photo.image_id!r}",
            pool=self.sender.pool,
            kind=("replaced photos", self.file.sha256),
            n_inputs=len(items),
            file=self.file,
            **asked,
        )
        return found


def mixtures_of(items: Sequence[Item]) -> Mixtures:
    """The items as they are sent: each picture of them once."""
    photos: dict[int, int] = {}
    pictures: list[ReadyPhoto] = []
    fillings: dict[Any, int] = {}
    colours: list[Pixels] = []
    pairs = np.zeros((len(items), 2), dtype=np.int64)
    n_parts = max(len(item.photo.players.fixed) for item in items)
    kept = np.zeros((len(items), n_parts), dtype=np.uint8)
    for row, (photo, replacement, parts) in enumerate(items):
        if id(photo) not in photos:
            photos[id(photo)] = len(pictures)
            pictures.append(photo)
        pairs[row, 0] = photos[id(photo)]
        kept[row, : len(parts)] = np.frombuffer(parts, dtype=np.uint8)
        if replacement is not None:
            key = (id(photo), replacement.key, b"" if replacement.one_for_all else parts)
            if key not in fillings:
                fillings[key] = len(colours)
                colours.append(photo.filling(replacement, parts))
            pairs[row, 1] = fillings[key]
    return Mixtures(
        photos=[photo.picture for photo in pictures],
        fillings=colours or [pictures[0].picture],
        parts=[photo.players.parts for photo in pictures],
        pairs=pairs,
        kept=kept,
    )


def seed_of(seed: int, image_id: str) -> int:
    """A seed for this photo, whatever other photos there are."""
    text = f"{seed}:{image_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def others_of(image_ids: Sequence[str], seed: int) -> dict[str, str]:
    """{image_id: another photo}, drawn by the seed; empty for fewer than two photos."""
    found = {}
    for place, image_id in enumerate(image_ids if len(image_ids) > 1 else ()):
        drawn = np.random.default_rng(seed_of(seed, image_id)).integers(len(image_ids) - 1)
        found[image_id] = image_ids[(place + 1 + int(drawn)) % len(image_ids)]
    return found
