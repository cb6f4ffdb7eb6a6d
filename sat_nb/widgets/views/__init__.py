"""The views of the explorer, one file for each."""

from sat_nb.registry import registry
from sat_nb.widgets.views import (
    agreement,
    bars,
    cof,
    diagram,
    difference,
    distribution,
    effects,
    image,
    images,
    size,
    table,
    unusual,
)
from sat_nb.widgets.views.view import View

VIEWS: dict[str, View] = registry(
    bars.VIEW,
    diagram.VIEW,
    table.VIEW,
    distribution.VIEW,
    agreement.VIEW,
    difference.VIEW,
    size.VIEW,
    effects.VIEW,
    cof.VIEW,
    images.VIEW,
    image.VIEW,
    unusual.VIEW,
)
"""The views of the explorer, in the order of their buttons."""
