"""How far does each method agree with each other one?

Kendall's tau is 1 where two methods rank the segments of a photo alike, and 0 where their ranks
are unrelated.
"""

import sat_nb as sat
from zebras import table

sat.plot_consensus(sat.consensus(table))
