"""A photo, its map and the outlines of its masks.

The map lies over the photo as the model saw it.
"""

import sat_nb as sat
from zebras import images, maps, segments

sat.plot_overlay(images["zebra/2"], maps["lrp.z"]["zebra/2"], segmentation=segments["zebra/2"])
