"""Are the masks what they should be?

In how many photos is each name, and how much of them does it cover? Findings stand beside it.
"""

import sat_nb as sat
from zebras import images, segments

sat.plot_mask_check(sat.check_masks(segments, images, progress=False))
