"""Where do the methods look?

Photos in rows, methods in columns. Dark red is evidence for the class, light blue evidence against
it. Each map has its own scale, as each method has its own unit.
"""

import sat_nb as sat
from zebras import images, maps

sat.plot_map_grid(images, maps, image_ids=["zebra/1", "zebra/2", "zebra/3"])
