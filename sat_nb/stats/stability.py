"""ranking_stability: how many images a ranking needs."""

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
from sat_nb.stats.rows import check_pooled, checked_rows, of_all_methods
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.schema import COLUMNS
from sat_nb.table.source import Table, with_text

SIZES = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)


def ranking_stability(
    table: Table,
    *,
    sizes: Sequence[int] | None = None,
    how: str = "relative",
    n_repeats: int = 200,
    level: float = 0.95,
    classes: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how similar the rankings of two separate samples of images are, by sample size.

    Two samples of n images that share none are drawn from the table, their segments are ordered by
    mean rank (``aggregate(..., value="rank")``), and the two orders are compared by Kendall's
    tau-b: this is what a repetition of a study of n images on n other images would find. Segments
    that one of the samples lacks are left out of that comparison.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of one model and one class; each method is
        a ranking of its own.
    sizes : sequence of int, default None
        Images in a sample, each at most half of the images; by default round numbers up to that
        half, and the half itself.
    how : {"relative", "absolute"}, default "relative"
        How ranks are averaged.
    n_repeats : int, default 200
        Pairs of samples of each size, the same for all methods.
    level : float, default 0.95
        The share of single taus between ``low`` and ``high``.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.
    seed : int, default 0
        The same seed gives the same result.

    Returns
    -------
    pandas.DataFrame
        One row a method and size: ``method``, ``n_images`` of a sample, ``tau`` (mean over the
        pairs), ``low`` and ``high``, between which ``level`` of the single pairs' taus are,
        ``n_repeats``, ``n_total`` (all images of which every method has rows).

    Raises
    ------
    InvalidInput
        For fewer than 4 images, for impossible values, and for tables of several models or classes.

    Notes
    -----
    ``low`` and ``high`` tell what one study may find; they are not an interval of the mean. As all
    pairs come from the same images, pairs of half of them are more alike than such pairs from a
    larger collection would be.

    References
    ----------
    Kendall 1945 (tau-b).

    Examples
    --------
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
    check_pooled(classes)
    read = checked_rows(table, ["method"], columns=["rank"], classes=classes)
    table = of_all_methods(with_text(read, *COLUMNS))
    n_total = table["image_id"].nunique()
    checked = _checked_sizes(sizes, n_total)
    means_of = statistic_of(AGGREGATIONS[how].function)
    tails = [(1 - level) / 2, (1 + level) / 2]
    rows: list[dict[str, Any]] = []
    for method in table["method"].unique():
        sums = _sums(table[table["method"] == method])
        for n in checked:
            taus = _taus(sums, n, n_repeats, seed, means_of)
            known = taus[np.isfinite(taus)]
            low, high = np.quantile(known, tails) if len(known) else (np.nan, np.nan)
            tau = float(known.mean()) if len(known) else np.nan
            rows.append({"method": method, "n_images": n, "tau": tau, "low": low, "high": high})
    return pd.DataFrame(rows).assign(n_repeats=n_repeats, n_total=n_total)


def images_needed(stability: pd.DataFrame, *, tau: float = 0.9, column: str = "tau") -> pd.Series:
    """Find the smallest sample size from which on tau is as large as asked for, by method.

    Parameters
    ----------
    stability : pandas.DataFrame
        From :func:`ranking_stability`.
    tau : float, default 0.9
        The agreement to reach.
    column : {"tau", "low"}, default "tau"
        "tau" for the mean over pairs of studies, "low" for nearly all of them.

    Returns
    -------
    pandas.Series
        Images by method; missing (NA) if no size, or not every larger one, reaches it.

    Raises
    ------
    InvalidInput
        For an unknown column or an impossible tau.

    Examples
    --------
    >>> stability = pd.DataFrame({"method": "a", "n_images": [5, 10, 20], "tau": [0.8, 0.9, 0.95]})
    >>> images_needed(stability)["a"], images_needed(stability, tau=0.99)["a"]
    (10, <NA>)
    """
    if column not in ("tau", "low"):
        raise unknown_name("column", column, ("tau", "low"))
    if not is_number(tau) or not -1 <= tau <= 1:
        raise InvalidInput(f"tau: expected a number from -1 to 1, such as 0.9, got {tau!r}.")
    needed = {}
    for method, rows in stability.groupby("method", sort=False):
        rows = rows.sort_values("n_images")
        stays = (rows[column] >= tau)[::-1].cummin()[::-1]
        needed[method] = rows.loc[stays, "n_images"].min() if stays.any() else pd.NA
    return pd.Series(needed, dtype="Int64", name="n_images").rename_axis("method")


def _checked_sizes(sizes: Sequence[int] | None, n_total: int) -> list[int]:
    half = n_total // 2
    if half < 2:
        raise InvalidInput(
            f"table: expected at least 4 images, for two samples of 2, got {n_total}."
        )
    if sizes is None:
        return [*(n for n in SIZES if n < half), half]
    for n in sizes:
        checked_whole("sizes", n, 1)
        if n > half:
            raise InvalidInput(
                f"sizes: expected at most {half}, as two samples that share no image need twice as "
                f"many and the table has {n_total}, got {n}."
            )
    return sorted(set(sizes))


def _sums(rows: pd.DataFrame) -> NDArray[np.float64]:
    """The sums of ranks by image: (n_images, 4, k); zeros for an image without segments."""
    segments = pd.Index(rows["segment"].dropna().unique()).sort_values()
    return unit_sums(rows.assign(**{UNIT: rows["image_id"]}), segments, "rank")


def _taus(
    sums: NDArray[np.float64], n: int, n_repeats: int, seed: int, means_of: Any
) -> NDArray[np.float64]:
    """Kendall's tau-b of each pair of samples: (n_repeats,)."""
    rng = np.random.default_rng([seed, n])
    drawn = np.stack([rng.permutation(len(sums))[: 2 * n] for _ in range(n_repeats)])
    with np.errstate(invalid="ignore", divide="ignore"):
        ones, others = (means_of(sums[half].sum(axis=1)) for half in (drawn[:, :n], drawn[:, n:]))
    return tau_of_rows(ones, others)
