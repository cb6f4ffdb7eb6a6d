"""A photo cut into numbered regions, as material for masks."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sat_nb.arrays import Mask, Pixels
from sat_nb.errors import InvalidInput
from sat_nb.photos.window import shown

LONGER_SIDE = 720  # pixels of the picture
LINE, CHOSEN, TEXT = (255, 255, 255), (0, 158, 115), (20, 20, 20)
LETTERS = 13  # pixels

Labels = NDArray[np.intp]
"""The number of each pixel's region, (H, W), from 1."""


def numbered_regions(pixels: Pixels, n_regions: int) -> Labels:
    """Superpixels of about equal size, by SLIC, numbered from the top left.

    References
    ----------
    Achanta et al. 2012.
    """
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise InvalidInput(
            "edit_masks: needs scikit-image, which cuts photos into regions; pip install "
            "'sat-nb[studies]'."
        ) from error
    labels = slic(shown(pixels), n_segments=n_regions, compactness=12, start_label=1)
    return np.asarray(labels, np.intp)


def mask_of(labels: Labels, chosen: Collection[int]) -> Mask:
    """The pixels of some regions.

    >>> mask_of(np.array([[1, 2], [3, 2]]), [2, 3]).tolist()
    [[False, True], [True, True]]
    """
    return np.isin(labels, list(chosen))


def picture(pixels: Pixels, labels: Labels, chosen: Collection[int]) -> Image.Image:
    """The photo with the outlines and numbers of its regions; those chosen are tinted."""
    scale = LONGER_SIDE / max(labels.shape)
    size = (round(labels.shape[1] * scale), round(labels.shape[0] * scale))
    canvas = np.asarray(Image.fromarray(shown(pixels)).resize(size, Image.Resampling.BILINEAR))
    rows = np.minimum((np.arange(size[1]) / scale).astype(int), labels.shape[0] - 1)
    columns = np.minimum((np.arange(size[0]) / scale).astype(int), labels.shape[1] - 1)
    grid = labels[np.ix_(rows, columns)]
    drawn = canvas.astype(np.float32)
    tinted = mask_of(grid, chosen)
    drawn[tinted] = 0.45 * drawn[tinted] + 0.55 * np.array(CHOSEN)
    drawn[_edges(grid)] = LINE
    image = Image.fromarray(np.round(drawn).astype(np.uint8))
    _write_numbers(ImageDraw.Draw(image), grid)
    return image


def _edges(grid: Labels) -> Mask:
    """Pixels whose right or lower neighbour is of another region."""
    edges = np.zeros(grid.shape, bool)
    edges[:, :-1] |= grid[:, :-1] != grid[:, 1:]
    edges[:-1] |= grid[:-1] != grid[1:]
    return edges


def _write_numbers(draw: ImageDraw.ImageDraw, grid: Labels) -> None:
    """Each number at the place within its region that is furthest from the edge."""
    from scipy.ndimage import distance_transform_edt, maximum_position

    edges = np.pad(~_edges(grid), 1)  # the end of the photo is an edge, too
    inside = distance_transform_edt(edges)[1:-1, 1:-1]
    numbers = np.unique(grid)
    font = ImageFont.load_default(LETTERS)
    for number, (row, column) in zip(numbers, maximum_position(inside, grid, numbers), strict=True):
        draw.text(
            (int(column), int(row)),
            str(number),
            font=font,
            fill=LINE,
            stroke_width=2,
            stroke_fill=TEXT,
            anchor="mm",
        )
