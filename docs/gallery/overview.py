"""From a photo to a finding, in one figure.

One photo, its map, its masks and its own table, and the mean over all photos: how the method
works.
"""

import sat_nb as sat
from zebras import images, maps, segments, table

rows = table.query("method == 'lrp.z'")
one = "zebra/1"
sat.plot_overview(
    images[one],
    maps["lrp.z"][one],
    segments[one],
    rows.query("image_id == @one"),
    sat.aggregate(rows, value="abs_mean_attribution"),
    highlight="watermark",
)
