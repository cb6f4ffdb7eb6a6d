"""From what each fine pixel shows to the masks of the finished photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.datasets.equids.animal import Animal
from sat_nb.segments import SegmentationMap

SEGMENT_OF = {
    "eyelid": "eyes",
    "pupil": "eyes",
    "glint": "eyes",
    "ear": "ears",
    "muzzle": "muzzle",
    "mouth": "muzzle",
    "nostril": "muzzle",
    "mane": "mane",
    "head": "head",
    "jaw": "head",
    "trunk": "body",
    "neck": "body",
    "fore": "legs",
    "hind": "legs",
    "hoof": "hooves",
    "tail": "tail",
}
_HOLDS = {"head": ("head", "eyes", "ears", "muzzle"), "legs": ("legs", "hooves")}
_NAMES = ("eyes", "ears", "muzzle", "mane", "head", "body", "legs", "hooves", "tail")
_BODY_ABOVE = {"fore": 0.21, "hind": 0.26}  # the share of a leg's tube that is shoulder or thigh


def segmentation(
    animal: Animal,
    hidden: NDArray[np.bool_],
    stripes: NDArray[np.bool_],
    marked: NDArray[np.bool_] | None,
    fine: int,
) -> SegmentationMap:
    """The masks of a photo whose pixels are ``fine`` x ``fine`` canvas pixels.

    ``hidden`` and ``stripes`` (canvas) say where something stands in front and where the coat is
    dark; ``marked`` (photo) where a watermark is.
    """
    shown = _instances(animal)
    shown[hidden] = 0
    labels = [None, *_labels(animal)]
    counts = _counts(shown, len(labels), fine)
    striped = _counts((stripes & (shown > 0)).astype(np.int16), 2, fine)[..., 1]
    animal_px = counts[..., 1:].sum(axis=-1)
    if marked is not None:
        counts[marked], striped[marked], animal_px[marked] = 0, 0, 0
    half = (fine * fine + 1) // 2
    found = [*_parts(counts, labels, half), ("stripes", _enough(striped, half))]
    if marked is not None:
        found.append(("watermark", marked))
    background = (animal_px < half) & ~np.any([mask for _, mask in found], axis=0)
    found.append(("background", background))
    found = [(name, mask) for name, mask in found if mask.any()]
    names, masks = zip(*found, strict=True)
    return SegmentationMap(names, np.stack(masks), np.ones(len(names)))


def _parts(
    counts: NDArray, labels: list[tuple[str, int] | None], half: int
) -> list[tuple[str, NDArray[np.bool_]]]:
    """(name, mask) of every instance; a leg or the head covers the masks of what it holds."""
    found = []
    for name in _NAMES:
        held = _HOLDS.get(name, (name,))
        members = [k for k, label in enumerate(labels) if label and label[0] in held]
        for group in _groups(name, members, labels):
            mask = _enough(counts[..., group].sum(axis=-1), half)
            for part in _groups("", group, labels) if len(held) > 1 else ():
                mask |= _enough(counts[..., part].sum(axis=-1), half)
            found.append((name, mask))
    return found


def _groups(name: str, members: list[int], labels: list) -> list[list[int]]:
    """Members that make up one mask: an instance each where there are several, else all."""
    if name in ("muzzle", "mane", "head", "body", "tail"):
        return [members]
    keys = [labels[k][1] if name else labels[k] for k in members]
    return [
        [k for k, key in zip(members, keys, strict=True) if key == one] for one in sorted(set(keys))
    ]


def _enough(count: NDArray, half: int) -> NDArray[np.bool_]:
    """Pixels covered by half at least; what would vanish keeps its best-covered pixel."""
    mask = count >= half
    if not mask.any() and count.any():
        mask.flat[count.argmax()] = True
    return mask


def _instances(animal: Animal) -> NDArray[np.int16]:
    """1 + the label's number of every canvas pixel, 0 where there is no animal."""
    part = animal.canvas.part
    shown = part + 1
    body = 1 + next(k for k, limb in enumerate(animal.parts) if limb.kind == "trunk")
    for k, limb in enumerate(animal.parts):
        if limb.kind in _BODY_ABOVE:
            shown[(part == k) & (animal.canvas.u < _BODY_ABOVE[limb.kind])] = body
    return shown


def _labels(animal: Animal) -> list[tuple[str, int]]:
    """(segment, instance) of each part; a hoof has its leg's instance."""
    seen: dict[str, int] = {}
    labels = []
    for limb in animal.parts:
        name = SEGMENT_OF[limb.kind]
        counted = "legs" if limb.kind in ("fore", "hind") else limb.kind
        seen[counted] = seen.get(counted, -1) + 1
        labels.append((name, 0 if name == "eyes" else seen[counted]))
    return labels


def _counts(labels: NDArray, n: int, fine: int) -> NDArray[np.int64]:
    """How many canvas pixels of each label 0 .. n-1 a photo pixel holds: (size, size, n)."""
    size = len(labels) // fine
    photo = np.arange(len(labels)) // fine
    flat = (photo[:, None] * size + photo[None, :]) * n + labels
    return np.bincount(flat.ravel(), minlength=size * size * n).reshape(size, size, n)
