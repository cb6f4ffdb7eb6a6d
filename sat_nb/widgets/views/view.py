"""View: a way to show a table in the explorer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import Entry, lists
from sat_nb.widgets.data import Data
from sat_nb.widgets.panels import DIVISIONS, Panel, joined
from sat_nb.widgets.state import ExplorerState, Offer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATE_FIELDS = tuple(f.name for f in fields(ExplorerState))
GIVEN = ("images", "maps", "segments")
"""What ``explore`` can be given beside the table."""


@lists(panels=DIVISIONS)
@dataclass(frozen=True, kw_only=True)
class View(Entry):
    """A way to show a table in the explorer, with a button of its own.

    Register one of your own before ``explore``: ``sat.VIEWS[view.name] = view``.

    Parameters
    ----------
    name : str
        What ``ExplorerState.view`` takes: letters, digits, "-" and "_".
    title, about : str
        The text of the button and its tooltip.
    source : str, default ""
        The paper that it follows, if any.
    version : str, default ""
        Not used, as nothing of a view is kept on disk.
    parameters : Mapping, default {}
        Not used.
    result : callable
        ``result(data, state, panel)``: the finished result of one panel, such as a DataFrame. It
        is kept, so it must depend only on ``data.rows(state, panel)``, the rows that the filters
        leave of the panel's methods and models, and on the fields of the state in ``uses``.
    code : callable
        ``code(state, offer, panel)``: the lines of Python that make the same from those rows,
        which are a DataFrame ``chosen``, with the public functions as ``sat``. They may use
        ``table`` and, where ``offer.has_images``, ``has_maps`` or ``has_masks``, also ``images``,
        ``maps`` and ``segments``.
    table : callable, default None
        ``table(results, state)``: the results of all panels as one DataFrame. None if each result
        is a DataFrame already.
    draw : callable, default None
        ``draw(result, state, figure)``: draws the result of one panel on an empty figure, or on a
        new one where ``figure`` is None, and returns the axes or the figure. None for a view
        without figures.
    panels : str, default "together"
        How what is shown is divided into panels:

        [[panels]]
    screen : str, default "figures"
        The layout, a name in ``sat_nb.widgets.screens.SCREENS``; "table" for a view without
        figures.
    uses : tuple of str, default ()
        Fields of the state that the result depends on, other than its filters, methods and
        models. Their controls are shown.
    display : tuple of str, default ("segment",)
        Fields of the state that change only how the result is drawn. Their controls are shown.
    min_methods, min_models : int, default 1
        Tables with fewer methods or models do not have the view.
    measures : tuple of str, default ()
        Measures of ``intervene``: tables without rows of any of them do not have the view, and
        one of them is always chosen in it.
    wants : tuple of str, default ()
        What the view shows more with: "images", "maps", "segments".
    slow : callable, default never
        ``slow(state)``: whether a large table waits for a click before the result is computed.
    themed : bool, default True
        Whether figures take the colours of the page. Set to False for figures with shades of
        their own, which are shown on white.
    order : callable, default None
        ``order(result)``: {group: segments, the first one first}, for views in which segments
        stand in an order; the explorer says which of them moved when a control is used.
    caption : str, default ""
        HTML above the table of the screen "figures_and_table".

    Examples
    --------
    >>> view = View(
    ...     name="extremes",
    ...     about="The largest mean attributions.",
    ...     result=lambda data, state, panel: data.rows(state, panel).nlargest(
    ...         3, "mean_attribution"
    ...     )[["image_id", "segment"]],
    ...     code=lambda state, offer, panel: [
    ...         "found = chosen.nlargest(3, 'mean_attribution')[['image_id', 'segment']]",
    ...         "print(found)",
    ...     ],
    ...     screen="table",
    ... )
    >>> VIEWS[view.name] = view
    >>> from sat_nb.toy import toy
    >>> explorer = explore(build(*toy()))
    >>> explorer.state = ExplorerState(view="extremes")
    >>> explorer.table()
       image_id segment
    0  image_03    eyes
    1  image_14    eyes
    2  image_04    eyes
    >>> del VIEWS[view.name]
    """

    result: Callable[[Data, ExplorerState, Panel], Any]
    code: Callable[[ExplorerState, Offer, Panel], list[str]]
    table: Callable[[list[Any], ExplorerState], pd.DataFrame] | None = None
    draw: Callable[[Any, ExplorerState, Any], Any] | None = None
    panels: str = "together"
    screen: str = "figures"
    uses: tuple[str, ...] = ()
    display: tuple[str, ...] = ("segment",)
    min_methods: int = 1
    min_models: int = 1
    measures: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    slow: Callable[[ExplorerState], bool] = lambda state: False
    themed: bool = True
    order: Callable[[Any], dict[str, list[str]]] | None = None
    caption: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"[\w-]+", self.name):  # it is part of CSS classes and file names
            raise InvalidInput(
                f"name: expected letters, digits, '-' and '_', got {self.name!r}; `title` may be "
                "any text."
            )
        if isinstance(self.measures, str):
            raise InvalidInput(
                f"measures: expected a tuple of names, such as ({self.measures!r},), got text."
            )
        for argument, names, known in (
            ("panels", (self.panels,), tuple(DIVISIONS)),
            ("uses", self.uses, STATE_FIELDS),
            ("display", self.display, STATE_FIELDS),
            ("wants", self.wants, GIVEN),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(argument, name, known)

    @property
    def heading(self) -> str:
        """Its title, and what it shows."""
        return f"{self.title}: {self.about.removesuffix('.')}"

    def is_possible(self, offer: Offer) -> bool:
        """Whether the table has the methods, measures and models that the view needs.

        Parameters
        ----------
        offer : Offer
            The methods, models and other values that the table has.

        Returns
        -------
        bool
            True if the view can be shown.
        """
        enough = len(self.methods_of(offer)) >= self.min_methods
        return enough and max(len(offer.models), 1) >= self.min_models

    def methods_of(self, offer: Offer) -> tuple[str, ...]:
        """The methods of which the view needs ``min_methods``.

        Parameters
        ----------
        offer : Offer
            The methods, models and other values that the table has.

        Returns
        -------
        tuple of str
            All methods, or those that are effects of one of ``measures``.
        """
        if not self.measures:
            return offer.methods
        return tuple(method for method in offer.measures if measure_of(method) in self.measures)

    def panels_of(self, state: ExplorerState) -> tuple[Panel, ...]:
        """The panels of the view in a state.

        Parameters
        ----------
        state : ExplorerState
            What is chosen in the explorer.

        Returns
        -------
        tuple of Panel
            The panels, in the order in which they are drawn.
        """
        return DIVISIONS[self.panels].function(state)

    def table_of(self, results: list[Any], state: ExplorerState) -> pd.DataFrame:
        """The results of all panels as one table.

        Parameters
        ----------
        results : list
            One result for each panel.
        state : ExplorerState
            What is chosen in the explorer.

        Returns
        -------
        pandas.DataFrame
            The table that the explorer saves as CSV.
        """
        if self.table is not None:
            return self.table(results, state)
        return joined(self.panels_of(state), results)


def measure_of(method: str) -> str:
    """The measure of effects that are called after it and what takes a segment's place.

    >>> measure_of("without.blur")
    'without'
    """
    return method.partition(".")[0]


def axes_on(figure: Any) -> Axes | None:
    """Axes that fill the figure; None, for which plots make a new figure, if there is none."""
    return None if figure is None else figure.subplots()
