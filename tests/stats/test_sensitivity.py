"""mask_sensitivity: changed masks are joined as changed masks would be, taus are Kendall's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

import sat_nb as sat
from sat_nb import InvalidInput, SegmentationMap
from sat_nb.stats.kendall import tau_of_rows
from sat_nb.stats.mask_changes import MASK_CHANGES
from sat_nb.stats.outlines import OnMap, SignedDistance, Trial, outlined, steps_of
from sat_nb.stats.rejoined import BLOCK, Original
from sat_nb.toy import toy
from tests.oracles import sensitivity as oracle

RANKS = st.sampled_from([1.0, 2.0, 2.5, 3.0, 4.0])


def original(n: int = 12, **options: Any) -> Original:
    maps, segments = toy(n)
    options = {"pad_px": 1, **options}
    return Original(maps, segments, options, sat.build(maps, segments, **options), None)


def changed_tables(change: str, start: Original, *trials: Trial) -> list[pd.DataFrame]:
    n_done: list[int] = []
    tables = MASK_CHANGES[change].tables_of(start, trials, n_done.append)
    assert sum(n_done) == len(trials) * start.table["image_id"].nunique()
    return tables


def changed_table(change: str, start: Original, amount: float, seed: int = 0) -> pd.DataFrame:
    return changed_tables(change, start, Trial(amount, seed))[0]


def renamed(masks: SegmentationMap, rows: pd.DataFrame) -> SegmentationMap:
    """The masks that are left, under the names that the table's rows have."""
    left = [int(i) for i in rows["segment_id"].dropna()]
    return SegmentationMap(tuple(rows["segment"].dropna()), masks.masks[left])


def sensitivity(*args: Any, **options: Any) -> pd.DataFrame:
    return sat.mask_sensitivity(*args, progress=False, **{"n_resamples": 200, **options})


@given(arrays(float, (3, 6), elements=RANKS), arrays(float, (3, 6), elements=RANKS))
def test_tau_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    expected = [kendalltau(x, y, variant="b").statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(tau_of_rows(a, b), expected, atol=1e-12)


@settings(max_examples=60)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(-5, 5))
def test_masks_grow_and_shrink(mask: np.ndarray, px: int) -> None:
    mask[0, 0] |= not mask.any()
    for reach in (abs(px), abs(px) + 3):
        grown = np.zeros_like(mask)
        SignedDistance(mask, reach).grow(px, grown)
        np.testing.assert_array_equal(grown, oracle.grown(mask, px))


@pytest.mark.parametrize("change", ["dropped", "swapped"])
@pytest.mark.parametrize("amount", [0.2, 0.9])
def test_changed_tables_are_those_of_changed_masks(change: str, amount: float) -> None:
    start = original()
    table = changed_table(change, start, amount, 3)
    one = table[table["method"] == "sharp"]
    changed = {i: renamed(start.segments[i], rows) for i, rows in one.groupby("image_id")}
    assert any(changed[i].names != start.segments[i].names for i in changed)
    expected = sat.build(start.maps, changed, **start.options)
    pd.testing.assert_frame_equal(
        table.drop(columns="segment_id").reset_index(drop=True),
        expected.drop(columns="segment_id"),
        check_dtype=False,
    )


def test_an_image_may_lose_every_detection() -> None:
    table = changed_table("dropped", original(), 1.0)
    assert table["segment"].isna().all()
    assert table["image_id"].nunique() == 12


def test_shares_are_shares() -> None:
    start = original(200)
    n = len(start.table)
    dropped = changed_table("dropped", start, 0.2)
    assert 1 - len(dropped) / n == pytest.approx(0.2, abs=0.03)
    names = changed_table("swapped", start, 0.2)["segment"]
    assert (names != start.table["segment"]).mean() == pytest.approx(0.2, abs=0.03)
    for change in ("dropped", "swapped"):
        pd.testing.assert_frame_equal(changed_table(change, start, 0.0), start.table)


def grown_slowly(image_id: str, masks: SegmentationMap, fit: str, one: Trial) -> SegmentationMap:
    [steps] = steps_of(image_id, masks, (20, 16), fit, [one])
    grown = [oracle.grown(m, px) for m, px in zip(masks.masks, steps, strict=True)]
    return SegmentationMap(masks.names, np.stack(grown))


