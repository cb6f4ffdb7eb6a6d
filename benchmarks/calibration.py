"""Do the tests keep their level? Error rates and power of ``compare`` on simulated tables.

    python benchmarks/calibration.py                    # all cells: an hour or two
    python benchmarks/calibration.py --k 5 --n 20 100   # some of them
    python benchmarks/calibration.py --prevalence       # what presence alone does
    python benchmarks/calibration.py --units            # images that come in units

Each image has a normal attribution for each segment, shifted by the segment's true effect;
segments are ranked within the image among those that it has. Segments without a shift are
equal: any difference that a test finds between two of them is an error. Error: the share of
tables with at least one error. Power: the mean share of the pairs that do differ and are
found. Both with the standard error of the simulation.

The tests get the matrix of ranks that ``compare`` would hand them; before all, a few tables
go the whole way, and the verdicts are the same.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import sat_nb as sat
from sat_nb.stats.rank_tests import TESTS, PairTestResult
from sat_nb.table.schema import COLUMNS

ALPHA = 0.05
Ranks = NDArray[np.float64]
Presence = Callable[[np.random.Generator, Ranks], NDArray[np.bool_]]


# --- what is true -------------------------------------------------------------------------------


def equal(n: int, k: int) -> Ranks:
    """No segment differs."""
    return np.zeros(k)


def near(n: int, k: int) -> Ranks:
    """Half are equal, the others differ by steps that n images hardly reveal."""
    return _half(k, 4 / np.sqrt(n))


def far(n: int, k: int) -> Ranks:
    """Half are equal; the others are so far away that Holm corrects for the equal ones only."""
    return _half(k, 4.0 * (k // 2))


def _half(k: int, reach: float) -> Ranks:
    n_equal = k - k // 2
    return np.concatenate([np.zeros(n_equal), -reach * np.arange(1, k // 2 + 1) / (k // 2)])


def all_there(rng: np.random.Generator, values: Ranks) -> NDArray[np.bool_]:
    """Every image has every segment."""
    return np.ones(values.shape, dtype=bool)


def some_missing(rng: np.random.Generator, values: Ranks) -> NDArray[np.bool_]:
    """Prevalences from 1 to 0.5 in random order, each segment independently."""
    return rng.random(values.shape) < rng.permuted(np.linspace(1.0, 0.5, values.shape[1]))


def missing_together(rng: np.random.Generator, values: Ranks) -> NDArray[np.bool_]:
    """Half of the images are close-ups, with half of the segments and the first one."""
    n, k = values.shape
    first_half = np.arange(k) < k // 2
    shown = np.where(rng.random((n, 1)) < 0.3, ~first_half, first_half)
    shown[:, 0] = True
    return np.where(rng.random((n, 1)) < 0.5, shown, rng.random((n, k)) < 0.9)


def missing_where_weak(rng: np.random.Generator, values: Ranks) -> NDArray[np.bool_]:
    """Half of the segments are missing where their attribution is small: missing not at random."""
    return (values > -0.5) | (np.arange(values.shape[1]) % 2 == 0)


WILCOXON, COMPLETE = ("wilcoxon-holm", "absolute"), ("wilcoxon-holm", "complete")
NEMENYI, AEON = ("nemenyi", "absolute"), ("aeon", "absolute")


@dataclass(frozen=True)
class Scenario:
    """Shifts of segments, which of them are present, steps of attributions, and the tests."""

    contests: tuple[tuple[str, str], ...]
    shifts: Callable[[int, int], Ranks]
    presence: Presence = all_there
    step: float = 0.0


SCENARIOS = {
    "equal": Scenario((WILCOXON, NEMENYI, AEON), equal),
    "half far": Scenario((WILCOXON, AEON), far),
    "half near": Scenario((WILCOXON, NEMENYI, AEON), near),
    "half near, ties": Scenario((WILCOXON, AEON), near, step=1.0),
    "equal, missing": Scenario((WILCOXON, COMPLETE), equal, some_missing),
    "half far, missing": Scenario((COMPLETE,), far, some_missing),
    "half near, missing": Scenario((WILCOXON, COMPLETE), near, some_missing),
    "equal, missing together": Scenario((COMPLETE,), equal, missing_together),
    "equal, missing, ties": Scenario((COMPLETE,), equal, some_missing, step=1.0),
    "equal, missing where weak": Scenario((COMPLETE,), equal, missing_where_weak),
}


def simulate(rng: np.random.Generator, scenario: Scenario, n: int, k: int) -> Ranks:
    """Ranks (n, k), 1 = largest, among the segments that each image has; NaN where missing."""
    values = rng.normal(size=(n, k)) + scenario.shifts(n, k)
    if scenario.step:
        values = np.round(values / scenario.step)
    return _ranks(values, scenario.presence(rng, values))


def _ranks(values: Ranks, here: NDArray[np.bool_]) -> Ranks:
    from scipy.stats import rankdata

    ranks = rankdata(np.where(here, -values, np.inf), axis=1)
    return np.where(here, ranks, np.nan)


def padded(ranks: Ranks) -> Ranks:
    """Missing ranks filled as in "absolute": n + 1 where the image has n segments."""
    last = np.count_nonzero(~np.isnan(ranks), axis=1) + 1
    return np.where(np.isnan(ranks), last[:, None], ranks)


# --- what the tests say -------------------------------------------------------------------------


def different(verdict: PairTestResult) -> NDArray[np.bool_]:
    """The verdicts on pairs, subject to Friedman's test, as in ``Comparison.different``."""
    return (verdict.adjusted_p_values <= ALPHA) & (not verdict.friedman_p > ALPHA)


