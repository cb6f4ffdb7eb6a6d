"""The registry of aggregations: how a segment's values in many images become one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import is_number, is_whole
from sat_nb.errors import InvalidInput, unknown_name

VALUES: dict[str, bool] = {
    "mean_attribution": False,
    "abs_mean_attribution": False,
    "rank": True,
}
"""Value -> whether small is best."""

ATTRIBUTIONS = ("mean_attribution", "abs_mean_attribution")

Sums = pd.DataFrame
"""By group and segment: ``total`` and ``n_images`` where the segment is present, ``padding``
(what absence adds up to over the images that lack it) and ``n_all``, the images of the group."""


@dataclass(frozen=True)
class Parameter:
    """A number or name that an aggregation takes: its default, and which values are accepted."""

    default: Any
    accepts: Callable[[Any], bool]
    expected: str


@dataclass(frozen=True)
class Aggregation:
    """One way from rows to one number a segment.

    ``needs`` is "sums": ``function(sums, **parameters)`` of ``Sums``; or "rows":
    ``function(rows, value, **parameters)`` of the rows of one group, images without segments
    among them. Both return a Series by segment. ``takes`` are the values it makes sense of,
    its default first. ``column`` names the result where that is not on the scale of its value,
    and then the largest is best. ``mixes`` are columns of which it takes several values
    together (``label``), which is an error elsewhere.
    """

    needs: str
    function: Callable[..., pd.Series]
    takes: tuple[str, ...] = tuple(VALUES)
    column: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    mixes: tuple[str, ...] = ()

    def result(self, value: str) -> tuple[str, bool]:
        """The name of the result's column, and whether small is best in it."""
        return (value, VALUES[value]) if self.column is None else (self.column, False)


# --- of sums ------------------------------------------------------------------------------------


def relative(sums: Sums) -> pd.Series:
    """Mean over the images that have the segment."""
    return sums["total"] / sums["n_images"]


def absolute(sums: Sums) -> pd.Series:
    """Mean over all images; where a segment is missing it counts as 0, in ranks as n + 1."""
    return (sums["total"] + sums["padding"]) / sums["n_all"]


# --- of the rows of one group ---------------------------------------------------------------------


def median(rows: pd.DataFrame, value: str) -> pd.Series:
    """Median over the images that have the segment."""
    return rows.groupby("segment")[value].median()


def trimmed_mean(rows: pd.DataFrame, value: str, *, share: float) -> pd.Series:
    """Mean over the images that have the segment, less that share of them at either end.

    ``share`` times the number of images is rounded down.
    """

    def trimmed(values: pd.Series) -> float:
        cut = math.floor(share * len(values) + 1e-9)  # 0.29 * 100 is 28.999999999999996
        return float(np.sort(values)[cut : len(values) - cut].mean())

    return rows.groupby("segment")[value].agg(trimmed)


def top_k(rows: pd.DataFrame, value: str, *, k: int) -> pd.Series:
    """Share of all images in which the segment has a local rank of ``k`` or better.

    An image without the segment counts as one in which it is not among the best. Segments
    that tie across the border (two that share ranks 3 and 4, for ``k`` = 3) are not either.
    """
    best = rows[value] <= k
    return best.groupby(rows["segment"]).sum() / rows["image_id"].nunique()


def lime(rows: pd.DataFrame, value: str) -> pd.Series:
    """sqrt(sum_i |W_ij|) over the images i (Ribeiro, Singh & Guestrin 2016, section 4).

    A sum: it grows with the number of images that have the segment.
    """
    return np.sqrt(rows[value].abs().groupby(rows["segment"]).sum())


def homogeneity(
    rows: pd.DataFrame, value: str, *, classes: str, of: int | None = None
) -> pd.Series:
    """Importance that counts the more, the more a segment belongs to one class.

    With I_cj = sqrt(sum_i |W_ij|) over the images i of class c, p_cj = I_cj / sum_c I_cj and
    H_j = -sum_c p_cj log p_cj, segment j has in class c the importance
    (1 - (H_j - H_min) / (H_max - H_min)) I_cj, H_min and H_max being the smallest and largest
    entropy of all segments (van der Linden, Haned & Kanoulas 2019): the segment that is spread
    most evenly over the classes has 0. Where all are spread alike, all count fully.

    ``classes`` is the column that holds the classes; theirs are the predicted ones. ``of`` is
    the class c; by default the sum over all classes.
    """
    importance = _importance_by_class(rows, value, classes)
    if of is not None and of not in importance.index:
        found = ", ".join(map(str, importance.index))
        raise InvalidInput(f"parameters: of: no image of class {of!r}; there are {found}.")
    entropy = _entropy(importance.to_numpy())
    spread = np.nanmax(entropy, initial=0.0) - np.nanmin(entropy, initial=np.inf)
    excess = entropy - np.nanmin(entropy, initial=np.inf)
    weight = 1 - excess / spread if spread > 1e-12 else np.ones_like(entropy)
    counted = list(importance.index) if of is None else [of]
    return (importance.loc[counted].sum() * weight).fillna(0.0)  # NaN: importance nowhere


