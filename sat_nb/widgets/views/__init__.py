"""The views of the explorer, one file each."""

from sat_nb.widgets.views import (
    agreement,
    bars,
    diagram,
    difference,
    distribution,
    image,
    images,
    table,
    unusual,
)
from sat_nb.widgets.views.view import View

VIEWS: dict[str, View] = {
    "bars": bars.VIEW,
    "diagram": diagram.VIEW,
    "table": table.VIEW,
    "distribution": distribution.VIEW,
    "agreement": agreement.VIEW,
    "difference": difference.VIEW,
    "images": images.VIEW,
    "image": image.VIEW,
    "unusual": unusual.VIEW,
}
"""Name -> view, in the order of the explorer's buttons."""
