"""mask_sensitivity: how far a ranking depends on the masks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_whole
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.registry import chosen, lists
from sat_nb.stats.bootstrap import CHUNK, UNIT, check_resampling, resample
from sat_nb.stats.intervals import statistic_of, unit_sums
from sat_nb.stats.kendall import tau_of_rows
from sat_nb.stats.mask_changes import MASK_CHANGES, MaskChange
from sat_nb.stats.outlines import Trial
from sat_nb.stats.rejoined import Original, Segments
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.build import build

if TYPE_CHECKING:
    from sat_nb.table.join import Maps

ORDERS = ("relative", "absolute")


Changes = Mapping[str, Sequence[float]] | Sequence[str | MaskChange] | str | MaskChange


@lists(changes=MASK_CHANGES)
def mask_sensitivity(
    maps: Maps,
    segments: Segments,
    *,
    other: Segments | None = None,
    changes: Changes | None = None,
    how: str = "relative",
    n_repeats: int = 5,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Measure how far the ranking of segments moves if the masks are a little different.

    The segments' mean ranks (``aggregate(..., value="rank")``) with changed masks are compared
    with those of the original masks by Kendall's tau-b: 1 is the same order, 0 unrelated. Only
    segments and images that both have are compared.

    Parameters
    ----------
    maps : AttributionStore or Mapping
        {method: {image_id: map}}, as for ``build``.
    segments : Mapping[str, SegmentationMap]
        {image_id: SegmentationMap}, as for ``build``.
    other : Mapping[str, SegmentationMap], default None
        Masks of another source for the same images; adds the change "source".
    changes : str, MaskChange, sequence of these, or Mapping, default None
        What to change: names in ``MASK_CHANGES`` and entries of your own, or {name: amounts}; all
        by default.

        [[changes]]
    how : {"relative", "absolute"}, default "relative"
        How ranks are averaged.
    n_repeats : int, default 5
        Repeats of each random change.
    level : float, default 0.95
        Level of the intervals.
    n_resamples : int, default 1000
        Resamples for each interval, shared among the repeats.
    seed : int, default 0
        Of random changes and resamples; the same seed gives the same result.
    progress : bool, default True
        Show a progress bar. Each image is read once for all amounts of a change.
    **options
        As for ``build``; ``pad_px`` is 2 by default here, too.

    Returns
    -------
    pandas.DataFrame
        One row a change, amount and method: ``change``, ``amount`` (NaN for "source"), ``unit``,
        ``method``, ``tau`` (the mean over the repeats), ``low``, ``high``, ``n_repeats``,
        ``n_images``, ``n_segments``. A tau is NaN if fewer than two segments are compared, or all
        of them tie.

    Raises
    ------
    InvalidInput
        For unknown names and impossible values, and as ``build`` does.

    Notes
    -----
    Intervals are percentiles over resampled images, the same ones with and without the change.
    With few images, resampling also moves both rankings apart and so lowers tau; an interval is
    therefore widened to contain tau itself.

    References
    ----------
    Kendall 1945 (tau-b); Efron 1979 (percentile intervals).

    Examples
    --------
    >>> from sat_nb.toy import toy
    >>> maps, segments = toy()
    >>> found = mask_sensitivity(maps, segments, changes={"pad": [0, 4], "swapped": [0.2]},
    ...                          progress=False)
    >>> found.loc[found.method == "sharp", ["change", "amount", "tau", "n_segments"]]
        change  amount  tau  n_segments
    0      pad     0.0  1.0           5
    2      pad     4.0  1.0           5
    4  swapped     0.2  1.0           5
    """
    from tqdm.auto import tqdm

    if how not in ORDERS:
        raise unknown_name("how", how, ORDERS)
    checked_whole("n_repeats", n_repeats, 1), checked_whole("seed", seed)
    check_resampling(level, n_resamples)
    plan = _plan(changes, other)
    options = {"pad_px": 2, **options}
    original = Original(maps, segments, options, build(maps, segments, **options), other)
    trials = [_trials(change, amounts, n_repeats, seed) for change, amounts in plan]
    n_joins = original.table["image_id"].nunique() * sum(map(len, trials))
    rows: list[dict[str, Any]] = []
    with tqdm(total=n_joins, desc="sensitivity", unit="join", disable=not progress) as bar:
        for (change, amounts), of_change in zip(plan, trials, strict=True):
            tables = change.tables_of(original, of_change, bar.update)
            repeats = len(tables) // max(len(amounts), 1)
            for i, amount in enumerate(amounts):
                head = {"change": change.key, "amount": float(amount), "unit": change.unit}
                changed = tables[i * repeats : (i + 1) * repeats]
                rows_of_amount = _compared(original.table, changed, how, level, n_resamples, seed)
                rows += [{**head, **row} for row in rows_of_amount]
    return pd.DataFrame(rows)


