"""Mean shifts of paired ranks, unit by unit, and their p-values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.stats.bootstrap import cell_sums
from sat_nb.stats.joint import counted
from sat_nb.stats.rank_tests import MANY, holm
from sat_nb.stats.signed_rank import counted_p, signed_rank_p


def shifts_of(ranks: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks and their mean difference, by segment."""
    means = ranks.groupby("segment")[["rank_a", "rank_b"]].mean()
    shift = (ranks["rank_b"] - ranks["rank_a"]).groupby(ranks["segment"]).mean()
    return means.assign(rank_shift=shift)


def unit_sums(ranks: pd.DataFrame, units: pd.Series, segments: pd.Index) -> NDArray[np.float64]:
    """The sum of the shifts and the number of images, by unit and segment: (n_units, 2, k)."""
    codes, names = pd.factorize(units, sort=True)
    rows = pd.Series(codes, index=units.index)[ranks["image_id"]].to_numpy()
    columns = segments.get_indexer(pd.Index(ranks["segment"]))
    shift = (ranks["rank_b"] - ranks["rank_a"]).to_numpy()
    shape = len(names), len(segments)
    parts = [cell_sums(rows, columns, v, shape) for v in (shift, np.ones(len(shift)))]
    return np.stack(parts, axis=1)


def mean_shift(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean shifts, by segment, from the sums of each unit or resample."""
    with np.errstate(invalid="ignore"):  # NaN for resamples without the segment
        return sums[:, 0] / sums[:, 1]


def shift_p_values(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw and adjusted p-values of the units' mean shifts, by segment."""
    by_unit = mean_shift(sums).T
    raw = np.array([_p_value(shifts[np.isfinite(shifts)]) for shifts in by_unit])
    return raw, holm(raw)


def _p_value(shifts: NDArray[np.float64]) -> float:
    """Many shifts are counted; the number is the same."""
    return counted_p(*counted(shifts)) if len(shifts) > MANY else signed_rank_p(shifts)