def _importance_by_class(rows: pd.DataFrame, value: str, classes: str) -> pd.DataFrame:
    """I_cj: a row a class, a column a segment."""
    found = rows[classes].dropna().unique()
    if len(found) < 2 or rows[classes].isna().any():
        raise InvalidInput(
            f"table: how='homogeneity' compares classes, but column {classes!r} holds "
            f"{len(found)} and is empty in {int(rows[classes].isna().sum())} rows; give build "
            "labels={image_id: class}, choose parameters={'classes': 'label'} or 'predicted', "
            "and leave that column out of `by`."
        )
    weights = rows[value].abs().groupby([rows[classes], rows["segment"]]).sum()
    every = sorted(found)  # images of a class may all be without segments
    return weights.unstack().reindex(every).fillna(0.0) ** 0.5  # noqa: PD010


def _entropy(importance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column's shares; NaN for a column of zeros."""
    total = importance.sum(axis=0)
    shares = importance / np.where(total > 0, total, np.nan)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=0)


# --- the registry ---------------------------------------------------------------------------------


def _is_count(k: object) -> bool:
    return is_whole(k) and k >= 1  # type: ignore[operator]


def _is_trim(share: object) -> bool:
    return is_number(share) and 0 <= share < 0.5  # type: ignore[operator]


def _is_class(of: object) -> bool:
    return of is None or is_whole(of)


AGGREGATIONS: dict[str, Aggregation] = {
    "relative": Aggregation("sums", relative),
    "absolute": Aggregation("sums", absolute),
    "median": Aggregation("rows", median),
    "trimmed_mean": Aggregation(
        "rows",
        trimmed_mean,
        parameters={"share": Parameter(0.1, _is_trim, "a share from 0 to below 0.5")},
    ),
    "top_k": Aggregation(
        "rows",
        top_k,
        takes=("rank",),
        column="top_k_fraction",
        parameters={"k": Parameter(3, _is_count, "a whole number >= 1")},
    ),
    "lime": Aggregation("rows", lime, takes=ATTRIBUTIONS, column="importance"),
    "homogeneity": Aggregation(
        "rows",
        homogeneity,
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
}

RESULTS: dict[str, bool] = {
    **VALUES,
    **{entry.column: False for entry in AGGREGATIONS.values() if entry.column},
}
"""Column of a result -> whether small is best in it."""


def chosen(
    how: str, value: str | None, parameters: Mapping[str, Any] | None
) -> tuple[Aggregation, str, dict[str, Any]]:
    """The aggregation of that name, with its value and its parameters checked and completed."""
    if how not in AGGREGATIONS:
        raise unknown_name("how", how, AGGREGATIONS)
    entry = AGGREGATIONS[how]
    value = entry.takes[0] if value is None else value
    if value not in VALUES:
        raise unknown_name("value", value, VALUES)
    if value not in entry.takes:
        raise InvalidInput(
            f"value: how={how!r} takes {' or '.join(map(repr, entry.takes))}, got {value!r}; "
            "leave `value` out."
        )
    return entry, value, _completed(how, entry.parameters, parameters or {})


def _completed(
    how: str, known: Mapping[str, Parameter], given: Mapping[str, Any]
) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidInput(f"parameters: expected a dict such as {{'k': 3}}, got {given!r}.")
    for name, setting in given.items():
        if not known:
            raise InvalidInput(f"parameters: how={how!r} takes none, got {name!r}.")
        if name not in known:
            raise unknown_name("parameters", name, known)
        if not known[name].accepts(setting):
            raise InvalidInput(
                f"parameters: {name}: expected {known[name].expected}, got {setting!r}."
            )
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}