def _plan(
    changes: Changes | None, other: Segments | None
) -> list[tuple[MaskChange, Sequence[float]]]:
    """The changes and their amounts, in order."""
    if changes is None:
        changes = [n for n, c in MASK_CHANGES.items() if other is not None or not c.needs_other]
    elif isinstance(changes, str | MaskChange):
        changes = [changes]
    amounts = changes if isinstance(changes, Mapping) else {}
    plan: list[tuple[MaskChange, Sequence[float]]] = []
    for given in changes:
        change = chosen("changes", given, MASK_CHANGES, own=MaskChange)
        if change.needs_other and other is None:
            raise InvalidInput(
                f"other: {change.key!r} compares with other masks; pass them as `other`."
            )
        plan.append((change, list(amounts.get(change.name, change.amounts))))
    for change, values in plan:
        for amount in values:
            if not change.accepts(amount):
                raise InvalidInput(
                    f"changes[{change.name!r}]: expected {change.expected}, got {amount!r}."
                )
    return plan


def _trials(change: MaskChange, amounts: Sequence[float], n_repeats: int, seed: int) -> list[Trial]:
    """All repeats of the first amount, then of the second; see :func:`_seed`."""
    repeats = range(n_repeats if change.is_random else 1)
    return [
        Trial(amount, _seed(seed, change.key, repeat)) for amount in amounts for repeat in repeats
    ]


def _seed(seed: int, name: str, repeat: int) -> int:
    """One for each change and repeat; amounts share it, so that they are comparable."""
    return zlib.crc32(f"{seed} {name} {repeat}".encode())


def _compared(
    table: pd.DataFrame,
    changed: list[pd.DataFrame],
    how: str,
    level: float,
    n_resamples: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """One row of the result for each method."""
    for method in table["method"].unique():
        taus, resampled, sizes = [], [], []
        each = -(-n_resamples // len(changed))  # rounded up
        for repeat, one in enumerate(changed):
            sums = _both_sums(table[table["method"] == method], one[one["method"] == method])
            statistic = _tau_statistic(how, sums.shape[2] // 2)
            taus.append(statistic(sums.sum(axis=0)[None])[0, 0])
            resampled.append(resample(sums, statistic, each, seed + repeat)[:, 0])
            sizes.append((sums.shape[0], sums.shape[2] // 2))
        pooled = np.concatenate(resampled)
        pooled = pooled[np.isfinite(pooled)]
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = np.quantile(pooled, tails) if len(pooled) else (np.nan, np.nan)
        tau = float(np.mean(taus))
        n_images, n_segments = np.min(sizes, axis=0)
        yield {
            "method": method,
            "tau": tau,
            "low": min(low, tau),
            "high": max(high, tau),
            "n_repeats": len(changed),
            "n_images": n_images,
            "n_segments": n_segments,
        }


def _both_sums(table: pd.DataFrame, changed: pd.DataFrame) -> NDArray[np.float64]:
    """The sums by image of both tables, (n_images, 4, 2 k), on the images and segments of both."""
    ids = set(table["image_id"]) & set(changed["image_id"])
    parts = [t[t["image_id"].isin(ids)].assign(**{UNIT: t["image_id"]}) for t in (table, changed)]
    names = [pd.Index(part["segment"].dropna().unique()) for part in parts]
    common = names[0].intersection(names[1]).sort_values()
    return np.concatenate([unit_sums(part, common, "rank") for part in parts], axis=2)


def _tau_statistic(how: str, k: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Sums (r, 4, 2 k) -> Kendall's tau-b (r, 1) between the mean ranks of the two halves."""
    means_of = statistic_of(AGGREGATIONS[how].function)

    def taus(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = means_of(sums)
        rows = max(1, CHUNK // max(k * k, 1))
        chunks = [means[start : start + rows] for start in range(0, len(means), rows)]
        return np.concatenate([tau_of_rows(c[:, :k], c[:, k:]) for c in chunks])[:, None]

    return taus
