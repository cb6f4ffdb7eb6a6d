"""Rendered photos of horses and zebras with exact masks of their parts, for the watermark study.

    data = equids.make("equids/", watermark_share=0.25)
    images, segments = sat.read_images(data.images), sat.read_segments(data.exports)

With ``renders="renders/"`` data sets of several shares have their photos in common.

Every photo is a function of (species, seed, split, index, size). Species differ where horses and
zebras do: stripes, mane, tail and ears. Pose, scale, side, country, light, shadows and what stands
in front are drawn from one distribution for both, and neither is easy: there are grey, spotted
and brindled horses under the shadows of trees, and zebras that are dusty or fade towards the rump.

The segments
------------
A pixel belongs to a part where the part is the visible surface on at least half of it, counted on
a canvas of 3 x 3 or more points a pixel; a part that would vanish keeps its best-covered pixel.
Eyes, ears, legs and hooves are one mask an instance; equal names are one segment in a table.

=========== =================================================================================
eyes        the visible eye with its lid
ears        near and far ear
muzzle      nose, nostril and mouth
mane        hangs from most horses' necks, stands up on a zebra's or a shorn horse's
head        skull and jaw, and the eyes, ears and muzzle on it
body        trunk, neck, shoulders and thighs
legs        from the elbow or the stifle down, hooves included
hooves      below the coronet
tail        from the dock to the end of the hair
stripes     dark stripes of a zebra, wherever they are: they overlap body, head, legs, mane, tail
watermark   every pixel that the watermark changed, strokes and their soft edges
background  all that is neither animal nor watermark; also what stands in front of the animal
=========== =================================================================================

Exact strokes rather than a box around the text: two pixels of padding close the gaps between the
letters anyway, and a clean and a marked photo differ in the mask and nowhere else.
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
