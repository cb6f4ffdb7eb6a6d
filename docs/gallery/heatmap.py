"""Do the methods agree on the ranking?

The darkest shade is rank 1. A row in one shade means that the methods agree.
"""

import sat_nb as sat
from zebras import table

sat.plot_heatmap(sat.aggregate(table, value="rank"), highlight="watermark")
