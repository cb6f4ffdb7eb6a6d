"""explore: show a Segment Attribution Table in a notebook, and drill into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from sat_nb.registry import lists
from sat_nb.widgets.views import VIEWS

if TYPE_CHECKING:
    from sat_nb.widgets.explorer import Explorer
    from sat_nb.widgets.state import ExplorerState


@lists(views=VIEWS)
def explore(
    table: pd.DataFrame | str | os.PathLike[str],
    images: Mapping | None = None,
    maps: Mapping | None = None,
    segments: Mapping | None = None,
    *,
    state: ExplorerState | str | None = None,
) -> Explorer:
    """Show a table in a notebook: choose methods, models and filters, and see the photos.

    The explorer has a button for each view:

    [[views]]

    Parameters
    ----------
    table : DataFrame, str or path
        From ``build``, or the path of a table on disk; it may hold several models, classes and
        methods. On disk, a click reads what its view needs. Tables of 2,000,000 rows or more hold
        all methods side by side; meanwhile, some of their columns are copied by method into a
        temporary folder (about 20 bytes a row), and clicks are quicker from then on.
    images : Mapping, default None
        The photos, {image_id: array (H, W, 3)}, such as an ``ImageSet``.
    maps : Mapping, default None
        The attribution maps, {method: {image_id: map}}, such as an ``AttributionStore``; those
        of several models as {model: maps}.
    segments : Mapping, default None
        The masks, {image_id: SegmentationMap}.
    state : ExplorerState or str, default None
        What is shown first: a state, or the text that ``explorer.link()`` gives.

    Returns
    -------
    Explorer
        The widget, which is displayed if it is the last line of a cell. ``state`` is the
        ``ExplorerState`` that it shows, and ``figure()``, ``table()`` and ``code()`` return
        what is on the screen. Views that show more with photos, maps or masks name what is
        missing.

    Raises
    ------
    InvalidInput
        If the table is not a Segment Attribution Table with at least one segment, if ``state``
        cannot be shown, or if the other arguments are not mappings.

    Notes
    -----
    A view of your own is registered before: ``sat.VIEWS[view.name] = view``, see ``View``.

    Examples
    --------
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

    if isinstance(table, str | os.PathLike):
        from sat_nb.widgets.data_on_disk import DataOnDisk

        return Explorer(DataOnDisk(table, images, maps, segments), state=state)
    return Explorer(Data(table, images, maps, segments), state=state)
