"""difference: which segments gained or lost attention from one model to another."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_level
from sat_nb.errors import InvalidInput
from sat_nb.printable import printable
from sat_nb.registry import lists
from sat_nb.stats.bootstrap import (
    Interval,
    Levels,
    Unit,
    bootstrap,
    cell_sums,
    check_resampling,
    chosen_interval,
    unit_columns,
    units_of,
    warn_if_few,
)
from sat_nb.stats.comparison import TooFewWarning
from sat_nb.stats.joint import counted
from sat_nb.stats.pair_test import holm
from sat_nb.stats.paired import Pairs, by_class, paired
from sat_nb.stats.rank_tests import MANY
from sat_nb.stats.rows import KEY, rows_of_method
from sat_nb.stats.signed_rank import counted_p, signed_rank_p
from sat_nb.table.classes import CLASSES, chosen_classes
from sat_nb.table.schema import TOLERANCE
from sat_nb.table.source import Table, source_of, with_text

RANKED_BY = ("rank", "abs_mean_attribution", "mean_attribution", "total_attribution", TOLERANCE)
"""Columns of which ranks are read, and those by which segments can be ranked again."""


@dataclass(frozen=True, eq=False)
class Difference:
    """How far each segment moved in rank from model a to model b.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a segment (the index), the largest gain of attention first: ``rank_a`` and
        ``rank_b``, mean local ranks over the images in which both tables have the segment;
        ``rank_shift``, the mean of rank_b - rank_a (negative: the segment gained attention from a
        to b); ``low``, ``high`` and ``interval``, the bootstrap interval of rank_shift at level
        1 - alpha, for that segment alone, and its kind; ``p_value``; ``adjusted_p_value`` over all
        segments together; ``n_images``.
    model_a, model_b : str
        The models of the two tables.
    method : str
        The saliency method.
    alpha : float
        The level of the tests.
    n_total : int
        The number of images in both tables.
    left_out : dict
        What only one of the tables has.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> before = build({"lrp.z": maps["sharp"]}, segments, model="before")
    >>> after = build({"lrp.z": maps["noisy"]}, segments, model="after")
    >>> found = difference(before, after, method="lrp.z", n_resamples=1000)
    >>> found.table["rank_a"].head(2).to_dict()
    {'rest': 4.75, 'nose': 2.0}
    """

    table: pd.DataFrame
    model_a: str
    model_b: str
    method: str
    alpha: float
    n_total: int
    left_out: dict[str, list] = field(default_factory=dict)

    def __repr__(self) -> str:
        differ = self.table["adjusted_p_value"] <= self.alpha
        moved = self.table["rank_shift"]
        widest = moved[moved.abs().sort_values(ascending=False, kind="stable").index[:3]]
        shifts = ", ".join(f"{printable(name)} {shift:+.2f}" for name, shift in widest.items())
        return (
            f"Difference({printable(self.model_a)} -> {printable(self.model_b)}, "
            f"{printable(self.method)}, {self.n_total} images: "
            f"{differ.sum()} of {len(differ)} segments differ at alpha {self.alpha:g}; "
            f"rank shifts {shifts}{', ...' if len(moved) > 3 else ''})"
        )


@lists(classes=CLASSES)
def difference(
    table_a: Table,
    table_b: Table,
    *,
    method: str,
    alpha: float = 0.05,
    missing: str = "error",
    classes: str | None = None,
    unit: Unit = "image_id",
    n_resamples: int = 10_000,
    interval: str | Interval | Levels = "bca",
    seed: int = 0,
) -> Any:
    """Compare the local ranks of two models on the same images and segments, in pairs.

    Parameters
    ----------
    table_a, table_b : pandas.DataFrame, str or path
        From ``build``, each of one model and one class, or the paths of tables on disk, of which
        the ranks of the method are read. If two models are in one table:
        ``difference(t[t.model == "a"], t[t.model == "b"], method=...)``.
    method : str
        The saliency method whose rows are compared.
    alpha : float, default 0.05
        The level at which the differences of all segments together are tested.
    missing : {"error", "skip"}, default "error"
        "skip" leaves out images and segments that only one table has, with a warning and a note in
        ``left_out``. A rank among other segments is another rank, so images whose segments differ
        between the tables (in name, or in the number among which they were ranked) are ranked
        again in both. Tables that were filtered in the same way keep their ranks.
    classes : str, default None
        What becomes of several classes; without it they must not be mixed. All but "pool" give
        one result a class:

        [[classes]]

        What is "predicted" and what is "correct" depends on the model, so that their classes are
        pairs: (that of model a, that of model b).
    unit : str, Mapping or Series, default "image_id"
        What is independent: images, or a column of table_a or {image_id: unit} that groups them,
        as for ``intervals``. The test then compares the units' mean shifts.
    n_resamples : int, default 10000
        How often the units are resampled for the intervals.
    interval : str, Interval or callable, default "bca"
        The kind of bootstrap interval, as for ``intervals``.
    seed : int, default 0
        The same seed gives the same intervals.

    Returns
    -------
    Difference
        Mean shifts of rank with intervals and p-values, by segment. With ``classes`` other than
        "pool", {class: Difference}; alpha holds for each by itself, and classes of one image are
        left out, with a warning.

    Raises
    ------
    InvalidInput
        For a table of several models or classes, for other segments, and for fewer than two images.
    IdMismatch
        For other images.

    Warns
    -----
    TooFewWarning
        Where so few images, or units, let no segment differ, however clear its shift is.

    Notes
    -----
    Each segment's shifts are tested by Wilcoxon's signed-rank test (exact up to 50 units; zeros are
    dropped), and Holm's correction keeps the error of all segments together below alpha. The ranks
    of an image add up to a constant, so that one segment's gain is another's loss.

    References
    ----------
    Wilcoxon 1945; Holm 1979; Efron 1987.

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> before = build({"lrp.z": maps["sharp"]}, segments, model="before")
    >>> after = build({"lrp.z": maps["noisy"]}, segments, model="after")
    >>> result = difference(before, after, method="lrp.z")
    >>> result.table[["rank_a", "rank_b", "rank_shift", "adjusted_p_value"]].round(3)
             rank_a  rank_b  rank_shift  adjusted_p_value
    segment
    rest       4.75    4.25       -0.50             0.031
    nose       2.00    1.65       -0.35             0.196
    ears       4.00    4.00        0.00             1.000
    mouth      3.00    3.10        0.10             1.000
    eyes       1.00    1.75        0.75             0.010
    """
    checked_level("alpha", alpha, 0.05)
    check_resampling(1 - alpha, n_resamples)
    entry = chosen_interval(interval)
    source = source_of(table_a, "table_a")
    needed = [*RANKED_BY, *unit_columns(source, unit)]
    a = rows_of_method(source, method, columns=needed, argument="table_a", classes=classes)
    b = rows_of_method(table_b, method, columns=RANKED_BY, argument="table_b", classes=classes)
    settled = partial(
        _difference,
        method=method,
        alpha=alpha,
        missing=missing,
        unit=unit,
        n_resamples=n_resamples,
        entry=entry,
        seed=seed,
    )
    grouped = chosen_classes(classes)
    if grouped is None or not grouped.column:
        return settled(a, b)
    results = {}
    for key, part in by_class(a, b, grouped, missing).items():
        results[key] = settled(*part)
    return results


def _difference(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    method: str,
    alpha: float,
    missing: str,
    unit: Unit,
    n_resamples: int,
    entry: Interval,
    seed: int,
) -> Difference:
    pairs = paired(a, b, missing=missing)
    _check_size(pairs)
    first = ~a["image_id"].duplicated().to_numpy()
    ids = with_text(a.loc[first, ["image_id"]], "image_id")["image_id"]
    units = units_of(a, unit)[first].set_axis(ids).reindex(pairs.image_ids)
    warn_if_few(units.nunique(), unit, 4)
    pairs = replace(pairs, ranks=with_text(pairs.ranks, *KEY))
    shifts = _shifts_of(pairs.ranks)
    sums = _unit_sums(pairs.ranks, units, shifts.index)
    bounds = bootstrap(
        sums, _mean_shift, level=1 - alpha, n_resamples=n_resamples, interval=entry, seed=seed
    )
    raw, adjusted = _shift_p_values(sums)
    _warn_if_none_can_differ(sums, alpha, unit)
    shifts = shifts.assign(
        low=bounds.low,
        high=bounds.high,
        interval=bounds.interval,
        p_value=raw,
        adjusted_p_value=adjusted,
        n_images=sums[:, 1].sum(axis=0).astype(int),
    )
    return Difference(
        table=shifts.reset_index().sort_values(["rank_shift", "segment"]).set_index("segment"),
        model_a=str(a["model"].iloc[0]),
        model_b=str(b["model"].iloc[0]),
        method=method,
        alpha=alpha,
        n_total=len(pairs.image_ids),
        left_out=pairs.left_out,
    )


def _shifts_of(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks and their mean difference, by segment."""
    means = ranks.groupby("segment")[["rank_a", "rank_b"]].mean()
    shift = (ranks["rank_b"] - ranks["rank_a"]).groupby(ranks["segment"]).mean()
    return means.assign(rank_shift=shift)