def verdict_of(test: str, missing: str, ranks: Ranks) -> PairTestResult:
    """The verdict by the entry of the registry that ``compare`` uses."""
    names = [f"s{i:02d}" for i in range(ranks.shape[1])]
    if missing == "complete":
        return TESTS[test].complete(ranks, ALPHA, names)
    return TESTS[test].padded(padded(ranks), ALPHA, names)


@dataclass(frozen=True)
class Rate:
    """Error and power over ``n_sims`` tables, with their standard errors."""

    error: float
    se_error: float
    power: float
    se_power: float
    n_sims: int


def rate(scenario: Scenario, test: str, missing: str, n: int, k: int, n_sims: int) -> Rate:
    """Simulate with a seed that depends on n and k only, so that all tests get the same tables."""
    rng = np.random.default_rng([n, k])
    shifts = scenario.shifts(n, k)
    i, j = np.triu_indices(k, 1)
    null = shifts[i] == shifts[j]
    errors, found = np.zeros(n_sims), np.full(n_sims, np.nan)
    for s in range(n_sims):
        ranks = simulate(rng, scenario, n, k)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            said = different(verdict_of(test, missing, ranks))[i, j]
        errors[s] = said[null].any()
        if not null.all():
            found[s] = said[~null].mean()
    error, power = errors.mean(), found.mean()
    se = np.sqrt(max(error * (1 - error), 1 / n_sims) / n_sims)  # not 0 where none was seen
    return Rate(error, se, power, found.std() / np.sqrt(n_sims), n_sims)


# --- the whole way ------------------------------------------------------------------------------


def as_table(ranks: Ranks) -> pd.DataFrame:
    """A Segment Attribution Table with these ranks, under the method "m"."""
    image, segment = np.nonzero(~np.isnan(ranks))
    values = -ranks[image, segment]
    table = pd.DataFrame({c: pd.Series(dtype=d) for c, d in COLUMNS.items()})
    table = table.reindex(range(len(image))).assign(
        image_id=[f"image_{i:04d}" for i in image],
        segment=[f"s{i:02d}" for i in segment],
        method="m",
        mean_attribution=np.exp(values),
        abs_mean_attribution=np.exp(values),
    )
    return sat.rerank(table)


def check_the_way(n_tables: int = 20) -> None:
    """Check that ``compare`` on tables agrees with the entries of the registry on matrices."""
    rng = np.random.default_rng(0)
    for s in range(n_tables):
        scenario = list(SCENARIOS.values())[s % len(SCENARIOS)]
        ranks = simulate(rng, scenario, 30, 6)
        table = as_table(ranks)
        for test, missing in (WILCOXON, COMPLETE, NEMENYI, AEON):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = sat.compare(table, method="m", test=test, missing=missing)
                verdict = verdict_of(test, missing, ranks)
            names = sorted(result.mean_ranks.index)
            seen = result.different.loc[names, names].to_numpy()
            np.testing.assert_array_equal(seen, different(verdict))


# --- images in units ----------------------------------------------------------------------------


def unequal(rng: np.random.Generator, n_units: int) -> NDArray[np.intp]:
    """Units of 1, 2, 4 and 8 images in turn, as a number for each image."""
    return np.repeat(np.arange(n_units), np.resize([1, 2, 4, 8], n_units))


def one_large(rng: np.random.Generator, n_units: int) -> NDArray[np.intp]:
    """Units of one to three images, and one with as many as all others."""
    sizes = rng.integers(1, 4, n_units)
    sizes[0] = sizes[1:].sum()
    return np.repeat(np.arange(n_units), sizes)


UNITS = {"1, 2, 4, 8": unequal, "one large": one_large}


def rate_of_units(
    sizes: str, n_units: int, k: int, n_sims: int, *, by_unit: bool, missing: str, shift: float = 0
) -> Rate:
    """Error where all segments are equal and each unit has preferences of its own.

    With ``shift``, the first segment is ahead, which gives the power. With ``missing="complete"``
    segments are missing as in ``some_missing``.
    """
    rng = np.random.default_rng([n_units, k])
    i, j = np.triu_indices(k, 1)
    null = i > 0 if shift else i >= 0
    errors, found = np.zeros(n_sims), np.full(n_sims, np.nan)
    for s in range(n_sims):
        units = UNITS[sizes](rng, n_units)
        values = rng.normal(size=(n_units, k))[units] + rng.normal(size=(len(units), k))
        values[:, 0] += shift
        here = some_missing(rng, values) if missing == "complete" else all_there(rng, values)
        ranks = _ranks(values, here)
        said = different(_verdict_of_units(ranks, units, missing, by_unit=by_unit, seed=s))[i, j]
        errors[s] = said[null].any()
        if shift:
            found[s] = said[~null].mean()
    error, power = errors.mean(), found.mean()
    se = np.sqrt(max(error * (1 - error), 1 / n_sims) / n_sims)
    return Rate(error, se, power, found.std() / np.sqrt(n_sims), n_sims)


