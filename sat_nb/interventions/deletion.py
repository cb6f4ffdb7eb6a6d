"""What the logit of a class loses when a segment is deleted from the photo."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Mask, Masks, Pixels, true_or_false
from sat_nb.csv_files import csv_of
from sat_nb.errors import InvalidInput
from sat_nb.files import written_whole
from sat_nb.geometry import get_fit
from sat_nb.images import ImageSet
from sat_nb.interventions.logits import Logits, load_logits
from sat_nb.interventions.replacements import GREY, blurred, filled, inpainted
from sat_nb.photos.photo import photo_of
from sat_nb.registry import Entry, chosen, lists, registry
from sat_nb.saliency.preprocess import check_range, get_preprocess
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.table.fitting import check_masks_size

COLUMNS = ("image_id", "segment", "deletion", "logit", "effect", "mask_px")


@dataclass(frozen=True, kw_only=True)
class Deletion(Entry):
    """A way to delete a segment from a photo, for ``deletion_effects(deletions=...)``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every entry of a registry. An entry of your own needs a version, as results are
        kept on disk under its name and version.
    parameters : Mapping
        Not used.
    function : callable
        ``(pixels, mask) -> pixels``: a photo (H, W, 3), from 0 to 255, and bool (H, W) to the photo
        without what the mask covers, of the same type: uint8, or float32 under a window. The
        pixels passed in must stay as they are.

    Examples
    --------
    >>> black = Deletion(
    ...     name="black", version="1", about="Black in its place.",
    ...     function=lambda pixels, mask: np.where(mask[..., None], 0, pixels).astype(np.uint8),
    ... )
    >>> black(np.full((1, 2, 3), 9, np.uint8), np.array([[True, False]])).tolist()
    [[[0, 0, 0], [9, 9, 9]]]
    """

    function: Callable[[Pixels, Mask], Pixels]

    def __call__(self, pixels: Pixels, mask: Mask) -> Pixels:
        """The photo without what the mask covers."""
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != pixels.shape[:2]:
            raise InvalidInput(
                f"mask: expected bool {pixels.shape[:2]}, got {mask.dtype} {mask.shape}."
            )
        return self.function(pixels, true_or_false(mask))


def grey(pixels: Pixels, mask: Mask) -> Pixels:
    """The photo with middle grey where the mask is."""
    return _filled(pixels, mask, np.float64(GREY))


def blur(pixels: Pixels, mask: Mask) -> Pixels:
    """The photo blurred where the mask is, by a Gaussian of a twelfth of the shorter side."""
    return _filled(pixels, mask, blurred(pixels))


def inpaint(pixels: Pixels, mask: Mask) -> Pixels:
    """The photo with a smooth surface where the mask is; grey if the mask covers all of it."""
    if mask.all():
        return grey(pixels, mask)
    return _filled(pixels, mask, inpainted(pixels, mask))


def _filled(pixels: Pixels, mask: Mask, colours: Any) -> Pixels:
    return np.where(mask[..., None], filled(pixels, colours), pixels)


DELETIONS: dict[str, Deletion] = registry(
    Deletion(
        name="grey",
        about="Middle grey in its place: easy to see, and unlike anything in training photos.",
        function=grey,
    ),
    Deletion(
        name="blur",
        about="The photo blurred there by a Gaussian of a twelfth of the shorter side, so that "
        "colours and the coarse shape remain.",
        function=blur,
    ),
    Deletion(
        name="inpaint",
        about="A smooth surface that continues the surroundings.",
        source="Damelin & Hoang 2018, as in scikit-image",
        function=inpaint,
    ),
)
"""The ways to delete a segment."""


@lists(deletions=DELETIONS)
def deletion_effects(
    model: str | os.PathLike[str],
    images: Mapping[str, Pixels],
    segments: Mapping[str, SegmentationMap],
    targets: Mapping[str, int],
    *,
    preprocess: Any,
    kept: str | os.PathLike[str],
    deletions: Iterable[str | Deletion] = tuple(DELETIONS),
    pad_px: int = 2,
    trust_model: bool = False,
) -> pd.DataFrame:
    """Measure how far the target's logit falls when a segment is deleted, image by image.

    The pixels deleted are those over which ``build`` averages: masks of one name merged, brought to
    the model's input and padded.

    Parameters
    ----------
    model : path
        A saved Keras classifier.
    images : Mapping[str, array of shape (H, W, 3)]
        {image_id: photo}, stretched to the model's input. Photos of more than 8 bits, or of floats,
        need a window: see :func:`read_images`.
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}.
    targets : Mapping[str, int]
        {image_id: class}, the images to measure.
    preprocess : str or callable
        What the model's input needs, as for ``explain``.
    kept : path
        A folder of this model, preprocessing and padding, which keeps the rows of each image; a run
        that was stopped continues there. Entries of your own have a folder of their name and
        version in it.
    deletions : iterable of str or Deletion, default all of ``DELETIONS``
        Names, and entries of your own:

        [[deletions]]
    pad_px : int, default 2
        As for ``build``.
    trust_model : bool, default False
        Whether the model file may run code of its own, as for ``explain``.

    Returns
    -------
    pandas.DataFrame
        One row an image, segment and deletion: ``image_id``, ``segment``, ``deletion``, ``logit``,
        that of the target for the whole photo, ``effect``, by how much it is lower without the
        segment (negative: it rises), and ``mask_px``.

    Raises
    ------
    InvalidInput
        For an unknown deletion, for an entry of your own without a version, for photos whose
        numbers are not from 0 to 255, and for a model that is refused.
    """
    from tqdm.auto import tqdm

    entries = [chosen("deletions", d, DELETIONS, own=Deletion, kept=True) for d in deletions]
    folders: dict[Path, list[Deletion]] = {}
    for entry in entries:
        folders.setdefault(_folder(kept, entry), []).append(entry)
    logits = load_logits(model, trusted=trust_model)
    parts = []
    for image_id in tqdm(targets, desc="deletion", unit="photo"):

        def measured(missing: Sequence[Deletion], image_id: str = image_id) -> pd.DataFrame:
            size = logits.input_size
            photo = photo_of(images[image_id]).pixels
            has_window = isinstance(images, ImageSet) and images.has_window(image_id)
            # A deletion by a colour needs black and white, whatever the preprocessing takes.
            check_range("none", image_id, photo, has_window)
            pixels = get_fit("stretch").image(photo, size)
            merged = segments[image_id].merged()
            if len(merged):
                height, width = photo.shape[:2]
                check_masks_size(image_id, merged.size, (height, width))
            masks = merged.resize(size, fit="stretch", pad_px=pad_px)
            rows = _image_effects(pixels, masks, targets[image_id], missing, logits, preprocess)
            return rows.assign(image_id=image_id)[list(COLUMNS)]

        for folder, of_folder in folders.items():
            parts.append(_rows(folder / f"{image_id}.csv", of_folder, measured))
    return pd.concat(parts, ignore_index=True)


def _folder(kept: str | os.PathLike[str], deletion: Deletion) -> Path:
    """Where a deletion's rows are kept; no registered one has a version."""
    return Path(kept) / quote(deletion.key, safe="@") if deletion.version else Path(kept)