def _unit_sums(ranks: pd.DataFrame, units: pd.Series, segments: pd.Index) -> NDArray[np.float64]:
    """The sum of the shifts and the number of images, by unit and segment: (n_units, 2, k)."""
    codes, names = pd.factorize(units, sort=True)
    rows = pd.Series(codes, index=units.index)[ranks["image_id"]].to_numpy()
    columns = segments.get_indexer(pd.Index(ranks["segment"]))
    shift = (ranks["rank_b"] - ranks["rank_a"]).to_numpy()
    shape = len(names), len(segments)
    parts = [cell_sums(rows, columns, v, shape) for v in (shift, np.ones(len(shift)))]
    return np.stack(parts, axis=1)


def _mean_shift(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean shifts, by segment, from the sums of each unit or resample."""
    with np.errstate(invalid="ignore"):  # NaN for resamples without the segment
        return sums[:, 0] / sums[:, 1]


def _shift_p_values(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw and adjusted p-values of the units' mean shifts, by segment."""
    by_unit = _mean_shift(sums).T
    raw = np.array([_p_value(shifts[np.isfinite(shifts)]) for shifts in by_unit])
    return raw, holm(raw)


def _p_value(shifts: NDArray[np.float64]) -> float:
    """Many shifts are counted; the number is the same."""
    return counted_p(*counted(shifts)) if len(shifts) > MANY else signed_rank_p(shifts)


def _warn_if_none_can_differ(sums: NDArray[np.float64], alpha: float, unit: Unit) -> None:
    """Warn where no segment differs even if it shifts the same way in every unit."""
    there = sums[:, 1] > 0
    clearest = np.stack([there.astype(float), sums[:, 1]], axis=1)
    k, n = there.shape[1], int(there.sum(axis=0).max())
    if (_shift_p_values(clearest)[1] <= alpha).any():
        return
    needed = math.ceil(1 + math.log2(k / alpha))  # k * 2 / 2 ** n <= alpha
    things = "images" if isinstance(unit, str) and unit == "image_id" else "units"
    warnings.warn(
        f"{k} segments are tested together: at alpha={alpha:g} none of them can differ in {n} "
        f"{things}, however clear its shift is; at least {needed} are needed. Compare fewer "
        f"segments, or more {things}.",
        TooFewWarning,
        stacklevel=4,
    )


def _check_size(pairs: Pairs) -> None:
    n = len(pairs.image_ids)
    if n < 2:
        raise InvalidInput(
            f"table_a, table_b: a test needs at least 2 images in both, got {n}; "
            "compare the rows of that image themselves, or use more images."
        )
    if pairs.ranks.empty:
        raise InvalidInput(
            "table_a, table_b: no image has the same segment in both; check that the names agree."
        )
