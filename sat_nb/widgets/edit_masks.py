"""edit_masks: put missing masks right beside the photo, from numbered regions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sat_nb.arrays import Pixels
from sat_nb.segments.segmentation import SegmentationMap

if TYPE_CHECKING:
    from sat_nb.images import ImageSet
    from sat_nb.widgets.mask_editor import MaskEditor

FOLDER = "masks"


def edit_masks(
    images: ImageSet | Mapping[str, Pixels],
    segments: Mapping[str, SegmentationMap] | None = None,
    *,
    image_id: str | None = None,
    folder: str | os.PathLike[str] = FOLDER,
) -> MaskEditor:
    """Put masks right in a notebook: choose regions of a photo, name them, save an export.

    The photo is cut into numbered superpixels. Regions that are chosen in the list become one mask
    with the name that is typed; names that are there can be taken away. "Save" writes all masks of
    the photo as a DINO-X export, which ``read_segments`` reads; the table is built anew with it.

    Parameters
    ----------
    images : Mapping
        The photos, {image_id: array (H, W, 3)}, such as an ``ImageSet``.
    segments : Mapping, default None
        The masks that are there, {image_id: SegmentationMap}, of the size of their photo.
    image_id : str, default None
        The photo that is shown first; by default the first one.
    folder : str or path, default "masks"
        Where exports are written, ``<image_id>.json``. One that is there is gone on with.

    Returns
    -------
    MaskEditor
        The widget, which is displayed if it is the last line of a cell. ``masks`` are those of the
        photo that is shown, with what was added.

    Raises
    ------
    InvalidInput
        Without scikit-image (``pip install 'sat-nb[studies]'``), and for masks of another size
        than the photo.
    IdMismatch
        For a photo that is not there.

    References
    ----------
    Achanta et al. 2012 (SLIC).

    Examples
    --------
    >>> photo = np.zeros((40, 60, 3), np.uint8)
    >>> photo[10:30, 20:40] = 200
    >>> editor = edit_masks({"zebra": photo})
    >>> editor.add("eye", [1, 2])
    >>> editor.masks.names
    ('eye',)
    """
    from sat_nb.widgets.mask_editor import MaskEditor

    return MaskEditor(images, segments, image_id=image_id, folder=folder)
