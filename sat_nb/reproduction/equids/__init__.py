"""Rendered photos of horses and zebras with exact masks of their parts, for the watermark study.

    data = equids.make("equids/", watermark_share=0.25)
    images, segments = sat.read_images(data.images), sat.read_segments(data.exports)

With ``renders="renders/"``, data sets with different shares of marked photos share their files.

Every photo is a function of (species, seed, split, index, size). The species differ as horses and
zebras do: in stripes, mane, tail and ears. Pose, scale, direction, country, light, shadows and what
stands in front come from one distribution for both. Neither is easy: there are grey, spotted and
brindled horses in the shadows of trees, and zebras that are dusty or fade towards the rump.

The segments
------------
A pixel belongs to a part that is the visible surface on at least half of it, counted on a canvas
with 3 x 3 or more points per pixel; a part that would vanish keeps its best-covered pixel. Each
ear, leg and hoof has a mask of its own; in a table, masks with equal names are one segment.

=========== =================================================================================
eyes        the visible eye with its lid
ears        near and far ear
muzzle      nose, nostril and mouth
mane        hangs down the neck of most horses, stands up on zebras and shorn horses
head        skull and jaw, with eyes, ears and muzzle
body        trunk, neck, shoulders and thighs
legs        from the elbow or the stifle down, hooves included
hooves      below the coronet
tail        from the dock to the end of the hair
stripes     a zebra's dark stripes; they overlap body, head, legs, mane and tail
watermark   every pixel that the watermark changed: strokes and their soft edges
background  everything that is neither animal nor watermark, and what hides the animal
=========== =================================================================================

The watermark's mask has its exact strokes instead of a box: a clean and a marked photo differ
within it and nowhere else, and two pixels of padding close the gaps between the letters anyway.
"""

from __future__ import annotations

from sat_nb.reproduction.equids.folder import EquidsFolder, Settings, load, make
from sat_nb.reproduction.equids.photo import CLASS_NAMES, Example, render, render_pair

__all__ = [
    "CLASS_NAMES",
    "EquidsFolder",
    "Example",
    "Settings",
    "load",
    "make",
    "render",
    "render_pair",
]
