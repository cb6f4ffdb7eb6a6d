"""What changed from one model to the other?

To the left of zero, a segment gained attention. Filled dots differ significantly after the
correction for all segments, hollow dots do not.
"""

import sat_nb as sat
from zebras import before, table

change = sat.difference(before, table, method="lrp.z")
sat.plot_difference(change, highlight="watermark")
