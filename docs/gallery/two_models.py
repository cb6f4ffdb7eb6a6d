"""Two models side by side.

Ranks have no zero, so they are drawn as points. Models differ in colour and marker.
"""

import pandas as pd

import sat_nb as sat
from zebras import before, table

both = pd.concat([before, table]).query("method == 'lrp.z'")
sat.plot_segments(sat.intervals(both, value="rank", by=("model",)), highlight="watermark")
