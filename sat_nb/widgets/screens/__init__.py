"""How views are laid out; one file each."""

from collections.abc import Callable
from functools import partial

from sat_nb.widgets.screens.leads import LeadsScreen
from sat_nb.widgets.screens.photos import PhotosScreen
from sat_nb.widgets.screens.pictures import PicturesScreen
from sat_nb.widgets.screens.screen import Go, Screen
from sat_nb.widgets.screens.table import TableScreen

SCREENS: dict[str, Callable[[Go], Screen]] = {
    "pictures": PicturesScreen,
    "pictures_and_table": partial(PicturesScreen, with_table=True),
    "table": TableScreen,
    "photos": PhotosScreen,
    "leads": LeadsScreen,
}
"""Name -> screen, made when it is first shown."""