@pytest.mark.filterwarnings("ignore:pad_px=")
@pytest.mark.parametrize("merge", ["union", "numbered"])
@pytest.mark.parametrize("fit", ["stretch", "letterbox", "crop"])
def test_changes_join_as_build_does(fit: str, merge: str) -> None:
    """Images in blocks, all trials together: the same tables as from build, one try at a time."""
    maps, segments = toy(BLOCK + 3)
    for i, masks in segments.items():  # wider than the maps, some of them with two masks a name
        two = masks.rename({"nose": "mouth"}) if i > "image_04" else masks
        wide = np.repeat(two.masks, 2, axis=2)
        segments[i] = SegmentationMap(two.names, wide & (np.arange(32) > 11))
    segments["image_02"] = SegmentationMap((), np.zeros((0, 0, 0), bool))
    maps["noisy"] = {i: values[:10] for i, values in maps["noisy"].items()}  # of another size
    options = {"fit": fit, "merge": merge, "pad_px": 1}
    start = Original(maps, segments, options, sat.build(maps, segments, **options), None)
    trials = (Trial(0, 0), Trial(3, 0))
    for one, table in zip(trials, changed_tables("pad", start, *trials), strict=True):
        whole = sat.build(maps, segments, **{**options, "pad_px": int(one.amount)})
        assert same_rows(table, whole)
    trials = (Trial(1, 4), Trial(3, 5), Trial(3, 4))
    for one, table in zip(trials, changed_tables("outline", start, *trials), strict=True):
        changed = {
            i: grown_slowly(i, masks, fit, one) if len(masks) else masks
            for i, masks in segments.items()
        }
        assert any((changed[i].masks != segments[i].masks).any() for i in changed)
        assert same_rows(table, sat.build(maps, changed, **options))


def same_rows(table: pd.DataFrame, whole: pd.DataFrame) -> bool:
    """Whatever their order, which follows the sizes of the maps."""
    columns = list(table.columns)
    first, second = (t[columns].fillna("").sort_values(columns) for t in (table, whole))
    return len(table) > 0 and first.reset_index(drop=True).equals(second.reset_index(drop=True))


def test_an_image_is_read_once_for_all_amounts_of_a_change() -> None:
    start, reads = original(BLOCK + 3), []

    class Counted(dict[str, SegmentationMap]):
        def __getitem__(self, image_id: str) -> SegmentationMap:
            reads.append(image_id)
            return super().__getitem__(image_id)

    counted = Original(start.maps, Counted(start.segments), start.options, start.table, None)
    for change in ("pad", "outline"):
        reads.clear()
        changed_tables(change, counted, Trial(1, 0), Trial(2, 0), Trial(2, 1))
        assert sorted(reads) == sorted(start.segments)


def test_outlines_move_by_pixels_of_the_map() -> None:
    """A mask of 160 x 160 on a map of 40 x 40: one pixel of the map is four of the mask."""
    masks = np.zeros((40, 160, 160), bool)
    masks[:, 60:100, 60:100] = True
    segmentation = SegmentationMap(tuple(f"s{i}" for i in range(40)), masks)
    steps, none = steps_of("a", segmentation, (40, 40), "stretch", [Trial(2, 0), Trial(0, 0)])
    assert set(steps) == {4 * k for k in (-2, -1, 0, 1, 2)}
    assert set(none) == {0}
    [changed] = outlined(segmentation, [steps], OnMap((160, 160), "stretch", 0, "union"))
    assert np.sqrt(changed.masks.sum(axis=(1, 2))).tolist() == [40 + 2 * s for s in steps]


@pytest.mark.parametrize("how", ["relative", "absolute"])
def test_taus_and_intervals_are_those_of_the_slow_way(how: str) -> None:
    maps, segments = toy(10)
    maps = {"noisy": maps["noisy"]}
    table, changed = (sat.build(maps, segments, pad_px=px) for px in (2, 6))
    options = {"changes": {"pad": [6]}, "n_resamples": 100, "level": 0.9, "seed": 5}
    found = sensitivity(maps, segments, how=how, **options).iloc[0]
    assert found["tau"] == pytest.approx(oracle.tau(table, changed, list(segments), how))
    expected = oracle.interval(table, changed, how, 100, 0.9, 5)
    assert (found["low"], found["high"]) == pytest.approx(expected)
    assert expected[0] < expected[1]
    assert (found["n_images"], found["n_segments"]) == (10, 5)


def test_what_does_not_change_moves_nothing() -> None:
    changes = {"pad": [2], "outline": [0], "dropped": [0.0], "swapped": [0]}
    found = sensitivity(*toy(8), changes=changes)
    assert len(found) == 2 * len(changes)
    assert (found[["tau", "low", "high"]] == 1.0).all(axis=None)
    assert found.groupby("change")["n_repeats"].first().to_dict() == {
        "pad": 1, "outline": 5, "dropped": 5, "swapped": 5,
    }  # fmt: skip


def test_its_bar_counts_all_joins(capsys: pytest.CaptureFixture[str]) -> None:
    """Three images, at two amounts."""
    sat.mask_sensitivity(*toy(3), changes={"pad": [0, 1]}, n_resamples=200)
    assert " 6/6 " in capsys.readouterr().err