def _rows(
    file: Path,
    deletions: Sequence[Deletion],
    measured: Callable[[Sequence[Deletion]], pd.DataFrame],
) -> pd.DataFrame:
    """The rows of these deletions in the file, to which those that it lacks are added first."""
    kept = _read(file) if file.exists() else None
    present = set() if kept is None else set(kept["deletion"])
    # A file without any row is that of an image without segments.
    missing = [d for d in deletions if d.key not in present] if kept is None or present else []
    if missing:
        new = measured(missing)
        with written_whole(file) as part:
            part.write_bytes(csv_of(new if kept is None else pd.concat([kept, new])))
        kept = _read(file)
    assert kept is not None
    return kept[kept["deletion"].isin([d.key for d in deletions])]


def _read(file: Path) -> pd.DataFrame:
    texts: dict[Hashable, type[str]] = {"image_id": str, "segment": str, "deletion": str}
    numbers = {column: [""] for column in COLUMNS if column not in texts}
    # a segment may be called "NA" or "null", which pandas would read as missing
    return pd.read_csv(file, dtype=texts, keep_default_na=False, na_values=numbers)


def _image_effects(
    pixels: Pixels,
    segmentation: SegmentationMap,
    target: int,
    deletions: Sequence[Deletion],
    logits: Logits,
    preprocess: Any,
) -> pd.DataFrame:
    """One row a deletion and segment of an image, which all share one forward pass."""
    n = len(segmentation)
    photos = [pixels[None], *(without(pixels, segmentation.masks, d) for d in deletions)]
    batch = get_preprocess(preprocess)(np.concatenate(photos).astype(np.float32))
    whole, *rest = logits.of(np.asarray(batch, dtype=np.float32))[:, target].astype(float)
    return pd.DataFrame(
        {
            "segment": list(segmentation.names) * len(deletions),
            "deletion": [d.key for d in deletions for _ in range(n)],
            "logit": whole,
            "effect": [whole - one for one in rest],
            "mask_px": segmentation.masks.sum(axis=(1, 2)).tolist() * len(deletions),
        }
    )


def without(pixels: Pixels, masks: Masks, deletion: Deletion) -> NDArray[Any]:
    """Photos (n, H, W, 3), each without what one of the masks (n, H, W) covers."""
    photos = [deletion(pixels, mask) for mask in masks]
    return np.stack(photos) if photos else np.zeros((0, *pixels.shape), dtype=pixels.dtype)
