"""The registry of aggregations: how a segment's values in many images become one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sat_nb.arguments import is_number, is_whole
from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.printable import literal
from sat_nb.registry import Entry, Parameter, chosen, completed, registry
from sat_nb.table.schema import COLUMNS
from sat_nb.table.values import ATTRIBUTIONS, VALUES, Result

Sums = pd.DataFrame
"""By group and segment: ``total`` and ``n_images`` where the segment is present, ``padding``
(what absence adds up to over the images that lack it) and ``n_all``, the images of the group."""


RESERVED = ("segment", "n_images", "low", "high", "interval", "n_units", *COLUMNS)
"""Names that the column of a result cannot have, because aggregates and intervals use them."""


@dataclass(frozen=True, kw_only=True)
class Aggregation(Entry):
    """A way from a segment's values in many images to one number.

    Pass one of your own to ``aggregate(how=...)``, or register it under its name in
    ``AGGREGATIONS``.

    Parameters
    ----------
    name, title, about, source, version : str
        As for every :class:`~sat_nb.registry.Entry`.
    parameters : Mapping[str, Parameter]
        The keyword arguments of ``function``: defaults and checks.
    function : callable
        With ``needs="rows"``, ``function(rows, value, **parameters)`` of the rows of one group,
        which include a row without a segment for each image that has none. With
        ``needs="sums"``, ``function(sums, **parameters)`` of sums and counts by group and
        segment: ``total`` and ``n_images`` over the images that have the segment, ``padding``
        (what absence adds up to over the others) and ``n_all``, the number of images in the
        group. Both return a Series of numbers indexed as their groups by segment are.
    needs : {"rows", "sums"}
        "sums" also works on a table on disk, and for ``intervals``.
    takes : tuple of str, default all of VALUES
        The values for which it makes sense; the first is the default.
    column : str, default ""
        Name of the result's column. Empty where the result is on the scale of its value: the
        column then has the name of the value.
    column_title : str
        Title of that column on an axis; by default its name with blanks.
    small_is_best : bool, default False
        Whether the smallest number of that column is listed first.
    mixes : tuple of str, default ()
        Columns among "method", "model" and "label" of which it takes several values together,
        which is an error elsewhere.
    reads : tuple of str, default None
        The columns that ``function`` looks at with ``needs="rows"``, beside the value,
        ``image_id``, ``model``, ``method``, ``target``, ``label``, ``predicted``, ``n_segments``
        and ``segment``: of a table on disk no others are read. None for all columns.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> spread = Aggregation(
    ...     name="spread",
    ...     about="Standard deviation over the images that have the segment.",
    ...     function=lambda rows, value: rows.groupby("segment")[value].std(),
    ...     column="spread",
    ...     small_is_best=True,
    ... )
    >>> aggregate(build(*toy()), how=spread, value="rank").round(2).head(2)
      method segment  spread  n_images
    0  noisy    rest    0.64        20
    1  noisy    nose    0.67        20
    """

    function: Callable[..., pd.Series]
    needs: Literal["rows", "sums"] = "rows"
    takes: tuple[str, ...] = tuple(VALUES)
    column: str = ""
    column_title: str = ""
    small_is_best: bool = False
    mixes: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.needs not in ("rows", "sums"):
            raise unknown_name("needs", self.needs, ("rows", "sums"))
        if self.column in RESERVED:
            raise InvalidInput(
                f"column: {self.column!r} is a column of the table or of the aggregate; give the "
                f"result of {self.name!r} another name."
            )
        if not self.column_title:
            object.__setattr__(self, "column_title", self.column.replace("_", " "))

    def result(self, value: str) -> Result:
        """The column that the aggregation of a value makes.

        Parameters
        ----------
        value : str
            A name in ``VALUES``.

        Returns
        -------
        Result
            The column, its title, and whether small numbers are best.
        """
        if self.column:
            return Result(self.column, self.column_title, self.small_is_best)
        entry = VALUES[value]
        return Result(entry.name, entry.axis_title, entry.small_is_best)


# The aggregations of sums.


def relative(sums: Sums) -> pd.Series:
    """Mean over the images that have the segment."""
    return sums["total"] / sums["n_images"]


def absolute(sums: Sums) -> pd.Series:
    """Mean over all images, where a missing segment counts as 0, in ranks as n + 1."""
    return (sums["total"] + sums["padding"]) / sums["n_all"]


# The aggregations of the rows of one group.


def median(rows: pd.DataFrame, value: str) -> pd.Series:
    """Median over the images that have the segment."""
    return rows.groupby("segment")[value].median()


def trimmed_mean(rows: pd.DataFrame, value: str, *, share: float) -> pd.Series:
    """Mean over the images that have the segment, without ``share`` of them at either end.

    ``share`` times the number of images is rounded down.
    """

    def trimmed(values: pd.Series) -> float:
        cut = math.floor(share * len(values) + 1e-9)  # 0.29 * 100 is 28.999999999999996
        return float(np.sort(values)[cut : len(values) - cut].mean())

    return rows.groupby("segment")[value].agg(trimmed)


def top_k(rows: pd.DataFrame, value: str, *, k: int) -> pd.Series:
    """Share of all images in which the segment has a rank of ``k`` or better.

    An image without the segment counts as one in which the segment is not among the best. Of
    segments that tie across the border (two share ranks 3 and 4, and ``k`` is 3), neither is
    among the best.
    """
    best = rows[value] <= k
    return best.groupby(rows["segment"]).sum() / rows["image_id"].nunique()


def lime(rows: pd.DataFrame, value: str) -> pd.Series:
    """sqrt(sum_i |W_ij|) over the images i (Ribeiro, Singh & Guestrin 2016, section 4).

    As a sum, it grows with the number of images that have the segment.
    """
    return np.sqrt(rows[value].abs().groupby(rows["segment"]).sum())


def homogeneity(
    rows: pd.DataFrame, value: str, *, classes: str, of: int | None = None
) -> pd.Series:
    """Importance of a segment, the higher the more it belongs to one class.

    With I_cj = sqrt(sum_i |W_ij|) over the images i of class c, p_cj = I_cj / sum_c I_cj and
    H_j = -sum_c p_cj log p_cj, segment j has in class c the importance
    (1 - (H_j - H_min) / (H_max - H_min)) I_cj, where H_min and H_max are the smallest and the
    largest entropy of all segments (van der Linden, Haned & Kanoulas 2019). The segment that is
    spread most evenly over the classes has importance 0. If all segments have the same entropy,
    all have their full importance.

    ``classes`` is the column that holds the classes; the authors use the predicted ones. ``of``
    is the class c; by default the importance is summed over all classes.
    """
    importance = _importance_by_class(rows, value, classes)
    if of is not None and of not in importance.index:
        found = ", ".join(map(str, importance.index))
        raise InvalidInput(f"parameters: of: no image of class {literal(of)}; there are {found}.")
    entropy = _entropy(importance.to_numpy())
    spread = np.nanmax(entropy, initial=0.0) - np.nanmin(entropy, initial=np.inf)
    excess = entropy - np.nanmin(entropy, initial=np.inf)
    weight = 1 - excess / spread if spread > 1e-12 else np.ones_like(entropy)
    counted = list(importance.index) if of is None else [of]
    return (importance.loc[counted].sum() * weight).fillna(0.0)  # NaN: no attribution anywhere


def _importance_by_class(rows: pd.DataFrame, value: str, classes: str) -> pd.DataFrame:
    """I_cj, with a row for each class and a column for each segment."""
    found = rows[classes].dropna().unique()
    if len(found) < 2 or rows[classes].isna().any():
        raise InvalidInput(
            f"table: how='homogeneity' compares classes, but column {classes!r} holds "
            f"{len(found)} and is empty in {int(rows[classes].isna().sum())} rows; give build "
            "labels={image_id: class}, choose parameters={'classes': 'label'} or 'predicted', "
            "and leave that column out of `by`."
        )
    weights = rows[value].abs().groupby([rows[classes], rows["segment"]]).sum()
    every = sorted(found)  # a class whose images have no segments is missing from the sums
    return weights.unstack().reindex(every).fillna(0.0) ** 0.5


def _entropy(importance: Float64) -> Float64:
    """Entropy of each column's shares; NaN for a column of zeros."""
    total = importance.sum(axis=0)
    shares = importance / np.where(total > 0, total, np.nan)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=0)