def test_seeds_and_sources() -> None:
    maps, segments = toy(8)
    options = {"changes": ["swapped", "source"], "other": segments, "n_repeats": 2}
    found = sensitivity(maps, segments, **options, seed=1)
    pd.testing.assert_frame_equal(found, sensitivity(maps, segments, **options, seed=1))
    assert not found.equals(sensitivity(maps, segments, **options, seed=2))
    source = found[found["change"] == "source"]
    assert (source["tau"] == 1.0).all()
    assert source["amount"].isna().all()


def test_another_source_is_compared_on_what_both_have() -> None:
    maps, segments = toy(8)
    other = {
        i: s.rename({"eyes": "rest", "rest": "eyes", "nose": "snout"})
        for i, s in segments.items()
        if i != "image_03"
    }
    with pytest.warns(UserWarning, match="left out: 1 maps without masks"):
        found = sensitivity(maps, segments, other=other, changes="source", missing="skip")
    sharp = found[found["method"] == "sharp"].iloc[0]
    assert (sharp["n_images"], sharp["n_segments"]) == (7, 4)
    assert sharp["tau"] < 0
    apart = {i: s.rename(dict.fromkeys(s.names, "x")) for i, s in segments.items()}
    found = sensitivity(maps, segments, other=apart, changes="source")
    assert found[["tau", "low", "high"]].isna().all(axis=None)


def test_options_of_build_reach_it() -> None:
    maps, segments = toy(8)
    found = sensitivity(maps, segments, changes={"pad": [0]}, pad_px=0, rank_by="mean_attribution")
    assert (found["tau"] == 1.0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"changes": ["padd"]}, "changes: unknown name 'padd'. Did you mean 'pad'"),
        ({"changes": ["source"]}, "other: 'source' compares with other masks"),
        ({"changes": {"pad": [1.5]}}, r"changes\['pad'\]: expected whole pixels >= 0, got 1.5"),
        ({"changes": {"dropped": [20]}}, r"changes\['dropped'\]: expected shares from 0 to 1"),
        ({"how": "median"}, "how: unknown name 'median'"),
        ({"n_repeats": 0}, "n_repeats: expected a whole number >= 1"),
        ({"seed": -1}, "seed: expected a whole number >= 0"),
        ({"n_resamples": 10}, "n_resamples: expected at least"),
        ({"pool": "max"}, "pool: unknown name 'max'"),
    ],
)
def test_what_it_refuses(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        sensitivity(*toy(2), **options)


def test_the_picture_has_a_line_a_change_and_a_colour_a_method() -> None:
    found = sensitivity(*toy(8), changes={"pad": [0, 4], "swapped": [0.1]}, n_repeats=1)
    found["method"] = found["method"].replace({"noisy": "$noisy$"})
    ax = sat.plot_mask_sensitivity(found)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["pad 0 px", "pad 4 px", "swapped 10%"]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["sharp", "$noisy$"]
    drawn = [x for dots in ax.collections for x, _ in dots.get_offsets() if dots.get_gid() == "tau"]
    assert drawn == found["tau"].tolist()
    ax.figure.canvas.draw()
    with pytest.raises(InvalidInput, match=r"columns .*'tau'.* are missing"):
        sat.plot_mask_sensitivity(found.drop(columns="tau"))


@pytest.mark.parametrize(
    ("change", "good", "bad"),
    [
        ("pad", [0, 1, 8.0, np.int64(2)], [-1, 1.5, "2", True, np.nan]),
        ("outline", [0, 4], [-1, 0.5]),
        ("dropped", [0, 0.2, 1], [-0.1, 1.1, "0.1", np.nan]),
        ("swapped", [0, 0.2, 1], [-0.1, 1.1]),
    ],
)
def test_amounts_that_a_change_accepts(change: str, good: list, bad: list) -> None:
    assert all(MASK_CHANGES[change].accepts(amount) for amount in good)
    assert not any(MASK_CHANGES[change].accepts(amount) for amount in bad)


def test_means_that_differ_by_rounding_tie() -> None:
    rows = np.array([[1.0, 1.0 + 1e-12, 2.0]]), np.array([[1.0, 2.0, 3.0]])
    assert tau_of_rows(*rows)[0] == pytest.approx(2 / np.sqrt(2 * 3))
    assert tau_of_rows(np.array([[1.0, 1.0 + 1e-6, 2.0]]), rows[1])[0] == 1


def test_an_own_merge_is_refused() -> None:
    own = sat.Merge(name="first", version="1", function=lambda masks: masks)
    with pytest.raises(sat.InvalidInput, match="merge: unknown name"):
        sat.mask_sensitivity(*toy(2), changes="outline", merge=own, progress=False)


@pytest.mark.parametrize("name", ["pad", "outline"])
def test_an_infinite_number_of_pixels_is_refused(name: str) -> None:
    with pytest.raises(sat.InvalidInput, match="expected whole pixels >= 0, got inf"):
        sat.mask_sensitivity(*toy(2), changes={name: [float("inf")]}, progress=False)
