"""Rendered climbers, divers and anglers with exact masks: a small twin of BAR.

    data = actors.make("actors/")
    images, segments = data.images, sat.read_segments(data.exports)

In training every action is at one place: climbers on rock, divers under water, anglers at a lake.
In test every action is in a meadow, in snow or in a hall, each as often as the others, so that the
place tells nothing. People, clothes, light and scale are drawn from one distribution for all
actions. Each photo is a function of (action, seed, split, index, size).

The segments
------------
============ ==================================================================================
person       head, torso, arms and legs together
head         with hair and neck
torso
arms         with hands
legs         with shoes
fins         of most divers, rope of most climbers, fishing rod (and line) of most anglers
background   all that is neither person nor gear
rock, sky    where climbers are; what stands there is part of the background, too
water        under water and of the lake; with seabed, or shore, bank and sky
grass, snow  with trees, hills and sky; wall and floor in the hall
============ ==================================================================================

A pixel belongs to the person where the person covers at least half of it, counted on a canvas of
3 x 3 points a pixel, and then to the part that covers most; to rope, rod or line where these cover
a fifth, since they are thinner than a pixel.
"""

from __future__ import annotations

from sat_nb.reproduction.actors.folder import Settings, make
from sat_nb.reproduction.actors.photo import CLASS_NAMES, UNUSUAL, USUAL, Example, render

__all__ = ["CLASS_NAMES", "UNUSUAL", "USUAL", "Example", "Settings", "make", "render"]
