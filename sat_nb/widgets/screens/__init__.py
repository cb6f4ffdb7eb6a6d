"""The layouts of views, one file for each."""

from functools import partial

from sat_nb.registry import registry
from sat_nb.widgets.screens.figures import FiguresScreen
from sat_nb.widgets.screens.leads import LeadsScreen
from sat_nb.widgets.screens.one_photo import OnePhotoScreen
from sat_nb.widgets.screens.photos import PhotosScreen
from sat_nb.widgets.screens.screen import Layout
from sat_nb.widgets.screens.table import TableScreen

SCREENS: dict[str, Layout] = registry(
    Layout(
        name="figures",
        about="A figure per panel, and buttons that lead to the photos of each segment.",
        make=FiguresScreen,
    ),
    Layout(
        name="figures_and_table",
        about="Figures with the first rows of the table below.",
        make=partial(FiguresScreen, with_table=True),
    ),
    Layout(
        name="table",
        about="The table in pages, sorted by a click, with buttons to photos and segments.",
        make=TableScreen,
    ),
    Layout(
        name="photos",
        about="A page of photos with maps and masks; the table has a column image_id.",
        make=PhotosScreen,
    ),
    Layout(
        name="one_photo",
        about="The figures of one photo, with an editor of its masks below.",
        make=OnePhotoScreen,
    ),
    Layout(
        name="leads",
        about="A line per row of a table with the columns unusual, name, method and says.",
        make=LeadsScreen,
    ),
)
"""The layouts of views, for ``View(screen=...)``."""
