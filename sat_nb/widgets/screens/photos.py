"""A page of photos, the map and the masks on each; a click leads to a photo's own table."""

from __future__ import annotations

import html
import warnings
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.errors import IdMismatch
from sat_nb.widgets.data import Cache, Data
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.grid import cell, page_of
from sat_nb.widgets.pictures import data_uri
from sat_nb.widgets.screens import thumbnails
from sat_nb.widgets.screens.screen import Go, Pager, Row, Shot
from sat_nb.widgets.state import ExplorerState
from sat_nb.widgets.views.images import PAGE, page_length, tiles_of

LEGEND = (
    '<span class="sat-for">■</span> for the class that is explained, '
    '<span class="sat-against">■</span> against it'
)


class PhotosScreen:
    """Twelve cards, filled anew for each page; what was made small once is kept."""

    def __init__(self, go: Go) -> None:
        self._small, self._heat, self._outlines = Cache(240), Cache(480), Cache(960)
        self._text = widgets.HTML()
        self._cards = [Card(go) for _ in range(PAGE)]
        grid = widgets.Box([card.widget for card in self._cards])
        grid.add_class("sat-photos")
        self._pager = Pager(go)
        self._row = Row("Photos of", "sat-drill-segment", "see its photos", go.to_segment)
        self.widget = widgets.VBox([self._text, grid, self._pager.widget, self._row.widget])

    def show(self, shot: Shot) -> None:
        """Show a page of them."""
        data, photos = shot.results[0]
        found, page, _ = page_of(photos, shot.state.page, length := page_length(shot.state))
        rows: list[Any] = found.to_dict("records")
        for i, card in enumerate(self._cards):
            if i < len(rows):
                card.put(rows[i], self._found(data, shot.state, rows[i]["image_id"]))
            card.widget.layout.display = None if i < len(rows) else "none"
        self._text.value = _heading(shot.state, len(photos), data)
        self._pager.put(page, length, len(photos), "photos")
        self._row.put(data.facts.segments)

    def _found(self, data: Data, state: ExplorerState, image_id: str) -> list[tuple[str, str]]:
        """The tiles of a card; none, and a warning, where the photo, map or mask is missing."""
        try:
            return self._pictures(data, state, image_id)
        except IdMismatch as error:
            warnings.warn(str(error), stacklevel=2)
            return []

    def _pictures(self, data: Data, state: ExplorerState, image_id: str) -> list[tuple[str, str]]:
        """Title and link of each tile of a card: the photo under the map of each method."""
        if data.images is None:
            return []
        photo, size = self._small.get(image_id, lambda: _small(data, image_id))
        outlines, colours = self._outlined(data, state, image_id, photo.shape[:2])
        options: dict[str, Any] = {"outlines": outlines, "colours": colours}
        tiles = tiles_of(state) if data.maps is not None else [("", None, "")]
        links = []
        for title, model, method in tiles:
            heat = self._heated(data, model, method, image_id, size, photo.shape[:2])
            pixels = thumbnails.composed(photo, heat, opacity=state.opacity, **options)
            links.append((title, data_uri(thumbnails.jpeg(pixels), "image/jpeg")))
        return links

    def _heated(
        self,
        data: Data,
        model: str | None,
        method: str,
        image_id: str,
        size: tuple[int, int],
        shape: tuple[int, int],
    ) -> NDArray[np.float32] | None:
        if not method:
            return None

        def made() -> NDArray[np.float32]:
            attribution = data.map_of(model, method, image_id)
            return thumbnails.heat_on(attribution, size, shape, data.fit(model))

        return self._heat.get((model, method, image_id), made)

    def _outlined(
        self, data: Data, state: ExplorerState, image_id: str, shape: tuple[int, int]
    ) -> tuple[dict, dict]:
        if data.segments is None or state.outlines == "none":
            return {}, {}
        names = (str(state.segment),) if state.outlines == "segment" else None

        def made() -> tuple[dict, dict]:
            masks = data.masks(image_id)
            wanted = names or tuple(dict.fromkeys(masks.names))
            colours = thumbnails.colour_by_name(masks)
            return thumbnails.outlines_on(masks, shape, wanted), colours

        return self._outlines.get((image_id, names), made)


class Card:
    """One photo with what is known of it; the button covers the card."""

    def __init__(self, go: Go) -> None:
        self._image_id = ""
        self._picture = widgets.HTML()
        self.open = button("", "", "sat-drill-image", lambda: go.to_image(self._image_id))
        self.widget = widgets.VBox([self._picture, self.open])
        self.widget.add_class("sat-card")

    def put(self, row: dict[str, Any], pictures: list[tuple[str, str]]) -> None:
        """Show a photo's row and its pictures."""
        self._image_id = row["image_id"]
        said = html.escape(_said(row))
        tiles = "".join(_tile(title, link, row["image_id"]) for title, link in pictures)
        self._picture.value = f'<div class="sat-tiles">{tiles}</div><div>{said}</div>'
        self.open.description = shortened(row["image_id"])
        self.open.tooltip = f"{row['image_id']}: see its own table"


def _small(data: Data, image_id: str) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    pixels = data.photo(image_id)
    return thumbnails.small(pixels), (pixels.shape[0], pixels.shape[1])


def _tile(title: str, link: str, image_id: str) -> str:
    caption = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
    alt = html.escape(f"{image_id} {title}")
    return f'<figure><img src="{link}" alt="{alt}">{caption}</figure>'


def _said(row: dict[str, Any]) -> str:
    parts = []
    if "rank" in row:
        parts.append(f"rank {row['rank']:g} · {cell(float(row['mean_attribution']))}")
    classes = [row["label"], row["predicted"]]
    if not any(pd.isna(c) for c in classes) and classes[0] != classes[1]:
        parts.append(f"class {classes[0]}, predicted {classes[1]}")
    return " · ".join(parts)


def _heading(state: ExplorerState, n: int, data: Data) -> str:
    what = "photos" if state.segment is None else f"photos with {state.segment}"
    legend = f"; {LEGEND}" if data.maps is not None and data.images is not None else ""
    return f'<p class="sat-heading"><strong>{n} {html.escape(what)}</strong>{legend}</p>'
