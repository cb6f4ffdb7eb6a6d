"""Which segments lead over all photos?

Whiskers are 95 % intervals from a bootstrap over photos; the number beside each bar is the number
of photos that have the segment.
"""

import sat_nb as sat
from zebras import table

rows = table.query("method == 'lrp.z'")
summary = sat.intervals(rows, value="abs_mean_attribution")
sat.plot_segments(summary, highlight="watermark")
