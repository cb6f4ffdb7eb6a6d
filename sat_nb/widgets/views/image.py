"""One photo: its map, its masks, and its own Segment Attribution Table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.plots.image import plot_image, plot_image_table
from sat_nb.widgets.code import call, fit_of, highlight_of, maps_of_model
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer
from sat_nb.widgets.views.view import View, axes_on


@dataclass(frozen=True, eq=False)
class OnePhoto:
    """The rows of one photo under one method, and what ``plot_image`` takes beside them."""

    rows: pd.DataFrame
    pixels: Any
    options: dict[str, Any]


def _result(data: Data, state: ExplorerState, panel: Panel) -> OnePhoto:
    rows = data.rows_of_image(state, panel, state.image_id)
    if rows["segment"].notna().sum() == 0:
        raise InvalidInput(
            f"image_id: {state.image_id!r} has no segment that passes the filters under "
            f"{panel.title}; choose another photo, or relax a filter."
        )
    image_id, model = str(state.image_id), panel.models[0]
    options: dict[str, Any] = {"fit": data.fit(model)}
    if data.maps is not None:
        options["attribution"] = data.map_of(model, panel.methods[0], image_id)
    if data.segments is not None:
        options["segmentation"] = data.masks(image_id)
    pixels = None if data.images is None else data.photo(image_id)
    return OnePhoto(rows, pixels, options)


def _table(results: list[OnePhoto], state: ExplorerState) -> pd.DataFrame:
    columns = ["segment", "rank", "mean_attribution", "mask_fraction", "position", "score"]
    ranked = [result.rows.sort_values(["rank", "segment"])[columns] for result in results]
    return joined(VIEW.panels_of(state), ranked)


def _draw(result: OnePhoto, state: ExplorerState, figure: Any) -> Any:
    highlight = highlight_of(state)
    if result.pixels is None:
        return plot_image_table(result.rows, ax=axes_on(figure), **highlight)
    return plot_image(result.pixels, result.rows, **result.options, figure=figure, **highlight)


def _code(state: ExplorerState, offer: Offer, panel: Panel) -> list[str]:
    code = [f"rows = chosen[chosen['image_id'] == {state.image_id!r}]"]
    if not offer.has_images:
        return [*code, call("sat.plot_image_table", "rows", **highlight_of(state))]
    model, method = panel.models[0], panel.methods[0]
    key = f"[{state.image_id!r}]"
    arguments = [f"images{key}", "rows"]
    maps = maps_of_model(offer, model)
    if offer.has_maps:
        arguments.append(f"attribution={maps}[{method!r}]{key}")
    if offer.has_masks:
        arguments.append(f"segmentation=segments{key}")
    if offer.has_maps:
        arguments.append(f"fit={fit_of(maps)}")
    return [*code, call("sat.plot_image", *arguments, **highlight_of(state))]


VIEW = View(
    name="image",
    title="One photo",
    about="One photo with its map and masks, beside its own table.",
    panels="by_model_and_method",
    result=_result,
    table=_table,
    code=_code,
    draw=_draw,
    screen="one_photo",
    uses=("image_id",),
    wants=("images", "maps", "segments"),
    themed=False,
)