def _verdict_of_units(
    ranks: Ranks, units: NDArray[np.intp], missing: str, *, by_unit: bool, seed: int
) -> PairTestResult:
    if not by_unit:
        return verdict_of("wilcoxon-holm", missing, ranks)
    names = [f"s{i:02d}" for i in range(ranks.shape[1])]
    return TESTS["wilcoxon-holm"].by_unit(ranks, ALPHA, names, units, seed)


def print_units(n_sims: int) -> None:
    """Error rates with units and, for comparison, as if all images were independent."""
    print("| units | sizes | k | missing | error, by unit | error, by image | power, by unit |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for sizes in UNITS:
        for n_units, k, missing in (
            (12, 4, "absolute"),
            (30, 4, "absolute"),
            (30, 8, "absolute"),
            (30, 4, "complete"),
        ):
            options = {"n_sims": n_sims, "missing": missing}
            own = rate_of_units(sizes, n_units, k, by_unit=True, **options)
            plain = rate_of_units(sizes, n_units, k, by_unit=False, **options)
            power = rate_of_units(sizes, n_units, k, by_unit=True, shift=1.5, **options)
            print(
                f"| {n_units} | {sizes} | {k} | {missing} | {own.error:.3f} ({own.se_error:.3f}) | "
                f"{plain.error:.3f} ({plain.se_error:.3f}) | {power.power:.2f} |",
                flush=True,
            )


# --- the tables ---------------------------------------------------------------------------------


def print_rates(options: argparse.Namespace) -> None:
    """One line for each cell, as soon as it is known."""
    print("| k | n | truth | test | missing | error | power | tables |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for k in options.k:
        for n in options.n:
            for name in options.scenarios:
                for test, missing in SCENARIOS[name].contests:
                    n_sims = options.sims if test == "wilcoxon-holm" else options.peer_sims
                    found = rate(SCENARIOS[name], test, missing, n, k, n_sims)
                    power = f"{found.power:.3f} ({found.se_power:.4f})"
                    power = "" if np.isnan(found.power) else power
                    print(
                        f"| {k} | {n} | {name} | {test} | {missing} "
                        f"| {found.error:.4f} ({found.se_error:.4f}) | {power} | {n_sims} |",
                        flush=True,
                    )


def print_prevalence(n: int, k: int, n_sims: int) -> None:
    """All segments are equal and all but one are in every image: how often does that one differ?"""
    print("| prevalence | mean rank, absolute | different, absolute | different, complete |")
    print("| --- | --- | --- | --- |")
    for prevalence in (1.0, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.2):
        rng = np.random.default_rng([n, k])
        ranks_seen, seen = [], {"absolute": 0, "complete": 0}
        for _ in range(n_sims):
            ranks = simulate(rng, SCENARIOS["equal"], n, k)
            ranks = _without(rng, ranks, prevalence)
            ranks_seen.append(padded(ranks)[:, 0].mean())
            for missing in seen:
                verdict = verdict_of("wilcoxon-holm", missing, ranks)
                seen[missing] += different(verdict)[0].any()
        shares = " | ".join(_share(count, n_sims) for count in seen.values())
        print(f"| {prevalence:.2f} | {np.mean(ranks_seen):.2f} | {shares} |", flush=True)


def _without(rng: np.random.Generator, ranks: Ranks, prevalence: float) -> Ranks:
    """Take the first segment out of some images, in which the others move up."""
    gone = rng.random(len(ranks)) >= prevalence
    ranks = ranks - (gone[:, None] & (ranks > ranks[:, :1]))
    ranks[gone, 0] = np.nan
    return ranks


def _share(count: int, n: int) -> str:
    share = count / n
    return f"{share:.3f} ({np.sqrt(max(share * (1 - share), 1 / n) / n):.3f})"


def main() -> None:
    """Print tables in Markdown; standard errors in brackets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--k", type=int, nargs="+", default=[5, 12, 30])
    parser.add_argument("--n", type=int, nargs="+", default=[20, 100, 1000])
    parser.add_argument("--sims", type=int, default=2000)
    parser.add_argument("--peer-sims", type=int, default=300)
    parser.add_argument("--scenarios", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--prevalence", action="store_true", help="what presence alone does")
    parser.add_argument("--units", action="store_true", help="images that come in units")
    options = parser.parse_args()
    check_the_way()
    if options.units:
        print_units(options.sims)
    elif options.prevalence:
        print_prevalence(n=100, k=12, n_sims=options.sims)
    else:
        print_rates(options)


if __name__ == "__main__":
    main()
