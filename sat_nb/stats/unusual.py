"""Outliers: images far from the aggregate, segments of varying rank, methods that disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.stats.kendall import kendall_tau_b
from sat_nb.stats.rows import check_pooled, checked_rows
from sat_nb.table.schema import COLUMNS
from sat_nb.table.source import Table, with_text

BY = ["method", "model"]
DIGITS = 9  # numbers that are equal to that many decimals count as equal


def unusual_images(table: Table, *, classes: str | None = None) -> pd.DataFrame:
    """Rank images by how far they are from the aggregate, the most unusual first.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of one class; each method and model is
        compared with itself.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``model``, ``image_id``, ``n_segments`` (segments that are compared),
        ``distance``, the mean over the segments of the image of |local rank - Relative mean rank|,
        and ``segment``, the one that is furthest off, with its ``rank`` there and its
        ``mean_rank``; of segments equally far off the first by name. Images without segments have
        no row.

    Raises
    ------
    InvalidInput
        For tables of several classes, and tables without segments.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> unusual_images(build(*toy()).query("method == 'noisy'")).head(2)
      method  model  image_id  n_segments  distance segment  rank  mean_rank
    0  noisy  model  image_06           5      1.39    eyes   5.0       1.75
    1  noisy  model  image_05           5      1.25    ears   2.0       4.00
    """
    rows = _present(table, classes)
    mean = rows.groupby([*BY, "segment"], dropna=False)["rank"].transform("mean")
    rows = rows.assign(mean_rank=mean, off=(rows["rank"] - mean).abs().round(DIGITS))
    images = rows.groupby([*BY, "image_id"], dropna=False, sort=False)
    distance = images["off"].agg(n_segments="size", distance="mean").reset_index()
    distance = distance.astype(dict.fromkeys(BY, object))  # keys that are all missing are floats
    furthest = rows.sort_values(["off", "segment"], ascending=[False, True], kind="stable")
    furthest = furthest.drop_duplicates([*BY, "image_id"])
    outliers = distance.merge(
        furthest[[*BY, "image_id", "segment", "rank", "mean_rank"]], on=[*BY, "image_id"]
    )
    return _first(outliers, ["distance"], ["image_id", *BY])


def varying_segments(table: Table, *, classes: str | None = None) -> pd.DataFrame:
    """Rank segments by how much their local rank varies between images, the most varying first.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of one class; each method and model by
        itself.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``model``, ``segment``, ``n_images``, ``mean_rank``, ``sd_rank``, the standard
        deviation of the local rank over the images that have the segment (divided by n - 1), and
        ``low`` and ``high``, its quartiles. Segments of only one image have no row.

    Raises
    ------
    InvalidInput
        For tables of several classes, and tables without segments.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> varying_segments(build(*toy())).head(2).round(2)
      method  model segment  n_images  mean_rank  sd_rank  low  high
    0  noisy  model    ears        15       4.00     1.07  3.5   5.0
    1  noisy  model    eyes        20       1.75     1.02  1.0   2.0
    """
    ranks = _present(table, classes).groupby([*BY, "segment"], dropna=False, sort=False)["rank"]
    spread = ranks.agg(
        n_images="size",
        mean_rank="mean",
        sd_rank="std",
        low=lambda r: r.quantile(0.25),
        high=lambda r: r.quantile(0.75),
    )
    spread = spread[spread["n_images"] > 1].reset_index()
    return _first(spread, ["sd_rank"], ["segment", *BY])


def disagreeing_methods(table: Table, *, classes: str | None = None) -> pd.DataFrame:
    """Rank pairs of methods by how little they agree, those that differ most first.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, or the path of a table on disk, of one class; each model by itself.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``method_a``, ``method_b``, ``tau``, Kendall's tau-b between the Relative mean
        ranks that the two give the segments (1 alike, 0 unrelated, -1 reversed; NaN, at the end, if
        a method ties all segments), and ``segment``, the one they differ most about, with its mean
        ranks ``rank_a`` and ``rank_b``; of several the first by name. Segments that one of the two
        lacks do not count. No rows if there is one method.

    Raises
    ------
    InvalidInput
        For tables of several classes, and tables without segments.

    References
    ----------
    Kendall 1945 (tau-b).

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> disagreeing_methods(build(*toy())).round(2)
       model method_a method_b  tau segment  rank_a  rank_b
    0  model    noisy    sharp  0.8    eyes    1.75     1.0
    """
    rows = _present(table, classes)
    mean = rows.groupby([*BY, "segment"], dropna=False)["rank"].mean()
    means = mean.round(DIGITS).reset_index()
    pairs = [
        _pair(model, a, b, wide)
        for model, of_model in means.groupby("model", dropna=False)
        for wide in [of_model.set_index(["segment", "method"])["rank"].unstack()]
        for i, a in enumerate(wide.columns)
        for b in wide.columns[i + 1 :]
    ]
    columns = ["model", "method_a", "method_b", "tau", "segment", "rank_a", "rank_b"]
    frame = pd.DataFrame([pair for pair in pairs if pair], columns=columns)
    return frame.sort_values(["tau", "model", "method_a", "method_b"], ignore_index=True)


def _pair(model: object, a: str, b: str, wide: pd.DataFrame) -> tuple | None:
    """One row of ``disagreeing_methods``; None if the methods share no segment."""
    both = wide[[a, b]].dropna().sort_index()
    if both.empty:
        return None
    tau = kendall_tau_b(both.to_numpy().T)[0, 1] if len(both) > 1 else np.nan
    at = int((both[a] - both[b]).abs().to_numpy().argmax())
    return (model, a, b, float(tau), both.index[at], both[a].iloc[at], both[b].iloc[at])


def _present(table: Table, classes: str | None) -> pd.DataFrame:
    check_pooled(classes)
    rows = with_text(checked_rows(table, BY, columns=["rank"], classes=classes), *COLUMNS)
    rows = rows[rows["segment"].notna()]
    if rows.empty:
        raise InvalidInput("table: holds no segment; loosen the filter, or build it with masks.")
    return rows


def _first(frame: pd.DataFrame, largest: list[str], then: list[str]) -> pd.DataFrame:
    """Sorted by falling ``largest``, and by ``then`` if these are equal."""
    descending = [False] * len(largest) + [True] * len(then)
    rounded = frame.assign(**{name: frame[name].round(DIGITS) for name in largest})
    order = rounded.sort_values([*largest, *then], ascending=descending).index
    return frame.loc[order].reset_index(drop=True)
