"""evidence: how often each segment speaks for the target and against it."""

from __future__ import annotations

import pandas as pd

from sat_nb.errors import InvalidInput
from sat_nb.stats.pair_test import holm
from sat_nb.stats.rows import check_pooled, rows_of_method
from sat_nb.table.source import Table, with_text


def evidence(table: Table, *, method: str, classes: str | None = None) -> pd.DataFrame:
    """Count how often, and how much, each segment speaks for the target and against it.

    Ranks follow absolute values, so that a segment that speaks against the target can lead them.
    This is about the sign of ``mean_attribution`` in the images that have the segment.

    Parameters
    ----------
    table : pandas.DataFrame, str or path
        From ``build``, of one model and one class; or the path of a table on disk, of which the
        mean attributions of the method are read.
    method : str
        A method whose sign speaks for or against the target. ``list_methods`` says what a sign
        means; that of a plain gradient is a direction, not evidence.
    classes : {"pool"}, default None
        "pool" takes the images of all classes together; without it there must be one class.

    Returns
    -------
    pandas.DataFrame
        ``segment``, ``n_images``, ``share_for`` and ``share_against`` of these images (the rest
        are exactly 0), ``mean_for`` and ``mean_against``, the mean attribution where it is above
        and below 0 (NaN if it never is), ``p_value`` of the exact two-sided sign test (zeros
        dropped; 1 if nothing is left) and ``adjusted_p_value`` by Holm over the segments. The
        largest ``share_for`` less ``share_against`` comes first.

    Raises
    ------
    InvalidInput
        For a method that is never below 0 and so shows magnitudes; for an unknown method; for a
        table of several models or classes.

    References
    ----------
    Holm 1979.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> evidence(build(*toy()), method="noisy").round(3).iloc[2:, :5]
      segment  n_images  share_for  share_against  mean_for
    2    nose        20      1.000          0.000     2.841
    3    ears        15      0.867          0.133     1.017
    4    rest        20      0.750          0.250     0.846
    """
    check_pooled(classes)
    rows = rows_of_method(table, method, columns=["mean_attribution"], classes=classes)
    rows = rows.dropna(subset="segment").reset_index(drop=True)
    values = rows["mean_attribution"]
    if not (values < 0).any():
        raise InvalidInput(
            f"method: {method!r} is nowhere below 0, so it shows magnitudes; expected one whose "
            "sign speaks for or against, such as 'lrp.z' or 'integrated_gradients'."
        )
    signs = rows.assign(above=values.where(values > 0), below=values.where(values < 0))
    counts = signs.groupby("segment", observed=True).agg(
        n_images=("mean_attribution", "size"),
        n_for=("above", "count"),
        n_against=("below", "count"),
        mean_for=("above", "mean"),
        mean_against=("below", "mean"),
    )
    counts = counts.assign(
        share_for=counts["n_for"] / counts["n_images"],
        share_against=counts["n_against"] / counts["n_images"],
        p_value=[_sign_test(*n) for n in zip(counts["n_for"], counts["n_against"], strict=True)],
    )
    counts["adjusted_p_value"] = holm(counts["p_value"].to_numpy())
    counts["balance"] = counts["share_against"] - counts["share_for"]
    columns = ["segment", "n_images", "share_for", "share_against", "mean_for", "mean_against"]
    ordered = with_text(counts.reset_index(), "segment").sort_values(
        ["balance", "segment"], ignore_index=True
    )
    return ordered[[*columns, "p_value", "adjusted_p_value"]]


def _sign_test(n_for: int, n_against: int) -> float:
    from scipy.stats import binomtest

    n = n_for + n_against
    return float(binomtest(n_for, n, 0.5).pvalue) if n else 1.0
