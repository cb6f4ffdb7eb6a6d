"""Does the mean hide two kinds of photos?

Each segment has a small histogram: in which share of its photos it has which rank. The triangle
marks the mean.
"""

import sat_nb as sat
from zebras import table

sat.plot_rank_distribution(table.query("method == 'lrp.z'"), highlight="watermark")
