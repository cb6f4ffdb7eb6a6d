"""How far does the ranking depend on the masks?

Masks are padded, their outlines moved, some of them dropped, some of their names swapped, and the
table is built again each time. A tau of 1 means that the ranking does not move.
"""

import sat_nb as sat
from zebras import maps, segments

changes = {"pad": [0, 4], "outline": [1, 2], "dropped": [0.1], "swapped": [0.1]}
found = sat.mask_sensitivity({"lrp.z": maps["lrp.z"]}, segments, changes=changes, progress=False)
sat.plot_mask_sensitivity(found)
