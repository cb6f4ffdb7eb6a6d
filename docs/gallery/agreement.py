"""Does a segment that ranks high matter to the prediction?

Attribution against effect: the change of the prediction without the segment. Effects come from
``sat.intervene``; here they are made up, as ``build`` of other maps.
"""

import sat_nb as sat
from zebras import maps, segments, table

effects = sat.build({"without.blur": maps["deep_taylor"]}, segments).assign(n_forward=13)
rows = table.query("method == 'lrp.z'").assign(model=None)
sat.plot_agreement(sat.agreement(rows, effects), highlight="watermark")
