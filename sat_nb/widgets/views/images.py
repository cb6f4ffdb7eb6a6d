"""Photos: those behind a segment, in the order of what it means in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.map_grid import plot_map_grid
from sat_nb.widgets.code import call, maps_name
from sat_nb.widgets.panels import Panel, together
from sat_nb.widgets.views.view import View

if TYPE_CHECKING:
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.state import ExplorerState, Facts

PAGE = 12  # photos, at most
DRAWN = 6  # photos, at most, that a picture for print holds
ORDERS = {
    "rank": ("rank", True),
    "attribution": ("mean_attribution", False),
    "against": ("mean_attribution", True),
    "size": ("mask_fraction", False),
}
"""Order -> the column that it goes by, and whether the smallest is first."""


def page_length(state: ExplorerState) -> int:
    """Photos of a page: fewer where each is shown under many maps."""
    return max(3, min(PAGE, 24 // len(tiles_of(state))))


def photos_of(rows: pd.DataFrame, segment: str | None, order: str = "rank") -> pd.DataFrame:
    """One row an image, in that order of what the segment is in it; without one all images.

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
    column, smallest_first = ORDERS[order]
    found = rows[rows["segment"] == segment]
    found = found.sort_values([column, "image_id"], ascending=[smallest_first, True])
    columns = ["image_id", "rank", "mean_attribution", "mask_fraction", "label", "predicted"]
    return found[columns].reset_index(drop=True)


def _result(data: Data, state: ExplorerState, panel: Panel) -> Any:
    first = Panel(panel.methods[:1], panel.models[:1])
    return data, photos_of(data.rows(state, first), state.segment, state.order)


def _table(results: list[Any], state: ExplorerState) -> pd.DataFrame:
    return results[0][1]


def _draw(result: Any, state: ExplorerState, figure: Any) -> Any:
    """The first photos of the page, as ``plot_map_grid`` draws them."""
    data, photos = result
    if data.images is None or data.maps is None:
        raise InvalidInput(
            "maps: a picture of photos takes photos and maps; pass both, "
            "sat.explore(table, images=..., maps=...)."
        )
    ids = list(photos["image_id"])[page_length(state) * state.page :][:DRAWN]
    maps = {title: data.maps_of(model)[method] for title, model, method in tiles_of(state)}
    return plot_map_grid(data.images, maps, image_ids=ids, fit=data.fit(state.model), figure=figure)


def tiles_of(state: ExplorerState) -> list[tuple[str, str | None, str]]:
    """Title, model and method of each map that is laid over a photo."""
    models = [state.model] if state.versus is None else [state.model, state.versus]
    return [
        (f"{method} · {model}" if len(models) > 1 else method, model, method)
        for model in models
        for method in state.methods
    ]


def _code(state: ExplorerState, facts: Facts, panel: Panel) -> list[str]:
    wanted: dict[str, Any] = {"methods": state.methods[0]}
    if state.versus is not None:
        wanted["models"] = state.model
    if state.segment is None:
        rest = ".drop_duplicates('image_id')"
    else:
        wanted["segments"] = state.segment
        column, smallest_first = ORDERS[state.order]
        order = call("sort_values", repr([column, "image_id"]), ascending=[smallest_first, True])
        rest = f".dropna(subset='segment').{order}"
    code = [
        f"photos = {call('sat.select', 'chosen', **wanted)}{rest}",
        f"ids = list(photos['image_id'])[{page_length(state) * state.page}:][:{DRAWN}]",
    ]
    if not (facts.photos and facts.maps):
        return [*code, "print(ids)"]
    tiles = ", ".join(
        f"{title!r}: {maps_name(facts, model)}[{method!r}]"
        for title, model, method in tiles_of(state)
    )
    fit = f"getattr({maps_name(facts, state.model)}, 'fit', 'stretch')"
    return [*code, f"sat.plot_map_grid(images, {{{tiles}}}, image_ids=ids, fit={fit})"]


VIEW = View(
    title="Photos",
    about="The photos behind a segment, with the map and the masks on them",
    panels=together,
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="photos",
    uses=("segment", "order"),
    marks=("opacity", "outlines", "page"),
    wants=("images", "maps", "segments"),
    themed=False,
)
