"""A page of photos with the map and the masks on each; a click leads to a photo's own table."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import ipywidgets as widgets
import pandas as pd

from sat_nb.arrays import Float32, Pixels, Size
from sat_nb.errors import IdMismatch
from sat_nb.printable import as_html, escaped, printable
from sat_nb.widgets import thumbnails
from sat_nb.widgets.data import Cache, Data
from sat_nb.widgets.fields import button, shortened
from sat_nb.widgets.markup import cell, count, data_uri, page_of
from sat_nb.widgets.screens.screen import ButtonRow, Navigation, Pager
from sat_nb.widgets.snapshot import Snapshot
from sat_nb.widgets.state import ExplorerState
from sat_nb.widgets.views.images import PHOTOS_PER_PAGE, maps_shown, page_length, ranked_by

LEGEND = (
    '<span class="sat-for">■</span> for the class that is explained, '
    '<span class="sat-against">■</span> against it'
)
Outlined = tuple[dict[str, thumbnails.Outline], dict[str, thumbnails.Colour]]
"""Outlines and colours by segment."""


class PhotosScreen:
    """Twelve cards, filled with the photos of a page; thumbnails and their overlays are kept."""

    def __init__(self, navigation: Navigation) -> None:
        self._photos, self._heat, self._outlines = Cache(240), Cache(480), Cache(960)
        self._text = widgets.HTML()
        self._cards = [Card(navigation) for _ in range(PHOTOS_PER_PAGE)]
        grid = widgets.Box([card.widget for card in self._cards])
        grid.add_class("sat-photos")
        self._pager = Pager(navigation)
        self._row = ButtonRow(
            "Photos of", "sat-drill-segment", "see its photos", navigation.to_segment
        )
        self.widget = widgets.VBox([self._text, grid, self._pager.widget, self._row.widget])

    def show(self, snapshot: Snapshot) -> None:
        """Show a page of photos."""
        data, state = snapshot.data, snapshot.state
        photos, length = snapshot.table(), page_length(state)
        on_page, page, _ = page_of(photos, state.page, length)
        rows: list[Any] = on_page.to_dict("records")
        maps = maps_shown(state)
        whose = maps[0][0] if len(maps) > 1 else ""
        for i, card in enumerate(self._cards):
            if i < len(rows):
                tiles = self._tiles_if_found(data, state, rows[i]["image_id"])
                card.put(rows[i], tiles, whose)
            card.widget.layout.display = None if i < len(rows) else "none"
        self._text.value = _heading(state, len(photos), data)
        self._pager.put(page, length, len(photos), "photos")
        self._row.put(data.offer.segments)

    def _tiles_if_found(
        self, data: Data, state: ExplorerState, image_id: str
    ) -> list[tuple[str, str]]:
        """The tiles of a card; none, and a warning, if its photo, map or masks are missing."""
        try:
            return self._tiles(data, state, image_id)
        except IdMismatch as error:
            warnings.warn(str(error), stacklevel=2)
            return []

    def _tiles(self, data: Data, state: ExplorerState, image_id: str) -> list[tuple[str, str]]:
        """The title and link of each tile of a card: the photo under the map of each method."""
        if data.images is None:
            return []
        photo, size = self._photos.get(image_id, partial(_thumbnail, data, image_id))
        grid = photo.shape[:2]
        outlines, colours = self._outlined(data, state, image_id, grid)
        maps = maps_shown(state) if data.maps is not None else [("", None, "")]
        tiles = []
        for title, model, method in maps:
            heat = None
            if method:
                make = partial(_heat, data, model, method, image_id, size, grid)
                heat = self._heat.get((model, method, image_id), make)
            pixels = thumbnails.composed(
                photo, heat, outlines=outlines, colours=colours, opacity=state.opacity
            )
            tiles.append((title, data_uri(thumbnails.jpeg(pixels), "image/jpeg")))
        return tiles

    def _outlined(self, data: Data, state: ExplorerState, image_id: str, grid: Size) -> Outlined:
        if data.segments is None or state.outlines == "none":
            return {}, {}
        names = (str(state.segment),) if state.outlines == "segment" else None
        make = partial(_outlined, data, image_id, grid, names)
        return self._outlines.get((image_id, names), make)


class Card:
    """One photo and what is known of it; its button covers the card."""

    def __init__(self, navigation: Navigation) -> None:
        self._image_id = ""
        self._content = widgets.HTML()
        self.open = button("", "", "sat-drill-image", lambda: navigation.to_image(self._image_id))
        self.widget = widgets.VBox([self._content, self.open])
        self.widget.add_class("sat-card")

    def put(self, row: dict[str, Any], tiles: list[tuple[str, str]], whose: str) -> None:
        """Show a photo's row, and whose rank it has, and its tiles."""
        self._image_id = row["image_id"]
        content = "".join(_tile_html(title, link, row["image_id"]) for title, link in tiles)
        text = escaped(_text_of(row, whose))
        self._content.value = f'<div class="sat-tiles">{content}</div><div>{text}</div>'
        self.open.description = shortened(row["image_id"])
        self.open.tooltip = printable(f"{row['image_id']}: see its own table")


def _thumbnail(data: Data, image_id: str) -> tuple[Pixels, Size]:
    """A small photo, and the size of the photo itself."""
    pixels = data.photo(image_id)
    return thumbnails.small(pixels), (pixels.shape[0], pixels.shape[1])


def _heat(
    data: Data, model: str | None, method: str, image_id: str, size: Size, grid: Size
) -> Float32:
    attribution = data.map_of(model, method, image_id)
    return thumbnails.heat_on(attribution, size, grid, data.fit(model))


def _outlined(data: Data, image_id: str, grid: Size, names: tuple[str, ...] | None) -> Outlined:
    masks = data.masks(image_id)
    wanted = names or tuple(dict.fromkeys(masks.names))
    return thumbnails.outlines_on(masks, grid, wanted), thumbnails.colour_by_name(masks)


def _tile_html(title: str, link: str, image_id: str) -> str:
    caption = f"<figcaption>{escaped(title)}</figcaption>" if title else ""
    alt = escaped(f"{image_id} {title}")
    return f'<figure><img src="{link}" alt="{alt}">{caption}</figure>'


def _text_of(row: dict[str, Any], whose: str) -> str:
    parts = []
    if "rank" in row:
        number = f"rank {row['rank']:g} · {cell(float(row['mean_attribution']))}"
        parts.append(f"{whose}: {number}" if whose else number)
    classes = [row["label"], row["predicted"]]
    if not any(pd.isna(c) for c in classes) and classes[0] != classes[1]:
        parts.append(f"class {classes[0]}, predicted {classes[1]}")
    return " · ".join(parts)


def _heading(state: ExplorerState, n: int, data: Data) -> str:
    having = "" if state.segment is None else f" with {as_html(state.segment)}"
    legend = f"; {LEGEND}" if data.maps is not None and data.images is not None else ""
    text = f"{count(n, 'photo')}{having}"
    if state.segment is not None and (len(maps_shown(state)) > 1 or len(data.offer.models) > 1):
        whose = " · ".join(as_html(one) for one in ranked_by(state) if one is not None)
        text += f", ranks of {whose}"
    return f'<p class="sat-heading"><strong>{text}</strong>{legend}</p>'
