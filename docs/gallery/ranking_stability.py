"""How many photos are enough?

Two samples without a common photo are ranked apart: how alike are their rankings, by the number of
photos in each?
"""

import sat_nb as sat
from zebras import table

sat.plot_ranking_stability(sat.ranking_stability(table, n_repeats=200))
