"""How common must a shortcut be before the model uses it?

Mean ranks above, accuracies below, against the share of training photos that are marked. The frame
has a row a point; these numbers are made up.
"""

import pandas as pd

import sat_nb as sat

series = {
    ("rank", "watermark"): [5.2, 4.3, 3.2, 1.3],
    ("rank", "stripes"): [2.2, 2.3, 2.4, 2.9],
    ("accuracy", "clean"): [0.96, 0.96, 0.95, 0.93],
    ("accuracy", "marked"): [0.95, 0.95, 0.93, 0.80],
}
points = [
    {"marked_fraction": share, "measure": measure, "series": name, "value": value}
    for (measure, name), values in series.items()
    for share, value in zip([0.0, 0.1, 0.25, 0.5], values, strict=True)
]
sat.plot_prevalence(pd.DataFrame(points))
