"""Which segment, replaced alone, changes the class?

Rows come from ``sat.intervene``; here the photos in which the watermark decides are made up.
"""

import sat_nb as sat
from zebras import images, maps, segments

effects = sat.build({"without.blur": maps["lrp.z"]}, segments)
effects = effects.assign(predicted=1, n_forward=13)
decided = effects["image_id"].isin(list(images)[:11])
flips = decided & (effects["segment"] == "watermark")
effects["flipped_to"] = flips.map({True: 0}).astype("Int64")
sat.plot_cof_table(sat.cof_table(effects))
