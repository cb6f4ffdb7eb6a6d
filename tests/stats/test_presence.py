from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import sat_nb as sat
from benchmarks.calibration import as_table
from sat_nb.stats.signed_rank import signed_rank_p
from tests.oracles import statistics as oracle
from tests.oracles import tables


def gappy(n: int, k: int, share: float, seed: int = 0, apart: float = 0.0) -> pd.DataFrame:
    """Ranks of k segments; the last is there in a share of the images alone."""
    rng = np.random.default_rng(seed)
    values = -rng.normal(size=(n, k)) + np.linspace(0, apart, k)
    values[rng.random(n) >= share, -1] = np.nan
    return as_table(values)


def complete(table: pd.DataFrame, **options: object) -> sat.Comparison:
    return sat.compare(table, method="m", missing="complete", **options)


def test_each_pair_on_the_images_that_have_both(table: pd.DataFrame) -> None:
    rows = table[table["method"] == "noisy"]
    result = sat.compare(rows, method="noisy", missing="complete")
    names = list(result.mean_ranks.index)
    raw, pairs = [], [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    for a, b in pairs:
        differences = oracle.shared_ranks(rows, a, b)
        raw.append(signed_rank_p(differences))
        assert result.p_values.loc[a, b] == result.p_values.loc[b, a] == raw[-1]
        assert result.n_compared.loc[a, b] == len(differences)
        assert result.leads.loc[a, b] == pytest.approx(-differences.mean())
        assert result.leads.loc[a, b] == -result.leads.loc[b, a]
        assert result.effect_sizes.loc[a, b] == -result.effect_sizes.loc[b, a]
    for (a, b), adjusted in zip(pairs, tables.holm(raw), strict=True):
        assert result.adjusted_p_values.loc[a, b] == pytest.approx(adjusted)
    pd.testing.assert_series_equal(result.mean_ranks, result.relative_ranks, check_names=False)
    assert result.mean_ranks.is_monotonic_increasing
    assert np.isnan(result.friedman_p)
    assert result.friedman_ranks is None
    assert result.n_compared.loc["ears", "eyes"] == 15


def test_equal_segments_differ_by_presence_alone_and_it_says_so() -> None:
    table = gappy(60, 4, 0.4)
    with pytest.warns(sat.PresenceWarning, match="3 of 3 differences under method 'm' rest on"):
        result = sat.compare(table, method="m")
    assert {pair[1] for pair in result.driven_by_presence} == {"s03"}
    assert len(result.driven_by_presence) == 3
    assert complete(table).groups == (tuple(complete(table).mean_ranks.index),)
    with pytest.warns(sat.PresenceWarning):
        assert sat.compare(table, method="m", test="nemenyi").driven_by_presence


def test_a_difference_in_attribution_is_not_presence() -> None:
    table = gappy(80, 4, 0.8, apart=8.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = sat.compare(table, method="m")
    assert result.driven_by_presence == ()
    assert result.different.loc["s00", "s03"]


def test_a_difference_the_other_way_is_presence() -> None:
    """Rare, and first wherever it is: the padding puts it last."""
    table = gappy(100, 4, 0.2, apart=-8.0)
    with pytest.warns(sat.PresenceWarning):
        result = sat.compare(table, method="m")
    alone = complete(table)
    assert alone.different.loc["s00", "s03"]
    assert alone.effect_sizes.loc["s03", "s00"] == 1
    assert ("s00", "s03") in result.driven_by_presence


def by_kind(result: sat.Comparison) -> dict[str, tuple]:
    return {k: getattr(result, f"{k}_by_presence") for k in ("created", "reversed", "hidden")}


def test_padding_hides_a_difference() -> None:
    """The last is first wherever it is, in nearly half of the images, and last elsewhere."""
    table = gappy(100, 4, 0.48, apart=-8.0)
    values = table[table["segment"] != "s01"]
    with pytest.warns(sat.PresenceWarning, match="differences under method 'm' are hidden") as said:
        result = sat.compare(sat.rerank(values), method="m")
    side = sat.compare_missing(sat.rerank(values), method="m")
    hidden = side[side["presence"] == "hidden"]
    assert len(hidden) == len(result.hidden_by_presence) > 0
    assert (hidden["p_value_complete"] < 1e-9).all()
    assert not hidden["different_absolute"].any()
    for a, b in result.hidden_by_presence:
        assert (a, b)[0] == "s03"
        assert f"{a!r} and {b!r}" in str(said[0].message)
    assert by_kind(result)["created"] == ()


def test_each_kind_is_named_by_itself() -> None:
    """Rare and first: reversed. Rare and equal: created. Both are driven by presence."""
    with pytest.warns(sat.PresenceWarning, match="are reversed: .* finds the second ahead: 's0"):
        turned = sat.compare(gappy(100, 4, 0.2, apart=-8.0), method="m")
    assert ("s00", "s03") in turned.reversed_by_presence
    assert set(turned.driven_by_presence) == {
        *turned.created_by_presence,
        *turned.reversed_by_presence,
    }
    with pytest.warns(sat.PresenceWarning):
        made = sat.compare(gappy(60, 4, 0.4), method="m")
    assert by_kind(made) == {"created": made.driven_by_presence, "reversed": (), "hidden": ()}


def test_the_diagram_marks_what_presence_decides() -> None:
    with pytest.warns(sat.PresenceWarning):
        result = sat.compare(gappy(60, 4, 0.4), method="m")
    labels = [t.get_text() for t in sat.plot_critical_difference(result).texts]
    assert [text.split()[0] for text in labels if text.endswith(" †")] == ["s03"]
    assert any("† differences by presence: 3 created" in text.replace("\n", " ") for text in labels)
    clean = sat.compare(gappy(60, 4, 1.0), method="m")
    assert not any("†" in t.get_text() for t in sat.plot_critical_difference(clean).texts)


def test_without_gaps_nothing_is_driven_by_presence() -> None:
    table = gappy(40, 4, 1.0, apart=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = sat.compare(table, method="m")
    assert result.driven_by_presence == ()
    pd.testing.assert_frame_equal(result.p_values, complete(table).p_values)


def test_segments_that_go_together_do_not_differ_by_presence() -> None:
    """Five images have a and b, too few for Wilcoxon's test, and Nemenyi's finds them apart."""
    values = np.tile(np.arange(5.0), (30, 1))
    values[5:, [0, 4]] = np.nan
    with pytest.warns(sat.PresenceWarning):
        result = sat.compare(as_table(values), method="m", test="nemenyi", alpha=0.9)
    assert result.different.loc["s00", "s04"]
    assert not complete(as_table(values)).different.loc["s00", "s04"]
    assert ("s00", "s04") not in result.driven_by_presence


def never(ranks: np.ndarray, alpha: float, names: list[str]) -> np.ndarray:
    """Nothing ever differs."""
    return np.ones((len(names), len(names)))


def always(ranks: np.ndarray, alpha: float, names: list[str]) -> np.ndarray:
    return np.full((len(names), len(names)), 1e-9)


CHECKS = [
    ("wilcoxon-holm", "wilcoxon-holm"),
    ("aeon", "wilcoxon-holm"),
    ("nemenyi", "wilcoxon-holm"),
    (sat.PairTest(name="gapless", padded=always), "wilcoxon-holm"),
    (sat.PairTest(name="strict", version="3", padded=always, complete=never), "strict@3"),
]


@pytest.mark.parametrize(("test", "checked_by"), CHECKS)
def test_presence_is_checked_by_the_test_that_was_asked_for_if_it_takes_gaps(
    test: str | sat.PairTest, checked_by: str
) -> None:
    """The last segment is rare and far away: Wilcoxon's test confirms it, a strict one does not."""
    rare, alike = gappy(80, 4, 0.8, apart=8.0), gappy(60, 4, 0.4)
    with pytest.warns(sat.PresenceWarning, match=f"'{checked_by}' finds no such difference"):
        result = sat.compare(alike, method="m", test=test)
    assert {pair[1] for pair in result.driven_by_presence} == {"s03"}
    side = sat.compare_missing(rare, method="m", test=test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sat.PresenceWarning)
        found = sat.compare(rare, method="m", test=test).driven_by_presence
    driven = side.loc[side["driven_by_presence"], ["segment_a", "segment_b"]]
    assert [tuple(pair) for pair in driven.to_numpy()] == list(found)
    if checked_by == "strict@3":
        assert {pair[1] for pair in found} == {"s03"}
        assert not side["different_complete"].any()
    else:
        assert found == ()
        assert side["different_complete"].sum() > 3


def test_side_by_side_is_both_comparisons(table: pd.DataFrame) -> None:
    pairs = sat.compare_missing(table, method="noisy")
    with pytest.warns(sat.PresenceWarning):
        padded = sat.compare(table, method="noisy")
    alone = sat.compare(table, method="noisy", missing="complete")
    assert len(pairs) == 10
    assert list(pairs)[:5] == ["segment_a", "segment_b", "n_a", "n_b", "n_both"]
    for row in pairs.to_dict("records"):
        a, b = row["segment_a"], row["segment_b"]
        assert padded.mean_ranks[a] <= padded.mean_ranks[b]
        assert row["n_both"] == alone.n_compared.loc[a, b] <= min(row["n_a"], row["n_b"])
        for result, end in ((padded, "_absolute"), (alone, "_complete")):
            assert row["adjusted_p_value" + end] == result.adjusted_p_values.loc[a, b]
            assert row["lead" + end] == result.leads.loc[a, b]
            assert row["effect_size" + end] == result.effect_sizes.loc[a, b]
            assert row["different" + end] == result.different.loc[a, b]
    driven = pairs.loc[pairs["driven_by_presence"], ["segment_a", "segment_b"]]
    assert [tuple(pair) for pair in driven.to_numpy()] == list(padded.driven_by_presence)
    assert len(driven)


def test_pairs_that_never_meet() -> None:
    values = np.random.default_rng(0).normal([0, 0, 9], size=(16, 3))
    values[::2, 0] = values[1::2, 1] = np.nan
    result = complete(as_table(values))
    assert np.isnan(result.p_values.loc["s00", "s01"])
    assert result.adjusted_p_values.loc["s00", "s01"] == 1
    assert result.n_compared.loc["s00", "s01"] == 0
    assert np.isnan(result.effect_sizes.loc["s00", "s01"])
    assert [set(group) for group in result.groups] == [{"s00", "s01"}]
    assert not result.different.loc["s00", "s01"]


def test_segments_that_never_meet_at_all() -> None:
    values = np.full((4, 2), np.nan)
    values[:2, 0] = values[2:, 1] = 1.0
    result = complete(as_table(values))
    assert result.groups == (("s00", "s01"),)
    assert len(result.pairs()) == 1


def test_the_diagram_draws_them() -> None:
    table = gappy(60, 6, 0.6, apart=2.0)
    for options in ({"missing": "complete"}, {"test": "nemenyi"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sat.PresenceWarning)
            result = sat.compare(table, method="m", **options)
        ax = sat.plot_critical_difference(result)
        texts = [text.get_text().strip() for text in ax.texts]
        assert f"s00  {result.relative_ranks['s00']:.2f} (60)" in [t.rstrip(" †") for t in texts]
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        assert len(dots) == len(result.groups) > 0


@pytest.mark.parametrize(("k", "shown"), [(4, False), (5, True)])
def test_the_first_three_pairs_are_named(k: int, shown: bool) -> None:
    with pytest.warns(sat.PresenceWarning, match=f"^{k - 1} of {k - 1} differences") as caught:
        sat.compare(gappy(60, k, 0.3), method="m")
    text = str(caught[0].message)
    assert caught[0].filename == __file__
    assert text.count(" and 's") == 3
    assert ("; ..." in text) == shown
