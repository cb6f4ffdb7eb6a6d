"""One photo, and what leads in it.

Brackets join neighbours that the method's own noise cannot tell apart (two standard errors of
their difference; the errors are made up here). The line is the share of the whole map's
attribution that the segments hold, from the first one down.
"""

import sat_nb as sat
from zebras import images, maps, segments, table

one = "zebra/1"
rows = table.query("method == 'smoothgrad' and image_id == @one")
sat.plot_image(
    images[one],
    rows.assign(se_mean_attribution=0.025, n_samples=64),
    attribution=maps["smoothgrad"][one],
    segmentation=segments[one],
    highlight="watermark",
)
