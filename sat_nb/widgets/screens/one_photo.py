"""One photo's figures, with an editor of its masks below."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from sat_nb.errors import InvalidInput, SatError
from sat_nb.widgets.markup import alert
from sat_nb.widgets.mask_editor import MaskEditor
from sat_nb.widgets.screens.figures import FiguresScreen
from sat_nb.widgets.screens.screen import Navigation
from sat_nb.widgets.snapshot import Snapshot

FOLDER = "explorer/masks"


class OnePhotoScreen:
    """Figures, and a button that unfolds the editor where photos were given."""

    def __init__(self, navigation: Navigation) -> None:
        self._figures = FiguresScreen(navigation)
        self._editor: MaskEditor | None = None
        self._snapshot: Snapshot | None = None
        self._toggle = widgets.ToggleButton(
            description="Put its masks right",
            tooltip="Choose regions of the photo, name them, and save them as an export",
            layout={"width": "auto"},
        )
        self._toggle.add_class("sat-edit-masks")
        self._toggle.add_class("sat-plain")
        self._toggle.observe(lambda _: self._unfold(), "value")
        self._message, self._place = widgets.HTML(), widgets.VBox()
        parts = [self._message, self._figures.widget, self._toggle, self._place]
        self.widget = widgets.VBox(parts)

    def show(self, snapshot: Snapshot) -> None:
        """Draw the figures; an editor that is open follows to the photo.

        A photo without any mask has no figures, and needs the editor most.
        """
        self._snapshot = snapshot
        has_photos = snapshot.data.images is not None
        self._toggle.layout.display = None if has_photos else "none"
        self._message.value, self._figures.widget.layout.display = "", None
        try:
            self._figures.show(snapshot)
        except InvalidInput as error:
            if not has_photos:
                raise
            self._message.value = alert(str(error))
            self._figures.widget.layout.display = "none"
        self._unfold()

    def _unfold(self) -> None:
        if not self._toggle.value or self._snapshot is None:
            self._place.children = []
            return
        try:
            self._place.children = [self._editor_of(self._snapshot).widget]
        except SatError as error:
            self._place.children = [widgets.HTML(value=alert(str(error)))]

    def _editor_of(self, snapshot: Snapshot) -> MaskEditor:
        image_id: Any = snapshot.state.image_id
        if self._editor is None:
            data = snapshot.data
            self._editor = MaskEditor(
                data.images or {}, data.segments, image_id=image_id, folder=FOLDER
            )
        elif self._editor.image_id != image_id:
            self._editor.show(image_id)
        return self._editor
