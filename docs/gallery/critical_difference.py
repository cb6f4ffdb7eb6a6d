"""Which segments differ, and which cannot be told apart?

Each segment stands at its mean rank. A bar joins segments that the test cannot tell apart.
"""

import sat_nb as sat
from zebras import table

result = sat.compare(table, method="lrp.z", alpha=0.05)
sat.plot_critical_difference(result, highlight="watermark")