# The registry.


def _is_count(k: object) -> bool:
    return is_whole(k) and k >= 1  # type: ignore[operator]


def _is_trim(share: object) -> bool:
    return is_number(share) and 0 <= share < 0.5  # type: ignore[operator]


def _is_class(of: object) -> bool:
    return of is None or is_whole(of)


AGGREGATIONS: dict[str, Aggregation] = registry(
    Aggregation(
        name="relative",
        about="Mean over the images that have the segment.",
        source="Hinns & Martens 2025",
        needs="sums",
        function=relative,
    ),
    Aggregation(
        name="absolute",
        about="Mean over all images, where a missing segment counts as 0, and in ranks as n + 1 "
        "for the n segments of its image.",
        source="Hinns & Martens 2025",
        needs="sums",
        function=absolute,
    ),
    Aggregation(
        name="median",
        about="Median over the images that have the segment.",
        reads=(),
        function=median,
    ),
    Aggregation(
        name="trimmed_mean",
        about="Mean over the images that have the segment, without a share of them at either end.",
        reads=(),
        function=trimmed_mean,
        parameters={"share": Parameter(0.1, _is_trim, "a share from 0 to below 0.5")},
    ),
    Aggregation(
        name="top_k",
        about="Share of all images in which the segment is among the k best.",
        reads=(),
        function=top_k,
        takes=("rank",),
        column="top_k_fraction",
        column_title="share of images in which it is among the best",
        parameters={"k": Parameter(3, _is_count, "a whole number >= 1")},
    ),
    Aggregation(
        name="lime",
        title="LIME",
        about="Importance sqrt(sum |value|), which grows with the number of images that have the "
        "segment.",
        source="Ribeiro, Singh & Guestrin 2016, section 4",
        reads=(),
        function=lime,
        takes=ATTRIBUTIONS,
        column="importance",
    ),
    Aggregation(
        name="homogeneity",
        about="Importance as in lime, the higher the more the segment belongs to one class.",
        source="van der Linden, Haned & Kanoulas 2019",
        reads=(),
        function=homogeneity,
        takes=ATTRIBUTIONS,
        column="importance",
        parameters={
            "classes": Parameter(
                "predicted", lambda name: name in ("predicted", "label"), "'predicted' or 'label'"
            ),
            "of": Parameter(None, _is_class, "a class number, or None for all classes"),
        },
        mixes=("label",),
    ),
)
"""What ``aggregate`` takes as ``how``, by name."""


def checked_aggregation(
    how: str | Aggregation | Callable[..., pd.Series],
    value: str | None,
    parameters: Mapping[str, Any] | None,
) -> tuple[Aggregation, str, dict[str, Any]]:
    """The aggregation, its value (by default the first it takes) and all its parameters."""
    entry = chosen("how", how, AGGREGATIONS, own=Aggregation, from_function=_of_function)
    value = entry.takes[0] if value is None else value
    if value not in VALUES:
        raise unknown_name("value", value, VALUES)
    if value not in entry.takes:
        raise InvalidInput(
            f"value: how={entry.name!r} takes {' or '.join(map(repr, entry.takes))}, got "
            f"{value!r}; leave `value` out."
        )
    return entry, value, completed(entry, parameters, "parameters")


def _of_function(function: Callable[..., pd.Series]) -> Aggregation:
    """The entry of a bare function, whose result has a column under the function's name.

    Nobody knows on which scale such a function's result is, so the column cannot have the name
    of the value.
    """
    name = getattr(function, "__name__", "function").strip("<>")
    return Aggregation(
        name=name, about="A function of the user's own.", function=function, column=name
    )
