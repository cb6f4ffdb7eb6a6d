"""How the size of a mask affects the rank of its segment: size_effect, adjust_for_size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.printable import literal
from sat_nb.registry import Entry, lists, registry
from sat_nb.stats.rows import check_pooled, rows_of_method
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.table.schema import check_table


def _without_images(rows: pd.DataFrame, values: Float64) -> Float64:
    series = pd.Series(values, rows.index)
    return (series - series.groupby(rows["image_id"]).transform("mean")).to_numpy()


def _without_images_and_segments(rows: pd.DataFrame, values: Float64) -> Float64:
    dummies = pd.get_dummies(rows["segment"], dtype=float).to_numpy()
    dummies = np.stack([_without_images(rows, column) for column in dummies.T], axis=1)
    values = _without_images(rows, values)
    return values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]


@dataclass(frozen=True, kw_only=True)
class Effects(Entry):
    """Effects that are taken out of ranks and sizes: ``function(rows, values) -> values``."""

    function: Callable[[pd.DataFrame, Float64], Float64]
    within: str


EFFECTS: dict[str, Effects] = registry(
    Effects(
        name="image+segment",
        title="of image and segment",
        about="The slope is what a segment's rank does where its own mask is larger or smaller, so "
        "that a part that is small and matters keeps its place.",
        function=_without_images_and_segments,
        within="within segments",
    ),
    Effects(
        name="image",
        title="of the image",
        about="The slope also includes the differences in size between segments, so that "
        "everything related to size is removed, even what matters in small parts.",
        function=_without_images,
        within="within images",
    ),
)
"""What ``adjust_for_size`` can take out before it estimates a slope."""


def size_effect(table: pd.DataFrame, *, classes: str | None = None) -> pd.DataFrame:
    """Measure how rank depends on the size of the mask, method by method.

    The mean over a small mask is more extreme by chance alone, as fewer pixels cancel out; and
    parts that matter can be small. The correlation shows both at once; the slope within segments
    compares a segment with itself where it is larger or smaller.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``, of one model and one class, with any number of methods.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        One row a method: ``method``; ``n_images`` with at least three segments of unequal size and
        rank; ``correlation``, the mean over these images of Spearman's correlation of ``rank``
        with ``mask_fraction`` (above 0: large masks rank late), and ``p_value`` of the two-sided
        signed-rank test over the images that it is 0; then the slopes of rank on
        log2(mask_fraction), the ranks lost by a mask of double size: ``slope`` with image effects,
        ``slope_within_segments`` with image and segment effects, each with its standard error
        ``se_...`` (see ``adjust_for_size``; NaN if sizes do not vary).

    Raises
    ------
    InvalidInput
        If a mask has no size, or the table holds several models or classes.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> size_effect(build(*toy()))[["method", "n_images", "correlation", "slope"]].round(2)
      method  n_images  correlation  slope
    0  sharp        20         0.00   0.00
    1  noisy        20        -0.12  -0.52
    """
    check_table(table)
    return pd.DataFrame(
        [_size_effect(table, method, classes) for method in table["method"].dropna().unique()]
    )


@lists(effects=EFFECTS)
def adjust_for_size(
    table: pd.DataFrame,
    *,
    method: str,
    effects: str = "image+segment",
    classes: str | None = None,
) -> pd.DataFrame:
    """Estimate mean ranks as they would be if all masks were of one size.

    Parameters
    ----------
    table : pandas.DataFrame
        From ``build``, of one model and one class.
    method : str
        The saliency method.
    effects : str, default "image+segment"
        The effects that are taken out before the slope is estimated:

        [[effects]]

    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        One row a segment, best ``adjusted_rank`` first: ``segment``, ``n_images``,
        ``mask_fraction`` (geometric mean), ``rank`` (Relative mean), ``adjusted_rank`` and
        ``se_adjustment``, the standard error of the difference that follows from the slope's.

    Raises
    ------
    InvalidInput
        If sizes do not vary, so that there is no slope; if a mask has no size; for an unknown
        method; for tables of several models or classes.

    Notes
    -----
    The model is rank = image effect (+ segment effect) + slope * log2(mask_fraction) + error, by
    least squares over all rows. Each row's rank then loses slope * (log2(mask_fraction) - its mean
    over all rows), and the mean by segment is over the images that have it.

    It assumes that ranks, though bounded and whole, are linear in the logarithm of the size, with
    one slope for all segments; that images are independent (rows of one image need not be:
    standard errors are clustered by image); and that nothing else varies with size, such as the
    distance of the animal or whether parts are hidden.

    References
    ----------
    Frisch & Waugh 1933; Lovell 1963 (taking effects out first).

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> table = build(*toy())
    >>> table["mask_fraction"] = np.where(table["segment"] == "rest", 0.4, 0.1)
    >>> adjust_for_size(table, method="sharp", effects="image").round(2)
      segment  n_images  mask_fraction  rank  adjusted_rank  se_adjustment
    0    eyes        20            0.1  1.00           1.50           0.01
    1    nose        20            0.1  2.00           2.50           0.01
    2    rest        20            0.4  4.75           2.87           0.04
    3   mouth        20            0.1  3.00           3.50           0.01
    4    ears        15            0.1  4.00           4.50           0.01
    """
    if effects not in EFFECTS:
        raise unknown_name("effects", effects, EFFECTS)
    rows = _sized_rows(table, method, classes)
    slope, se = _slope(rows, EFFECTS[effects])
    if np.isnan(slope):
        hint = "." if effects == "image" else "; try effects='image'."
        raise InvalidInput(
            f"table: the masks of method {method!r} do not vary in size {EFFECTS[effects].within}, "
            f"so there is no slope to adjust by{hint}"
        )
    size = _log2(rows["mask_fraction"])
    above = size - size.mean()
    by_segment = (
        rows.assign(size=size, above=above, adjusted=rows["rank"] - slope * above)
        .groupby("segment")
        .agg(
            n_images=("rank", "size"),
            size=("size", "mean"),
            rank=("rank", "mean"),
            adjusted_rank=("adjusted", "mean"),
            above=("above", "mean"),
        )
        .reset_index()
    )
    by_segment.insert(2, "mask_fraction", by_segment.pop("size").map(math.exp2))
    by_segment["se_adjustment"] = by_segment.pop("above").abs() * se
    return by_segment.sort_values(["adjusted_rank", "segment"], ignore_index=True)


def _size_effect(table: pd.DataFrame, method: str, classes: str | None) -> dict[str, object]:
    rows = _sized_rows(table, method, classes)
    correlations = _correlations(rows)
    slope, se = _slope(rows, EFFECTS["image"])
    within, se_within = _slope(rows, EFFECTS["image+segment"])
    return {
        "method": method,
        "n_images": len(correlations),
        "correlation": correlations.mean() if len(correlations) else np.nan,
        "p_value": signed_rank_p(correlations) if len(correlations) else np.nan,
        "slope": slope,
        "se_slope": se,
        "slope_within_segments": within,
        "se_slope_within_segments": se_within,
    }


def _correlations(rows: pd.DataFrame) -> Float64:
    """Spearman's correlation of rank and size within each image that has one."""
    images = rows.groupby("image_id")
    enough = images["rank"].transform("size") >= 3
    sizes = images["mask_fraction"].rank()
    pairs = pd.DataFrame({"rank": images["rank"].rank(), "size": sizes})[enough]
    ids = rows["image_id"][enough]
    x, y = (pairs[c] - pairs[c].groupby(ids).transform("mean") for c in ("rank", "size"))
    xy, xx, yy = ((a * b).groupby(ids).sum() for a, b in ((x, y), (x, x), (y, y)))
    correlations = (xy / np.sqrt(xx * yy))[(xx > 0) & (yy > 0)].to_numpy(dtype=float)
    return correlations.round(12)  # so that equal ones tie, and zeros are exact


