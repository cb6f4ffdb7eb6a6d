"""Is a segment ahead only because it is small?

The mean over few pixels is more extreme by chance. Each segment stands at the size of its masks; a
line leads to the rank that it would have at a common size.
"""

import sat_nb as sat
from zebras import table

sat.plot_size(sat.adjust_for_size(table, method="lrp.z", effects="image"), highlight="watermark")
