"""Photos: those that have a segment, in the order of its rank, attribution or size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.map_grid import plot_map_grid
from sat_nb.widgets.code import call, fit_of, maps_of_model
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, models_of
from sat_nb.widgets.state import ORDERS, ExplorerState, Offer
from sat_nb.widgets.views.view import View

PHOTOS_PER_PAGE = 12
PHOTOS_PER_FIGURE = 6
MAPS_PER_PAGE = 24


@dataclass(frozen=True, eq=False)
class Photos:
    """One row per photo, in order, and the data that has the photos themselves."""

    data: Data
    rows: pd.DataFrame


def page_length(state: ExplorerState) -> int:
    """How many photos a page has: fewer if each is shown under many maps."""
    return max(3, min(PHOTOS_PER_PAGE, MAPS_PER_PAGE // len(maps_shown(state))))


def photos_of(rows: pd.DataFrame, segment: str | None, order: str = "rank") -> pd.DataFrame:
    """One row per photo that has the segment, in that order; without a segment all photos.

    >>> from sat_nb.toy import toy
    >>> sharp = build(*toy()).query("method == 'sharp'")
    >>> photos_of(sharp, "ears")[["image_id", "rank"]].head(2)
       image_id  rank
    0  image_01   4.0
    1  image_02   4.0
    """
    if segment is None:
        columns = ["image_id", "label", "predicted", "n_segments"]
        return rows.drop_duplicates("image_id")[columns].reset_index(drop=True)
    column, ascending = ORDERS[order].column, ORDERS[order].ascending
    found = rows[rows["segment"] == segment]
    found = found.sort_values([column, "image_id"], ascending=[ascending, True])
    columns = ["image_id", "rank", "mean_attribution", "mask_fraction", "label", "predicted"]
    return found[list(dict.fromkeys([*columns, column]))].reset_index(drop=True)


def maps_shown(state: ExplorerState) -> list[tuple[str, str | None, str]]:
    """The title, model and method of each map that a photo is shown under."""
    models = models_of(state)
    return [
        (f"{method} · {model}" if len(models) > 1 else method, model, method)
        for model in models
        for method in state.methods
    ]


def _result(data: Data, state: ExplorerState, panel: Panel) -> Photos:
    first = Panel(panel.methods[:1], panel.models[:1])
    return Photos(data, photos_of(data.best(state, first), state.segment, state.order))


def ranked_by(state: ExplorerState) -> tuple[str, str | None]:
    """The method and the model whose ranks the photos have, and whose order they are in."""
    return state.methods[0], state.model


def _table(results: list[Photos], state: ExplorerState) -> pd.DataFrame:
    rows, (method, model) = results[0].rows, ranked_by(state)
    if len(maps_shown(state)) == 1:
        return rows
    whose = {"method": method} if model is None else {"method": method, "model": model}
    return rows.assign(**whose)[["image_id", *whose, *rows.columns.drop("image_id")]]


def _draw(result: Photos, state: ExplorerState, figure: Any) -> Any:
    """The first photos of the page, as ``plot_map_grid`` draws them."""
    data = result.data
    if data.images is None or data.maps is None:
        raise InvalidInput(
            "maps: a figure of photos needs photos and maps; pass both, "
            "sat.explore(table, images=..., maps=...)."
        )
    ids = list(result.rows["image_id"])[page_length(state) * state.page :][:PHOTOS_PER_FIGURE]
    maps = {title: data.maps_of(model)[method] for title, model, method in maps_shown(state)}
    return plot_map_grid(data.images, maps, image_ids=ids, fit=data.fit(state.model), figure=figure)


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    start = page_length(state) * state.page
    code = [
        _photos_line(state),
        f"ids = list(photos['image_id'])[{start}:][:{PHOTOS_PER_FIGURE}]",
    ]
    if not (offer.has_images and offer.has_maps):
        return [*code, "print(ids)"]
    maps = ", ".join(
        f"{title!r}: {maps_of_model(offer, model)}[{method!r}]"
        for title, model, method in maps_shown(state)
    )
    fit = fit_of(maps_of_model(offer, state.model))
    return [*code, f"sat.plot_map_grid(images, {{{maps}}}, image_ids=ids, fit={fit})"]


def _photos_line(state: ExplorerState) -> str:
    """The line that makes the rows of the photos."""
    wanted: dict[str, Any] = {"methods": state.methods[0]}
    if state.versus is not None:
        wanted["models"] = state.model
    if state.segment is None:
        return f"photos = {call('sat.select', 'chosen', **wanted)}.drop_duplicates('image_id')"
    order = ORDERS[state.order]
    columns = repr([order.column, "image_id"])
    in_order = call("sort_values", columns, ascending=[order.ascending, True])
    selected = call("sat.select", "chosen", **wanted, segments=state.segment)
    return f"photos = {selected}.dropna(subset='segment').{in_order}"


VIEW = View(
    name="images",
    title="Photos",
    about="The photos that have a segment, with the map and the masks on them.",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="photos",
    uses=("segment", "order"),
    display=("opacity", "outlines", "page"),
    wants=("images", "maps", "segments"),
    themed=False,
)