def _slope(rows: pd.DataFrame, effects: Effects) -> tuple[float, float]:
    """The slope of rank on log2 size and its clustered standard error; NaN if sizes are equal."""
    size = _log2(rows["mask_fraction"]).to_numpy()
    # Taking the other effects out of both sides first leaves the slope the same (Frisch & Waugh).
    y = effects.function(rows, rows["rank"].to_numpy(dtype=float))
    x = effects.function(rows, size)
    images = rows["image_id"].astype("category").cat.codes.to_numpy()
    if images.max() < 1 or (x**2).sum() <= 1e-9 * max(1.0, ((size - size.mean()) ** 2).sum()):
        return float("nan"), float("nan")
    return _least_squares(x, y, images)


def _least_squares(x: Float64, y: Float64, images: NDArray[np.integer]) -> tuple[float, float]:
    """The slope of y on x, without an intercept, and its error clustered by image.

    The variance is the sandwich with the factor G / (G - 1) for G images (Liang & Zeger 1986).
    """
    # As sums: linear algebra differs in the last bits from one version of numpy to the next.
    x_squares = (x**2).sum()
    slope = (x * y).sum() / x_squares
    scores = np.bincount(images, weights=x * (y - slope * x))
    variance = (scores**2).sum() / x_squares**2 * len(scores) / (len(scores) - 1)
    return float(slope), float(np.sqrt(variance))


def _log2(fractions: pd.Series) -> pd.Series:
    """Not numpy's ``log2``, whose last bits differ from one version to the next."""
    return fractions.astype(float).map(math.log2)


def _sized_rows(table: pd.DataFrame, method: str, classes: str | None) -> pd.DataFrame:
    check_pooled(classes)
    rows = rows_of_method(table, method, classes=classes)
    rows = rows.dropna(subset="segment").reset_index(drop=True)
    sized = rows["mask_fraction"] > 0
    if not sized.all():
        row = rows[~sized].iloc[0]
        raise InvalidInput(
            f"table: mask_fraction is {literal(row['mask_fraction'])} for {row['segment']!r} in "
            f"{row['image_id']!r}; expected a share above 0, as from sat_nb.build."
        )
    return rows
