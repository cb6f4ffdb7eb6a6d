"""The table of one photo.

Bars to the right speak for the class, bars to the left against it. Rank 1 is on top.
"""

import sat_nb as sat
from zebras import table

rows = table.query("method == 'lrp.z' and image_id == 'zebra/1'")
sat.plot_image_table(rows, highlight="watermark")
