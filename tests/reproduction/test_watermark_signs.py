"""From which share on a measure tells: against what is known, by chance, and over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

import sat_nb as sat
from sat_nb.reproduction.watermark_signs import NEVER, above_null, earliest, fraction_before, signs

SHARES = (0.0, 0.05, 0.15, 0.25, 1.0)


def measure(*levels: float, n_seeds: int = 3, n_photos: int = 60, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (len(levels), n_seeds, n_photos))
    return noise + np.array(levels)[:, None, None]


def test_p_values_are_those_of_the_t_test_of_the_means_over_seeds() -> None:
    values = measure(0, 0.1, 0.2, 0.4, 1)
    found = signs({"gap": values}, SHARES)
    expected = ttest_1samp(values.mean(axis=1), 0, axis=1)
    np.testing.assert_allclose(found["p_value"], expected.pvalue)
    np.testing.assert_allclose(found["mean"], values.mean(axis=(1, 2)))


def test_the_earliest_share_is_where_the_signal_starts() -> None:
    row = earliest({"rank": measure(0, 0, 2, 2, 2)}, SHARES).iloc[0]
    assert (row["earliest"], row["low"], row["high"], row["n_seeds"]) == (0.15, 0.15, 0.15, 3)


def test_a_share_in_between_that_does_not_tell_ends_the_run() -> None:
    assert earliest({"rank": measure(0, 2, 0, 2, 2)}, SHARES)["earliest"].item() == 0.25
    assert earliest({"rank": measure(0, 2, 2, 2, 0)}, SHARES)["earliest"].item() == NEVER
    assert earliest({"rank": measure(0, 0, -2, -2, -2)}, SHARES)["earliest"].item() == NEVER


def test_by_chance_it_tells_of_nothing_in_as_many_cases_as_the_level_says() -> None:
    told = [
        earliest({"rank": measure(*[0] * 5, n_seeds=1, seed=k)}, SHARES)["earliest"].item() < NEVER
        for k in range(400)
    ]
    assert np.mean(told) <= 0.05, "one-sided at half the level"


def test_seeds_that_differ_widen_the_interval() -> None:
    values = measure(0, 0, 0, 0, 2)
    values[2:, 0] += 20  # one seed learned it early
    row = earliest({"rank": values}, SHARES).iloc[0]
    assert (row["low"], row["high"]) == (0.15, 1.0)


def test_what_all_photos_share_is_certain() -> None:
    values = np.zeros((2, 2, 5))
    values[1] = 1
    assert signs({"gap": values}, (0.0, 1.0))["p_value"].tolist() == [1.0, 0.0]


def test_which_of_two_measures_is_first() -> None:
    early, late = measure(0, 2, 2, 2, 2), measure(0, 0, 0, 2, 2, seed=1)
    assert fraction_before(early, late, SHARES) == 1
    assert fraction_before(late, early, SHARES) == fraction_before(late, late, SHARES) == 0


def test_one_photo_is_no_sample() -> None:
    with pytest.raises(sat.InvalidInput, match="at least 2 photos, got 1"):
        signs({"gap": np.zeros((2, 2, 1))}, (0.0, 1.0))


def test_above_null_is_cliffs_delta_by_image() -> None:
    rng = np.random.default_rng(0)
    maps = {"lrp.z": {i: rng.normal(size=(24, 24)) for i in "abc"}}
    masks = np.zeros((1, 24, 24), dtype=bool)
    masks[0, 2:6, 3:8] = True
    segments = {i: sat.SegmentationMap(("watermark",), masks) for i in "abc"}
    maps["lrp.z"]["a"][0:9, 0:11] += 5
    table, null = sat.build(maps, segments), sat.build(maps, sat.null_segments(segments, n=9))
    found = above_null(table, null, "watermark")
    for image_id in "abc":
        one, other = table[table["image_id"] == image_id], null[null["image_id"] == image_id]
        effect = sat.excess_over_null(one, other)["effect"].item()
        assert found[image_id] == pytest.approx(effect)
    assert found["a"] > 0.5
    assert isinstance(found, pd.Series)
