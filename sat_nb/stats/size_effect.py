"""What the size of a mask does to the rank of its segment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from sat_nb.arrays import Float64
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.stats.evidence import rows_of_method
from sat_nb.stats.signed_rank import signed_rank_p
from sat_nb.table.schema import check_table

# --- the size -----------------------------------------------------------------------------------


def size_effect(table: pd.DataFrame) -> pd.DataFrame:
    """How rank goes with the size of the mask, method by method.

    The mean over a small mask is more extreme by chance alone, as fewer pixels cancel out;
    and parts that matter can be small. The correlation shows both at once; the slope
    within segments compares a segment with itself where it is larger or smaller.

    Parameters
    ----------
    table: from ``build``, of one model and one class; all its methods are looked at.

    Returns a DataFrame: ``method``; ``n_images`` with at least three segments of unequal
    size and rank; ``correlation``, the mean over these images of Spearman's correlation of
    ``rank`` with ``mask_fraction`` within the image (above 0: large masks rank late), and
    ``p_value``, the two-sided signed-rank test over the images that it is 0; then the
    slopes of rank on log2 of the mask's share (ranks lost by a mask of double size) with
    image effects, ``slope``, and with image and segment effects,
    ``slope_within_segments``, each with its standard error ``se_...`` (see
    ``adjust_for_size``; NaN where sizes do not vary).

    >>> from sat_nb.toy import toy
    >>> size_effect(build(*toy()))[["method", "n_images", "correlation", "slope"]].round(2)
      method  n_images  correlation  slope
    0  sharp        20         0.00  -0.00
    1  noisy        20        -0.12  -0.52
    """
    check_table(table)
    return pd.DataFrame(
        [_size_effect(table, method) for method in table["method"].dropna().unique()]
    )


def adjust_for_size(
    table: pd.DataFrame, *, method: str, effects: str = "image+segment"
) -> pd.DataFrame:
    """Mean ranks as they would be if all masks were of one size.

    The model is rank = image effect (+ segment effect) + slope * log2(mask_fraction) +
    error, by least squares over all rows. Each row's rank then loses slope *
    (log2(mask_fraction) - its mean over all rows), and the mean by segment is taken over
    the images that have it.

    It assumes that ranks, though bounded and whole, are linear in the logarithm of the
    size, with one slope for all segments; that images are independent (rows of one image
    need not be: standard errors are clustered by image); and that nothing else goes with
    size, such as the distance of the animal or parts being hidden.

    Parameters
    ----------
    table: from ``build``, of one model and one class.
    method: the saliency method.
    effects: "image+segment": the slope is what a segment's rank does where its own mask is
        larger or smaller, so that a part that is small and matters keeps its place.
        "image": the slope also takes the sizes' differences between segments, so that
        all that goes with size is taken away, what matters in small parts with it.

    Returns a DataFrame by segment, best ``adjusted_rank`` first: ``segment``, ``n_images``,
    ``mask_fraction`` (geometric mean), ``rank`` (relative mean), ``adjusted_rank`` and
    ``se_adjustment``, the standard error of the difference that the slope's own leaves.

    Raises InvalidInput where sizes do not vary, so that there is no slope.

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
    rows = _sized_rows(table, method)
    slope, se = _slope(rows, effects)
    if np.isnan(slope):
        where = "within images" if effects == "image" else "within segments"
        raise InvalidInput(
            f"table: the masks of method {method!r} do not vary in size {where}, so there is no "
            "slope to adjust by" + ("; try effects='image'." if effects != "image" else ".")
        )
    size = np.log2(rows["mask_fraction"].astype(float))
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
    by_segment.insert(2, "mask_fraction", 2 ** by_segment.pop("size"))
    by_segment["se_adjustment"] = by_segment.pop("above").abs() * se
    return by_segment.sort_values(["adjusted_rank", "segment"], ignore_index=True)


def _size_effect(table: pd.DataFrame, method: str) -> dict[str, object]:
    rows = _sized_rows(table, method)
    correlations = _correlations(rows)
    slope, se = _slope(rows, "image")
    within, se_within = _slope(rows, "image+segment")
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
    found = rows.groupby("image_id")
    enough = found["rank"].transform("size") >= 3
    sizes = found["mask_fraction"].rank()
    pairs = pd.DataFrame({"rank": found["rank"].rank(), "size": sizes})[enough]
    ids = rows["image_id"][enough]
    x, y = (pairs[c] - pairs[c].groupby(ids).transform("mean") for c in ("rank", "size"))
    xy, xx, yy = ((a * b).groupby(ids).sum() for a, b in ((x, y), (x, x), (y, y)))
    correlations = (xy / np.sqrt(xx * yy))[(xx > 0) & (yy > 0)].to_numpy(dtype=float)
    return correlations.round(12)  # so that equal ones tie, and none is 0 but for rounding


def _slope(rows: pd.DataFrame, effects: str) -> tuple[float, float]:
    """Slope of rank on log2 size and its standard error by images; NaN where sizes are alike.

    The other effects are taken out of both first, which leaves the same slope (Frisch and
    Waugh 1933; Lovell 1963).
    """
    from statsmodels.api import OLS

    size = np.log2(rows["mask_fraction"].to_numpy(dtype=float))
    take_out = EFFECTS[effects]
    y, x = take_out(rows, rows["rank"].to_numpy(dtype=float)), take_out(rows, size)
    images = rows["image_id"].astype("category").cat.codes.to_numpy()
    if images.max() < 1 or (x**2).sum() <= 1e-9 * max(1.0, ((size - size.mean()) ** 2).sum()):
        return float("nan"), float("nan")
    fit = OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": images})
    return float(fit.params[0]), float(fit.bse[0])


def _without_images(rows: pd.DataFrame, values: Float64) -> Float64:
    series = pd.Series(values, rows.index)
    return (series - series.groupby(rows["image_id"]).transform("mean")).to_numpy()


def _without_images_and_segments(rows: pd.DataFrame, values: Float64) -> Float64:
    dummies = pd.get_dummies(rows["segment"], dtype=float).to_numpy()
    dummies = np.stack([_without_images(rows, column) for column in dummies.T], axis=1)
    values = _without_images(rows, values)
    return values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]


EFFECTS: dict[str, Callable[[pd.DataFrame, Float64], Float64]] = {
    "image+segment": _without_images_and_segments,
    "image": _without_images,
}


def _sized_rows(table: pd.DataFrame, method: str) -> pd.DataFrame:
    rows = rows_of_method(table, method)
    sized = rows["mask_fraction"] > 0
    if not sized.all():
        row = rows[~sized].iloc[0]
        raise InvalidInput(
            f"table: mask_fraction is {row['mask_fraction']!r} for {row['segment']!r} in "
            f"{row['image_id']!r}; expected a share above 0, as from sat_nb.build."
        )
    return rows
