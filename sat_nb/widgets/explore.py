"""explore: a Segment Attribution Table to look at, toggle and drill into, in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from sat_nb.widgets.explorer import Explorer


def explore(
    table: pd.DataFrame,
    images: Mapping | None = None,
    maps: Mapping | None = None,
    segments: Mapping | None = None,
) -> Explorer:
    """Look at a table in a notebook: toggle methods, models and filters, and see the photos.

    Parameters
    ----------
    table: from ``build``; of several models, classes and methods if there are.
    images: the photos, {image_id: uint8 (H, W, 3)}, such as an ImageSet.
    maps: {method: {image_id: map}}, such as an AttributionStore; of several models
        {model: such maps}.
    segments: {image_id: SegmentationMap}.

    Returns an :class:`Explorer`, which shows itself as the last line of a cell. Views that need
    what was not given say so.

    >>> from sat_nb.toy import toy
    >>> explorer = explore(build(*toy()))
    >>> explorer
    Explorer(20 images, 2 methods, 5 segments: bars)
    >>> print(explorer.code())
    import sat_nb as sat
    <BLANKLINE>
    chosen = sat.select(table, methods=['sharp'])
    summary = sat.intervals(chosen, how='relative', value='rank', by=('method',), n_resamples=2000)
    sat.plot_segments(summary)
    <BLANKLINE>
    """
    from sat_nb.widgets.data import Data
    from sat_nb.widgets.explorer import Explorer

    return Explorer(Data(table, images, maps, segments))
