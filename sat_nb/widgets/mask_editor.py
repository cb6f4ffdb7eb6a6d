"""MaskEditor: the widget that ``edit_masks`` returns."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from sat_nb.arrays import Pixels
from sat_nb.errors import IdMismatch, InvalidInput, SatError, shorten
from sat_nb.files import as_path
from sat_nb.printable import escaped
from sat_nb.segments.formats.dinox import write_dinox
from sat_nb.segments.read import read_segments
from sat_nb.segments.segmentation import SegmentationMap
from sat_nb.widgets.fields import LABEL_STYLE, SearchChoice, button
from sat_nb.widgets.markup import alert
from sat_nb.widgets.regions import Labels, mask_of, numbered_regions, picture

N_REGIONS = 60


class MaskEditor:
    """The editor of masks, made by ``edit_masks``; see there.

    Programs and tests in a browser can rely on ``editor.widget`` and on the CSS classes
    ``sat-regions`` (the list of regions), ``sat-mask-name``, ``sat-add``, ``sat-remove`` and
    ``sat-save``.
    """

    def __init__(
        self,
        images: Mapping[str, Pixels],
        segments: Mapping[str, SegmentationMap] | None = None,
        *,
        image_id: str | None = None,
        folder: str | os.PathLike[str],
    ) -> None:
        if not isinstance(images, Mapping):
            raise InvalidInput(
                "images: expected a mapping by image id, such as sat_nb.read_images returns, got "
                f"{type(images).__name__}."
            )
        self._images, self._segments = images, segments or {}
        self.folder = as_path(folder, "folder")
        self._photo = SearchChoice(self.show, "Photo", "The photo whose masks are put right")
        self._n = widgets.BoundedIntText(
            N_REGIONS, description="Regions", min=2, max=400, style=LABEL_STYLE
        )
        self._n.observe(lambda _: self._cut(), "value")
        self._list = widgets.SelectMultiple(
            rows=14, layout={"width": "90px"}, tooltip="Several with Ctrl or Shift"
        )
        self._list.add_class("sat-regions")
        self._list.observe(lambda _: self._draw(), "value")
        self._name = widgets.Combobox(
            placeholder="name of the mask", ensure_option=False, layout={"width": "180px"}
        )
        self._name.add_class("sat-mask-name")
        self._picture, self._said = widgets.HTML(), widgets.HTML()
        self._present = widgets.Box()
        self._present.add_class("sat-present")
        add = button(
            "Add", "Make one mask of the chosen regions", "sat-add", partial(self._try, self._add)
        )
        save = button(
            "Save", "Write the masks as an export", "sat-save", partial(self._try, self.save)
        )
        beside = widgets.VBox([self._list, self._name, add, save])
        self.widget = widgets.VBox(
            [
                widgets.HBox([self._photo.widget, self._n]),
                widgets.HBox([self._picture, beside]),
                self._present,
                self._said,
            ]
        )
        self.widget.add_class("sat-mask-editor")
        if not len(images):
            raise InvalidInput("images: expected at least one photo, got none.")
        self.show(next(iter(images)) if image_id is None else image_id)

    def show(self, image_id: str) -> None:
        """Show another photo; what was not saved of the last one is lost.

        Parameters
        ----------
        image_id : str
            The photo.

        Raises
        ------
        IdMismatch
            If there is no such photo.
        InvalidInput
            If its masks are of another size.
        """
        if image_id not in self._images:
            raise IdMismatch(f"images: no photo {image_id!r}; there are {shorten(self._images)}.")
        pixels = self._images[image_id]
        masks = self._known(image_id, pixels)
        self.image_id, self._pixels, self.masks = image_id, pixels, masks
        self._photo.put(image_id, tuple(self._images))
        self._cut()

    def add(self, name: str, regions: list[int]) -> None:
        """Add a mask.

        Parameters
        ----------
        name : str
            Its name; several masks may share it.
        regions : list of int
            The numbers of its regions.

        Raises
        ------
        InvalidInput
            For an empty name, no region, and numbers that are not on the picture.
        """
        wrong = sorted(set(regions) - set(np.unique(self._labels).tolist()))
        if not regions or wrong:
            raise InvalidInput(
                f"regions: expected one or more numbers of the picture, got {wrong or regions}."
            )
        if not isinstance(name, str) or not name.strip():
            raise InvalidInput("name: expected the name of the mask, got none.")
        mask = mask_of(self._labels, regions)
        scores = self.masks.scores
        self.masks = SegmentationMap(
            (*self.masks.names, name.strip()),
            mask[None] if not len(self.masks) else np.concatenate([self.masks.masks, mask[None]]),
            None if scores is None else np.append(scores, np.nan),
        )
        self._list.value = ()
        self._show_masks()

    def remove(self, i: int) -> None:
        """Take a mask away.

        Parameters
        ----------
        i : int
            Its place in ``masks``, from 0.
        """
        kept = [k for k in range(len(self.masks)) if k != i]
        scores = self.masks.scores
        self.masks = SegmentationMap(
            tuple(self.masks.names[k] for k in kept),
            self.masks.masks[kept],
            None if scores is None else scores[kept],
        )
        self._show_masks()

    def save(self) -> Path:
        """Write the masks of the photo as a DINO-X export.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        CannotWrite
            If it cannot be written.
        """
        file = write_dinox(self._file(self.image_id), self.masks)
        self._said.value = f'<span role="status">Wrote <code>{escaped(str(file))}</code></span>'
        return file

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.widget._repr_mimebundle_(include=include, exclude=exclude)

    def _file(self, image_id: str) -> Path:
        file = Path(os.path.normpath(self.folder / f"{image_id}.json"))
        if not file.is_relative_to(os.path.normpath(self.folder)):
            raise InvalidInput(
                f"image_id: {image_id!r} leads out of {str(self.folder)!r}; rename it."
            )
        return file

    def _known(self, image_id: str, pixels: Pixels) -> SegmentationMap:
        """The masks of a photo: those saved before, those given, or none."""
        size, file = pixels.shape[:2], self._file(image_id)
        if file.exists():
            masks = read_segments(file)[file.stem]
        else:
            masks = self._segments.get(image_id, SegmentationMap((), np.zeros((0, *size), bool)))
        if len(masks) and masks.size != size:
            raise InvalidInput(
                f"segments: those of {image_id!r} are {masks.size[0]} x {masks.size[1]} px, its "
                f"photo {size[0]} x {size[1]}; give masks of the photo's size."
            )
        return masks if len(masks) else SegmentationMap((), np.zeros((0, *size), bool))

    def _cut(self) -> None:
        self._labels: Labels = numbered_regions(self._pixels, self._n.value)
        self._list.options = [str(number) for number in np.unique(self._labels)]
        self._list.value = ()
        self._draw()
        self._show_masks()

    def _draw(self) -> None:
        chosen = [int(number) for number in self._list.value]
        buffer = io.BytesIO()
        picture(self._pixels, self._labels, chosen).save(buffer, format="JPEG", quality=88)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        text = escaped(f"{self.image_id}, cut into numbered regions")
        self._picture.value = f'<img alt="{text}" src="data:image/jpeg;base64,{data}">'

    def _show_masks(self) -> None:
        """A button for each mask, which takes it away."""
        known = {name for one in [*self._segments.values()][:200] for name in one.names}
        self._name.options = sorted(known | set(self.masks.names))
        self._present.children = [
            button(f"✕ {name}", f"Take {name} away", "sat-remove", partial(self.remove, i))
            for i, name in enumerate(self.masks.names)
        ]

    def _add(self) -> None:
        self.add(self._name.value, [int(number) for number in self._list.value])

    def _try(self, act: Any) -> None:
        """Act; what goes wrong is said below the picture."""
        try:
            self._said.value = ""
            act()
        except SatError as error:
            self._said.value = alert(str(error))
