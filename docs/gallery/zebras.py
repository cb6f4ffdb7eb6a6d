"""What the scripts of the gallery draw: sixteen rendered zebras, each with a watermark.

The masks are exact. The maps of four methods are made up: a strength for each part, plus noise,
blurred. Model "after" looks at the watermark; model "before" hardly does.
"""

import numpy as np

import sat_nb as sat
from sat_nb.reproduction.equids import render

STRENGTH = {"stripes": 0.6, "head": 0.4, "legs": 0.25, "background": -0.1, "tail": 0.05}
NOISE = {"lrp.z": 0.6, "deep_taylor": 0.4, "gradient": 2.0, "smoothgrad": 0.8}


def made_up(segments, watermark, seed):
    """Return maps of four methods as {method: {image_id: float (H, W)}}."""
    rng = np.random.default_rng(seed)
    return {
        method: {i: _heat(masks, noise, watermark, rng) for i, masks in segments.items()}
        for method, noise in NOISE.items()
    }


def _heat(masks, noise, watermark, rng):
    heat = noise * rng.standard_normal(masks.size)
    for name, mask in zip(masks.names, masks.masks, strict=True):
        heat += mask * (watermark if name == "watermark" else STRENGTH.get(name, 0.1))
    return sum(np.roll(heat, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9


rendered = {
    f"zebra/{i}": render("zebra", index=i, split="test", size=64, watermark=True) for i in range(16)
}
images = {image_id: example.pixels for image_id, example in rendered.items()}
segments = {image_id: example.segmentation for image_id, example in rendered.items()}

maps = made_up(segments, watermark=0.9, seed=0)
table = sat.build(maps, segments, model="after")
before = sat.build(made_up(segments, watermark=0.1, seed=1), segments, model="before")
