"""Every entry of a registry of statistics, and any of the user's own, shows in all places."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from sat_nb.registry import Entry
from sat_nb.stats.signed_rank import signed_rank_tests
from sat_nb.stats.size_effect import EFFECTS
from sat_nb.toy import toy

REGISTRIES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "TESTS": (sat.TESTS, sat.compare, "test"),
    "INTERVALS": (sat.INTERVALS, sat.intervals, "interval"),
    "COMBINATIONS": (sat.COMBINATIONS, sat.consensus, "combination"),
    "MASK_CHANGES": (sat.MASK_CHANGES, sat.mask_sensitivity, "changes"),
    "EFFECTS": (EFFECTS, sat.adjust_for_size, "effects"),
}


@pytest.mark.parametrize(
    ("registry", "name"), [(r, name) for r, (entries, *_) in REGISTRIES.items() for name in entries]
)
def test_every_entry_says_what_it_is(registry: str, name: str) -> None:
    entries, function, argument = REGISTRIES[registry]
    entry: Entry = entries[name]
    assert (entry.name, entry.version, entry.key) == (name, "", name)
    assert entry.title
    assert entry.about[0].isupper()
    assert entry.about.endswith(".")
    assert f'- "{name}": {entry.about.split()[0]}' in function.__doc__
    calls = {
        "test": lambda: sat.compare(sat.build(*toy(2)), method="sharp", test="none"),
        "interval": lambda: sat.intervals(sat.build(*toy(2)), interval="none"),
        "combination": lambda: sat.consensus(sat.build(*toy(2)), combination="none"),
        "changes": lambda: sat.mask_sensitivity(*toy(2), changes="none", progress=False),
        "effects": lambda: sat.adjust_for_size(sat.build(*toy(2)), method="sharp", effects="none"),
    }
    with pytest.raises(sat.InvalidInput, match=f"{argument}: unknown.*{re.escape(repr(name))}"):
        calls[argument]()


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
@pytest.mark.parametrize("name", sat.TESTS)
def test_every_test_compares_and_draws(table: pd.DataFrame, name: str) -> None:
    result = sat.compare(table, method="noisy", test=name)
    assert result.test == name
    assert name in repr(result)
    assert result.p_values.shape == (5, 5)
    assert len(sat.compare_missing(table, method="noisy", test=name)) == 10
    assert sat.plot_critical_difference(result).get_children()
    if sat.TESTS[name].complete is None:
        with pytest.raises(sat.InvalidInput, match=f"missing: .*test='{name}' needs every segment"):
            sat.compare(table, method="noisy", test=name, missing="complete")
    else:
        complete = sat.compare(table, method="noisy", test=name, missing="complete")
        assert (complete.test, complete.missing) == (name, "complete")
    few = table[table["segment"].isin(["eyes", "nose"])]
    if sat.TESTS[name].fewest > 2:
        with pytest.raises(sat.InvalidInput, match=f"'{name}' needs at least 3 segments"):
            sat.compare(few, method="noisy", test=name)
    else:
        assert len(sat.compare(few, method="noisy", test=name).mean_ranks) == 2


@pytest.mark.parametrize("name", sat.INTERVALS)
def test_every_interval_reaches_tables(table: pd.DataFrame, name: str) -> None:
    found = sat.intervals(table, interval=name, n_resamples=400)
    assert name in set(found["interval"]) <= {name, "percentile", "point"}
    one, two = (table[table["method"] == m].assign(method="m", model=m) for m in ("sharp", "noisy"))
    moved = sat.difference(one, two, method="m", interval=name, n_resamples=400)
    assert set(moved.table["interval"]) <= {name, "percentile", "point"}


@pytest.mark.parametrize("name", sat.COMBINATIONS)
def test_every_combination_names_its_table(table: pd.DataFrame, name: str) -> None:
    result = sat.consensus(table, combination=name)
    assert result.combination == name
    assert name in repr(result)
    assert set(result.table["method"]) == {name}
    assert list(sat.aggregate(result.table, value="rank")["method"].unique()) == [name]


@pytest.mark.parametrize("name", sat.MASK_CHANGES)
def test_every_change_of_masks_has_a_row(name: str) -> None:
    maps, segments = toy(4)
    change = sat.MASK_CHANGES[name]
    found = sat.mask_sensitivity(
        maps, segments, changes=[name], other=segments, n_resamples=200, n_repeats=1, progress=False
    )
    assert set(found["change"]) == {name}
    assert set(found["unit"]) == {change.unit}
    assert len(found) == 2 * len(change.amounts)
    assert all(change.accepts(amount) for amount in change.amounts)
    assert sat.plot_mask_sensitivity(found).get_yticklabels()[0].get_text().startswith(name)
    repeated = sat.mask_sensitivity(
        maps, segments, changes=name, other=segments, n_resamples=200, n_repeats=2, progress=False
    )
    assert set(repeated["n_repeats"]) == {2 if change.is_random else 1}


# --- entries of the user's own --------------------------------------------------------------------


def signed_rank_matrix(ranks: np.ndarray, alpha: float, names: list[str]) -> np.ndarray:
    """The p-values of "wilcoxon-holm", bare."""
    k = ranks.shape[1]
    found = np.ones((k, k))
    for i, j in zip(*np.triu_indices(k, 1), strict=True):
        found[i, j] = found[j, i] = signed_rank_tests((ranks[:, i] - ranks[:, j])[:, None])[0]
    return found


@pytest.mark.parametrize("missing", ["absolute", "complete"])
def test_an_own_test_is_compared_by(table: pd.DataFrame, missing: str) -> None:
    own = sat.PairTest(
        name="mine", version="2", padded=signed_rank_matrix, complete=signed_rank_matrix
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sat.PresenceWarning)
        result = sat.compare(table, method="noisy", test=own, missing=missing)
        theirs = sat.compare(table, method="noisy", missing=missing)
    assert result.test == "mine@2"
    assert result.aeon_ranks is None
    pd.testing.assert_frame_equal(result.adjusted_p_values, theirs.adjusted_p_values)
    assert result.groups == theirs.groups
    assert sat.plot_critical_difference(result).get_children()


@pytest.mark.filterwarnings("ignore::sat_nb.PresenceWarning")
def test_functions_are_taken_where_nothing_is_kept(table: pd.DataFrame) -> None:
    assert sat.compare(table, method="noisy", test=signed_rank_matrix).test == "signed_rank_matrix"

    def product(ranks: pd.DataFrame, attributions: pd.DataFrame) -> pd.Series:
        return attributions.prod(axis=1)

    def wide(
        resampled: np.ndarray, estimate: float, jackknife: np.ndarray, tails: np.ndarray
    ) -> np.ndarray:
        assert len(jackknife) > 1
        return np.array([0.02, 0.98])

    assert sat.consensus(table, combination=product).combination == "product"
    found = sat.intervals(table, interval=wide, n_resamples=400)
    assert set(found["interval"]) <= {"wide", "point"}
    assert sat.intervals(table, interval=sat.INTERVALS["bca"], n_resamples=400).equals(
        sat.intervals(table, interval="bca", n_resamples=400)
    )


def shrunk(
    masks: sat.SegmentationMap, amount: float, generator: np.random.Generator
) -> sat.SegmentationMap:
    """Without the last ``amount`` segments, or a random number of them up to it."""
    n = int(amount) if amount >= 0 else int(generator.integers(0, -amount + 1))
    left = max(len(masks) - n, 1)
    return sat.SegmentationMap(masks.names[:left], masks.masks[:left])


def test_an_own_change_of_masks_is_joined_like_theirs() -> None:
    maps, segments = toy(11)
    own = sat.MaskChange(name="shrunk", version="1", function=shrunk, amounts=(2,), unit="masks")
    pad = {"n_resamples": 200, "progress": False, "pad_px": 1}
    found = sat.mask_sensitivity(maps, segments, changes=[own, "pad"], **pad)
    assert found["change"].unique().tolist() == ["shrunk@1", "pad"]
    other = {i: shrunk(s, 2, np.random.default_rng(0)) for i, s in segments.items()}
    source = sat.mask_sensitivity(maps, segments, changes="source", other=other, **pad)
    mine = found[found["change"] == "shrunk@1"].reset_index(drop=True)
    columns = ["method", "tau", "low", "high", "n_repeats", "n_images", "n_segments"]
    pd.testing.assert_frame_equal(mine[columns], source[columns])
    assert (mine["unit"] == "masks").all()
    assert (mine["n_segments"] == 3).all()


def test_an_own_random_change_has_a_generator_by_image_and_repeat() -> None:
    maps, segments = toy(3)
    draws: list[tuple[int, float, float]] = []

    def drawn(
        masks: sat.SegmentationMap, amount: float, generator: np.random.Generator
    ) -> sat.SegmentationMap:
        draws.append((len(masks), amount, generator.random()))
        return masks

    own = sat.MaskChange(name="drawn", function=drawn, amounts=(1, 2), is_random=True)
    sat.mask_sensitivity(
        maps, segments, changes=own, n_repeats=2, n_resamples=200, progress=False, seed=3
    )
    assert len(draws) == 3 * 2 * 2
    by_amount = [[draw for _, a, draw in draws if a == amount] for amount in (1, 2)]
    assert by_amount[0] == by_amount[1], "amounts are comparable"
    assert len(set(by_amount[0])) == 6


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda t: sat.compare(
                t, method="sharp", test=sat.PairTest(name="aeon", padded=signed_rank_matrix)
            ),
            "test: the name 'aeon' is taken",
        ),
        (
            lambda t: sat.consensus(
                t,
                combination=sat.Combination(name="mean_rank", function=lambda r, a: -r.sum(axis=1)),
            ),
            "combination: the name 'mean_rank' is taken",
        ),
        (
            lambda t: sat.intervals(
                t, interval=sat.Interval(name="bca", function=lambda v, e, j, tails: tails)
            ),
            "interval: the name 'bca' is taken",
        ),
        (
            lambda t: sat.mask_sensitivity(
                *toy(2), changes=sat.MaskChange(name="pad", function=shrunk), progress=False
            ),
            "changes: the name 'pad' is taken",
        ),
        (
            lambda t: sat.mask_sensitivity(
                *toy(2),
                changes=sat.MaskChange(name="mine", function=shrunk, amounts=("much",)),
                progress=False,
            ),
            r"changes\['mine'\]: expected a number, got 'much'",
        ),
        (
            lambda t: sat.MaskChange(name="mine"),
            "MaskChange 'mine': give either function or tables",
        ),
        (
            lambda t: sat.compare(t, method="sharp", test=3),
            "test: unknown name 3. Valid: .*a sat_nb.PairTest of your own",
        ),
    ],
)
def test_own_entries_that_cannot_be(table: pd.DataFrame, call: Any, said: str) -> None:
    with pytest.raises(sat.InvalidInput, match=said):
        call(table)


# --- defaults -------------------------------------------------------------------------------------

PUBLIC = [
    name
    for name in sat.__all__
    if inspect.isfunction(getattr(sat, name))
    and getattr(sat, name).__module__.startswith("sat_nb.stats.")
]


@pytest.mark.parametrize("name", PUBLIC)
def test_defaults_are_the_documented_ones(name: str) -> None:
    """Every "default ..." in a docstring is the signature's, and none is left out."""
    function = getattr(sat, name)
    documented = {
        argument: ast.literal_eval(default)
        for line in (inspect.getdoc(function) or "").splitlines()
        if (match := re.match(r"(\w[\w, ]*) : .*, default (.+)$", line))
        for argument, default in [(a, match[2]) for a in match[1].split(", ")]
    }
    own = {
        argument: parameter.default
        for argument, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not parameter.empty
    }
    assert documented == own


def test_what_a_function_of_the_users_own_returns_is_checked() -> None:
    maps, segments = toy(2)
    nothing = sat.MaskChange(name="nothing", function=lambda masks, amount, generator: None)
    with pytest.raises(sat.InvalidInput, match="must return a SegmentationMap; it returned None"):
        sat.mask_sensitivity(maps, segments, changes=nothing, progress=False)
    with pytest.raises(sat.InvalidInput, match="must return a Series of scores.*DataFrame"):
        sat.consensus(sat.build(maps, segments), combination=lambda ranks, attributions: ranks)
