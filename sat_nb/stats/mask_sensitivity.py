"""How far a ranking depends on the masks: mask_sensitivity."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sat_nb.arguments import checked_whole, is_number
from sat_nb.errors import InvalidInput, unknown_name
from sat_nb.stats.bootstrap import PIECE, UNIT, check_resampling, resample
from sat_nb.stats.intervals import statistic_of, unit_sums
from sat_nb.stats.mask_changes import MASK_CHANGES, Segments, Setting
from sat_nb.stats.outlines import Try
from sat_nb.table.aggregations import AGGREGATIONS
from sat_nb.table.build import build

if TYPE_CHECKING:
    from sat_nb.table.join import Maps


ORDERS = ("relative", "absolute")
EQUAL = 1e-9  # mean ranks that differ by less are equal


def mask_sensitivity(
    maps: Maps,
    segments: Segments,
    *,
    other: Segments | None = None,
    changes: Mapping[str, Sequence[float]] | Sequence[str] | None = None,
    how: str = "relative",
    n_repeats: int = 5,
    level: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """How far the ranking of segments moves when the masks are a little different.

    The segments' mean ranks (``aggregate(..., value="rank")``) with changed masks are compared
    with those of the masks as they are, by Kendall's tau-b: 1 is the same order, 0 none in
    common. Compared are the segments that both have, on the images that both have.

    Parameters
    ----------
    maps, segments, options: as for ``build``; ``pad_px`` is 2 by default here too.
    other: masks of another source for the same images: adds the change "source".
    changes: names in MASK_CHANGES, or {name: amounts}; by default all.
        "pad": padded by that many pixels instead. "outline": each mask grown or shrunk by a
        random whole number of pixels of the map, up to that many; a mask that would vanish keeps
        its innermost pixels. "dropped": that share of the detections (an image's segment) is
        missed. "swapped": that share of the detections has the name of another one in the image.
    how: "relative" or "absolute" mean ranks.
    n_repeats: of the random changes.
    level, n_resamples: of the intervals: percentiles over resampled images (the same ones with
        and without the change), shared among the repeats. With few images, resampling stirs
        both rankings up and so lowers tau; an interval is widened to hold tau itself.
    seed: the same seed gives the same result.
    progress: show a bar. Each image is read once for all changes of one name.

    Returns a DataFrame, one row a change, amount and method: ``change``, ``amount`` (px or share,
    see ``unit``; NaN for "source"), ``unit``, ``method``, ``tau`` (mean over the repeats), ``low``,
    ``high``, ``n_repeats``, ``n_images``, ``n_segments``. A tau is NaN where fewer than two
    segments are compared, or all of them tie.

    Raises InvalidInput for names and values that are not known; what ``build`` raises.

    Sources: Kendall 1945 (tau-b); Efron 1979.

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

    _check_numbers(how, n_repeats, seed)
    check_resampling(level, n_resamples)
    jobs = _jobs(changes, other)
    options = {"pad_px": 2, **options}
    setting = Setting(maps, segments, options, build(maps, segments, **options), other)
    tries = {name: _tries(name, amounts, n_repeats, seed) for name, amounts in jobs.items()}
    n_joins = setting.table["image_id"].nunique() * sum(map(len, tries.values()))
    rows: list[dict[str, Any]] = []
    with tqdm(total=n_joins, desc="sensitivity", unit="join", disable=not progress) as bar:
        for name, amounts in jobs.items():
            change = MASK_CHANGES[name]
            tables = change.tables(setting, tries[name], bar.update)
            each = len(tables) // max(len(amounts), 1)
            for i, amount in enumerate(amounts):
                head = {"change": name, "amount": float(amount), "unit": change.unit}
                changed = tables[i * each : (i + 1) * each]
                found = _compared(setting.table, changed, how, level, n_resamples, seed)
                rows += [{**head, **row} for row in found]
    return pd.DataFrame(rows)


def _check_numbers(how: str, n_repeats: int, seed: int) -> None:
    if how not in ORDERS:
        raise unknown_name("how", how, ORDERS)
    checked_whole("n_repeats", n_repeats, 1), checked_whole("seed", seed)


def _jobs(
    changes: Mapping[str, Sequence[float]] | Sequence[str] | None, other: Segments | None
) -> dict[str, list[float]]:
    """{change: amounts} in order."""
    if changes is None:
        changes = [name for name in MASK_CHANGES if name != "source" or other is not None]
    elif isinstance(changes, str):
        changes = [changes]
    for name in changes:
        if name not in MASK_CHANGES:
            raise unknown_name("changes", name, MASK_CHANGES)
        if name == "source" and other is None:
            raise InvalidInput("other: 'source' compares with other masks; give them as `other`.")
    given = dict(changes) if isinstance(changes, Mapping) else {}
    jobs = {name: list(given.get(name, MASK_CHANGES[name].amounts)) for name in changes}
    for name, amounts in jobs.items():
        for amount in amounts:
            _check_amount(name, amount)
    return jobs


def _tries(name: str, amounts: Sequence[float], n_repeats: int, seed: int) -> list[Try]:
    """All repeats of the first amount, then of the second."""
    repeats = range(n_repeats if MASK_CHANGES[name].is_random else 1)
    return [Try(amount, _seed(seed, name, repeat)) for amount in amounts for repeat in repeats]


def _check_amount(name: str, amount: float) -> None:
    unit = MASK_CHANGES[name].unit
    if unit == "px" and not (is_number(amount) and amount >= 0 and int(amount) == amount):
        raise InvalidInput(f"changes[{name!r}]: expected whole pixels >= 0, got {amount!r}.")
    if unit == "share" and not (is_number(amount) and 0 <= amount <= 1):
        raise InvalidInput(f"changes[{name!r}]: expected shares from 0 to 1, got {amount!r}.")


def _seed(seed: int, name: str, repeat: int) -> int:
    """Of its own for each change and repeat; amounts share it, so that they are comparable."""
    return zlib.crc32(f"{seed} {name} {repeat}".encode())


# --- the comparison -----------------------------------------------------------------------------


def _compared(
    table: pd.DataFrame,
    changed: list[pd.DataFrame],
    how: str,
    level: float,
    n_resamples: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """A row of the result for each method."""
    for method in table["method"].unique():
        taus, resampled, sizes = [], [], []
        each = -(-n_resamples // len(changed))
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
    """What aggregates follow from: (n_images, 4, 2 k), first of the table, then of the changed."""
    ids = set(table["image_id"]) & set(changed["image_id"])
    parts = [t[t["image_id"].isin(ids)].assign(**{UNIT: t["image_id"]}) for t in (table, changed)]
    names = [pd.Index(part["segment"].dropna().unique()) for part in parts]
    common = names[0].intersection(names[1]).sort_values()
    return np.concatenate([unit_sums(part, common, "rank") for part in parts], axis=2)


def _tau_statistic(how: str, k: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Sums (r, 4, 2 k) -> Kendall's tau (r, 1) between the two halves' mean ranks."""
    means_of = statistic_of(AGGREGATIONS[how].function)

    def taus(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = means_of(sums)
        rows = max(1, PIECE // max(k * k, 1))
        pieces = [means[start : start + rows] for start in range(0, len(means), rows)]
        return np.concatenate([tau_of_rows(p[:, :k], p[:, k:]) for p in pieces])[:, None]

    return taus


def tau_of_rows(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kendall's tau-b between the rows of two arrays (r, k): (r,); pairs with a NaN do not count.

    >>> tau_of_rows(np.array([[1.0, 2, 3], [1, 2, np.nan]]), np.array([[1.0, 3, 2], [2, 1, 3]]))
    array([ 0.33333333, -1.        ])
    """
    first, second = np.triu_indices(a.shape[1], 1)
    x, y = (_signs(of[:, first] - of[:, second]) for of in (a, b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        known = np.isfinite((a + b)[:, first] + (a + b)[:, second])
        x, y = x * known, y * known
    agree, n_x, n_y = ((p * q).sum(axis=1, dtype=int) for p, q in ((x, y), (x, x), (y, y)))
    norms = np.sqrt(n_x * n_y)
    return agree / np.where(norms > 0, norms, np.nan)


def _signs(differences: NDArray[np.float64]) -> NDArray[np.int8]:
    """-1, 0 or 1; 0 also for what rounding makes of equal means."""
    return (differences > EQUAL).astype(np.int8) - (differences < -EQUAL).astype(np.int8)
