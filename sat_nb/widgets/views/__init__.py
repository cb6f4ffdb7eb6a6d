"""The views of the explorer, one file each."""

from sat_nb.widgets.views import bars, diagram, table
from sat_nb.widgets.views.view import View

VIEWS: dict[str, View] = {
    "bars": bars.VIEW,
    "diagram": diagram.VIEW,
    "table": table.VIEW,
}
"""Name -> view, in the order of the explorer's buttons."""
