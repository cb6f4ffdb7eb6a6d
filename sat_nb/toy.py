"""Toy data for examples and tests: no photos, no model, a known answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sat_nb.segments.segmentation import SegmentationMap

NAMES = ("eyes", "nose", "mouth", "ears", "rest")


def toy(
    n_images: int = 20, *, seed: int = 0
) -> tuple[dict[str, dict[str, NDArray[np.float32]]], dict[str, SegmentationMap]]:
    """Maps of two made-up methods, and masks, with a known ranking.

    Maps are (H, W, C) = (20, 16, 3), masks five stripes of four rows. Under "sharp", eyes lead
    clearly, then nose, mouth, ears, rest; "noisy" is mostly noise. Every fourth image has no ears.

    Parameters
    ----------
    n_images : int, default 20
        The number of images.
    seed : int, default 0
        The seed of the noise.

    Returns
    -------
    maps : dict
        {method: {image_id: float32 (H, W, C)}}, as ``build`` takes them.
    segments : dict
        {image_id: SegmentationMap}.

    Examples
    --------
    >>> maps, segments = toy()
    >>> sorted(maps), segments["image_00"]
    (['noisy', 'sharp'], SegmentationMap(20 x 16 px: eyes, nose, mouth, rest))
    """
    rng = np.random.default_rng(seed)
    stripes = np.repeat(np.eye(len(NAMES), dtype=bool), 4, axis=1)
    masks = np.repeat(stripes[:, :, None], 16, axis=2)
    slope = np.linspace(1.0, 0.2, len(NAMES)).repeat(4)[:, None, None]
    maps: dict[str, dict[str, NDArray[np.float32]]] = {"sharp": {}, "noisy": {}}
    segments = {}
    for i in range(n_images):
        image_id = f"image_{i:02d}"
        present = [k for k, name in enumerate(NAMES) if name != "ears" or i % 4]
        segments[image_id] = SegmentationMap(tuple(NAMES[k] for k in present), masks[present])
        for method, noise in (("sharp", 0.5), ("noisy", 5.0)):
            values = slope + noise * rng.standard_normal((20, 16, 3))
            maps[method][image_id] = values.astype(np.float32)
    return maps, segments
