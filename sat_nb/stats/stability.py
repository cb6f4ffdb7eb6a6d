"""How many images a ranking needs: ranking_stability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level, checked_whole, is_number
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.stats.bootstrap import UNIT
from sat_nb.stats.intervals import statistic_of, unit_sums
from sat_nb.stats.kendall import tau_of_rows
from sat_nb.stats.mask_sensitivity import ORDERS
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.schema import check_table
from sat_nb.table.totals import check_once, check_unmixed

SIZES = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)


def ranking_stability(
    table: pd.DataFrame,
    *,
    sizes: Sequence[int] | None = None,
    how: str = "relative",
    n_repeats: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """How alike the rankings of two separate samples of images are, by the samples' size.

    Two samples of n images that share none are drawn from the table, their segments are ordered
    by mean rank (``aggregate(..., value="rank")``), and the two orders compared by Kendall's tau-b:
    what somebody would find who repeated a study of n images on n others. Segments that one of the
    samples lacks are left out of that comparison.

    Parameters
    ----------
    table: from ``build``, of one model and one class; each method is a ranking of its own.
    sizes: images in a sample, each at most half of the images; by default round numbers up to
        that half, and the half itself.
    how: "relative" or "absolute" mean ranks.
    n_repeats: pairs of samples of each size; all methods see the same ones.
    level: of the range of the single taus.
    seed: the same seed gives the same result.

    Returns a DataFrame, one row a method and size: ``method``, ``n_images`` of a sample, ``tau``
    (mean over the pairs), ``low`` and ``high``, between which ``level`` of the single pairs' taus
    are, ``n_repeats``, ``n_total`` (images in all). ``low`` and ``high`` tell what one study may
    find; they are no interval of the mean, and since all pairs come from the same images, pairs of
    half of them are more alike than such pairs from a larger collection would be.

    Raises InvalidInput for fewer than 4 images, and for values that make no sense.

    Source: Kendall 1945 (tau-b).

    >>> from sat_nb.toy import toy
    >>> found = ranking_stability(build(*toy()), sizes=[2, 10])
    >>> found[["method", "n_images", "tau", "low", "high"]].round(2)
      method  n_images   tau   low  high
    0  sharp         2  1.00   1.0   1.0
    1  sharp        10  1.00   1.0   1.0
    2  noisy         2  0.66   0.2   1.0
    3  noisy        10  0.75   0.6   1.0
    """
    if how not in ORDERS:
        raise unknown_name("how", how, ORDERS)
    checked_whole("n_repeats", n_repeats, 1), checked_whole("seed", seed)
    checked_level("level", level, 0.95)
    table = check_table(table)
    check_unmixed(table, ["method"])
    check_once(table, ["method"])
    n_total = table["image_id"].nunique()
    chosen = _checked_sizes(sizes, n_total)
    means_of = statistic_of(AGGREGATIONS[how].function)
    tails = [(1 - level) / 2, (1 + level) / 2]
    rows: list[dict[str, Any]] = []
    for method in table["method"].unique():
        sums = _sums(table[table["method"] == method], n_total)
        for n in chosen:
            taus = _taus(sums, n, n_repeats, seed, means_of)
            known = taus[np.isfinite(taus)]
            low, high = np.quantile(known, tails) if len(known) else (np.nan, np.nan)
            tau = float(known.mean()) if len(known) else np.nan
            rows.append({"method": method, "n_images": n, "tau": tau, "low": low, "high": high})
    return pd.DataFrame(rows).assign(n_repeats=n_repeats, n_total=n_total)


def images_needed(stability: pd.DataFrame, *, tau: float = 0.9, column: str = "tau") -> pd.Series:
    """The smallest sample from which on the tau is as large as asked for, by method.

    ``stability`` is from :func:`ranking_stability`. ``column`` is "tau", for the mean of such
    pairs of studies, or "low", for all but a few of them. Missing (NA) where no size, or not
    every larger one, reaches it.

    >>> stability = pd.DataFrame({"method": "a", "n_images": [5, 10, 20], "tau": [0.8, 0.9, 0.95]})
    >>> images_needed(stability)["a"], images_needed(stability, tau=0.99)["a"]
    (10, <NA>)
    """
    if column not in ("tau", "low"):
        raise unknown_name("column", column, ("tau", "low"))
    if not is_number(tau) or not -1 <= tau <= 1:
        raise InvalidInput(f"tau: expected a number from -1 to 1, such as 0.9, got {tau!r}.")
    found = {}
    for method, rows in stability.groupby("method", sort=False):
        rows = rows.sort_values("n_images")
        stays = (rows[column] >= tau)[::-1].cummin()[::-1]
        found[method] = rows.loc[stays, "n_images"].min() if stays.any() else pd.NA
    return pd.Series(found, dtype="Int64", name="n_images").rename_axis("method")


def _checked_sizes(sizes: Sequence[int] | None, n_total: int) -> list[int]:
    half = n_total // 2
    if half < 2:
        raise InvalidInput(
            f"table: has {n_total} images; two samples of at least 2 images each need 4."
        )
    if sizes is None:
        return [*(n for n in SIZES if n < half), half]
    for n in sizes:
        checked_whole("sizes", n, 1)
        if n > half:
            raise InvalidInput(
                f"sizes: two samples of {n} images that share none need {2 * n}, the table has "
                f"{n_total}; give at most {half}."
            )
    return sorted(set(sizes))


def _sums(rows: pd.DataFrame, n_total: int) -> NDArray[np.float64]:
    """What mean ranks follow from, by image: (n_total, 4, k); an image without a map has zeros."""
    segments = pd.Index(rows["segment"].dropna().unique()).sort_values()
    sums = unit_sums(rows.assign(**{UNIT: rows["image_id"]}), segments, "rank")
    if len(sums) != n_total:
        raise InvalidInput(
            f"table: method {rows['method'].iloc[0]!r} has {len(sums)} of the {n_total} images; "
            "build all methods' rows of the same images."
        )
    return sums


def _taus(
    sums: NDArray[np.float64], n: int, n_repeats: int, seed: int, means_of: Any
) -> NDArray[np.float64]:
    """Kendall's tau of each pair of samples: (n_repeats,)."""
    rng = np.random.default_rng([seed, n])
    drawn = np.stack([rng.permutation(len(sums))[: 2 * n] for _ in range(n_repeats)])
    with np.errstate(invalid="ignore", divide="ignore"):
        ones, others = (means_of(sums[half].sum(axis=1)) for half in (drawn[:, :n], drawn[:, n:]))
    return tau_of_rows(ones, others)
